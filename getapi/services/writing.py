"""A package written without HTTP: the same plan, layout and sender, and every byte compared with every digest that is declared."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from django import db

from getapi.services.packages import Package
from getapi.services.verification import Findings, unread
from getapi.transport.assurance import Doubt
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer
from getapi.transport.verifier import Verifier

logger = logging.getLogger("getapi.fixity")


def write(package: Package, stream: IO[bytes], *, progress: Callable[[int], object] = lambda _: None) -> None:
    """Writes the whole package; ``progress`` is told the octets of each write.

    Nothing is taken on trust: all bytes are read and held against their digests, and what was found is put on record. Raises
    FixityMismatch, ContentChanged, ContentMissing, SourceUnavailable, OSError; what was written until then is no package.
    """
    layout, found = package.layout, Findings()
    put_aside = {entry.path for entry in package.plan.entries if entry.is_staged}
    doubt = Doubt(verifier=Verifier(tell=found.add), paths=unread(package.plan.entries) | put_aside)
    transfer = Transfer(None, total=layout.length)
    try:
        with closing(send(layout, start=0, stop=layout.length, open_entry=package.open_entry, transfer=transfer, doubt=doubt)) as blocks:
            for block in blocks:
                stream.write(block)
                progress(len(block))
    finally:
        try:
            found.write()
        except db.Error:
            logger.exception("what was found of the package's bytes could not be put on record")


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
