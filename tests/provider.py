"""A payment provider over HTTP, for a service to charge: idempotent, as its contract says."""

import json
import threading
import uuid

from tests.listener import Listener, ListenerHandler


class Provider(Listener):
    """Keeps each charge under its Idempotency-Key; `charges` maps orders to the charges made for them, `headers` are as sent."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answers: dict[str, str] = {}
        self.charges: dict[str, list[str]] = {}
        self.headers: list[dict[str, str]] = []
        super().__init__(Handler)

    def charge(self, key: str, order: str) -> str:
        with self.lock:
            if key not in self.answers:
                self.answers[key] = uuid.uuid4().hex
                self.charges.setdefault(order, []).append(self.answers[key])
            return self.answers[key]


class Handler(ListenerHandler):
    server: Provider

    def do_POST(self) -> None:
        self.server.headers.append(dict(self.headers))
        body = json.loads(self.read_body())
        answer = {"id": self.server.charge(self.headers["Idempotency-Key"], body["order"])}
        self.answer(201, "application/json", json.dumps(answer).encode())
