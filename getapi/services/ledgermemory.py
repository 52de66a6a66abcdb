"""What this process has read of the fixity ledger: it is true for as long as nothing was written there."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from getapi.core.ledger import Examination
from getapi.core.source import DatastreamRecord

Key = tuple[str, str]
"""PID and DSID."""

Read = Callable[[str, list[DatastreamRecord]], Mapping[Key, Examination]]
"""What the ledger knows of a repository's datastreams, as it is now."""

LASTS = 10.0
"""Seconds after which it is read again in any case: whoever changes the table by hand, or a service of before, writes no revision."""

MOST = 16_384
"""Datastreams of a repository of which that is remembered: 1.5 KB each, where nothing else holds their records."""


@dataclass(frozen=True, slots=True)
class _State:
    """``known`` has for each datastream, as the same value, what counts of its bytes, if anything."""

    revision: str
    until: float
    known: dict[Key, tuple[DatastreamRecord, Examination | None]] = field(default_factory=dict)


class LedgerMemory:
    """Safe for threads: what several of them find out at once is the same."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[str, _State] = {}

    def look_up(self, repository: str, revision: str, datastreams: Iterable[DatastreamRecord], read: Read) -> dict[Key, Examination]:
        """What ``read`` gives of all these; it is asked of those alone of which that is not known.

        ``revision`` is the ledger's as it was found before: what is read now may be later, never earlier.
        """
        known = self._known(repository, revision)
        told: dict[Key, Examination] = {}
        unknown = []
        for datastream in datastreams:
            key = datastream.pid, datastream.dsid
            was, seen = known.get(key, _NOTHING)
            if was is not datastream:
                unknown.append(datastream)
            elif seen is not None:
                told[key] = seen
        if unknown:
            found = read(repository, unknown)
            told.update(found)
            if len(known) + len(unknown) <= MOST:
                known.update({(each.pid, each.dsid): (each, found.get((each.pid, each.dsid))) for each in unknown})
        return told

    def _known(self, repository: str, revision: str) -> dict[Key, tuple[DatastreamRecord, Examination | None]]:
        state, now = self._states.get(repository), self._clock()
        if state is None or state.revision != revision or state.until <= now:
            state = _State(revision, now + LASTS)
            # The others only as long as they are true: they hold records that nothing else may know any more.
            self._states = {name: other for name, other in self._states.items() if other.until > now} | {repository: state}
        return state.known


_NOTHING: tuple[None, None] = None, None
