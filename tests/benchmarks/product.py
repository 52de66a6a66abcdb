"""This service as the benchmarks run it: ``manage.py serve`` on a store of its own, with a key and a token."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect

import requests

from tests.benchmarks.material import Material
from tests.web.database import TOP
from tests.web.server import Server, serving

_TOML = """
[tokens]
ttl = "12 h"
[limits]
files = 100_000
bytes = "1000 GB"
packages = 1_000_000
concurrent = 100_000
per_key = 100_000
per_reader = 100_000
active_bytes = "1000000 GB"
planning = 64
[fixity]
max_age = "{max_age}"
[[repositories]]
name = "bench"
type = "fedora3"
objects = "{objects}"
datastreams = "{datastreams}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A running server, and a token for the whole of its material."""

    server: Server
    material: Material
    token: str

    @property
    def pid(self) -> int:
        return self.server.pid

    @property
    def address(self) -> str:
        return f"{self.server.url}/api/get/PACKAGE"

    def form(self, **parameters: str) -> dict[str, str]:
        """What PACKAGE is asked with; without ``files`` for everything."""
        return {"token": self.token, "files": self.material.request, **parameters}

    def arguments(self, **parameters: str) -> tuple[str, ...]:
        """The same for curl."""
        return tuple(part for name, value in self.form(**parameters).items() for part in ("--data-urlencode", f"{name}={value}"))

    def keep(self, **parameters: str) -> str:
        """The address of a kept package's bytes."""
        answer = requests.post(self.address, data=self.form(delivery="link", **parameters), timeout=60)
        answer.raise_for_status()
        return f"{self.server.url}{answer.headers['Content-Location']}"

    def warm_up(self) -> None:
        """Plans often enough that each of its processes has done so."""
        for _ in range(20):
            self.keep()

    def scan(self) -> None:
        """Every datastream is read, and known to be right."""
        manage(self.server.folder, "fixity_scan")

    def vouch(self) -> None:
        """The ledger says so of every datastream, although nobody read it: for more octets than a benchmark can wait for."""
        surroundings = {**os.environ, **_surroundings(self.server.folder), "DJANGO_SETTINGS_MODULE": "packaging_service.settings"}
        command = [sys.executable, "-m", "tests.benchmarks.vouching", str(len(self.material.files))]
        subprocess.run(command, cwd=TOP, env=surroundings, check=True)

    def forget(self) -> None:
        """As if nothing had ever been verified."""
        with closing(connect(self.server.folder / "db.sqlite3", timeout=20)) as database, database:
            database.executescript("DELETE FROM getapi_fixity; DELETE FROM getapi_fixityrevision")


@contextmanager
def running(folder: Path, material: Material, *, max_age: str = "30 d", threads: int = 72) -> Iterator[Product]:
    """Two processes, of ``threads`` each; with ``max_age`` "0 s" every delivery is verified while it is sent."""
    folder.mkdir()
    toml = _TOML.format(max_age=max_age, objects=material.store.objects, datastreams=material.store.datastreams)
    with serving(folder, toml=toml, threads=threads) as server:
        yield Product(server=server, material=material, token=_token(server))


def manage(folder: Path, *arguments: str) -> str:
    """What ``manage.py`` prints, with the configuration and the database of the server in that folder."""
    command = [sys.executable, str(TOP / "manage.py"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **_surroundings(folder)}).stdout


def _token(server: Server) -> str:
    key = manage(server.folder, "create_key", "bench", "--network", "127.0.0.1").splitlines()[-1]
    answer = requests.post(f"{server.url}/api/get/getToken", data={"key": key}, timeout=30)
    return answer.text.removeprefix("<token>").removesuffix("</token>")


def _surroundings(folder: Path) -> dict[str, str]:
    return {"PACKAGING_CONFIG": str(folder / "packaging.toml"), "PACKAGING_SECRET_KEY": "a key for the time of this test alone"}
