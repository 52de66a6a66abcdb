"""Several processes, a limit of three, and kills: never a fourth delivery, and all slots are free again afterwards.

``PACKAGING_SLOTS=10000 pytest tests/web/slots/test_hammer.py`` does it ten thousand times.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from tests.web.database import TOP, Database
from tests.web.slots.hammer import Journal

EVENTS = int(os.environ.get("PACKAGING_SLOTS", "600"))
"""Starts, stops and kills together."""

SEED = f"{time.time_ns()}"
"""For what differs from run to run; what processes do at the same time cannot be repeated."""

PROCESSES = 3
LIMIT = 3
PER_READER = 2
TOML = f"[limits]\nconcurrent = {LIMIT}\nper_reader = {PER_READER}\n"
CONNECTIONS = 16


class Hammers:
    def __init__(self, folder: Path, life: ExitStack) -> None:
        self.database = Database.of(folder)
        (folder / "packaging.toml").write_text(f'database = "{self.database.url}"\n{TOML}', encoding="utf-8")
        self.path, self.log = folder / "journal", folder / "log"
        self.journal = Journal.at(str(self.path))
        life.callback(os.close, self.journal.file)
        self._life, self._number = life, 0
        self._surroundings = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "packaging_service.settings",
            "PACKAGING_CONFIG": str(folder / "packaging.toml"),
            "PACKAGING_SECRET_KEY": "a key for the time of this test alone",
        }

    def start(self, count: int, *, threads: int = 4) -> "subprocess.Popen[bytes]":
        self._number += 1
        words = (str(self.path), f"{SEED} {self._number}", str(count), str(threads))
        command = [sys.executable, "-m", "tests.web.slots.hammer", *words]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=TOP, env=self._surroundings, stdout=log, stderr=log)
        self._life.callback(process.wait)
        self._life.callback(process.kill)
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """It is frozen when its end is told, so that the journal never says of one that lives that it is dead."""
        os.kill(process.pid, signal.SIGSTOP)
        while not _states(process.pid) <= {"T", "Z", "X"}:
            time.sleep(0.0005)
        self.journal.tell("x", process.pid)
        process.kill()
        process.wait()

    @property
    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.path.read_text(encoding="ascii").splitlines()]


def _states(pid: int) -> set[str]:
    """proc(5)'s letters of its threads: the last one may still write when the first stands still."""
    return {file.read_text(encoding="utf-8").rpartition(")")[2].split()[0] for file in Path(f"/proc/{pid}/task").glob("*/stat")}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_never_a_fourth_delivery_whatever_starts_stops_and_is_killed(tmp_path: Path) -> None:
    chance, began = Random(SEED), time.monotonic()
    with ExitStack() as life:
        hammers = Hammers(tmp_path, life)
        running = [hammers.start(10**9) for _ in range(PROCESSES)]
        while (done := sum(line[0] in "+-x" for line in hammers.lines)) < EVENTS:
            assert time.monotonic() - began < 60 + EVENTS / 10, f"{done}\n{hammers.log.read_text(encoding='utf-8')[-3000:]}"
            time.sleep(chance.uniform(0.3, 1.5 if EVENTS < 2000 else 6))
            position = chance.randrange(PROCESSES)
            assert running[position].poll() is None, hammers.log.read_text(encoding="utf-8")[-3000:]
            hammers.kill(running[position])
            running[position] = hammers.start(10**9)
        for process in running:
            hammers.kill(process)
        judge(hammers.lines)
        free_again(hammers)


def judge(lines: list[list[str]]) -> None:
    """The journal never shows more than there was: so what it shows is enough to convict."""
    holders: dict[str, tuple[str, str, str]] = {}
    most = 0
    for kind, pid, *rest in lines:
        if kind == "+":
            holders[rest[0]] = (pid, rest[1], rest[2])
        elif kind == "-":
            del holders[rest[0]]
        elif kind == "x":
            holders = {uid: holder for uid, holder in holders.items() if holder[0] != pid}
        taken = Counter((reader, package) for _, reader, package in holders.values())
        slots = Counter[str]()
        for (reader, _), count in taken.items():
            slots[reader] += -(-count // CONNECTIONS)
        assert slots.total() <= LIMIT, holders
        assert max(slots.values(), default=0) <= PER_READER, holders
        most = max(most, slots.total())
    told = Counter(kind for kind, *_ in lines)
    print(
        f"{told['+']} starts, {told['-']} stops, {told['x']} kills, {told['r']} refusals, {told['u']} waited in vain; most at once: {most}"
    )
    assert most == LIMIT, "it was never put to the test"
    assert told["r"]
    assert told["x"]


def free_again(hammers: Hammers) -> None:
    """One process alone, with as many readers at once as there are slots, and nobody is refused."""
    before = len(hammers.lines)
    assert hammers.start(20, threads=LIMIT).wait(60) == 0, hammers.log.read_text(encoding="utf-8")[-3000:]
    assert Counter(kind for kind, *_ in hammers.lines[before:]) == {"+": 20 * LIMIT, "-": 20 * LIMIT}
    lives = {pid for kind, pid, *_ in hammers.lines[before:]}
    rows = hammers.database.rows("SELECT process FROM getapi_delivery WHERE outcome = 'running'")
    assert not [process for (process,) in rows if process.split("/")[1] in lives], "it gave everything back"
