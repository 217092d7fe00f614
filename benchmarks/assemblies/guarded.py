"""The service itself, with a public route and one that requires a caller."""

from app.auth.identity import require
from wsgi import application


@application.get("/anonymous")
def anonymous():
    return {"hello": "world"}


@application.get("/verified")
def verified():
    require("orders:read")
    return {"hello": "world"}
