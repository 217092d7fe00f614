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

from flask import Flask
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar as Sampled

from app.context import RequestContext, on_close
from app.observability import metrics

# Bytes after which a file is written anew, without what is outdated.
MAX_SIZE = 256 * 1024

Bucket = tuple[str, str, str, float]


class Exemplar(NamedTuple):
    """A request, by its ids, with its duration in seconds and when it was answered."""

    ids: dict[str, str]
    value: float
    timestamp: float


class Exemplars:
    """The last traced request of each bucket of the duration of requests."""

    def __init__(self) -> None:
        self.latest: dict[Bucket, Exemplar] = {}
        self.written = 0

    def keep(self, context: RequestContext) -> None:
        """Keep a request, if it is traced, as the exemplar of the bucket that it falls into."""
        if context.exemplar is None:
            return
        bounds = (*metrics.BUCKETS, float("inf"))
        bound = bounds[bisect_left(bounds, context.duration)]
        bucket = (context.route, context.method, str(context.status), bound)
        self.latest[bucket] = Exemplar(context.exemplar, context.duration, time.time())
        if metrics.FOLDER:
            with contextlib.suppress(OSError):  # a full disk costs exemplars, not requests
                self.write(Path(metrics.FOLDER, f"exemplars_{metrics.get_slot()}.json"), bucket)

    def write(self, path: Path, bucket: Bucket) -> None:
        """Append the exemplar of `bucket` to this worker's file, which stays small."""
        line = json.dumps((bucket, *self.latest[bucket])) + "\n"
        if not self.written:
            self.written = path.stat().st_size if path.exists() else 0
        self.written += len(line)
        if self.written > MAX_SIZE:
            line = "".join(json.dumps((key, *value)) + "\n" for key, value in self.latest.items())
            self.written = len(line)
            path.unlink()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line.encode())
        os.close(descriptor)

    def read(self) -> dict[Bucket, Exemplar]:
        """Return the newest exemplar of each bucket, of all workers."""
        found = dict(self.latest)
        for path in Path(metrics.FOLDER).glob("exemplars_*.json") if metrics.FOLDER else ():
            for line in path.read_text().splitlines():
                with contextlib.suppress(ValueError):  # a worker died writing it
                    key, *exemplar = json.loads(line)
                    bucket, read = tuple(key), Exemplar(*exemplar)
                    if bucket not in found or found[bucket].timestamp < read.timestamp:
                        found[bucket] = read
        return found

    def annotate(self, families: Iterable[Metric]) -> Iterator[Metric]:
        """Put the exemplars beside the buckets that they belong to."""
        for family in families:
            if family.name == metrics.REQUEST_DURATION._name:
                exemplars = self.read()
                for index, sample in enumerate(family.samples):
                    if "le" in sample.labels:
                        route, method, status = (sample.labels[name] for name in metrics.LABELS)
                        found = exemplars.get((route, method, status, float(sample.labels["le"])))
                        if found:
                            family.samples[index] = sample._replace(exemplar=Sampled(*found))
            yield family


exemplars = Exemplars()


def init_exemplars(app: Flask) -> None:
    """Have the duration of requests lead to their traces."""
    on_close(app, exemplars.keep)
    if exemplars.annotate not in metrics.annotators:
        metrics.annotators.append(exemplars.annotate)
