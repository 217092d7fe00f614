"""The orders of the service on Flask alone: no logs, no metrics, no traces, no probes."""

from app.api import Api
from app.config import load_config
from app.database import db
from app.orders.routes import orders
from flask import Flask

application = Flask("bare")
application.config.from_object(load_config())
application.config["SECRET_KEY"] = None
db.init_app(application)
Api(application, spec_kwargs={"version": "1"}).register_blueprint(orders)


@application.get("/hello")
def hello():
    return {"hello": "world"}
