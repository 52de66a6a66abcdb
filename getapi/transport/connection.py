"""What the kernel says of the connection that a response goes out on."""

import fcntl
import os
import socket
import ssl
import struct
import termios
from collections.abc import Mapping

from getapi.core.errors import ServerUnsuitable

TCP_CLOSE = 7
"""The state of a reset connection in ``tcpi_state`` (linux/tcp.h, net/tcp_states.h)."""

ACKED_AT = 120
"""Where ``tcpi_bytes_acked`` begins in Linux's ``struct tcp_info``."""


PLAIN = frozenset({"HTTP/1.0", "HTTP/1.1"})
"""Protocols of one answer at a time."""


def raw_socket(meta: Mapping[str, object]) -> socket.socket | None:
    """The socket that ``os.sendfile`` may write to, or None where the server must be given the bytes.

    ``meta`` is the WSGI environ or Django's ``request.META``. The response must state its Content-Length: a chunked one frames what the
    server writes. A time-out that the server set for answers is taken off: a delivery has its own limits. Raises ServerUnsuitable under
    ASGI, where Django would read the whole iterator into memory.
    """
    if "wsgi.version" not in meta:
        raise ServerUnsuitable
    found = meta.get("gunicorn.socket")
    if not isinstance(found, socket.socket) or isinstance(found, ssl.SSLSocket):
        return None
    if meta.get("SERVER_PROTOCOL") not in PLAIN:
        return None
    if found.gettimeout():
        found.settimeout(None)
    return found if os.get_blocking(found.fileno()) else None


def encrypted_socket(meta: Mapping[str, object]) -> ssl.SSLSocket | None:
    """The socket of an answer that gunicorn encrypts: only it may write there, but what the kernel says of it and its end hold as well.

    None where there is no such one, and for HTTP/2, whose connection carries other answers too. A time-out that the server set is taken
    off, as by ``raw_socket``.
    """
    found = meta.get("gunicorn.socket")
    if not isinstance(found, ssl.SSLSocket) or meta.get("SERVER_PROTOCOL") not in PLAIN:
        return None
    if found.gettimeout():
        found.settimeout(None)
    return found


def shut_down(connection: socket.socket) -> None:
    """Ends it both ways at once. Raises OSError where the other end was quicker.

    Of an encrypted one too the connection below: its own way would let whoever is writing go on without encryption.
    """
    socket.socket.shutdown(connection, socket.SHUT_RDWR)


def unacknowledged(connection: socket.socket) -> int:
    """Octets that were written and that the other end has not acknowledged (SIOCOUTQ, which has TIOCOUTQ's number)."""
    answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])


def acknowledged_ever(connection: socket.socket) -> int:
    """Octets that the other end has acknowledged since the connection began; 0 where it is no TCP connection.

    Unlike the queue's length this moves with each octet that leaves, also while one long write goes on.
    """
    facts = _tcp_info(connection)
    return int(struct.unpack_from("=Q", facts, ACKED_AT)[0]) if len(facts) >= ACKED_AT + 8 else 0


def is_reset(connection: socket.socket) -> bool:
    """Whether nothing that is still queued will ever be acknowledged."""
    facts = _tcp_info(connection)
    return bool(facts) and facts[0] == TCP_CLOSE


def is_left(connection: socket.socket) -> bool:
    """Whether the other end has closed, and nothing that it sent before is unread."""
    try:
        return socket.socket.recv(connection, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _tcp_info(connection: socket.socket) -> bytes:
    if connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return b""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
