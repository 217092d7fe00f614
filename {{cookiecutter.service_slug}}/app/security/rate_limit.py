"""Limit of requests per minute and client, shared by the workers of one host."""

import struct
import time
from ipaddress import IPv6Address
from mmap import mmap

from flask import Flask, request
from werkzeug.exceptions import TooManyRequests

from app.observability.record import RequestRecord, on_open

WINDOW = 60
# Clients whose hashes collide share one count. Which ones do changes with each start.
SLOTS = 1 << 17
COUNT = struct.Struct("=II")

EXCEEDED = "app.rate_limit_exceeded"


class RateLimit:
    """Rate limiter shared by the workers of one host.

    Counts are in shared memory without a lock: two simultaneous requests may count as one.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.counts = mmap(-1, SLOTS * COUNT.size)
        self.policy = ("RateLimit-Policy", f'"address";q={limit};w={WINDOW}')

    def count_request(self, client: str, now: float) -> int:
        """Count a request; return the number of the client's requests in this window."""
        window = int(now) // WINDOW
        slot = hash(client) % SLOTS * COUNT.size
        counted_window, count = COUNT.unpack_from(self.counts, slot)
        count = count + 1 if counted_window == window else 1
        COUNT.pack_into(self.counts, slot, window, count)
        return int(count)

    def open(self, record: RequestRecord) -> None:
        """Count the request, and add the RateLimit headers to its response.

        See draft-ietf-httpapi-ratelimit-headers.
        """
        if record.is_probe:
            return
        now = time.time()
        reset = WINDOW - int(now) % WINDOW
        client = client_network(record.environ.get("REMOTE_ADDR", ""))
        left = self.limit - self.count_request(client, now)
        record.headers.append(self.policy)
        record.headers.append(("RateLimit", f'"address";r={max(left, 0)};t={reset}'))
        if left < 0:  # a request hook cannot reject: `require_within_limit` does
            record.environ[EXCEEDED] = reset


def client_network(address: str) -> str:
    """Return the network that identifies a client: an IPv4 address, or the /64 of an IPv6 address.

    A host can use any address of its /64 (RFC 4291, section 2.5.4). A dual-stack socket reports an
    IPv4 client as ::ffff:192.0.2.1.
    """
    if ":" not in address:
        return address
    # Some proxies append the port: 192.0.2.1:5678, [2001:db8::1]:5678.
    host, _, _ = address.rpartition(":")
    if "." in host and ":" not in host:
        return host
    address = address.removeprefix("[").partition("]")[0]
    try:
        parsed = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or int(parsed) >> 64)


def init_rate_limit(app: Flask) -> None:
    """Limit the requests of each client, except for probes and metrics."""
    on_open(app, RateLimit(app.config["RATE_LIMIT"]).open)
    app.before_request(require_within_limit)


def require_within_limit() -> None:
    """Raise `TooManyRequests`, with Retry-After, if the client has exceeded its limit."""
    if EXCEEDED in request.environ:
        raise TooManyRequests("Too many requests.", retry_after=request.environ[EXCEEDED])
