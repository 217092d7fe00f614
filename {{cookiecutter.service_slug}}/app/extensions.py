"""Flask extensions, initialized by the application factory."""

{% if cookiecutter.database != "none" %}
from typing import TYPE_CHECKING, Self

{% endif %}
from flask_cors import CORS
{% if cookiecutter.auth == "session" %}
from flask_login import LoginManager
{% endif %}
{% if cookiecutter.database != "none" %}
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, Select, select
from sqlalchemy.orm import DeclarativeBase
{% endif %}

from app.api import Api

api = Api()
cors = CORS()
{% if cookiecutter.auth == "session" %}
login_manager = LoginManager()
{% endif %}
{% if cookiecutter.database != "none" %}


class Base(DeclarativeBase):
    """Base class of the models; names constraints predictably, so that migrations can use them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    @classmethod
    def visible(cls) -> Select[Self]:
        """Select the rows that the current caller may see: here all."""
        return select(cls)


# Objects keep their values after a commit, so reading them opens no new transaction.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate()

if TYPE_CHECKING:  # Flask-SQLAlchemy creates this class at run time, hidden from mypy
    Model = Base
else:
    Model = db.Model
{% endif %}
