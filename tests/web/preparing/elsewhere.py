"""A host of external datastreams that never says how large they are, and does with them what a test wants."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "files.example.org"


@dataclass(slots=True, kw_only=True)
class Body:
    """What lies at a path. ``chunked``: it ends in chunks, else with the connection. ``breaks``: so many of its next answers end too early.

    ``holds``: after its first octets it waits until it is told to go on. ``length``: it says how large it is, as others do. ``pause``:
    seconds before each further piece of at most ``piece`` octets.
    """

    octets: bytes = field(repr=False)
    chunked: bool = True
    breaks: int = 0
    status: int = 200
    holds: threading.Event | None = None
    length: bool = False
    pause: float = 0.0
    piece: int = 65_536
    asked: list[str] = field(default_factory=list)


class Host(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: dict[str, Body] = {}
        self.ended = threading.Event()

    @property
    def name(self) -> str:
        """As ``external.allowed_hosts`` names it."""
        return f"{NAME}:{self.server_address[1]}"

    def put(self, path: str, octets: bytes, **how: object) -> Body:
        self.bodies[path] = Body(octets=octets, **how)  # type: ignore[arg-type] # a test's own words
        return self.bodies[path]

    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone, as tests do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:  # http.server's name
        self._begin()

    def do_GET(self) -> None:  # likewise
        body = self._begin()
        if body is None or body.status != 200:
            return
        assert isinstance(self.server, Host)
        breaks, body.breaks = body.breaks > 0, max(body.breaks - 1, 0)
        octets = body.octets[: len(body.octets) // 2] if breaks else body.octets
        for start in range(0, len(octets), body.piece):
            if body.pause and start and self.server.ended.wait(body.pause):
                return
            self._write(octets[start : start + body.piece], body)
            if body.holds is not None and start == 0:
                body.holds.wait(60)
        if body.chunked and not breaks and not body.length:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def _begin(self) -> Body | None:
        assert isinstance(self.server, Host)
        body = self.server.bodies.get(self.path)
        self.send_response(404 if body is None else body.status)
        if body is not None and body.status == 200:
            body.asked.append(self.command)
            if body.length:
                self.send_header("Content-Length", str(len(body.octets)))
            elif body.chunked:
                self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        return body

    def _write(self, octets: bytes, body: Body) -> None:
        framed = octets if body.length or not body.chunked else b"%x\r\n%b\r\n" % (len(octets), octets)
        self.wfile.write(framed)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def hosting() -> Iterator[Host]:
    with Host() as host:
        thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield host
        finally:
            for body in host.bodies.values():
                if body.holds is not None:
                    body.holds.set()
            host.ended.set()
            host.shutdown()
            thread.join()


def lead_here() -> Callable[[], None]:
    """In this process all hosts' names mean a public address, and whoever connects to one comes to loopback. Gives what undoes it."""
    from getapi.sources.addresses import PinnedAdapter
    from getapi.sources.external import ExternalHosts

    defaults = ExternalHosts.__init__.__kwdefaults__ or {}
    before = dict(defaults)
    defaults.update(resolver=lambda *_: ["93.184.216.34"], adapter=lambda host, _: PinnedAdapter(host, "127.0.0.1"))
    return lambda: defaults.update(before)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
