"""Where a disk fails it is the repository that fails, never the connection."""

from collections.abc import Iterator
from contextlib import contextmanager

from getapi.core.errors import SourceUnavailable


@contextmanager
def disk(repository: str) -> Iterator[None]:
    """An adapter's bare OSError (EIO, ESTALE) leaves as SourceUnavailable."""
    try:
        yield
    except OSError as error:
        raise SourceUnavailable(repository) from error
