"""The database of a service that a test starts: a file of SQLite in its folder, or one of the PostgreSQL that this run is on."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from sqlite3 import connect
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from tests import postgresql

TOP = Path(__file__).resolve().parents[2]
FILE = "db.sqlite3"


@dataclass(frozen=True, slots=True)
class Database:
    """``url`` as the configuration has it."""

    url: str

    @classmethod
    def of(cls, folder: Path) -> "Database":
        """That of the service in this folder, made where it is not there yet, as the migrations leave it."""
        return _on_postgresql(folder) if os.environ.get(postgresql.VARIABLE) == "postgresql" else _on_sqlite(folder)

    def rows(self, query: str, *parameters: str) -> list[tuple[Any, ...]]:
        """``query`` has question marks for its parameters."""
        if self.url.startswith("sqlite"):
            with closing(connect(self.url.removeprefix("sqlite:///"), timeout=20)) as database:
                return database.execute(query, parameters).fetchall()
        with closing(psycopg.connect(self.url, autocommit=True)) as served:
            return served.execute(query.replace("?", "%s").encode(), parameters).fetchall()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Until its end nobody else writes."""
        if self.url.startswith("sqlite"):
            with closing(connect(self.url.removeprefix("sqlite:///"), timeout=20, isolation_level=None)) as database:
                database.execute("BEGIN IMMEDIATE")
                yield
                database.execute("ROLLBACK")
            return
        with closing(psycopg.connect(self.url)) as served:
            served.execute("LOCK TABLE getapi_delivery, getapi_package, getapi_download IN EXCLUSIVE MODE")
            yield
            served.rollback()


def _on_sqlite(folder: Path) -> Database:
    if not (folder / FILE).exists():
        (folder / FILE).write_bytes(_empty_file())
    return Database(f"sqlite:///{folder / FILE}")


def _on_postgresql(folder: Path) -> Database:
    name = f"packaging_{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
    place = _empty_template().rpartition("/")[0]
    with closing(psycopg.connect(f"{place}/postgres", autocommit=True)) as served:
        is_there = served.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    return Database(
        f"{place}/{name}" if is_there else postgresql.create(f"{place}/postgres", name, template=_empty_template().rpartition("/")[2])
    )


@cache
def _empty_file() -> bytes:
    with TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/{FILE}")
        return (Path(folder) / FILE).read_bytes()


@cache
def _empty_template() -> str:
    """One for each process of tests."""
    shared = postgresql.shared()
    assert shared is not None, postgresql.MISSING
    url = postgresql.create(shared, f"template_{os.getpid()}")
    migrate(url)
    return url


def migrate(url: str) -> None:
    """Takes longer than a server's start."""
    surroundings = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "packaging_service.settings",
        "PACKAGING_CONFIG": os.devnull,
        "PACKAGING_DATABASE": url,
        "PACKAGING_SECRET_KEY": "a key for the time of this test alone",
    }
    subprocess.run([sys.executable, str(TOP / "manage.py"), "migrate", "--verbosity", "0"], env=surroundings, check=True, timeout=120)
