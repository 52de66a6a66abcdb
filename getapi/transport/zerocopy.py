"""Extents of regular files that go from the page cache to the socket without passing through the process."""

import errno
import os
import socket

from getapi.core.errors import ContentChanged, SourceUnavailable
from getapi.core.layout import Extent
from getapi.core.source import Content
from getapi.transport.reading import HELD, confirm
from getapi.transport.transfer import Transfer

BLOCK = 1 << 20
"""Octets a call at most: enough for full speed, and a transfer that is cut is noticed between two of them."""

LOST = frozenset(
    {errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED, errno.ENOTCONN, errno.ESHUTDOWN, errno.ETIMEDOUT}
    | {errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN}
)
"""What a write says when the receiver or the way to it has gone; any other error of ``sendfile`` is the file's."""

UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""What file systems say that cannot splice (sendfile(2): "applications may wish to fall back to read and write")."""


class ZeroCopyUnsupported(Exception):
    """This file system cannot; nothing of the extent has been sent."""


def pour(content: Content, extent: Extent, *, descriptor: int, connection: socket.socket, transfer: Transfer) -> None:
    """Sends an extent. All that was yielded before must have been written by the server.

    Raises ZeroCopyUnsupported before the first octet, BrokenPipeError when the receiver has gone, ContentChanged, SourceUnavailable, and
    whatever the transfer was cut with.
    """
    held = max(extent.start, extent.stop - HELD)
    for first, stop in ((extent.start, held), (held, extent.stop)):
        if stop == extent.stop:
            confirm(content, extent.entry)
        position = first
        while position < stop:
            transfer.check()
            count = _sendfile(
                extent, transfer, connection=connection, descriptor=descriptor, position=position, count=min(BLOCK, stop - position)
            )
            position += count
            transfer.hand(count)


def _sendfile(extent: Extent, transfer: Transfer, *, connection: socket.socket, descriptor: int, position: int, count: int) -> int:
    try:
        sent = os.sendfile(connection.fileno(), descriptor, position, count)
    except OSError as error:
        transfer.check()
        if error.errno in LOST:
            raise BrokenPipeError(errno.EPIPE, "the receiver has gone") from error
        if error.errno in UNSUPPORTED and position == extent.start:
            raise ZeroCopyUnsupported from error
        raise SourceUnavailable(extent.entry.repository) from error
    if sent == 0:
        raise ContentChanged(extent.entry.datastream.pid, extent.entry.datastream.dsid)
    return sent
