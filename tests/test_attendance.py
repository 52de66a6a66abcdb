"""The attendant is started again when it died, and not too often."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from packaging_service.attendance import FIRST_PAUSE, LAST_PAUSE, Attendance
from tests.transport.material import wait_until

LIVES = [sys.executable, "-c", "import time; time.sleep(60)"]
DIES = [sys.executable, "-c", ""]


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
