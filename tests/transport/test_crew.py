"""Threads that take turns at long jobs, and what becomes of the others where some of them hang."""

import threading
from collections.abc import Iterator

import pytest

from getapi.transport import crew as module
from getapi.transport.crew import MOST_STUCK, SPARE, Crew
from tests.transport.material import wait_until


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Slices:
    """A job of some slices; with an event each of them waits for that."""

    def __init__(self, count: int, *, log: list[str] | None = None, name: str = "", group: str = "", event: threading.Event | None = None):
        self.group = group
        self.moved = 0.0
        self.left = count
        self.wanted = True
        self.kept = False
        self.given_up = threading.Event()
        self.done = threading.Event()
        self.entered = threading.Event()
        self._log = log if log is not None else []
        self._name = name
        self._event = event

    def advance(self) -> bool:
        self.entered.set()
        if self._event is not None:
            assert self._event.wait(10)
        self._log.append(self._name)
        self.left -= 1
        if self.left <= 0:
            self.done.set()
        return self.left <= 0

    def is_wanted(self) -> bool:
        return self.wanted

    def is_abandoned(self) -> bool:
        return not self.wanted and not self.kept

    def give_up(self) -> None:
        self.given_up.set()


@pytest.fixture
def go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_new_jobs_take_turns_with_those_that_were_begun(go: threading.Event) -> None:
    log: list[str] = []
    crew = Crew(1)
    first = Slices(3, log=log, name="large", event=go)
    crew.put(first)
    assert first.entered.wait(10)
    others = [Slices(2, log=log, name=name) for name in "ab"]
    for other in others:
        crew.put(other)
    go.set()
    for job in (first, *others):
        assert job.done.wait(10)
    assert log == ["large", "large", "a", "large", "b", "a", "b"]


def test_what_nobody_wants_any_more_is_given_up(go: threading.Event) -> None:
    crew, busy, idle = Crew(1), Slices(1, event=go), Slices(1)
    crew.put(busy)
    assert busy.entered.wait(10)
    crew.put(idle)
    idle.wanted = False
    go.set()
    assert idle.given_up.wait(10)
    assert not idle.entered.is_set()


def test_what_nobody_waits_for_stays_where_it_is_until_it_is_wanted_again_or_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 0.02)
    crew, job, other = Crew(1), Slices(2), Slices(1)
    job.wanted, job.kept = False, True
    crew.put(job)
    crew.put(other)
    assert other.done.wait(10)
    assert not job.entered.is_set()
    job.wanted = True
    crew.tend()
    assert job.done.wait(10)
    late = Slices(1)
    late.wanted, late.kept = False, True
    crew.put(late)
    late.kept = False
    crew.put(Slices(1))
    assert late.given_up.wait(10)


def hang(crew: Crew, go: threading.Event, count: int, group: str) -> list[Slices]:
    """Jobs that hang, as many as there are threads for."""
    jobs = [Slices(1, group=group, event=go) for _ in range(count)]
    for job in jobs:
        crew.put(job)
    return jobs


def test_where_all_threads_hang_others_take_their_place_after_a_while(go: threading.Event) -> None:
    clock = Clock()
    crew = Crew(2, clock=clock)
    for job in hang(crew, go, 2, "hung"):
        assert job.entered.wait(10)
    well = Slices(1, group="well")
    crew.put(well)
    crew.tend()
    assert not well.done.wait(0.05)
    clock.now += module.STUCK + 1
    crew.tend()
    assert well.done.wait(10)


def test_one_repository_that_hangs_does_not_hold_all_threads(go: threading.Event) -> None:
    clock = Clock()
    crew = Crew(2, clock=clock)
    jobs = hang(crew, go, 50, "hung")
    for _ in range(30):
        clock.now += module.STUCK + 1
        crew.tend()
        wait_until(lambda: sum(job.entered.is_set() for job in jobs) >= 2)
    well = Slices(1, group="well")
    crew.put(well)

    def is_reached() -> bool:
        """Who waits for it tends the crew, and time goes on."""
        clock.now += module.STUCK + 1
        crew.tend()
        return well.done.is_set()

    wait_until(is_reached)
    assert sum(job.entered.is_set() for job in jobs) <= MOST_STUCK + 2


def test_there_is_an_end_to_threads_that_take_the_place_of_others(go: threading.Event) -> None:
    clock = Clock()
    crew = Crew(1, clock=clock)
    jobs = [job for number in range(SPARE + 5) for job in hang(crew, go, 1, str(number))]
    for count in range(1, SPARE + 10):
        wait_until(lambda count=count: sum(job.entered.is_set() for job in jobs) >= min(count, SPARE + 1))  # type: ignore[misc] # a default
        clock.now += module.STUCK + 1
        crew.tend()
    assert sum(job.entered.is_set() for job in jobs) == SPARE + 1
    go.set()
    for job in jobs:
        wait_until(job.done.is_set)


def test_a_thread_that_comes_back_from_a_disk_that_hung_makes_room(go: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 0.05)
    before, clock = threading.active_count(), Clock()
    crew = Crew(1, clock=clock)
    (stuck,) = hang(crew, go, 1, "hung")
    assert stuck.entered.wait(10)
    clock.now += module.STUCK + 1
    well = Slices(1)
    crew.put(well)
    assert well.done.wait(10)
    go.set()
    assert stuck.done.wait(10)
    wait_until(lambda: threading.active_count() <= before)
    again = Slices(1)
    crew.put(again)
    assert again.done.wait(10)


def test_where_no_thread_can_be_started_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    crew, job = Crew(1), Slices(1)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        crew.put(job)
        crew.tend()
    assert not job.entered.is_set()
    crew.tend()
    assert job.done.wait(10)
