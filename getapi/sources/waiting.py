"""Who waits for a server steps aside meanwhile: what its thread has in turn with others is theirs until the answer is there."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

Aside = Callable[[str], AbstractContextManager[None]]
"""Entered with the repository's name when a thread begins to wait, left when it goes on. May raise instead of letting it wait."""

_aside: ContextVar[Aside | None] = ContextVar("aside", default=None)


@contextmanager
def stepping_aside(aside: Aside) -> Iterator[None]:
    """What this thread does inside steps ``aside`` whenever it waits for a server."""
    token = _aside.set(aside)
    try:
        yield
    finally:
        _aside.reset(token)


@contextmanager
def waiting(repository: str) -> Iterator[None]:
    """The repository's server is waited for inside, by this thread or by others that it waits for."""
    aside = _aside.get()
    if aside is None:
        yield
        return
    token = _aside.set(None)  # who stepped aside already does so once
    try:
        with aside(repository):
            yield
    finally:
        _aside.reset(token)
