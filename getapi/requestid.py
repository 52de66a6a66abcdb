"""What a request is called, in every log line about it and in its answer, so that who reports a fault can name it."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "X-Request-Id"

_WELL_FORMED = re.compile(r"[A-Za-z0-9-]{16,64}")
"""As nginx's ``$request_id`` and UUIDs are. Neither a token (with dots) nor a key (with ``_``) is written like this."""

_current: ContextVar[str] = ContextVar("request_id", default="")


def choose(proposed: str) -> str:
    """``proposed`` where it is well-formed, else a new one."""
    return proposed if _WELL_FORMED.fullmatch(proposed) else draw()


def draw() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)


def current() -> str:
    """Of the request that this thread works for; empty where there is none."""
    return _current.get()


def begin(name: str) -> None:
    """From now on this thread works for that request, until ``end``: a response's body is sent long after its view has returned."""
    _current.set(name)


def end() -> None:
    _current.set("")


@contextmanager
def working_for(name: str) -> Iterator[None]:
    """For a thread that does for a request what its own thread left to it."""
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)
