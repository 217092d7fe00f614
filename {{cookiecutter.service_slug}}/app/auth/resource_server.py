"""The keys of an issuer, fetched from its JWK Set (RFC 7517, section 5)."""

import json
import logging
import time
from http.client import HTTPException
from threading import Lock
from typing import Any
from urllib.request import Request, urlopen

from werkzeug.exceptions import ServiceUnavailable

from app.auth.keys import Key, KeyRing, read_jwks

logger = logging.getLogger(__name__)

# Seconds: how long keys are taken for all there are, how soon after it the issuer may be asked
# again (whoever makes up key ids must not have it asked each time), how long it may take.
LIFETIME = 300
COOLDOWN = 30
TIMEOUT = 3
# Seconds that a request waits for the keys that another one fetches.
MAX_WAIT = 0.2
# Bytes of an answer.
MAX_SIZE = 256 * 1024


class RemoteKeys:
    """Keys that are fetched when they are needed first, and again when they are old or one is missing.

    While the issuer does not answer, the last keys that it gave count. In each process on its own.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.ring = KeyRing([])
        self.fetched_at = float("-inf")
        self.asked_at = float("-inf")
        self.lock = Lock()

    def find(self, kid: str | None) -> Key | None:
        """Return the key called `kid`; for a token that names none, the only key there is.

        Raises `ServiceUnavailable` before there are any: no token can be told to be invalid.
        """
        if time.monotonic() - self.fetched_at >= LIFETIME:
            self.refresh()
        found = self.ring.find(kid)
        if found is None:
            self.refresh()
            found = self.ring.find(kid)
        if not self.ring.keys:
            raise ServiceUnavailable("The issuer's keys are unavailable.", retry_after=COOLDOWN)
        return found

    def refresh(self) -> None:
        """Ask the issuer, unless it was asked a moment ago."""
        # Those who have keys go on with them meanwhile; those who have none wait, but not for long:
        # the threads of a worker serve probes, too.
        if not self.lock.acquire(timeout=0 if self.ring.keys else MAX_WAIT):
            return
        try:
            if time.monotonic() - self.asked_at < COOLDOWN:
                return
            self.asked_at = time.monotonic()
            fetched = [key for key in read_jwks(fetch(self.url)) if not key.is_secret]
            self.ring = KeyRing(self.known_or_new(key) for key in fetched)
            self.fetched_at = time.monotonic()
        # What answers may be anything: no HTTP, or JSON that is nested too deep.
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            logger.warning("could not fetch the issuer's keys from %s: %s", self.url, error)
        finally:
            self.lock.release()

    def known_or_new(self, key: Key) -> Key:
        """Return the known object of an unchanged key; `Verifier` compares keys by identity."""
        known = self.ring.find(key.id)
        return known if known and known.jwk == key.jwk else key


def fetch(url: str) -> Any:
    """Return the JSON that is found at `url`; raises an error where there is none."""
    request = Request(url, headers={"Accept": "application/json"})
    with urlopen(request, timeout=TIMEOUT) as response:
        body = response.read(MAX_SIZE + 1)
    if len(body) > MAX_SIZE:
        raise ValueError("too long")
    return json.loads(body)
