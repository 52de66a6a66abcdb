"""What was found out from a frozen value alone, kept with it."""

from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Derived:
    """Findings by name. A source gives the same record for as long as nothing changes, so that what depends neither on the clock nor on
    who asks is found once and not for each request. Safe for threads: two of them may find the same."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: _Finding | None = None

    def find(self, what: str, given: object, make: Callable[[*Ts], T], *args: *Ts) -> T:
        """What ``make`` finds from the value that this belongs to and from ``given``, once for as long as ``given`` is the same object."""
        found = self._found
        while found is not None:
            name, asked, known, found = found
            if asked is given and name == what:
                finding: T = known
                return finding
        made = make(*args)
        self._found = what, given, made, _without(what, self._found)
        return made


_Finding = tuple[str, object, Any, "_Finding | None"]
"""Name, what was given, what was found, and the next one: there are two or three, and a dictionary of them is four times as large."""


def _without(what: str, found: _Finding | None) -> _Finding | None:
    if found is None:
        return None
    name, given, known, others = found
    rest = _without(what, others)
    return rest if name == what else found if rest is others else (name, given, known, rest)
