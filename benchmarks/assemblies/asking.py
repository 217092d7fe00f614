"""Requests to an application in this process, as gunicorn makes them."""

import io
import sys


def ask(application, method, path, body=b"", **headers):
    """Return the headers and the body of a response; raises when it is not a 2xx."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input": io.BytesIO(body),
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_USER_AGENT": "benchmark",
        "HTTP_ACCEPT": "*/*",
        **headers,
    }
    if body:
        environ |= {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}
    said = []

    def start_response(status, sent, exc_info=None):
        said[:] = status, sent

    response = application(environ, start_response)
    text = b"".join(response)
    response.close()
    assert said[0][0] == "2", (said, text)
    return dict(said[1]), text
