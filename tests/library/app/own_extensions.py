"""This service's own extensions and plain blueprints. The template leaves this file to you."""

from flask import Flask

from app.readers.commands import readers_cli


def init_own_extensions(app: Flask) -> None:
    """Initialize them; `create_app` calls this last."""
    app.cli.add_command(readers_cli)
