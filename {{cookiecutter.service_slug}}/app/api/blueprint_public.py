"""The blueprint of every resource."""

import flask_smorest
from flask_smorest.exceptions import NotModified

from app.api.parser import JSONParser


class Blueprint(flask_smorest.Blueprint):
    """A blueprint whose routes declare their arguments and responses."""

    ARGUMENTS_PARSER = JSONParser()

    def _check_not_modified(self, etag: str) -> None:
        """Have the 304 carry its ETag; flask-smorest (0.47) forgets it."""
        try:
            super()._check_not_modified(etag)
        except NotModified as error:
            error.etag = etag
            raise
