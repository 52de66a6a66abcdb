import logging
import threading
import time
from collections.abc import Iterator

import pytest
from django import db

from getapi.services.rounds import Rounds
from tests.transport.material import wait_until


class Basket:
    """What is to be written, by a database that may be away or refuse to answer for ever."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.written: list[str] = []
        self.fault: Exception | None = None
        self.goes_on = False
        self.calls: list[float] = []

    def write(self) -> bool:
        self.calls.append(time.monotonic())
        if self.fault is not None:
            raise self.fault
        self.written, self.waiting = [*self.written, *self.waiting], []
        return self.goes_on


@pytest.fixture
def basket() -> Basket:
    return Basket()


@pytest.fixture
def rounds(basket: Basket) -> Iterator[Rounds]:
    made = Rounds(interval=0.05)
    made.every_second(basket.write)
    yield made
    basket.fault, basket.goes_on = None, False
    assert made.flush(10)
    wait_until(lambda: made._thread is None)


def test_what_cannot_wait_is_written_at_once(basket: Basket) -> None:
    patient = Rounds(interval=60)
    patient.every_second(basket.write)
    basket.waiting.append("a")
    patient.wake()
    wait_until(lambda: basket.written == ["a"])
    patient._interval = 0.01
    patient.wake()
    wait_until(lambda: patient._thread is None)


def test_what_can_wait_is_written_in_the_next_round(rounds: Rounds, basket: Basket) -> None:
    basket.waiting.append("a")
    began = time.monotonic()
    rounds.engage()
    wait_until(lambda: basket.written == ["a"])
    assert basket.calls[0] - began > 0.03


def test_rounds_go_on_as_long_as_a_duty_wants_them_and_begin_anew(rounds: Rounds, basket: Basket) -> None:
    basket.goes_on = True
    rounds.wake()
    wait_until(lambda: len(basket.calls) >= 4)
    basket.goes_on = False
    wait_until(lambda: rounds._thread is None)
    count = len(basket.calls)
    rounds.wake()
    wait_until(lambda: len(basket.calls) > count)


def test_what_is_asked_for_during_a_round_gets_another_one() -> None:
    rounds, begun, go_on, calls = Rounds(interval=0.05), threading.Event(), threading.Event(), []

    def slow() -> bool:
        calls.append(1)
        begun.set()
        return not go_on.wait(10)

    rounds.every_second(slow)
    rounds.wake()
    assert begun.wait(10)
    rounds.engage()
    go_on.set()
    wait_until(lambda: len(calls) == 2)
    assert rounds.flush(10)


def test_a_flush_waits_for_what_is_pending_but_not_for_ever(rounds: Rounds, basket: Basket) -> None:
    basket.waiting.append("a")
    assert rounds.flush(10)
    assert basket.written == ["a"]
    basket.fault = db.OperationalError("away")
    assert not rounds.flush(0.2)
    basket.fault = None
    assert rounds.flush(10)


def test_a_database_that_is_away_is_told_once_and_asked_no_more_than_each_interval(
    caplog: pytest.LogCaptureFixture, basket: Basket
) -> None:
    rounds = Rounds(interval=0.1)
    rounds.every_second(basket.write)
    basket.fault = db.OperationalError("away")
    basket.waiting.append("a")
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "getapi.rounds"):
        rounds.wake()
        wait_until(lambda: rounds.is_away)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            rounds.wake()
            time.sleep(0.001)
        assert len(basket.calls) < 5 + (time.monotonic() - began) / 0.1
        basket.fault = None
        assert rounds.flush(10)
    assert basket.written == ["a"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert not rounds.is_away
    wait_until(lambda: rounds._thread is None)


def test_a_duty_that_fails_keeps_no_other_from_being_done(rounds: Rounds, basket: Basket, caplog: pytest.LogCaptureFixture) -> None:
    failures = [RuntimeError("unforeseen")]

    def failing() -> bool:
        if failures:
            raise failures.pop()
        return False

    rounds._duties.insert(0, failing)
    basket.waiting.append("a")
    assert rounds.flush(10)
    assert basket.written == ["a"]
    assert "is tried again" in caplog.text
    assert not rounds.is_away


def test_without_a_thread_of_its_own_whoever_wakes_it_goes_the_round(rounds: Rounds, basket: Basket) -> None:
    rounds.in_background = False
    basket.waiting.append("a")
    rounds.engage()
    assert basket.written == []
    rounds.wake()
    assert basket.written == ["a"]
    assert rounds.flush(0)
    rounds.in_background = True
