"""Extents that pass through the process in chunks, hashed on the way where something is to be verified or learned."""

import contextlib
from collections.abc import Callable, Iterator

from getapi.core.errors import ContentChanged, FixityMismatch, SourceUnavailable
from getapi.core.layout import Extent
from getapi.core.plan import Entry
from getapi.core.source import Content
from getapi.transport.verification import Verification

CHUNK = 256 << 10
"""Octets read and handed over at once; more costs other readers latency."""

HELD = 64 << 10
"""The end of an extent that leaves only after its content was confirmed."""


def opened(open_entry: Callable[[Entry], Content], entry: Entry) -> Content:
    """The content of an entry. Raises ContentChanged where its size is not the planned one, SourceUnavailable where the disk fails."""
    with _disk(entry):
        content = open_entry(entry)
    if content.size == entry.size:
        return content
    content.close()
    raise ContentChanged(entry.datastream.pid, entry.datastream.dsid)


def confirm(content: Content, entry: Entry) -> None:
    """Raises ContentChanged unless the content is still what was planned, SourceUnavailable where the disk fails."""
    with _disk(entry):
        content.confirm()


def read(content: Content, extent: Extent, verification: Verification, learned: dict[str, str]) -> Iterator[bytes]:
    """An extent's octets. What lies before it is read too, so that the digests are those of the whole member; an empty item for each
    chunk of that lets the sender see whether it was cut, and the watcher that it is not the receiver who is slow.

    Where the extent ends the member its digest is put into ``learned``, by path, before the held octets leave. Raises FixityMismatch,
    ContentChanged, SourceUnavailable.
    """
    entry = extent.entry
    for octets in _exactly(content, entry, extent.start):
        verification.update(octets)
        yield b""
    held = max(extent.start, extent.stop - HELD)
    for octets in _exactly(content, entry, held - extent.start):
        verification.update(octets)
        yield octets
    last = b"".join(_exactly(content, entry, extent.stop - held))
    verification.update(last)
    if extent.stop == entry.size:
        _conclude(content, entry, verification, learned)
    confirm(content, entry)
    if last:
        yield last


def _conclude(content: Content, entry: Entry, verification: Verification, learned: dict[str, str]) -> None:
    with _disk(entry):
        surplus = content.read(1)
    if surplus:
        raise ContentChanged(entry.datastream.pid, entry.datastream.dsid)
    wrong = verification.mismatch()
    if wrong is not None:
        raise FixityMismatch(entry.datastream.pid, entry.datastream.dsid, wrong)
    digest = verification.learned()
    if digest is not None:
        learned[entry.path] = digest


def _exactly(content: Content, entry: Entry, count: int) -> Iterator[bytes]:
    left = count
    while left:
        with _disk(entry):
            octets = content.read(min(CHUNK, left))
        if not octets:
            raise ContentChanged(entry.datastream.pid, entry.datastream.dsid)
        left -= len(octets)
        yield octets


@contextlib.contextmanager
def _disk(entry: Entry) -> Iterator[None]:
    """An adapter's bare OSError (EIO, ESTALE) is the repository's failure, never the connection's."""
    try:
        yield
    except OSError as error:
        raise SourceUnavailable(entry.repository) from error
