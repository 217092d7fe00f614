"""The database's extension instances."""

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from app.database.base import Base

db = SQLAlchemy(model_class=Base)
migrate = Migrate()
