"""Counters that processes share: nothing is lost between threads and processes, and the dead leave what they counted."""

import os
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.tally import Tally

words = st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"]), max_size=12)


def forked(work: Callable[[], object]) -> int:
    """The number of a process that did the work and has ended."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return pid


@given(st.lists(st.tuples(st.lists(words, min_size=1, max_size=3), st.integers(0, 2**40)), max_size=40))
def test_it_sums_up_what_was_added_under_each_name(added: list[tuple[list[str], int]]) -> None:
    tally, expected = Tally(slots=2), dict[tuple[str, ...], float]()
    for number, (name, amount) in enumerate(added):
        tally.take(number % 2)
        tally.add(*name, amount=amount)
        expected[tuple(name)] = expected.get(tuple(name), 0) + amount
    assert tally.sums() == expected


def test_threads_lose_nothing() -> None:
    tally = Tally(slots=1)

    def count() -> None:
        for number in range(2000):
            tally.add("x", str(number % 7))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(tally.sums().values()) == 16_000


def test_a_process_that_takes_a_dead_one_s_place_goes_on_counting() -> None:
    tally = Tally(slots=3)

    def count() -> None:
        tally.take(1)
        tally.add("requests", "GET", amount=2)
        tally.put("slots", value=5)

    forked(count)
    forked(count)
    assert tally.sums() == {("requests", "GET"): 4, ("slots",): 5}


def test_only_the_living_are_told_apart() -> None:
    tally = Tally(slots=3)
    dead = forked(lambda: tally.take(0))
    tally.take(2)
    tally.put("slots", value=7)
    assert tally.living() == {2: os.getpid()}
    assert tally.of_living("slots") == {2: 7}
    assert tally.of_living("nothing") == {2: 0}
    assert tally.is_first
    tally.leave(0, dead)
    tally.leave(2, dead)
    assert tally.living() == {2: os.getpid()}


def test_the_first_of_the_living_has_what_one_alone_is_to_do() -> None:
    tally = Tally(slots=3)
    tally.take(0)

    def look() -> None:
        tally.take(1)
        tally.put("is_first", value=tally.is_first)

    forked(look)
    assert tally.sums()["is_first",] == 0


def test_a_full_place_goes_without_one_more_name_and_keeps_the_others() -> None:
    tally = Tally(slots=2, size=128)
    for number in range(50):
        tally.add(f"name-{number}")
        tally.put(f"also-{number}", value=1)
    known = tally.sums()
    assert 0 < len(known) < 10
    tally.add("name-0")
    assert tally.sums() == known | {("name-0",): 2}
    tally.take(1)
    tally.add("other")
    assert tally.sums()["other",] == 1


def test_a_process_without_a_place_counts_nothing_and_tells_all() -> None:
    tally = Tally(slots=1)
    tally.add("x")

    def look() -> None:
        tally.reset()
        tally.abstain()
        tally.add("x")
        tally.put("y", value=1)
        assert tally.sums() == {("x",): 1}
        assert not tally.is_first

    look()
    assert tally.sums() == {("x",): 1}


@pytest.mark.parametrize("slot", [-1, 2])
def test_there_is_no_place_beyond_the_last(slot: int) -> None:
    with pytest.raises(IndexError):
        Tally(slots=2).take(slot)
