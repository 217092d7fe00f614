"""How many requests a minute one address may make, of all workers of this host together."""

import struct
import time
from ipaddress import IPv6Address
from mmap import mmap

from flask import Flask, request
from werkzeug.exceptions import TooManyRequests

from app.observability.record import RequestRecord, on_open

WINDOW = 60
# Addresses that share a slot share its limit; they are few, and change with each start.
SLOTS = 1 << 17
COUNT = struct.Struct("=II")

EXCEEDED = "app.rate_limit_exceeded"


class RateLimit:
    """Counts requests in memory that forked workers share: each address in a slot, by the minute.

    Two workers that count at once may count one: it is a limit, not a ledger.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.counts = mmap(-1, SLOTS * COUNT.size)
        self.policy = ("RateLimit-Policy", f'"address";q={limit};w={WINDOW}')

    def count(self, address: str, now: float) -> int:
        """Count a request; return how many there are in this window."""
        window = int(now) // WINDOW
        slot = hash(address) % SLOTS * COUNT.size
        began, counted = COUNT.unpack_from(self.counts, slot)
        counted = counted + 1 if began == window else 1
        COUNT.pack_into(self.counts, slot, window, counted)
        return int(counted)

    def open(self, context: RequestRecord) -> None:
        """Count the request, and say in its response what is left.

        See draft-ietf-httpapi-ratelimit-headers.
        """
        if not context.is_recorded:
            return
        now = time.time()
        reset = WINDOW - int(now) % WINDOW
        client = client_network(context.environ.get("REMOTE_ADDR", ""))
        left = self.limit - self.count(client, now)
        context.headers.append(self.policy)
        context.headers.append(("RateLimit", f'"address";r={max(left, 0)};t={reset}'))
        if left < 0:
            context.environ[EXCEEDED] = reset


def client_network(address: str) -> str:
    """Return the network that counts as one client: an IPv4 address, or the /64 of an IPv6 one.

    A host has a whole /64 to choose addresses from (RFC 4291, section 2.5.4). A socket that listens
    on both shows an IPv4 client as ::ffff:192.0.2.1.
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
    """Refuse the requests of an address that makes too many; probes and metrics are free."""
    on_open(app, RateLimit(app.config["RATE_LIMIT"]).open)
    app.before_request(refuse_exceeding)


def refuse_exceeding() -> None:
    """Raise `TooManyRequests` where the limit is exceeded, and say when it is not any more."""
    if EXCEEDED in request.environ:
        raise TooManyRequests("Too many requests.", retry_after=request.environ[EXCEEDED])
