"""Keys of a token issuer, fetched from its JWK Set URL (RFC 7517, section 5)."""

import json
import logging
import time
from http.client import HTTPException
from threading import Lock
from typing import Any
from urllib.request import Request, urlopen

from werkzeug.exceptions import ServiceUnavailable

from app.auth.keys import Key, KeyRing, parse_jwks

logger = logging.getLogger(__name__)

# Seconds until the keys are fetched again.
LIFETIME = 300
# Seconds between two fetches, however many unknown key ids clients send.
COOLDOWN = 30
# Seconds until a fetch times out.
TIMEOUT = 3
# Seconds that a request waits while another one fetches the keys.
MAX_WAIT = 0.2
# Bytes of a JWK Set.
MAX_SIZE = 256 * 1024


class RemoteKeys:
    """Keys fetched on first use, and again when they are old or a token names an unknown one.

    While the issuer is unavailable, the last keys stay valid. Each process fetches its own.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.ring = KeyRing([])
        self.fetched_at = float("-inf")
        self.attempted_at = float("-inf")
        self.lock = Lock()

    def find(self, kid: str | None) -> Key | None:
        """Return the key with the id `kid`; without a `kid`, the only key.

        Raises `ServiceUnavailable` before the first fetch succeeds: no token can be verified.
        """
        if time.monotonic() - self.fetched_at >= LIFETIME:
            self.refresh()
        key = self.ring.find(kid)
        if key is None:
            self.refresh()
            key = self.ring.find(kid)
        if not self.ring.keys:
            raise ServiceUnavailable("The issuer's keys are unavailable.", retry_after=COOLDOWN)
        return key

    def refresh(self) -> None:
        """Fetch the keys, at most once per COOLDOWN."""
        # While another thread fetches, use the present keys. Without keys, wait, but only briefly:
        # the worker's threads also serve probes.
        if not self.lock.acquire(timeout=0 if self.ring.keys else MAX_WAIT):
            return
        try:
            if time.monotonic() - self.attempted_at < COOLDOWN:
                return
            self.attempted_at = time.monotonic()
            fetched = [key for key in parse_jwks(fetch_json(self.url)) if not key.is_secret]
            self.ring = KeyRing(self.reuse_unchanged(key) for key in fetched)
            self.fetched_at = time.monotonic()
        # The server may not speak HTTP, or send JSON that is nested too deep.
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            logger.warning("cannot fetch the issuer's keys from %s: %s", self.url, error)
        finally:
            self.lock.release()

    def reuse_unchanged(self, key: Key) -> Key:
        """Return the existing object of an unchanged key: `Verifier` compares keys by identity."""
        existing = self.ring.find(key.id)
        return existing if existing and existing.jwk == key.jwk else key


def fetch_json(url: str) -> Any:
    """Return the JSON at `url`; raise `ValueError` if it is too long or invalid."""
    request = Request(url, headers={"Accept": "application/json"})
    with urlopen(request, timeout=TIMEOUT) as response:
        body = response.read(MAX_SIZE + 1)
    if len(body) > MAX_SIZE:
        raise ValueError(f"longer than {MAX_SIZE} bytes")
    return json.loads(body)
