"""Extension instances, bound to the application by its factory."""

{% if cookiecutter.database != "none" %}
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

{% endif %}
from app.api import Api
{% if cookiecutter.database != "none" %}
from app.database.base import Base
{% endif %}

api = Api()
{% if cookiecutter.database != "none" %}
db = SQLAlchemy(model_class=Base)
migrate = Migrate(compare_type=True)
{% endif %}
