"""The whole application as a WSGI server calls it: what Django's own test client mends or refuses to send gets in here."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from packaging_service.wsgi import application
from tests.web.conftest import APPLICATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    status: int
    headers: dict[str, str]
    body: bytes


def exchange(method: str, path: str, body: bytes = b"", *, source: Any = None, **environ: Any) -> Exchange:
    """``path`` is decoded already, one latin-1 letter an octet (PEP 3333); ``source`` stands for the server's ``wsgi.input``."""
    surroundings: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": APPLICATION,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body) if source is None else source,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **environ,
    }
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _error: object = None, /) -> Callable[[bytes], object]:
        started.append((status, headers))
        return _refuse_write

    with _open_database():
        response = application(surroundings, start)
        content = b"".join(response)
        response.close()  # type: ignore[attr-defined] # Django's responses have it
    status, headers = started[0]
    return Exchange(status=int(status.split()[0]), headers=dict(headers), body=content)


def _refuse_write(_data: bytes) -> None:
    raise AssertionError("the application used WSGI's old write callable")


@contextmanager
def _open_database() -> Iterator[None]:
    """The test's transaction outlives the request."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)
