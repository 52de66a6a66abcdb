"""Sends a window of a layout: what the server writes is yielded, what the kernel can copy itself goes out between two yields."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from getapi.core.errors import ContentChanged, DeliveryError, FixityMismatch, PackagingError, SourceUnavailable
from getapi.core.layout import Deferred, Extent, Layout, Literal, Segment
from getapi.core.plan import Entry
from getapi.core.source import Content, Digest
from getapi.core.stream import needs, resolve
from getapi.transport.assurance import PAUSE, Assurance, Doubt
from getapi.transport.examination import PartHash
from getapi.transport.openings import NEAR, Openings
from getapi.transport.reading import HELD, LAST, confirm, opened, read, read_last, read_whole
from getapi.transport.transfer import Transfer
from getapi.transport.verification import Verification
from getapi.transport.zerocopy import ZeroCopyUnsupported, pour, push


def send(
    layout: Layout, *, start: int, stop: int, open_entry: Callable[..., Content], transfer: Transfer, doubt: Doubt
) -> Generator[bytes]:
    """The octets ``start`` to ``stop`` (not included) of a layout, of which extents may go out on the transfer's connection instead.

    The consumer must have written each item when it asks for the next, as gunicorn does; an empty one means that something is waited for.
    Where there is a connection only the first octets are yielded, behind the server's headers.
    Members are opened one at a time, when their turn comes, by ``open_entry(entry, start)``; the last 64 KiB of a doubted one leave only
    when its bytes were found sound. Any PackagingError (a SourceError, the error of a cut) leaves only after the connection was shut
    down, so that no server can end the response politely. Raises BrokenPipeError when the receiver has gone.
    """
    try:
        with (
            closing(Assurance(layout, start, stop, open_entry=open_entry, transfer=transfer, doubt=doubt)) as assurance,
            closing(Openings(layout, start, stop, open_entry=open_entry)) as openings,
        ):
            sender = _Sender(layout, start, open_entry, transfer, assurance, openings)
            assurance.begin()
            for segment in layout.window(start, stop):
                with closing(sender.blocks(segment)) as blocks:
                    for block in blocks:
                        transfer.check()
                        if block and transfer.handed and transfer.connection is not None:
                            push(block, transfer, more=transfer.handed + len(block) < stop - start)
                        else:
                            yield block
                        transfer.hand(len(block))
                        openings.approach(start + transfer.handed)
        transfer.check()
        if transfer.handed != stop - start:
            raise DeliveryError("The package's bytes are not as many as its length says", length=stop - start, sent=transfer.handed)
    except PackagingError as error:
        transfer.cut(error)
        raise


class _Sender:
    def __init__(
        self,
        layout: Layout,
        start: int,
        open_entry: Callable[..., Content],
        transfer: Transfer,
        assurance: Assurance,
        openings: Openings,
    ) -> None:
        self._plan = layout.plan
        self._start = start
        self._open = open_entry
        self._transfer = transfer
        self._assurance = assurance
        self._openings = openings

    def blocks(self, segment: Segment) -> Generator[bytes]:
        match segment:
            case Literal():
                yield segment.data
            case Deferred():
                yield from self._resolved(segment)
            case Extent():
                self._transfer.enter(segment.entry)
                yield from _named(self._member(segment), segment.entry)
                self._transfer.leave()

    def _resolved(self, deferred: Deferred) -> Iterator[bytes]:
        if self._plan is None:
            raise DeliveryError("A single datastream has no manifest")
        for entry in needs(deferred, self._plan, self._assurance.learned):
            yield from _named(self._assurance.settle(entry), entry)
        yield resolve(deferred, self._plan, self._assurance.learned)

    def _opened(self, extent: Extent) -> Generator[bytes, None, Content]:
        """The member's content; an empty item now and then while it is still being opened."""
        opening = self._openings.take(self._start + self._transfer.handed)
        if opening is not None:
            try:
                while not opening.wait(PAUSE):
                    self._transfer.look()
                    yield b""
                content = opening.take()
            finally:
                opening.discard()
            if content is not None:
                return content
        return opened(self._open, extent.entry, extent.start)

    def _member(self, extent: Extent) -> Iterator[bytes]:
        with (yield from self._opened(extent)) as content:
            if content.descriptor() is None and extent.length == extent.entry.size:
                yield from self._whole(content, extent.entry)
            else:
                yield from self._part(content, extent)

    def _whole(self, content: Content, entry: Entry) -> Iterator[bytes]:
        verification = self._verification(entry)
        try:
            yield from read_whole(content, entry, verification, self._assurance.digests)
        except FixityMismatch:
            if entry.datastream.remote:
                self._assurance.look_again(entry)
            raise
        if entry.datastream.remote:
            self._assurance.note_sent(entry, verification.digests())

    def _verification(self, entry: Entry) -> Verification:
        """What comes from elsewhere is hashed where it is sent whole: reading it twice may cost more than sending it."""
        algorithm = self._assurance.algorithm
        if algorithm is None or entry.digest is None:
            return Verification(entry.declared, learn=algorithm)
        return Verification((*entry.declared, Digest(algorithm=algorithm, value=entry.digest)))

    def _part(self, content: Content, extent: Extent) -> Iterator[bytes]:
        """Whatever its start, it leaves at once but for its last octets: those are read, and leave when they are known to be sound."""
        is_due = self._assurance.is_due(extent)
        brink = max(extent.start, extent.stop - (HELD if is_due or extent.length <= HELD else LAST))
        sent = PartHash((0, extent.length) if extent.entry.datastream.remote else None)
        if brink > extent.start:
            yield from self._hashed(self._body(content, extent, brink), sent)
        found = (yield from self._assurance.settle(extent.entry, sent=brink - extent.start)) if is_due else None
        if self._transfer.handed == 0:
            yield b""  # the server writes its headers: what goes wrong from now on breaks off, and is no empty answer
        last = read_last(content, extent.entry, brink, extent.stop)
        sent.update(last)
        if found is not None and found.part != sent.value:
            raise ContentChanged(extent.entry.datastream.pid, extent.entry.datastream.dsid)
        confirm(content, extent.entry)
        if last:
            yield last

    def _hashed(self, blocks: Iterator[bytes], sent: PartHash) -> Iterator[bytes]:
        for block in blocks:
            sent.update(block)
            yield block

    def _body(self, content: Content, extent: Extent, stop: int) -> Iterator[bytes]:
        splices = content.descriptor() is not None and self._transfer.connection is not None
        if splices and self._transfer.handed == 0:
            yield b""  # behind the server's headers, which it writes with the first item
        near = max(extent.start, stop - NEAR)
        if near > extent.start:
            splices = splices and self._pour(content, extent, extent.start, near)
            yield b""  # what follows may be opened from now on
        splices = splices and self._pour(content, extent, near, stop)
        if not splices:
            yield from read(content, extent.entry, stop - extent.start)

    def _pour(self, content: Content, extent: Extent, first: int, stop: int) -> bool:
        """Whether the octets went out on the connection. Raises SourceUnavailable where only those before them could."""
        try:
            pour(content, extent.entry, first, stop, transfer=self._transfer)
        except ZeroCopyUnsupported:
            if first > extent.start:
                raise SourceUnavailable(extent.entry.repository) from None
            return False
        return True


def _named(blocks: Iterator[bytes], entry: Entry) -> Iterator[bytes]:
    """The blocks. Where the repository cannot be read its error names the datastream: it may be a bad place of the disk, and no more."""
    try:
        yield from blocks
    except SourceUnavailable as error:
        error.facts |= {"pid": entry.datastream.pid, "dsid": entry.datastream.dsid}
        raise
