"""A real ``manage.py serve`` on a free port of loopback, stopped by its process id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.web.database import TOP, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """``folder`` holds its configuration and log."""

    port: int
    pid: int
    folder: Path
    database: Database

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def connect(self, *, receive_buffer: int | None = None) -> socket.socket:
        connection = socket.socket()
        connection.settimeout(30)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            connection.connect(("127.0.0.1", self.port))
        except OSError:
            connection.close()
            raise
        return connection

    def rows(self, query: str, *parameters: str) -> list[tuple[Any, ...]]:
        """What its database answers."""
        return self.database.rows(query, *parameters)

    def wait_for_rows(self, query: str, *parameters: str, seconds: float = 25) -> list[tuple[Any, ...]]:
        end = time.monotonic() + seconds
        while not (rows := self.rows(query, *parameters)):
            assert time.monotonic() < end, self.log[-3000:]
            time.sleep(0.02)
        return rows


@contextmanager
def serving(
    folder: Path,
    *,
    settings: str = "packaging_service.settings",
    toml: str = "",
    threads: int = 72,
    configuration: str | None = None,
    environ: Mapping[str, str] | None = None,
    port: int | None = None,
    grace: int | None = None,
    worker: bool = False,
    encrypted: bool = False,
) -> Iterator[Server]:
    """A server with a database of its own in ``folder``; what runs when it is left is cut.

    ``configuration`` names a module for gunicorn instead of the product's. A folder that had a server before keeps its database,
    and one that ``environ`` names is somebody else's. ``worker``: it starts one beside it, as it does unless it is told otherwise.
    ``encrypted``: ``environ`` tells gunicorn so.
    """
    named = (environ or {}).get("PACKAGING_DATABASE")
    database = Database(named) if named else Database.of(folder)
    (folder / "packaging.toml").write_text(f'database = "{database.url}"\n{toml}', encoding="utf-8")
    surroundings = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings,
        "PACKAGING_CONFIG": str(folder / "packaging.toml"),
        "PACKAGING_SECRET_KEY": "a key for the time of this test alone",
        "PYTHONPATH": str(TOP),
        **(environ or {}),
    }
    manage = [sys.executable, str(TOP / "manage.py")]
    port = port or free_port()
    runner = [*manage, "serve"] if configuration is None else [sys.executable, "-m", "gunicorn", "--config", f"python:{configuration}"]
    serve = [*runner, "--bind", f"127.0.0.1:{port}", "--threads", str(threads), *([] if grace is None else ["--grace", str(grace)])]
    serve += [] if worker or configuration is not None else ["--no-worker"]
    with (folder / "log").open("wb") as log, subprocess.Popen(serve, env=surroundings, cwd=folder, stdout=log, stderr=log) as process:
        server = Server(port=port, pid=process.pid, folder=folder, database=database)
        try:
            _wait_for_answer(server, process, hangs_up=encrypted)
            yield server
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGQUIT is gunicorn's quick end, which cuts deliveries."""
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
    try:
        process.wait(90)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def _wait_for_answer(server: Server, process: subprocess.Popen[bytes], *, hangs_up: bool) -> None:
    """Until a worker has answered, whatever it says; one that wants TLS hangs up."""
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None, server.log
        assert time.monotonic() < end, server.log
        try:
            with server.connect() as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if connection.recv(1):
                    return
        except ConnectionError as error:
            if hangs_up and isinstance(error, ConnectionResetError):
                return
            time.sleep(0.05)
