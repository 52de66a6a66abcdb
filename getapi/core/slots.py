"""Whether one more delivery may begin beside those that run: how many at once, and how much they have still to send (SPEC 6)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from getapi.core.errors import TooManyDeliveries
from getapi.core.intervals import Intervals

CONNECTIONS = 16
"""Of one reader to one package: so many count as one delivery, and take one slot."""

SOONEST, LATEST = 5, 300
"""Seconds: what a caller is told to wait at least, and at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """``limits.concurrent``, ``per_key`` and ``per_reader`` in slots, ``limits.active_bytes`` in octets."""

    concurrent: int
    per_key: int
    per_reader: int
    active_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A response that runs or wants to: its octets ``start`` to ``stop`` (not included) are still to be sent.

    ``package`` is what the reader takes: a package's id, or a single datastream's entity tag. ``key`` is whose slots it takes too, or
    nobody's. ``rate`` in octets a second; None until it has run for a second.
    """

    reader: str
    package: str
    key: int | None
    start: int
    stop: int
    rate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Download:
    """All connections of one reader to one package."""

    reader: str
    key: int | None
    connections: int
    left: int
    rate: int | None

    @property
    def slots(self) -> int:
        return -(-self.connections // CONNECTIONS)

    @property
    def seconds(self) -> float:
        """Until it ends, by its current rate; of one that has just begun nothing is known, and it is worth asking soon."""
        if self.rate is None:
            return 0.0
        return self.left / self.rate if self.rate else math.inf


def admit(wanted: Connection, running: Iterable[Connection], slots: Slots) -> None:
    """Raises TooManyDeliveries where ``wanted`` would be one too many beside ``running``; no dead ones are among them.

    Octets of a package that a reader takes over several connections at once are still to be sent once: who goes on after a break asks
    again for what his dead connection seems to be sending. A window that alone is more than ``active_bytes``
    leaves while nothing else does.
    """
    gathered = _gather(running)
    own = gathered.get((wanted.reader, wanted.package), [])
    downloads = [_download(each) for each in gathered.values()]
    after = _download([*own, wanted])
    if not own or after.slots > _download(own).slots:
        _hold_each(wanted, downloads, slots)
    left = sum(download.left for download in downloads)
    more = after.left - (_download(own).left if own else 0)
    if left and more and left + more > slots.active_bytes:
        raise _refusal("active_bytes", slots.active_bytes, downloads)


def _hold_each(wanted: Connection, downloads: Sequence[_Download], slots: Slots) -> None:
    """It needs one slot more. The narrowest limit is told: who has his own downloads to wait for learns that."""
    own = [download for download in downloads if download.reader == wanted.reader]
    keyed = [download for download in downloads if download.key == wanted.key]
    if _count(own) >= slots.per_reader:
        raise _refusal("per_reader", slots.per_reader, own)
    if wanted.key is not None and _count(keyed) >= slots.per_key:
        raise _refusal("per_key", slots.per_key, keyed)
    if _count(downloads) >= slots.concurrent:
        raise _refusal("concurrent", slots.concurrent, downloads)


def retry_after(seconds: Iterable[float]) -> int:
    """Of the times until running deliveries end, the nearest, held to SOONEST and LATEST."""
    return math.ceil(max(SOONEST, min(LATEST, min(seconds, default=LATEST))))


def _refusal(limit: str, allowed: int, downloads: Iterable[_Download]) -> TooManyDeliveries:
    soon = retry_after(download.seconds for download in downloads)
    return TooManyDeliveries(f"limits.{limit}", limit=allowed, retry_after=soon)


def _count(downloads: Iterable[_Download]) -> int:
    return sum(download.slots for download in downloads)


def _gather(connections: Iterable[Connection]) -> Mapping[tuple[str, str], list[Connection]]:
    gathered: dict[tuple[str, str], list[Connection]] = {}
    for connection in connections:
        gathered.setdefault((connection.reader, connection.package), []).append(connection)
    return gathered


def _download(connections: Sequence[Connection]) -> _Download:
    first = connections[0]
    if len(connections) == 1:  # almost always, and there may be a thousand of them
        return _Download(reader=first.reader, key=first.key, connections=1, left=max(first.stop - first.start, 0), rate=first.rate)
    rates = [connection.rate for connection in connections if connection.rate is not None]
    return _Download(
        reader=first.reader,
        key=first.key,
        connections=len(connections),
        left=Intervals.of((connection.start, connection.stop) for connection in connections).total,
        rate=sum(rates) if rates else None,
    )
