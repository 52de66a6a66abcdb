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
        self._found: dict[str, tuple[object, Any]] = {}

    def find(self, what: str, given: object, make: Callable[[*Ts], T], *args: *Ts) -> T:
        """What ``make`` finds from the value that this belongs to and from ``given``, once for as long as ``given`` is the same object."""
        known = self._found.get(what)
        if known is None or known[0] is not given:
            known = self._found[what] = given, make(*args)
        found: T = known[1]
        return found
