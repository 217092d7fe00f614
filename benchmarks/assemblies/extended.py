"""The same by Flask-JWT-Extended and Flask-Limiter, as their documentation says."""

import os

from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token, jwt_required
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

application = Flask(__name__)
application.config["JWT_SECRET_KEY"] = "x" * 40
manager = JWTManager(application)
if os.environ["RATE_LIMIT"] != "0":
    Limiter(
        get_remote_address,
        app=application,
        default_limits=[f"{os.environ['RATE_LIMIT']} per minute"],
        storage_uri="memory://",
        headers_enabled=True,
    )


@manager.token_in_blocklist_loader
def is_revoked(header, payload):
    return payload["jti"] in set()


@application.get("/anonymous")
def anonymous():
    return {"hello": "world"}


@application.get("/verified")
@jwt_required()
def verified():
    return {"hello": "world"}


with application.app_context():
    TOKEN = create_access_token("ada", expires_delta=False)
