"""What one window knows of its members' bytes, and how it waits for what it must know before they may leave."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from getapi.core.errors import ContentChanged
from getapi.core.layout import Deferred, Extent, Layout
from getapi.core.ledger import Examination
from getapi.core.plan import Entry
from getapi.core.source import Content, ControlGroup
from getapi.core.stream import Learned, needs
from getapi.transport.ahead import Ahead
from getapi.transport.examination import Checks, checks_of
from getapi.transport.reading import HELD, opened
from getapi.transport.transfer import Transfer
from getapi.transport.verifier import Reading, Verifier

PAUSE = 0.25
"""Seconds after which who waits looks whether it was cut meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """``paths`` are those of the entries in files whose bytes were not verified lately; ``sound`` those that were found so since.

    ``algorithm`` is that of what an entry has as its ``digest`` where no plan says it.
    """

    verifier: Verifier
    algorithm: str | None = None
    paths: Collection[str] = frozenset()
    sound: frozenset[str] = frozenset()

    def concerns(self, extent: Extent) -> bool:
        """Whether its last octets may leave only once its entry was read. What comes from elsewhere is hashed where it is sent whole."""
        entry = extent.entry
        if entry.path in self.sound:
            return False
        # Inline XML was hashed when it was planned, wherever it comes from.
        is_sent = entry.datastream.remote and entry.datastream.control_group is not ControlGroup.INLINE
        is_part = extent.length < entry.size and is_sent
        return entry.path in self.paths or is_part


VETTING = 10.0
"""Seconds for which a reader waits for an answer that could tell of damage; after that it begins, and can only break off."""


def vet(layout: Layout, start: int, stop: int, *, open_entry: Callable[..., Content], doubt: Doubt) -> Doubt:
    """Looks at what a window begins with while that can still be an answer; returns what is in doubt after it.

    Where it begins inside a datastream, that is opened; where nothing of it may leave before it was found sound, this is waited for, though
    not for ever. Raises FixityMismatch, ContentMissing, ContentChanged, SourceUnavailable.
    """
    first = next(layout.window(start, stop), None)
    if not isinstance(first, Extent):
        return doubt
    opened(open_entry, first.entry, first.start).close()
    # Of what a server sends another reading says little: what leaves is compared with it (``Assurance.settle``).
    if first.start < first.entry.size - HELD or not doubt.concerns(first) or first.entry.datastream.remote:
        return doubt
    reading = doubt.verifier.ask(first.entry, open_entry, _checks(layout, first.entry, doubt.algorithm))
    try:
        if not reading.wait(VETTING):
            return doubt
        reading.result()
    finally:
        doubt.verifier.leave(reading)
    return replace(doubt, sound=doubt.sound | {first.entry.path})


def _checks(layout: Layout, entry: Entry, algorithm: str | None, part: tuple[int, int] | None = None) -> Checks:
    plan = layout.plan
    is_summed = plan is not None and plan.format == "zip" and entry.checksum is None
    return checks_of(entry, algorithm if plan is None else plan.algorithm, checksum=is_summed, part=part)


class Assurance:
    """Octets ``start`` to ``stop`` of a layout. Must be closed."""

    def __init__(
        self, layout: Layout, start: int, stop: int, *, open_entry: Callable[[Entry], Content], transfer: Transfer, doubt: Doubt
    ) -> None:
        self._layout = layout
        self._open = open_entry
        self._transfer = transfer
        self._doubt = doubt
        self._sound: set[str] = set()
        self.digests: dict[str, str] = {}
        self._checksums: dict[str, int] = {}
        self._parts = {
            segment.entry.path: (segment.start, segment.stop)
            for segment in layout.window(start, stop)
            if isinstance(segment, Extent) and segment.entry.datastream.remote and segment.length < segment.entry.size
        }
        self._ahead = Ahead(self._wanted(start, stop), ask=self._ask, leave=doubt.verifier.leave)

    @property
    def learned(self) -> Learned:
        return Learned(digests=self.digests, checksums=self._checksums)

    @property
    def algorithm(self) -> str | None:
        """The package's; None for a single datastream."""
        return None if self._layout.plan is None else self._layout.plan.algorithm

    def begin(self) -> None:
        self._ahead.begin()

    def close(self) -> None:
        self._ahead.close()

    def is_due(self, extent: Extent) -> bool:
        """Whether its last octets must wait until its entry is ``settle``d."""
        return extent.stop > extent.entry.size - HELD and self._doubt.concerns(extent)

    def settle(self, entry: Entry, *, sent: int = 0) -> Generator[bytes, None, Examination | None]:
        """Ends when the entry's bytes were found sound; until then an empty item now and then, that a cut may be seen.

        ``sent`` octets of it have left already: where they may have been others than those that were found sound it is ContentChanged.
        Returns what was found, None where that was known. While something is read it is not the receiver who is slow.
        Raises FixityMismatch, ContentMissing, ContentChanged, SourceUnavailable.
        """
        if entry.path in self._sound and not self._part(entry):
            return None
        with self._ahead.reading(entry) as reading:
            if self._transfer.handed == 0:
                yield b""  # the server writes its headers: what goes wrong from now on breaks off, and is no empty answer
            while not reading.wait(PAUSE):
                self._transfer.watch(self._doubt.verifier.progress(reading))
                self._transfer.look()
                yield b""
            found = reading.result()
        if found.wavered and sent:
            raise ContentChanged(entry.datastream.pid, entry.datastream.dsid)
        self._sound.add(entry.path)
        if self.algorithm is not None:
            self.digests[entry.path] = found.digests[self.algorithm]
        if found.crc32 is not None:
            self._checksums[entry.path] = found.crc32
        return found

    def _part(self, entry: Entry) -> tuple[int, int] | None:
        """What of a member the window holds, where that comes from a server and is not all."""
        return self._parts.get(entry.path)

    def note_sent(self, entry: Entry, digests: Mapping[str, str]) -> None:
        """All of an entry was hashed while it was sent, and is sound: where that told something new the next package knows it before."""
        if entry.digest is None and entry.datastream.identity:
            found = Examination(identity=entry.datastream.identity, size=entry.size, digests=dict(digests), verified=datetime.now(UTC))
            self._doubt.verifier.note(entry, found)

    def look_again(self, entry: Entry) -> None:
        """It was not sound when it was sent: whether it is wrong is found out without anybody who waits for it."""
        self._ask(entry)

    def _ask(self, entry: Entry) -> Reading:
        return self._doubt.verifier.ask(entry, self._open, _checks(self._layout, entry, self._doubt.algorithm, self._part(entry)))

    def _wanted(self, start: int, stop: int) -> Iterator[Entry]:
        """The entries that the window will wait for, as far as it can be known beforehand."""
        hashed_when_sent: set[str] = set()
        for segment in self._layout.window(start, stop):
            if isinstance(segment, Deferred) and self._layout.plan is not None:
                yield from (each for each in needs(segment, self._layout.plan, self.learned) if each.path not in hashed_when_sent)
            elif isinstance(segment, Extent) and self.is_due(segment):
                yield segment.entry
            elif isinstance(segment, Extent):
                hashed_when_sent.add(segment.entry.path)
