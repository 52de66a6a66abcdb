"""The attendant is started again when it died, and not too often."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from getapi.conf.tables import ROOT
from packaging_service.attendance import FIRST_PAUSE, LAST_PAUSE, Attendance
from tests.transport.material import wait_until

LIVES = [sys.executable, "-c", "import time; time.sleep(60)"]
DIES = [sys.executable, "-c", ""]
CTRL_C = "import os, pathlib, signal, sys; os.kill(os.getpid(), signal.SIGINT)"
"""It comes while the process still loads."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def attending(command: list[str], told: list[str], clock: Clock) -> Iterator[Attendance]:
    attendance = Attendance(command, tell=told.append, clock=clock)
    try:
        yield attendance
    finally:
        attendance.stop()


def test_one_that_lives_is_left_alone() -> None:
    told, clock = list[str](), Clock()
    with attending(LIVES, told, clock) as attendance:
        first = attendance._process.pid
        for _ in range(5):
            clock.now += 100
            attendance.look()
        assert (attendance._process.pid, told) == (first, [])


def test_one_that_dies_again_and_again_is_started_ever_less_often() -> None:
    told, clock, starts = list[str](), Clock(), list[float]()
    with attending(DIES, told, clock) as attendance:
        for _ in range(9):
            process = attendance._process
            wait_until(lambda process=process: process.poll() is not None)  # type: ignore[misc] # bound where it stands
            while attendance._process is process:
                clock.now += 0.5
                attendance.look()
            starts.append(clock.now)
    pauses = [after - before for before, after in pairwise(starts)]
    assert pauses == sorted(pauses)
    assert FIRST_PAUSE < pauses[0] <= 2 * FIRST_PAUSE * 2 + 1
    assert LAST_PAUSE <= pauses[-1] <= LAST_PAUSE + 1
    assert len(told) == 9


def test_one_that_its_parent_collected_counts_as_dead() -> None:
    told, clock = list[str](), Clock()
    with attending(DIES, told, clock) as attendance:
        first = attendance._process.pid
        os.waitpid(first, 0)  # as gunicorn's main process does with whatever child of it ends
        attendance.look()
        clock.now += LAST_PAUSE
        attendance.look()
        assert attendance._process.pid != first


def test_a_machine_without_room_for_it_costs_the_web_processes_nothing() -> None:
    told, clock = list[str](), Clock()
    with attending(DIES, told, clock) as attendance:
        wait_until(lambda: attendance._process.poll() is not None)
        attendance._command = ["/nowhere/at/all"]
        for _ in range(10):
            clock.now += LAST_PAUSE / 3
            attendance.look()
        assert 2 <= len([line for line in told if "cannot be started" in line]) <= 4
        attendance._command = LIVES
        clock.now += LAST_PAUSE
        attendance.look()
        assert attendance._process.poll() is None


def test_ctrl_c_while_an_attendant_still_loads_ends_it_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    attends = f"{CTRL_C}; sys.path.insert(0, {str(ROOT)!r}); from packaging_service.attendant import Attendant"
    command = [sys.executable, "-c", f"{attends}; Attendant(os.getppid(), sys.argv[1:]).run()", *LIVES]
    with attending(command, [], Clock()) as attendance:
        assert attendance._process.wait(20) == 0
    assert capfd.readouterr().err == ""


def test_ctrl_c_while_a_worker_still_loads_is_left_to_its_attendant(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    works = [sys.executable, "-c", f"{CTRL_C}; pathlib.Path({str(tmp_path / 'loaded')!r}).touch(); import time; time.sleep(60)"]
    with attending([sys.executable, "-m", "packaging_service.attendant", str(os.getpid()), *works], [], Clock()):
        wait_until((tmp_path / "loaded").exists)
    assert capfd.readouterr().err == ""
