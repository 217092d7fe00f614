"""Exemplars: beside each bucket of a histogram, the last traced request that fell into it.

prometheus_client keeps none for several processes. Here each worker appends its own to a file of
its slot, and a scrape reads them all.
"""

import contextlib
import json
import os
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar as Sampled

from app.context import RequestContext
from app.observability import metrics

# Bytes after which a file is written anew, without what is outdated.
MAX_SIZE = 256 * 1024

Bucket = tuple[str, str, str, float]


class Exemplar(NamedTuple):
    """A request, by its ids, with its duration in seconds and when it was answered."""

    ids: dict[str, str]
    value: float
    timestamp: float


# The newest of this worker, and how much of its file is written.
_latest: dict[Bucket, Exemplar] = {}
_written = 0


def keep(context: RequestContext) -> None:
    """Keep a traced request as the exemplar of the bucket that its duration falls into."""
    bounds = (*metrics.BUCKETS, float("inf"))
    bound = bounds[bisect_left(bounds, context.duration)]
    bucket = (context.route, context.method, str(context.status), bound)
    ids = {name: context.ids[name] for name in ("trace_id", "span_id")}
    _latest[bucket] = Exemplar(ids, context.duration, time.time())
    if metrics.FOLDER:
        with contextlib.suppress(OSError):  # a full disk costs exemplars, not requests
            write(Path(metrics.FOLDER, f"exemplars_{metrics.get_slot()}.json"), bucket)


def write(path: Path, bucket: Bucket) -> None:
    """Append the exemplar of `bucket` to this worker's file, which stays small."""
    global _written
    line = json.dumps((bucket, *_latest[bucket])) + "\n"
    if not _written:
        _written = path.stat().st_size if path.exists() else 0
    _written += len(line)
    if _written > MAX_SIZE:
        line = "".join(json.dumps((key, *found)) + "\n" for key, found in list(_latest.items()))
        _written = len(line)
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def read() -> dict[Bucket, Exemplar]:
    """Return the newest exemplar of each bucket, of all workers."""
    found = dict(_latest)
    for path in Path(metrics.FOLDER).glob("exemplars_*.json") if metrics.FOLDER else ():
        try:
            lines = path.read_text().splitlines()
        except FileNotFoundError:  # its worker is about to write it anew
            continue
        for line in lines:
            with contextlib.suppress(ValueError):  # a worker died writing it
                key, *exemplar = json.loads(line)
                bucket, newest = tuple(key), Exemplar(*exemplar)
                if bucket not in found or found[bucket].timestamp < newest.timestamp:
                    found[bucket] = newest
    return found


def annotate(families: Iterable[Metric]) -> Iterator[Metric]:
    """Put the exemplars beside the buckets that they belong to."""
    for family in families:
        if family.name == metrics.REQUEST_DURATION._name:
            exemplars = read()
            for index, sample in enumerate(family.samples):
                if "le" in sample.labels:
                    route, method, status = (sample.labels[name] for name in metrics.LABELS)
                    found = exemplars.get((route, method, status, float(sample.labels["le"])))
                    if found:
                        family.samples[index] = sample._replace(exemplar=Sampled(*found))
        yield family
