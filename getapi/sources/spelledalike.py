"""Objects under other spellings of a PID than the one that was asked for (SPEC 3)."""

from collections.abc import Callable
from typing import TypeVar

from getapi.core.reference import spellings
from getapi.sources.pathindex import PathIndex

T = TypeVar("T")
Look = Callable[[str], T | None]


def find_alike(pid: str, index: PathIndex, *, locate: Look[T], compute: Look[T]) -> list[tuple[str, T]]:
    """The object of the first other spelling that there is, else all that are alike but for case, each with its true PID.

    ``compute`` looks where the store's layout puts it, ``locate`` asks the index as well. One question to the index is for all spellings:
    a map may name many thousands of objects that are not here.
    """
    known = [spelling for spelling in index.pids(pid.lower()) if spelling != pid]
    for spelling in spellings(pid):
        found = locate(spelling) if spelling in known else compute(spelling)
        if found is not None:
            return [(spelling, found)]
    return [(spelling, found) for spelling in known if (found := locate(spelling)) is not None]
