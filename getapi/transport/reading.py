"""Members whose octets pass through the process in chunks, hashed on the way where they are sent whole."""

import os
from collections.abc import Callable, Iterator

from getapi.core.errors import ContentChanged, FixityMismatch
from getapi.core.plan import Entry
from getapi.core.source import Content
from getapi.transport.disk import disk
from getapi.transport.verification import Verification

CHUNK = 256 << 10
"""Octets read and handed over at once; more costs other readers latency."""

HELD = 64 << 10
"""The end of a member that leaves only after its content was confirmed."""

LAST = 4 << 10
"""The same of a file that was verified lately: enough for a last block, and little to be copied."""


def opened(open_entry: Callable[..., Content], entry: Entry, start: int = 0) -> Content:
    """The content of an entry from octet ``start``.

    Raises ContentChanged where its size is not the planned one, SourceUnavailable where the disk fails.
    """
    with disk(entry.repository):
        content = open_entry(entry, start)
    if content.size == entry.size:
        return content
    content.close()
    raise ContentChanged(entry.datastream.pid, entry.datastream.dsid)


def confirm(content: Content, entry: Entry) -> None:
    """Raises ContentChanged unless the content is still what was planned, SourceUnavailable where the disk fails."""
    with disk(entry.repository):
        content.confirm()


def read(content: Content, entry: Entry, count: int) -> Iterator[bytes]:
    """The next ``count`` octets. Raises ContentChanged where there are fewer, SourceUnavailable."""
    left = count
    while left:
        with disk(entry.repository):
            octets = content.read(min(CHUNK, left))
        if not octets:
            raise ContentChanged(entry.datastream.pid, entry.datastream.dsid)
        left -= len(octets)
        yield octets


def read_last(content: Content, entry: Entry, first: int, stop: int) -> bytes:
    """The octets ``first`` to ``stop`` (not included), the next of what is no file. They are to be confirmed afterwards: what is changed
    before that is not what leaves. Raises ContentChanged where there are fewer, SourceUnavailable."""
    descriptor = content.descriptor()
    if descriptor is None:
        return b"".join(read(content, entry, stop - first))
    pieces = []
    while first < stop:
        with disk(entry.repository):
            octets = os.pread(descriptor, stop - first, first)
        if not octets:
            raise ContentChanged(entry.datastream.pid, entry.datastream.dsid)
        pieces.append(octets)
        first += len(octets)
    return b"".join(pieces)


def read_whole(content: Content, entry: Entry, verification: Verification, learned: dict[str, str]) -> Iterator[bytes]:
    """All octets of a member that was opened at its first; its digest is put into ``learned``, by path, before the last of them leave.

    Raises FixityMismatch, ContentChanged, SourceUnavailable.
    """
    held = max(0, entry.size - HELD)
    for octets in read(content, entry, held):
        verification.update(octets)
        yield octets
    last = b"".join(read(content, entry, entry.size - held))
    verification.update(last)
    _conclude(content, entry, verification, learned)
    confirm(content, entry)
    if last:
        yield last


def _conclude(content: Content, entry: Entry, verification: Verification, learned: dict[str, str]) -> None:
    with disk(entry.repository):
        surplus = content.read(1)
    if surplus:
        raise ContentChanged(entry.datastream.pid, entry.datastream.dsid)
    wrong = verification.mismatch()
    if wrong is not None:
        raise FixityMismatch(entry.datastream.pid, entry.datastream.dsid, wrong)
    digest = verification.learned()
    if digest is not None:
        learned[entry.path] = digest
