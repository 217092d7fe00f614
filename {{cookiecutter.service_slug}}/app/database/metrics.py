"""How many connections to the database there are."""

from prometheus_client import Gauge
from sqlalchemy import Engine, QueuePool

CONNECTIONS = Gauge("db_client_connections", "Connections.", ["state"], multiprocess_mode="livesum")
MAXIMUM = Gauge(
    "db_client_connections_max", "Connections that may be open.", multiprocess_mode="livesum"
)


def sample_pool(engine: Engine) -> None:
    """Measure the pool of this process."""
    pool = engine.pool
    if isinstance(pool, QueuePool):
        CONNECTIONS.labels("used").set(pool.checkedout())
        CONNECTIONS.labels("idle").set(pool.checkedin())
        MAXIMUM.set(pool.size() + pool._max_overflow)
