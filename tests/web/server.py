"""A real ``manage.py serve`` on a free port of loopback, stopped by its process id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from sqlite3 import connect
from tempfile import TemporaryDirectory
from typing import Any

TOP = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """``folder`` holds its configuration, database and log."""

    port: int
    pid: int
    folder: Path

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
        with closing(connect(self.folder / "db.sqlite3", timeout=20)) as database:
            return database.execute(query, parameters).fetchall()

    def wait_for_rows(self, query: str, *parameters: str, seconds: float = 15) -> list[tuple[Any, ...]]:
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
    worker: bool = False,
) -> Iterator[Server]:
    """A server with a database of its own in ``folder``; what runs when it is left is cut.

    ``configuration`` names a module for gunicorn instead of the product's. A folder that had a server before keeps its database,
    and one that ``environ`` names is somebody else's. ``worker``: it starts one beside it, as it does unless it is told otherwise.
    """
    (folder / "packaging.toml").write_text(f'database = "sqlite:///{folder}/db.sqlite3"\n{toml}', encoding="utf-8")
    surroundings = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings,
        "PACKAGING_CONFIG": str(folder / "packaging.toml"),
        "PACKAGING_SECRET_KEY": "a key for the time of this test alone",
        "PYTHONPATH": str(TOP),
        **(environ or {}),
    }
    manage = [sys.executable, str(TOP / "manage.py")]
    if not (folder / "db.sqlite3").exists() and "PACKAGING_DATABASE" not in (environ or {}):
        (folder / "db.sqlite3").write_bytes(_empty_database())
    port = port or free_port()
    runner = [*manage, "serve"] if configuration is None else [sys.executable, "-m", "gunicorn", "--config", f"python:{configuration}"]
    serve = [*runner, "--bind", f"127.0.0.1:{port}", "--threads", str(threads)]
    serve += [] if worker or configuration is not None else ["--no-worker"]
    with (folder / "log").open("wb") as log, subprocess.Popen(serve, env=surroundings, cwd=folder, stdout=log, stderr=log) as process:
        server = Server(port=port, pid=process.pid, folder=folder)
        try:
            _wait_for_answer(server, process)
            yield server
        finally:
            stop(process)


@cache
def _empty_database() -> bytes:
    """As the migrations leave it, which take longer than a server's start."""
    with TemporaryDirectory() as folder:
        surroundings = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "packaging_service.settings",
            "PACKAGING_CONFIG": os.devnull,
            "PACKAGING_DATABASE": f"sqlite:///{folder}/db.sqlite3",
            "PACKAGING_SECRET_KEY": "a key for the time of this test alone",
        }
        command = [sys.executable, str(TOP / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(command, env=surroundings, check=True, timeout=120)
        return (Path(folder) / "db.sqlite3").read_bytes()


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGQUIT is gunicorn's quick end, which cuts deliveries."""
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for_answer(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Until a worker has answered, whatever it says."""
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None, server.log
        assert time.monotonic() < end, server.log
        try:
            with server.connect() as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if connection.recv(1):
                    return
        except ConnectionError:
            time.sleep(0.05)
