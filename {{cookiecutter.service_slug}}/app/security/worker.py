"""gthread worker that reads requests in its event loop, so that slow clients block no thread.

gunicorn's own gthread worker gives each connection a thread, which waits for the client. This one
takes a thread only for a request that has arrived. It overrides undocumented methods of gunicorn
27.0; tests/test_server.py fails when they change.
"""

import contextlib
import errno
import json
import re
import resource
import selectors
import signal
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
from app.config import Config
from app.flask_app import PROBE_PATHS
from app.health.checks import is_shutting_down
from app.observability.record import get_record
from app.security.rate_limit import client_network

# Bytes that the event loop buffers per connection: of a head, of a body, and of chunk framing.
# A thread reads the rest of a larger body.
BUFFER = 64 * 1024
# Bytes per second at which the rest of a larger body must arrive.
MIN_RATE = 16 * 1024
# Seconds to wait for a client to close after its last response (RFC 9112, section 9.6), and bytes
# to read from it meanwhile.
LINGER, LINGER_BYTES = 2, 1024 * 1024
# Largest chunk size that is accepted.
MAX_CHUNK = 2**63
# Probes have their own threads: one may wait for readiness checks while the other reports liveness.
PROBE_THREADS = 2
PROBE_PREFIXES = tuple(
    f"{method} {path} ".encode() for method in ("GET", "HEAD") for path in PROBE_PATHS
)
# File descriptors that a worker reserves for anything but its clients.
RESERVED_FILES = 100

IPV4_MAPPED = "::ffff:"

# Skips leading zeros; gunicorn validates lengths of more than 18 digits.
content_length = re.compile(rb"\r\ncontent-length:[ \t]*0*(\d{0,18})").search
expects_continue = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n").search
is_chunk_size = re.compile(rb"[0-9a-fA-F]+").fullmatch


class Unreader(SocketUnreader):  # type: ignore[misc]
    """Reader of the rest of a large body, in a thread and until the request's deadline."""

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
    """A client connection with the buffer of its next request."""

    def __init__(self, worker: "Worker", sock: socket.socket, peer: Any, server: Any) -> None:
        super().__init__(worker.cfg, sock, peer, server)
        self.worker = worker
        self.network = client_network(peer[0])
        self.start()

    def start(self) -> None:
        """Reset the buffer and the deadline for the next request."""
        self.deadline = time.monotonic() + self.worker.request_timeout
        self.received = bytearray()
        self.discarded = 0
        # Offset at which the search for the head's end or for the next chunk goes on.
        self.position = 0
        # Offset of the request's end or of its first chunk; None until the head is complete.
        self.end: int | None = None
        self.is_chunked = False
        # Content length of the chunks before `position`.
        self.content = 0
        # Whether a thread has to read the rest of the body.
        self.is_partial = False
        # Whether a chunk is too large, or the chunk framing exceeds the buffer.
        self.is_refused = False

    def has_request(self) -> bool:
        """Return whether a thread can handle the request: it has arrived, or is malformed."""
        if self.end is None:
            head_end = self.received.find(b"\r\n\r\n", max(0, self.position - 3))
            self.position = len(self.received)
            if head_end < 0:
                # gunicorn rejects a bare LF (RFC 9112, section 2.2), so the head ends here.
                return self.received.count(b"\n") != self.received.count(b"\r\n")
            self.end = self.parse_head(bytes(self.received[: head_end + 2]).lower(), head_end + 4)
        return self.has_chunks(self.end) if self.is_chunked else len(self.received) >= self.end

    def parse_head(self, head: bytes, size: int) -> int:
        """Return the offset from which a thread can take over; gunicorn validates the head."""
        self.position = end = size
        if b"\r\ntransfer-encoding:" in head:
            self.is_chunked = True
        elif length := content_length(head):
            self.is_partial = int(length[1] or 0) > BUFFER
            end += min(int(length[1] or 0), BUFFER)
        is_complete = not self.is_chunked and len(self.received) >= end
        if not is_complete and expects_continue(head):
            with contextlib.suppress(OSError):
                self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n", socket.MSG_DONTWAIT)
        return end

    def has_chunks(self, start: int) -> bool:
        """Return whether a thread can take over: all chunks, a full buffer or a malformed chunk."""
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
            # Count what has arrived, because a client can announce any size.
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
        """Close the connection; if `graceful`, once the client has read its response."""
        if graceful:
            self.worker.linger(self)
        else:
            self.worker.leave(self)
            super().close()


