"""The service itself, with a route to compare."""

from wsgi import application


@application.get("/hello")
def hello():
    return {"hello": "world"}
