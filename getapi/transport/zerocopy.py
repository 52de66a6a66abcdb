"""What goes to the socket without passing through the server, and of regular files without passing through the process."""

import errno
import os
import socket

from getapi.core.errors import ContentChanged, SourceUnavailable
from getapi.core.plan import Entry
from getapi.core.source import Content
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


_MORE = getattr(socket, "MSG_MORE", 0)  # Linux alone has it


class ZeroCopyUnsupported(Exception):
    """This file system cannot; nothing of the extent has been sent."""


def pour(content: Content, entry: Entry, first: int, stop: int, *, transfer: Transfer) -> None:
    """Sends the octets ``first`` to ``stop`` (not included) of an entry. All that was yielded before must have been written by the server.

    Raises ZeroCopyUnsupported before the first octet, BrokenPipeError when the receiver has gone, ContentChanged, SourceUnavailable, and
    whatever the transfer was cut with.
    """
    position = first
    while position < stop:
        transfer.check()
        try:
            count = _sendfile(content, entry, position, min(BLOCK, stop - position), transfer)
        except ZeroCopyUnsupported:
            if position > first:
                raise SourceUnavailable(entry.repository) from None
            raise
        position += count
        transfer.hand(count)


def push(octets: bytes, transfer: Transfer, *, more: bool) -> None:
    """Sends octets on the connection itself; where ``more`` follow at once they share a packet with those: a member's header with its
    first octets. Raises BrokenPipeError when the receiver has gone, and whatever the transfer was cut with."""
    connection = transfer.connection
    if connection is None:
        raise ZeroCopyUnsupported
    try:
        connection.sendall(octets, _MORE if more else 0)
    except OSError as error:
        transfer.check()
        raise BrokenPipeError(errno.EPIPE, "the receiver has gone") from error


def _sendfile(content: Content, entry: Entry, position: int, count: int, transfer: Transfer) -> int:
    connection, descriptor = transfer.connection, content.descriptor()
    if connection is None or descriptor is None:
        raise ZeroCopyUnsupported
    try:
        sent = os.sendfile(connection.fileno(), descriptor, position, count)
    except OSError as error:
        transfer.check()
        if error.errno in LOST:
            raise BrokenPipeError(errno.EPIPE, "the receiver has gone") from error
        if error.errno in UNSUPPORTED:
            raise ZeroCopyUnsupported from error
        raise SourceUnavailable(entry.repository) from error
    if sent == 0:
        raise ContentChanged(entry.datastream.pid, entry.datastream.dsid)
    return sent
