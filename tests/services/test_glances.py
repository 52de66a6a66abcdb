"""What was looked at lately counts so for a while, and no longer, however many others were."""

import pytest

from getapi.core.errors import PackageExpired
from getapi.services.glances import Glances


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def look(glances: Glances, name: str) -> None:
    with glances.looking(name):
        pass


def test_a_look_counts_for_its_pause_and_another_one_prolongs_it() -> None:
    clock = Clock()
    glances = Glances(pause=30, clock=clock)
    assert not glances.is_fresh("a")
    look(glances, "a")
    clock.now += 29.9
    assert glances.is_fresh("a")
    assert not glances.is_fresh("b")
    look(glances, "a")
    clock.now += 29.9
    assert glances.is_fresh("a")
    clock.now += 0.1
    assert not glances.is_fresh("a")


def test_what_was_found_to_be_gone_counts_no_more() -> None:
    glances = Glances(pause=30, clock=Clock())
    look(glances, "a")
    with pytest.raises(PackageExpired), glances.looking("a"):
        raise PackageExpired
    assert not glances.is_fresh("a")


def test_a_look_counts_from_its_beginning() -> None:
    clock = Clock()
    glances = Glances(pause=30, clock=clock)
    with glances.looking("a"):
        assert not glances.is_fresh("a")
        clock.now += 20
    clock.now += 10
    assert not glances.is_fresh("a")


def test_of_too_many_the_oldest_looks_are_forgotten() -> None:
    glances = Glances(pause=30, most=2, clock=Clock())
    for name in ("a", "b", "a", "c"):
        look(glances, name)
    assert [glances.is_fresh(name) for name in "abc"] == [True, False, True]
