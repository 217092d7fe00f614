"""ETags of requests, as proxies pass them on."""

from werkzeug.datastructures import ETags
from werkzeug.http import parse_etags
from werkzeug.utils import cached_property

from app.service import ServiceRequest

# How OpenAPI describes If-Match (RFC 9110, section 13.1.1).
PATTERN = r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'

# What Apache appends to the ETag of a response that it compresses (mod_deflate, mod_brotli).
SUFFIXES = ("-gzip", "-br")


class ETagRequest(ServiceRequest):
    """A request whose If-Match and If-None-Match hold the ETags that this service sent.

    A proxy that compresses a response changes its ETag: nginx makes it weak, Apache appends a
    suffix. The client sends that one back, and it would never match.
    """

    @cached_property
    def if_match(self) -> ETags:
        return restore_etags(self.headers.get("If-Match"))

    @cached_property
    def if_none_match(self) -> ETags:
        return restore_etags(self.headers.get("If-None-Match"))


def restore_etags(header: str | None) -> ETags:
    """Parse a header of ETags, and undo what compression has done to them."""
    sent = parse_etags(header)
    restored = sent.as_set(include_weak=True)
    for suffix in SUFFIXES:  # werkzeug reads an empty ETag as None
        restored = {(etag or "").removesuffix(suffix) for etag in restored}
    return ETags(restored, star_tag=sent.star_tag)
