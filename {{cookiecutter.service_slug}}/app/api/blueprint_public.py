"""Blueprint of every resource."""

from flask_smorest.exceptions import NotModified

from app.api.etags import EtagBlueprint
from app.api.parser import JSONParser


class Blueprint(EtagBlueprint):
    """flask-smorest blueprint with the service's JSON parser."""

    ARGUMENTS_PARSER = JSONParser()

    def _check_not_modified(self, etag: str) -> None:
        """Add the ETag to a 304 response; flask-smorest 0.47 omits it."""
        try:
            super()._check_not_modified(etag)
        except NotModified as error:
            error.etag = etag
            raise

    @staticmethod
    def namespace_by_caller(key: str) -> str:
        """Return `key`: the service does not distinguish callers."""
        return key
