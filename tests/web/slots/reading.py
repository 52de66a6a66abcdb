"""Readers who take what they get as slowly as they like, from addresses of their own."""

import http.client
import json
from contextlib import closing
from typing import Any

from tests.web.server import Server

NARROW = 16 << 10


class Reader:
    """A request of which the answer's headers are there. ``address`` is his own, as a proxy tells it."""

    def __init__(self, server: Server, path: str, *, address: str = "192.0.2.1", method: str = "GET", **fields: str) -> None:
        self.server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self._connection.sock = server.connect(receive_buffer=NARROW)
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        try:
            self._connection.request(method, path, headers={"X-Forwarded-For": address, "Accept": "application/json", **headers})
            self.answer = self._connection.getresponse()
        except OSError:
            self.close()
            raise

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.answer.read())
        return found

    def take(self, octets: int) -> int:
        return len(self.answer.read(octets))

    def close(self) -> None:
        self._connection.close()


def summary(server: Server, content: str) -> dict[str, Any]:
    """The package as its page tells it."""
    with closing(Reader(server, content.removesuffix("/content"))) as asked:
        found: dict[str, Any] = asked.problem
        return found
