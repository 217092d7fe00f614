"""The application, for gunicorn and for the `flask` command."""

import sys

from app import create_app
from app.config import ConfigError, load_log_config
from app.observability.logging import init_logging

try:
    # To standard error, away from what a command prints; gunicorn has its own way already.
    init_logging(load_log_config(), sys.stderr.fileno())
    application = create_app()
except ConfigError as error:
    sys.exit(str(error))
