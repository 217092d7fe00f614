"""How many connections to the database there are."""

from collections.abc import Iterable

from prometheus_client import Gauge
from sqlalchemy import Engine, QueuePool

CONNECTIONS = Gauge("db_client_connections", "Connections.", ["state"], multiprocess_mode="livesum")
MAXIMUM = Gauge(
    "db_client_connections_max", "Connections that may be open.", multiprocess_mode="livesum"
)


def sample_pools(engines: Iterable[Engine]) -> None:
    """Measure the connection pools of `engines` together."""
    pools = [engine.pool for engine in engines if isinstance(engine.pool, QueuePool)]
    if pools:
        CONNECTIONS.labels("used").set(sum(pool.checkedout() for pool in pools))
        CONNECTIONS.labels("idle").set(sum(pool.checkedin() for pool in pools))
        MAXIMUM.set(sum(pool.size() + pool._max_overflow for pool in pools))
