"""gunicorn's thread worker, with an end to every wait.

gthread itself waits without end for the rest of a request, and for its answer to be taken, a thread each: as many connections as there are
threads, which send a letter now and then, silence it. When it stops, it waits all of ``graceful_timeout`` for connections that are merely
kept alive; when it is to stop at once, it may never do. Where no descriptor is left for one more connection it dies, and all its downloads
with it. It never answers what came in one segment with the request before. And it does not look at which host a request names.
"""

import errno
import resource
import socket
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from gunicorn import util
from gunicorn.http import message
from gunicorn.http.errors import InvalidHeader, InvalidRequestLine
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import base, gthread

READ_TIMEOUT = 10.0
"""Seconds without one octet of a request that has begun."""

REQUEST_TIMEOUT = 30.0
"""Seconds for a whole request to arrive, however many octets come meanwhile."""

ANSWER_TIMEOUT = 60.0
"""Seconds for one write of an answer. Deliveries, which may take hours, have their own limits (getapi.services.watcher)."""

OWN_DESCRIPTORS = 64
"""Of a process, whatever it does."""

THREADS_DESCRIPTORS = 6
"""Of each thread: the file that it sends, the database and its two logs, an object's file, a selector."""

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.0  # a connection that has said nothing yet waits in the poller, not in a thread for 5 s


REFUSALS = {
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The request's headers are too large",
    HTTPStatus.NOT_IMPLEMENTED: "The request's transfer coding is not known here",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The service made an error; its administrators can read more in its log",
}
"""What is not HTTP at all never reaches Django, and is told in the same dress. Nothing of it is repeated: it may be half a token."""


def refuse(connection: socket.socket, status: int, _reason: str, _message: str) -> None:
    """gunicorn's ``util.write_error``, whose own answer is HTML that says again what was asked. Raises OSError."""
    body = f"<error>{REFUSALS.get(HTTPStatus(status), 'The request cannot be understood')}</error>"
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        "Content-Type: application/xml; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "",
        body,
    ]
    util.write_nonblock(connection, "\r\n".join(lines).encode("ascii"))


util.write_error = refuse


class RequestReader(SocketUnreader):  # type: ignore[misc] # gunicorn has no types
    """What comes in on a connection, one request at a time."""

    def begin(self) -> None:
        """A new request: its time starts now."""
        self._end = time.monotonic() + REQUEST_TIMEOUT
        self.sock.settimeout(ANSWER_TIMEOUT)

    @property
    def holds_more(self) -> bool:
        """Whether what follows the request has been read already."""
        return bool(self.buf.getbuffer().nbytes)

    def chunk(self) -> bytes:
        """Raises BlockingIOError where the client is too slow."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise BlockingIOError(errno.EAGAIN, "the request did not arrive in time")
        self.sock.settimeout(min(left, READ_TIMEOUT))
        try:
            received: bytes = self.sock.recv(self.mxchunk)
        except TimeoutError:
            raise BlockingIOError(errno.EAGAIN, "the request stopped coming") from None
        finally:
            self.sock.settimeout(ANSWER_TIMEOUT)
        return received


class Request(message.Request):  # type: ignore[misc] # gunicorn has no types
    """The head of a request, which names one host (RFC 9112 3.2)."""

    headers: list[tuple[str, str]]

    def parse(self, unreader: Any) -> Any:
        """Raises InvalidHeader, InvalidRequestLine."""
        rest = super().parse(unreader)
        hosts = [value for name, value in self.headers if name == "HOST"]
        if len(hosts) > 1 or (not hosts and self.version >= (1, 1)):
            raise InvalidHeader("HOST", req=self)
        if "://" in self.uri.partition("?")[0]:
            self._believe_target()
        return rest

    def _believe_target(self) -> None:
        """Where the target names a host, as it is written to proxies, that one counts (RFC 9112 3.2.2)."""
        try:
            host = urlsplit(self.uri).netloc
        except ValueError:
            raise InvalidRequestLine(self.uri) from None
        if "@" in host:
            raise InvalidRequestLine(self.uri)
        if host:
            self.headers = [*(field for field in self.headers if field[0] != "HOST"), ("HOST", host)]


class Connection(gthread.TConn):  # type: ignore[misc] # gunicorn has no types
    def init(self) -> None:
        """gthread calls it whenever a request begins."""
        is_new = not self.initialized
        super().init()
        if is_new:
            self.parser.unreader = RequestReader(self.sock)
            self.parser.mesg_class = Request
        self.parser.unreader.begin()


gthread.TConn = Connection  # what ``accept`` makes


class Worker(gthread.ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.worker_connections = most_connections(self.cfg.worker_connections, threads=self.cfg.threads, descriptors=limit)
        self.max_keepalived = self.worker_connections - self.cfg.threads
        if self.worker_connections < self.cfg.worker_connections:
            self.log.warning("Only %d connections at once: the limit of open files is %d", self.worker_connections, limit)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Told to stop at once. While the application is being loaded it ends after that: its half loaded modules bear no interruption.

        gthread would shut its pool down here, and wait for ever for a lock that this very thread holds where it is just handing a request
        to the pool. The pool ends with the process.
        """
        if self.booted:
            base.Worker.handle_quit(self, sig, frame)
        else:
            self.handle_exit(sig, frame)

    def accept(self, listener: Any) -> None:
        """A connection for which nothing is left waits in the kernel's queue."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            self.log.warning("A connection must wait: %s", error.strerror)
            time.sleep(0.1)

    def handle(self, conn: Any) -> Any:
        """Answers a request, and those that came right behind it (RFC 9112 9.3.2): the poller would wait for octets after them."""
        goes_on = super().handle(conn)
        while goes_on is True and self.alive and conn.parser.unreader.holds_more:
            goes_on = super().handle(conn)
        return goes_on

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """At most a second, also when the process stops: by then idle connections may be old enough to be closed."""
        super().wait_for_and_dispatch_events(min(timeout, 1.0))


def most_connections(wanted: int, *, threads: int, descriptors: int) -> int:
    """``wanted``, or as many as the descriptors that nothing else needs; never fewer than the threads."""
    return max(min(wanted, descriptors - OWN_DESCRIPTORS - THREADS_DESCRIPTORS * threads), threads)