class Worker(ThreadWorker):  # type: ignore[misc]
    """gthread worker with a deadline per request and a connection limit per address."""

    # gunicorn.conf.py sets these: its settings, to keep them if a reload finds invalid ones;
    # seconds in which a request must arrive; connections per address (0: unlimited).
    settings: Config | None = None
    request_timeout = 10.0
    connections_per_address = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A worker that runs out of file descriptors exits, and drops its connections.
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:
            most = max(files - RESERVED_FILES, files // 2)
            self.worker_connections: int = min(self.cfg.worker_connections, most)
            self.max_keepalived: int = self.worker_connections - self.cfg.threads
        self.waiting: set[Connection] = set()
        self.addresses: Counter[str] = Counter()
        self.next_expiry = 0.0
        # Value of SO_SNDTIMEO: the kernel limits each write at no cost per request.
        self.send_timeout = struct.pack("ll", int(self.request_timeout), 0)

    def init_process(self) -> None:
        """Serve requests, with threads for probes that slow requests cannot occupy."""
        self.probe_pool = ThreadPoolExecutor(PROBE_THREADS)
        super().init_process()

    def accept(self, listener: Any) -> bool:
        """Accept a connection; return whether there was one."""
        try:
            sock, peer = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                # Accept fewer connections from now on; more clients wait in the backlog.
                self.worker_connections = max(1, self.nr_conns * 3 // 4)
                message = "Out of file descriptors: serving at most %d connections at once."
                self.log.warning(message, self.worker_connections)
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return False
        # A dual-stack socket reports the address of an IPv4 client as IPv6.
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
        """Read a request from a new or readable connection, then handle it in a thread."""
        if self.cfg.is_ssl:  # a thread decrypts TLS
            super().enqueue_req(conn)
            return
        if not conn.initialized:
            conn.init()
            conn.parser.unreader = Unreader(conn.sock)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, self.send_timeout)
        conn.start()
        # Bytes that arrived together with the previous request.
        conn.received += conn.parser.unreader.take_buffered()
        self.receive(conn)

    def receive(self, conn: Connection, _: Any = None) -> None:
        """Buffer what has arrived of a request, and wait for the rest."""
        data = receive_some(conn.sock, 16 * 1024)
        conn.received += data or b""
        if conn.has_request():
            self.forget(conn)
            # For the rest of a larger body; each chunk that arrives extends it.
            conn.parser.unreader.deadline = time.monotonic() + BUFFER / MIN_RATE
            received = bytes(conn.received)
            conn.parser.unreader.unread(received)
            conn.received.clear()
            pool = self.probe_pool if received.startswith(PROBE_PREFIXES) else self.tpool
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
        """Handle the request in a thread of `pool`; gunicorn's `enqueue_req` has only one pool."""
        handled = pool.submit(self.handle, conn)
        handled.add_done_callback(
            lambda future: self.method_queue.defer(self.finish_request, conn, future)
        )

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Exit at once; no further signal interrupts what runs at exit."""
        for number in (signal.SIGINT, signal.SIGQUIT):
            # Not SIG_IGN: Python reports a pending signal whose handler is gone.
            signal.signal(number, lambda *_: None)
        super().handle_quit(sig, frame)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Handle a request in a thread; return whether the connection is kept alive."""
        # Do not drain a large body in the thread; on shutdown, let clients reconnect elsewhere.
        if conn.is_partial or is_shutting_down():
            req.force_close()
        if conn.end is not None:  # `parse_head` has sent the 100
            req._expected_100_continue = False
        try:
            return bool(super().handle_request(req, conn))
        except BlockingIOError:
            self.log.info("A client did not read its response in time.")
            return False

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """Drain the body; return whether to keep the connection, False for a malformed body."""
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except ParseException:
            return False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Log and answer a malformed request under its own request id."""
        Context().run(super().handle_error, req, client, addr, exc)

    def linger(self, conn: Connection) -> None:
        """Close a connection after the client does: a reset would cut off the response."""
        # gunicorn blocks the event loop until the client closes.
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
        """Read and drop what a client sends after its last response."""
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
        """Call `callback` whenever the connection is readable."""
        if conn not in self.waiting:
            self.waiting.add(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(callback, conn))

    def forget(self, conn: Connection) -> None:
        """Stop polling the connection."""
        if conn in self.waiting:
            self.waiting.remove(conn)
            self.poller.unregister(conn.sock)

    def leave(self, conn: Connection) -> None:
        """Stop counting the connection toward its address's limit."""
        self.addresses[conn.network] -= 1
        if not self.addresses[conn.network]:
            del self.addresses[conn.network]

    def murder_pending(self) -> None:
        """Close connections past their deadline; called on each turn of the event loop."""
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
        """Start or stop accepting; a stopping worker accepts its backlog, then stops listening."""
        super().set_accept_enabled(enabled)
        if self.alive or enabled:
            return
        for listener in self.sockets:
            while self.nr_conns < self.worker_connections and self.accept(listener):
                pass
            listener.close()


def receive_some(sock: socket.socket, size: int) -> bytes | None:
    """Return up to `size` bytes: none if the connection is closed, None if nothing has arrived."""
    try:
        return sock.recv(size, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:  # reset, timed out, unreachable
        return b""


def write_error(
    headers: dict[str, str], sock: socket.socket, status: int, reason: str, message: str
) -> None:
    """Write an error response of gunicorn as problem+json; replaces `gunicorn.util.write_error`."""
    record = get_record()
    problem = {"type": "about:blank", "title": reason, "status": status, **record.ids}
    if message:
        problem["detail"] = message
    body = json.dumps(problem).encode()
    lines = {
        "Connection": "close",
        "Content-Type": PROBLEM_JSON,
        "Content-Length": len(body),
        "X-Request-ID": record.request_id,
        **headers,
    }
    head = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in lines.items())]
    util.write_nonblock(sock, "\r\n".join([*head, "", ""]).encode("latin-1") + body)
