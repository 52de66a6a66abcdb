"""A PostgreSQL of the tests' own, from Debian's packages: in a folder of its own, on a free port of loopback, stopped by its process id.

``PACKAGING_TEST_DATABASE=postgresql pytest ...`` runs tests on it (tests/settings.py); where its programs are missing they are skipped, by
name.
"""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.ports import free_port

VARIABLE = "PACKAGING_TEST_DATABASE"
ADDRESS = "PACKAGING_TEST_POSTGRESQL"
"""Where one runs already: xdist's workers share their controller's."""

MISSING = "PostgreSQL is not installed"
USER = "packaging"

_FAST = ("fsync=off", "full_page_writes=off", "max_connections=300", "shared_buffers=64MB", "unix_socket_directories=")
"""Nothing of it must outlive the machine. No socket of its own: what the tests ask is TCP, as between machines."""


def programs() -> Path | None:
    """The folder of the server's programs, which Debian keeps off the PATH."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return kept[-1].parent if kept else None


@dataclass
class Cluster:
    """``folder`` holds its data and its log; it can be stopped, killed, and started again on its port."""

    bin: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def made(cls, bin_folder: Path, folder: Path) -> "Cluster":
        """Sorted as people's text is, and not by octets: what leans on the order of octets must not work here by chance."""
        cluster = cls(bin=bin_folder, folder=folder, port=free_port())
        if os.getuid() == 0:
            shutil.chown(folder, *_owner())
        icu = ("--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8")
        cluster._run("initdb", "--pgdata", str(folder / "data"), "--username", USER, "--auth=trust", "--encoding=UTF8", "--no-sync", *icu)
        cluster.start()
        return cluster

    def url(self, name: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        options = [argument for each in (*_FAST, f"port={self.port}", "listen_addresses=127.0.0.1") for argument in ("-c", each)]
        command = [str(self.bin / "postgres"), "-D", str(self.folder / "data"), *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **_as_nobody())
        end = time.monotonic() + 60
        while True:
            with suppress(psycopg.OperationalError), closing(self.connect("postgres")):
                return
            assert self.process.poll() is None, (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-3000:]
            assert time.monotonic() < end, "PostgreSQL does not start"
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends its connections and itself; SIGQUIT as a crash does."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(how)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def connect(self, name: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self.url(name), autocommit=True, connect_timeout=5)

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run([str(self.bin / name), *arguments], capture_output=True, timeout=120, check=False, **_as_nobody())
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")


def create(url: str, name: str, *, template: str = "template1") -> str:
    """A database beside that of ``url``; its address."""
    place, _, _ = url.rpartition("/")
    with closing(psycopg.connect(f"{place}/postgres", autocommit=True)) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    return f"{place}/{name}"


@contextmanager
def running() -> Iterator[Cluster]:
    """One for whoever stops it in the middle. Raises LookupError where there is none to be had."""
    found = programs()
    if found is None:
        raise LookupError(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="packaging-postgresql-"))
    try:
        cluster = Cluster.made(found, folder)
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def shared() -> str | None:
    """The address of a database on the one that this run of the tests shares; None where there is no PostgreSQL."""
    if ADDRESS not in os.environ:
        life = running()
        try:
            cluster = life.__enter__()
        except LookupError:
            return None
        owner = os.getpid()
        atexit.register(lambda: life.__exit__(None, None, None) if os.getpid() == owner else None)
        os.environ[ADDRESS] = cluster.url("postgres")
    return os.environ[ADDRESS]


def _owner() -> tuple[int, int]:
    """Whose it is where root runs the tests, since it refuses to be root's."""
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _as_nobody() -> dict[str, Any]:
    plain: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}}
    if os.getuid() != 0:
        return plain
    user, group = _owner()
    return {**plain, "user": user, "group": group, "extra_groups": ()}
