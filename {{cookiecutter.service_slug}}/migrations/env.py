"""Runs the migrations with the application's own engine and models."""

from alembic import context
from flask import current_app

migrate = current_app.extensions["migrate"]
engine = migrate.db.engine
options = {
    "target_metadata": migrate.db.metadata,
    # SQLite cannot alter a table: Alembic copies it instead.
    "render_as_batch": engine.name == "sqlite",
    **migrate.configure_args,
}


def run_offline() -> None:
    """Write the SQL instead of running it (flask db upgrade --sql)."""
    context.configure(url=engine.url, literal_binds=True, **options)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run the migrations on the database."""
    with engine.connect() as connection:
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
