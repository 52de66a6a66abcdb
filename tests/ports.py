"""Ports for servers that tests start, and that must be told their port beforehand."""

import itertools
import os
import socket
from contextlib import suppress

_PORTS = range(20_000, 32_000)
"""Below those that a kernel gives to whoever names none: while a program starts, nobody else is given the port that was chosen for it."""

_turns = itertools.count(os.getpid() * 4_999)


def free_port() -> int:
    """One of loopback, another one each time; processes of tests that run side by side begin at different ones."""
    while True:
        port = _PORTS[next(_turns) % len(_PORTS)]
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
