"""What clients ask a running service, and what they get of an answer that is cut short too."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from tests.conformance.foreign import program
from tests.web.database import TOP
from tests.web.server import Server

BLOCK = 1 << 16
SENDING = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}
DELIVERIES = "SELECT first, stop, sent, outcome, reason, started, ended FROM getapi_delivery WHERE package = ?"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """``body`` is what came of it; ``status`` 0: the connection was closed before a word of an answer."""

    status: int
    headers: Message
    body: bytes = field(repr=False)

    @property
    def octets(self) -> bytes:
        """Of what was asked for: an error's words are none."""
        return self.body if self.status in SENDING else b""

    @property
    def is_whole(self) -> bool:
        """It looks complete."""
        return self.status in SENDING and len(self.body) == int(self.headers["Content-Length"])


def ask(server: Server, method: str, address: str, *, body: str | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    """Each on a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request(method, address, body, dict(headers or {}))
        try:
            answer = connection.getresponse()
        except ConnectionError:  # also http.client's RemoteDisconnected
            return Reply(status=0, headers=Message(), body=b"")
        return Reply(status=answer.status, headers=answer.headers, body=_drain(answer))


def _drain(answer: http.client.HTTPResponse) -> bytes:
    received = bytearray()
    try:
        while octets := answer.read1(BLOCK):
            received += octets
    except (ConnectionError, http.client.IncompleteRead):
        pass  # as many as came
    return bytes(received)


def get(server: Server, address: str, **fields: str) -> Reply:
    """``get(server, address, if_range=...)``"""
    return ask(server, "GET", address, headers={name.replace("_", "-"): value for name, value in fields.items()})


def window(server: Server, address: str, start: int, stop: int) -> bytes:
    """Octets ``start`` to ``stop`` (not included)."""
    answer = get(server, address, range=f"bytes={start}-{stop - 1}")
    assert answer.status == HTTPStatus.PARTIAL_CONTENT
    return answer.body


def manage(server: Server, *arguments: str) -> str:
    """What a command of the service's own says."""
    surroundings = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "packaging_service.settings",
        "PACKAGING_CONFIG": str(server.folder / "packaging.toml"),
        "PACKAGING_SECRET_KEY": "a key for the time of this test alone",
    }
    command = [sys.executable, str(TOP / "manage.py"), *arguments]
    return subprocess.run(command, env=surroundings, check=True, capture_output=True, timeout=60, text=True).stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Asks for packages at one service; any service on the same database and secret key has them then."""

    server: Server
    token: str

    @classmethod
    def at(cls, server: Server) -> "Application":
        key = manage(server, "create_key", f"{time.time_ns()}", "--network", "127.0.0.1").split()[-1]
        answer = ask(server, "POST", "/api/get/getToken", body=urlencode({"key": key}), headers=FORM)
        return cls(server=server, token=answer.body.decode().removeprefix("<token>").removesuffix("</token>"))

    def package(self, files: str, kind: str) -> Reply:
        """The package itself."""
        return self._post(files=files, format=kind)

    def link(self, files: str, kind: str) -> str:
        """The address of a package's bytes, of which none has left yet."""
        answer = self._post(files=files, format=kind, delivery="link")
        assert answer.status == HTTPStatus.CREATED, answer.body
        return str(answer.headers["Content-Location"])

    def _post(self, **fields: str) -> Reply:
        return ask(self.server, "POST", "/api/get/PACKAGE", body=urlencode({"token": self.token, **fields}), headers=FORM)


def package_of(address: str) -> str:
    """The id in a package's address."""
    return address.split("/")[-2]


def counted(server: Server, address: str, count: int, *, story: str = "") -> list[str]:
    """The datastreams that the statistics have of a package, once there are as many, sorted. ``story`` is told where they never are."""
    query = "SELECT dsid FROM getapi_download WHERE package = ? ORDER BY dsid"
    end = time.monotonic() + 25
    while len(rows := server.rows(query, package_of(address))) < count:
        assert time.monotonic() < end, f"{story}: {rows}\n{server.rows(DELIVERIES, package_of(address))}\n{server.log[-3000:]}"
        time.sleep(0.02)
    return [str(dsid) for (dsid,) in rows]


def curl(url: str, file: Path, *options: str) -> int:
    """Goes on with what ``file`` has; the exit code, of which 18 says that less came than was announced."""
    return subprocess.run([program("curl"), "-sS", *options, "-C", "-", "-o", str(file), url], check=False, timeout=120).returncode
