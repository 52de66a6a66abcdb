"""What was learned of an object, and what it was learned from."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from getapi.core.source import ObjectRecord
from getapi.core.value import value


class Evidence(Protocol):
    """Something on a disk that was looked at."""

    def holds(self) -> bool:
        """Whether it is still as it was then."""


EvidenceT = TypeVar("EvidenceT", bound=Evidence)


@value(frozen=True, slots=True, kw_only=True)
class Described(Generic[EvidenceT]):
    """A record and what it was made of: it is true for as long as the files are what they were, and what was not there is not."""

    record: ObjectRecord
    witnesses: Sequence[EvidenceT]

    def holds(self) -> bool:
        return all(witness.holds() for witness in self.witnesses)
