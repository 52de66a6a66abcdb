"""Sends a window of a layout: what the server writes is yielded, what the kernel can copy itself goes out between two yields."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress

from getapi.core.errors import DeliveryError, PackagingError
from getapi.core.layout import Deferred, Extent, Layout, Literal, Segment
from getapi.core.plan import Entry
from getapi.core.source import Content, Digest
from getapi.core.stream import Learned, needs, resolve
from getapi.transport.reading import opened, read
from getapi.transport.transfer import Transfer
from getapi.transport.verification import Verification
from getapi.transport.zerocopy import ZeroCopyUnsupported, pour


def send(layout: Layout, *, start: int, stop: int, open_entry: Callable[[Entry], Content], transfer: Transfer) -> Generator[bytes]:
    """The octets ``start`` to ``stop`` (not included) of a layout, of which extents may go out on the transfer's connection instead.

    The consumer must have written each item when it asks for the next, as gunicorn does. Members are opened one at a time, when their turn
    comes. Any PackagingError (a SourceError, the error of a cut) leaves only after the connection was shut down, so that no server can end
    the response politely. Raises BrokenPipeError when the receiver has gone.
    """
    sender = _Sender(layout, open_entry, transfer)
    try:
        for segment in layout.window(start, stop):
            with closing(sender.blocks(segment)) as blocks:
                for block in blocks:
                    transfer.check()
                    yield block
                    transfer.hand(len(block))
        transfer.check()
        if transfer.handed != stop - start:
            raise DeliveryError("The package's bytes are not as many as its length says", length=stop - start, sent=transfer.handed)
    except PackagingError as error:
        transfer.cut(error)
        raise


class _Sender:
    def __init__(self, layout: Layout, open_entry: Callable[[Entry], Content], transfer: Transfer) -> None:
        self._plan = layout.plan
        self._open = open_entry
        self._transfer = transfer
        self._learned: dict[str, str] = {}

    def blocks(self, segment: Segment) -> Generator[bytes]:
        match segment:
            case Literal():
                yield segment.data
            case Deferred():
                yield from self._resolved(segment)
            case Extent():
                self._transfer.enter(segment.entry)
                yield from self._member(segment)
                self._transfer.leave()

    def _resolved(self, deferred: Deferred) -> Iterator[bytes]:
        if self._plan is None:
            raise DeliveryError("A single datastream has no manifest")
        for entry in needs(deferred, self._plan, Learned(digests=self._learned)):
            yield from self._learn(entry, self._plan.algorithm)
        yield resolve(deferred, self._plan, Learned(digests=self._learned))

    def _learn(self, entry: Entry, algorithm: str) -> Iterator[bytes]:
        """Reads a member that this window did not hold whole, for its digest alone: a window may begin anywhere, and in any process."""
        with opened(self._open, entry) as content:
            verification = Verification(entry.declared, learn=algorithm)
            yield from read(content, Extent(entry, entry.size, entry.size), verification, self._learned)

    def _member(self, extent: Extent) -> Iterator[bytes]:
        with opened(self._open, extent.entry) as content:
            descriptor, connection = content.descriptor(), self._transfer.connection
            verification = self._verification(extent, is_file=descriptor is not None)
            if descriptor is not None and connection is not None and not verification.is_needed:
                if self._transfer.handed == 0:
                    yield b""  # the server writes its headers with the first item
                with suppress(ZeroCopyUnsupported):
                    pour(content, extent, descriptor=descriptor, connection=connection, transfer=self._transfer)
                    return
            yield from read(content, extent, verification, self._learned)

    def _verification(self, extent: Extent, *, is_file: bool) -> Verification:
        """What is declared in the package's algorithm is trusted for a file; what comes from elsewhere is hashed where it is sent whole.

        A digest that is not known yet is that of a whole member: where the window ends before the member does there is nothing to compare,
        and nothing before the window is read for it.
        """
        entry = extent.entry
        learn = None if self._plan is None else self._plan.algorithm
        if entry.digest is None and extent.stop == entry.size:
            return Verification(entry.declared, learn=learn)
        if entry.digest is None or is_file or extent.length < entry.size:
            return Verification()
        known = () if learn is None else (Digest(algorithm=learn, value=entry.digest),)
        return Verification((*entry.declared, *known))
