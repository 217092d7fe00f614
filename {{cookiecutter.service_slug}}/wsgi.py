"""WSGI entry point for gunicorn and the `flask` command."""

import sys

from app import create_app
from app.config import ConfigError, load_config
from app.observability.logging import init_logging

try:
    config = load_config()
    # To standard error: standard output is for commands. Does nothing under gunicorn.
    init_logging(config, sys.stderr.fileno())
    application = create_app(config)
except ConfigError as error:
    sys.exit(str(error))
