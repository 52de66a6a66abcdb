"""``kill -9`` at any moment, of the whole service or of one worker: the download goes on, and each datastream is counted once.

``PACKAGING_KILLS=100 pytest tests/web/resume/test_kills.py`` does it a hundred times; ``PACKAGING_KILLS_SEED`` repeats a run's moments.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.conformance.foreign import program
from tests.ports import free_port
from tests.sources.stores import BuiltStore
from tests.web.resume.asking import Application, counted, curl, get
from tests.web.resume.material import FORMATS, Part, configuration, put_object, some
from tests.web.server import Server, serving

ROUNDS = int(os.environ.get("PACKAGING_KILLS", "10"))
SEED = os.environ.get("PACKAGING_KILLS_SEED", f"{time.time_ns()}")
RATE = "40M"
LONGEST = 1.5
"""Seconds: a little more than the whole package needs at that rate, so that some kills come after its last octet."""

PID = "killed:1"
PARTS = (
    Part(dsid="A", octets=some(40_000_000, "A"), declares="sha256"),
    Part(dsid="B", octets=some(3_000_001, "B")),
    Part(dsid="C", octets=b""),
    Part(dsid="D", octets=some(9_000_000, "D"), declares="md5"),
)
DATASTREAMS = sorted(["DC", *(part.dsid for part in PARTS)])


class Mortal:
    """A service that can be killed, and is started again on its port and its database."""

    def __init__(self, folder: Path, toml: str) -> None:
        self._folder = folder
        self._toml = toml
        self._port = free_port()
        self._life = ExitStack()
        self.server = self.start()

    def start(self) -> Server:
        self.server = self._life.enter_context(serving(self._folder, toml=self._toml, port=self._port))
        return self.server

    def kill(self) -> None:
        """The master and its workers, with no chance to say anything."""
        os.kill(self.server.pid, signal.SIGSTOP)  # it must not have one more worker meanwhile
        while _state(self.server.pid) != "T":
            time.sleep(0.001)
        for pid in (*self._workers(), self.server.pid):
            os.kill(pid, signal.SIGKILL)
        self.end()

    def kill_worker(self, chance: Random) -> None:
        os.kill(chance.choice(self._workers()), signal.SIGKILL)

    def end(self) -> None:
        self._life.close()

    def _workers(self) -> list[int]:
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text(encoding="ascii")
        return list(map(int, children.split()))


def _state(pid: int) -> str:
    """proc(5)'s letter."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    store = BuiltStore(root=tmp_path_factory.mktemp("store"))
    put_object(store, PID, *PARTS)
    started = Mortal(tmp_path_factory.mktemp("mortal"), configuration(store))
    yield started
    started.end()


@pytest.fixture(scope="module")
def application(mortal: Mortal) -> Application:
    return Application.at(mortal.server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When and what is killed, and what to type to have it again."""

    mortal: Mortal
    chance: Random
    number: int
    seconds: float

    @classmethod
    def of(cls, mortal: Mortal, number: int) -> "Moment":
        chance = Random(f"{SEED} {number}")
        return cls(mortal=mortal, chance=chance, number=number, seconds=chance.uniform(0, LONGEST))

    def __str__(self) -> str:
        return f"PACKAGING_KILLS_SEED={SEED}: {self.number}, killed after {self.seconds:.3f} s"

    def download(self, address: str, file: Path, *options: str) -> None:
        """Begins it, kills, and waits until what began has seen it; at the end the service runs."""
        command = [program("curl"), "-sS", "--limit-rate", RATE, *options, "-o", str(file), self.mortal.server.url + address]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as download:
            time.sleep(self.seconds)  # any moment: there is nothing to wait for
            if self.number % 2:
                self.mortal.kill_worker(self.chance)
            else:
                self.mortal.kill()
                self.mortal.start()
            assert download.wait(60) in {0, 7, 18, 52, 56}, self


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_package_goes_on_after_a_kill(mortal: Mortal, application: Application, tmp_path: Path, number: int) -> None:
    moment, file = Moment.of(mortal, number), tmp_path / "package"
    address = application.link(PID, FORMATS[number // 2 % len(FORMATS)])
    moment.download(address, file)
    there = size_of(file)
    resume(mortal.server, address, file)
    story = f"{moment}, went on at {there} of {size_of(file)}"
    assert counted(mortal.server, address, len(DATASTREAMS), story=story) == DATASTREAMS
    assert file.read_bytes() == get(mortal.server, address).body, story


@pytest.mark.parametrize("number", range(ROUNDS, ROUNDS + (ROUNDS + 4) // 5))
def test_a_datastream_alone_goes_on_after_a_kill(mortal: Mortal, tmp_path: Path, number: int) -> None:
    """Its reader is known by address and program, here a program of this round alone."""
    moment, file, address = Moment.of(mortal, number), tmp_path / "datastream", f"/api/get/{PID}/A"
    program_name = ("-A", f"reader-{tmp_path.name}")
    moment.download(address, file, *program_name)
    there = size_of(file)
    resume(mortal.server, address, file, *program_name)
    assert file.read_bytes() == PARTS[0].octets, moment
    query = "SELECT dsid FROM getapi_download WHERE user_agent = ?"
    assert mortal.server.wait_for_rows(query, program_name[1]) == [("A",)], f"{moment}, went on at {there}"


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def resume(server: Server, address: str, file: Path, *options: str) -> None:
    """As the documentation tells people: until it says that it is whole. A worker that was killed may have had the first attempt, too."""
    for _ in range(10):
        if curl(server.url + address, file, *options) == 0:
            return
    raise AssertionError(server.log[-3000:])
