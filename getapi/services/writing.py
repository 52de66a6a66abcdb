"""A package written without HTTP: the same plan, layout and sender, and every byte compared with every digest that is declared."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from getapi.core.errors import FixityMismatch
from getapi.core.layout import lay_out
from getapi.services import fixity
from getapi.services.packages import Package
from getapi.services.repositories import registry
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer


def write(package: Package, stream: IO[bytes], *, progress: Callable[[int], object] = lambda _: None) -> None:
    """Writes the whole package; ``progress`` is told the octets of each write.

    Nobody waits for the first byte here, so no digest is taken on trust: all are computed. Raises FixityMismatch, which is put on record
    then, ContentChanged, ContentMissing, SourceUnavailable, OSError; what was written until then is no package.
    """
    doubting = replace(package.plan, entries=tuple(replace(entry, digest=None) for entry in package.plan.entries))
    layout = lay_out(doubting)
    transfer = Transfer(None, total=layout.length)
    try:
        with closing(send(layout, start=0, stop=layout.length, open_entry=registry().open, transfer=transfer)) as blocks:
            for block in blocks:
                stream.write(block)
                progress(len(block))
    except FixityMismatch as error:
        if transfer.entry is not None:
            fixity.record_mismatch(transfer.entry, error.algorithm)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name only when it was written to its end; what was there before stays until then.

    A link stays and its target is replaced; a device or a pipe is written to, never replaced.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            yield stream
        return
    path = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.chmod(0o666 & ~_umask())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
