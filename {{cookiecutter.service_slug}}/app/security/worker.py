"""A gthread worker that slow clients cannot stop.

gunicorn's own gives each connection a thread, which waits for the client. This one reads requests
in its event loop, many at once, and takes a thread only for one that has arrived. It overrides
methods of gunicorn 27.0 that are not documented; tests/test_server.py fails when they change.
"""

import contextlib
import errno
import json
import re
import resource
import selectors
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.api.errors import PROBLEM_JSON
from app.flask_app import PROBE_PATHS
from app.health.checks import is_shutting_down
from app.observability.record import get_record
from app.security.rate_limit import client_network

# Bytes of a head, of a body, and of what frames its chunks, that the event loop holds for one
# connection. A thread reads the rest of a larger body.
BUFFER = 64 * 1024
# Bytes a second that a larger body must come with, once the first part of it is there.
MIN_RATE = 16 * 1024
# Seconds that a client may take to close its end after the last response (RFC 9112, 9.6), and the
# bytes that are read from it meanwhile.
LINGER, LINGER_BYTES = 2, 1024 * 1024
# Bytes of a chunk that is announced: nobody sends more.
MAX_CHUNK = 2**63
# How the requests begin that have threads of their own: one to ask what this service depends on, and
# one that says meanwhile that the process is alive.
PROBE_THREADS = 2
PROBE_HEADS = tuple(
    f"{method} {path} ".encode() for method in ("GET", "HEAD") for path in PROBE_PATHS
)
# Files that connections leave a worker to open for everything else, such as other services.
SPARE_FILES = 100

IPV4_MAPPED = "::ffff:"

# Digits beyond those of the largest body are left to gunicorn, zeros before the first are none.
content_length = re.compile(rb"\r\ncontent-length:[ \t]*0*(\d{0,18})").search
expects_continue = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n").search
is_chunk_size = re.compile(rb"[0-9a-fA-F]+").fullmatch


class Unreader(SocketUnreader):  # type: ignore[misc]
    """Reads from a thread what is left of a large body, until the deadline of its request."""

    deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The request did not arrive in time.")
        self.sock.settimeout(left)
        data: bytes = super().chunk(size_hint)
        self.sock.setblocking(True)
        self.deadline += len(data) / MIN_RATE
        return data


