"""The service itself, with a route for anybody and one for whom it knows."""

from app.auth.identity import require
from wsgi import application


@application.get("/anonymous")
def anonymous():
    return {"hello": "world"}


@application.get("/verified")
def verified():
    require("orders:read")
    return {"hello": "world"}
