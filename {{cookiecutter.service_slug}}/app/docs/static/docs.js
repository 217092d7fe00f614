const element = document.getElementById("swagger-ui");

SwaggerUIBundle({ domNode: element, url: element.dataset.specUrl, deepLinking: true });