class Connection(TConn):  # type: ignore[misc]
    """A connection, and what has arrived of its next request."""

    def __init__(self, worker: "Worker", sock: socket.socket, peer: Any, server: Any) -> None:
        super().__init__(worker.cfg, sock, peer, server)
        self.worker = worker
        self.network = client_network(peer[0])
        self.start()

    def start(self) -> None:
        """Wait for a request from its first byte."""
        self.deadline = time.monotonic() + self.worker.request_timeout
        self.received = bytearray()
        self.discarded = 0
        # Where to look next: for the end of the head, for the next chunk.
        self.position = 0
        # Where the request ends, or its chunks begin; None until the head is there.
        self.end: int | None = None
        self.is_chunked = False
        # Bytes that the chunks before `position` hold.
        self.content = 0
        # Whether a thread has to read the rest of the body.
        self.is_partial = False
        # Whether the chunks are too large, or take more to frame than the buffer holds.
        self.is_refused = False

    def has_request(self) -> bool:
        """Return whether there is something to do for a thread: a request, or a bad one to refuse."""
        if self.end is None:
            head_end = self.received.find(b"\r\n\r\n", max(0, self.position - 3))
            self.position = len(self.received)
            if head_end < 0:
                # A line that ends otherwise is refused (RFC 9112, 2.2), and no more will come.
                return self.received.count(b"\n") != self.received.count(b"\r\n")
            self.end = self.read_head(bytes(self.received[: head_end + 2]).lower(), head_end + 4)
        return self.has_chunks(self.end) if self.is_chunked else len(self.received) >= self.end

    def read_head(self, head: bytes, size: int) -> int:
        """Return where a thread can take over; whether the head is valid is gunicorn's to judge."""
        self.position = end = size
        if b"\r\ntransfer-encoding:" in head:
            self.is_chunked = True
        elif length := content_length(head):
            self.is_partial = int(length[1] or 0) > BUFFER
            end += min(int(length[1] or 0), BUFFER)
        is_here = not self.is_chunked and len(self.received) >= end
        if not is_here and expects_continue(head):
            with contextlib.suppress(OSError):
                self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n", socket.MSG_DONTWAIT)
        return end

    def has_chunks(self, start: int) -> bool:
        """Return whether the last chunk is there, more than the buffer, or one to be refused."""
        while (line_end := self.received.find(b"\r\n", self.position)) >= 0:
            line = bytes(self.received[self.position : line_end])
            digits = line.partition(b";")[0].rstrip(b" \t")
            if not is_chunk_size(digits):
                self.is_partial = True
                return True
            size = int(digits, 16)
            if size > MAX_CHUNK:
                self.is_refused = True
                return False
            if size == 0:
                if self.received.find(b"\r\n\r\n", line_end) >= 0:
                    return True
                break
            # What has arrived counts: anybody can announce a large chunk.
            arrived = min(size, len(self.received) - line_end - 2)
            self.is_partial = self.content + arrived > BUFFER
            following = line_end + 2 + size + 2
            if self.is_partial:
                return True
            if following > len(self.received):
                break
            self.content += size
            self.position = following
        self.is_refused = len(self.received) - start > 2 * BUFFER
        return False

    def close(self, graceful: bool = False) -> None:
        """Close the connection; `graceful` when the client has a response to read first."""
        if graceful:
            self.worker.linger(self)
        else:
            self.worker.leave(self)
            super().close()


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's gthread worker with a deadline for each request, and a limit for each address."""

    # Seconds in which a request must arrive, and connections that one address may hold; 0 is any
    # number. gunicorn.conf.py sets both.
    request_timeout = 10.0
    connections_per_address = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Out of files, a worker could do nothing but end, with all that it serves.
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:
            most = max(files - SPARE_FILES, files // 2)
            self.worker_connections: int = min(self.cfg.worker_connections, most)
            self.max_keepalived: int = self.worker_connections - self.cfg.threads
        self.waiting: set[Connection] = set()
        self.addresses: Counter[str] = Counter()
        self.next_expiry = 0.0
        # Of each write, as the kernel has it: it costs nothing per request.
        self.send_timeout = struct.pack("ll", int(self.request_timeout), 0)

    def init_process(self) -> None:
        """Serve requests; slow ones take all other threads, and must not look like a dead worker."""
        self.probe_pool = ThreadPoolExecutor(PROBE_THREADS)
        super().init_process()

    def accept(self, listener: Any) -> bool:
        """Accept a connection; return whether there was one."""
        try:
            sock, peer = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                # Hold fewer connections from here on; clients wait for one to be closed.
                self.worker_connections = max(1, self.nr_conns * 3 // 4)
                message = "Out of file descriptors: serving at most %d connections at once."
                self.log.warning(message, self.worker_connections)
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return False
        # A client of a dual-stack socket: known by its IPv4 address everywhere.
        if peer[0].startswith(IPV4_MAPPED):
            peer = (peer[0].removeprefix(IPV4_MAPPED), peer[1])
        conn = Connection(self, sock, peer, listener.getsockname())
        self.nr_conns += 1
        self.addresses[conn.network] += 1
        if 0 < self.connections_per_address < self.addresses[conn.network]:
            self.drop(conn)
        else:
            self.enqueue_req(conn)
        return True

    def enqueue_req(self, conn: Connection) -> None:
        """Read a request from a connection that is new or has data; then give it a thread."""
        if self.cfg.is_ssl:  # which is decrypted in a thread
            super().enqueue_req(conn)
            return
        if not conn.initialized:
            conn.init()
            conn.parser.unreader = Unreader(conn.sock)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, self.send_timeout)
        conn.start()
        # What came along with the request before.
        conn.received += conn.parser.unreader.take_buffered()
        self.receive(conn)

    def receive(self, conn: Connection, _: Any = None) -> None:
        """Take what has arrived of a request, and wait for the rest."""
        data = receive_some(conn.sock, 16 * 1024)
        conn.received += data or b""
        if conn.has_request():
            self.forget(conn)
            # The rest of a larger body is due at the rate that the first part has come with, at least.
            conn.parser.unreader.deadline = time.monotonic() + BUFFER / MIN_RATE
            received = bytes(conn.received)
            conn.parser.unreader.unread(received)
            conn.received.clear()
            pool = self.probe_pool if received.startswith(PROBE_HEADS) else self.tpool
            self.submit(pool, conn)
        elif data == b"":
            self.drop(conn)
        elif conn.end is None and len(conn.received) > BUFFER:
            self.refuse(conn, 431, "Request Header Fields Too Large")
        elif conn.is_refused:
            self.refuse(conn, 400, "Bad Request")
        else:
            self.wait(conn, self.receive)

    def submit(self, pool: ThreadPoolExecutor, conn: Connection) -> None:
        """Have a thread of `pool` handle the connection; gunicorn's `enqueue_req` has but one pool."""
        handled = pool.submit(self.handle, conn)
        handled.add_done_callback(
            lambda future: self.method_queue.defer(self.finish_request, conn, future)
        )

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer a request in a thread; return whether the connection is kept for another."""
        # What is left of a body must not hold the thread; and clients are to go elsewhere.
        if conn.is_partial or is_shutting_down():
            req.force_close()
        if conn.end is not None:  # `read_head` has seen to it
            req._expected_100_continue = False
        try:
            return bool(super().handle_request(req, conn))
        except BlockingIOError:
            self.log.info("A client did not read its response in time.")
            return False

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """Return whether the connection can be kept: its body is drained, unless it is malformed."""
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except ParseException:
            return False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Log and answer a malformed request, with a request id of its own."""
        Context().run(super().handle_error, req, client, addr, exc)

    def linger(self, conn: Connection) -> None:
        """Close a connection once its client has, so that the response is not cut off."""
        # gunicorn waits for it in the event loop, and meanwhile serves nobody.
        self.nr_conns += 1
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
        else:
            conn.received.clear()
            conn.deadline = time.monotonic() + LINGER
            self.wait(conn, self.discard)

    def discard(self, conn: Connection, _: Any = None) -> None:
        """Read what a client still sends after its last response."""
        data = receive_some(conn.sock, 64 * 1024)
        conn.discarded += len(data or b"")
        if data == b"" or conn.discarded > LINGER_BYTES:
            self.drop(conn)

    def refuse(self, conn: Connection, status: int, reason: str) -> None:
        """Send an error response to an incomplete request, and close the connection."""
        with contextlib.suppress(OSError):
            Context().run(util.write_error, conn.sock, status, reason, "")
        self.forget(conn)
        self.nr_conns -= 1
        conn.close(graceful=True)

    def drop(self, conn: Connection) -> None:
        """Close a connection."""
        self.forget(conn)
        self.nr_conns -= 1
        conn.close()

    def wait(self, conn: Connection, callback: Callable[[Connection, Any], None]) -> None:
        """Call `callback` whenever the client has sent something."""
        if conn not in self.waiting:
            self.waiting.add(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(callback, conn))

    def forget(self, conn: Connection) -> None:
        """Stop waiting for the client to send."""
        if conn in self.waiting:
            self.waiting.remove(conn)
            self.poller.unregister(conn.sock)

    def leave(self, conn: Connection) -> None:
        """Stop counting the connection toward its address's limit."""
        self.addresses[conn.network] -= 1
        if not self.addresses[conn.network]:
            del self.addresses[conn.network]

    def murder_pending(self) -> None:
        """Close the connections whose deadline is over; called by each turn of the event loop."""
        super().murder_pending()
        now = time.monotonic()
        if now < self.next_expiry:
            return
        self.next_expiry = now + 0.5
        for conn in list(self.waiting):
            if not self.alive and not conn.received:
                conn.deadline = min(conn.deadline, now + LINGER)
            if conn.deadline > now:
                continue
            if conn.received:
                self.refuse(conn, 408, "Request Timeout")
            else:
                self.drop(conn)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Start or stop accepting; a worker that stops accepts what is queued, then closes its sockets."""
        super().set_accept_enabled(enabled)
        if self.alive or enabled:
            return
        for listener in self.sockets:
            while self.nr_conns < self.worker_connections and self.accept(listener):
                pass
            listener.close()


def receive_some(sock: socket.socket, size: int) -> bytes | None:
    """Return up to `size` bytes that have arrived: none at the end of the connection, None before any."""
    try:
        return sock.recv(size, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:  # reset, timed out, unreachable
        return b""


def write_error(
    headers: dict[str, str], sock: socket.socket, status: int, reason: str, message: str
) -> None:
    """Write an error response of gunicorn's own as a problem; in the place of gunicorn.util's."""
    context = get_record()
    problem = {"type": "about:blank", "title": reason, "status": status, **context.ids}
    if message:
        problem["detail"] = message
    body = json.dumps(problem).encode()
    lines = {
        "Connection": "close",
        "Content-Type": PROBLEM_JSON,
        "Content-Length": len(body),
        "X-Request-ID": context.request_id,
        **headers,
    }
    head = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in lines.items())]
    util.write_nonblock(sock, "\r\n".join([*head, "", ""]).encode("latin-1") + body)
