"""Signs of life, and when there are none any more."""

import time
from collections.abc import Iterator

import pytest
from django import db

from getapi.core.errors import PreparationStopped
from getapi.services import jobs, pulse
from getapi.services.jobs import Claim
from getapi.services.pulse import HUNG, SILENCE, Pulse

HELD = Claim(job=1, package="0" * 32, holder="me#1", attempt=1, request=None, thorough=False)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The progress that each sign of life told; ``answers`` of the database come from the list's end."""
    signs: list[int] = []

    def renew(_held: Claim, progress: int) -> bool:
        signs.append(progress)
        return True

    monkeypatch.setattr(jobs, "renew", renew)
    yield signs
    pulse.stopping.clear()


def test_it_tells_the_progress_which_never_becomes_less(clock: Clock, told: list[int]) -> None:
    beat = Pulse(HELD, clock=clock)
    for per_cent in (10, 40, 20):
        beat.reach(per_cent)
        beat._renew()
    assert told == [10, 40, 40]


def test_who_lost_the_job_stops(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "renew", lambda *_: False)
    beat = Pulse(HELD, clock=clock)
    beat.check()
    beat._renew()
    with pytest.raises(PreparationStopped):
        beat.check()


def test_who_cannot_say_that_it_lives_stops_before_somebody_else_begins(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> bool:
        raise db.OperationalError("away")

    monkeypatch.setattr(jobs, "renew", away)
    beat = Pulse(HELD, clock=clock)
    clock.now = SILENCE - 1
    beat._renew()
    beat.check()
    clock.now = SILENCE + 1
    with pytest.raises(PreparationStopped):
        beat.check()
    assert jobs.LEASE.total_seconds() > SILENCE


def test_a_thread_that_hangs_gives_no_signs_of_life_for_ever(clock: Clock, told: list[int]) -> None:
    beat = Pulse(HELD, clock=clock)
    clock.now = HUNG - 1
    beat._renew()
    clock.now = HUNG + 1
    beat._renew()
    assert told == [0]


def test_a_process_that_is_to_end_stops_what_it_does(clock: Clock, told: list[int]) -> None:
    beat = Pulse(HELD, clock=clock)
    pulse.stopping.set()
    with pytest.raises(PreparationStopped):
        beat.reach(5)


def test_the_signs_come_by_themselves(told: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "BEAT", 0.01)
    with Pulse(HELD) as beat:
        beat.reach(7)
        end = time.monotonic() + 10
        while 7 not in told:
            assert time.monotonic() < end
            time.sleep(0.01)
