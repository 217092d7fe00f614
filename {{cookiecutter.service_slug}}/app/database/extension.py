"""The database's extension instances."""

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from app.database.base import Base

# What was committed is still known: nothing is read again, and no connection is held, to use it.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate()
