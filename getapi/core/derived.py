"""What was found out from a frozen value alone, kept with it."""

from collections.abc import Callable
from dataclasses import field
from typing import Any, TypeVar, TypeVarTuple

from getapi.core.value import value

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

Finding = tuple[str, object, Any, "Finding | None"]
"""Name, what was given, what was found, and the next one: there are two or three, and a dictionary of them is four times as large."""


@value(frozen=True, slots=True, kw_only=True)
class Deriving:
    """A value that keeps findings by name. A source gives the same record for as long as nothing changes, so that what depends neither on
    the clock nor on who asks is found once and not for each request. Safe for threads: two of them may find the same."""

    findings: Finding | None = field(default=None, init=False, repr=False, compare=False)

    def derive(self, what: str, given: object, make: Callable[[*Ts], T], *args: *Ts) -> T:
        """What ``make`` finds from this value and from ``given``, once for as long as ``given`` is the same object."""
        found, is_known = self.findings, False
        while found is not None and not is_known:
            name, asked, known, found = found
            is_known = name == what
            if is_known and asked is given:
                finding: T = known
                return finding
        made = make(*args)
        others = _without(what, self.findings) if is_known else self.findings
        object.__setattr__(self, "findings", (what, given, made, others))
        return made


def _without(what: str, found: Finding | None) -> Finding | None:
    if found is None:
        return None
    name, given, known, others = found
    rest = _without(what, others)
    return rest if name == what else found if rest is others else (name, given, known, rest)
