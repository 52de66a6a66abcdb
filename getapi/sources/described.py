"""What was learned of an object, and what it was learned from."""

from collections.abc import Sequence
from typing import Protocol

from getapi.core.source import ObjectRecord
from getapi.core.value import value


class Evidence(Protocol):
    """Something on a disk that was looked at."""

    def holds(self) -> bool:
        """Whether it is still as it was then."""


@value(frozen=True, slots=True, kw_only=True)
class Described:
    """A record and what it was made of: it is true for as long as the files are what they were, and what was not there is not."""

    record: ObjectRecord
    witnesses: Sequence[Evidence]

    def holds(self) -> bool:
        for witness in self.witnesses:  # noqa: SIM110 # this is asked of a thousand objects at once, and all() takes a third longer
            if not witness.holds():
                return False
        return True
