"""The administrator's deny list: what may not leave although the repository itself knows no reason (SPEC 4.3)."""

import logging
import os
import stat
from functools import cache
from pathlib import Path
from threading import Lock

from getapi.core.errors import PackagingError, SourceUnavailable
from getapi.core.reference import parse_reference

MAX_OCTETS = 64 * 2**20
_logger = logging.getLogger(__name__)

_Identity = tuple[int, int, int]

_NOTHING: frozenset[str] = frozenset()


class DenyListUnusable(SourceUnavailable):
    """The deny list is configured and cannot be read whole: nothing may leave until it can."""

    def __init__(self, why: str) -> None:
        PackagingError.__init__(self, "What may leave cannot be decided at the moment")
        self.why = why


class DenyList:
    """A text file, a ``PID`` or ``PID/DSID`` a line; ``#`` begins a comment; UTF-8. It is read again whenever it changes.

    Replace the file by renaming another over it: one that is written in place is read half-written. ``entries`` is safe to share between
    threads.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._identity: _Identity | None = None
        self._entries: frozenset[str] = frozenset()
        self._told = ""

    def entries(self) -> frozenset[str]:
        """The entries as the file has them now, case-folded, as ``AccessRules.denied`` compares them.

        Raises DenyListUnusable when the file is missing, unreadable or has a line that is no entry: an entry that is not understood
        would be an open door. The log says which; the sentence does not.
        """
        with self._lock:
            try:
                self.refresh()
            except DenyListUnusable as error:
                self._tell(error.why)
                raise
            self._told = ""
            return self._entries

    def refresh(self) -> None:
        """Reads the file if it is another than before. Raises DenyListUnusable, and leaves it to whoever asks to say so."""
        try:
            found = self._path.stat()
            if self._identity == _identify(found):
                return
            self._identity = None
            identity, text = _read(self._path, found)
        except OSError as error:
            self._identity = None
            raise DenyListUnusable(f"{self._path}: {error.strerror or 'unreadable'}") from None
        self._entries = _parse(self._path, text)
        self._identity = identity

    def _tell(self, why: str) -> None:
        """Once, not at every request until it is mended."""
        if why != self._told:
            self._told = why
            _logger.error("The deny list cannot be used, so nothing may leave: %s", why)


@cache
def _list_at(path: Path) -> DenyList:
    return DenyList(path)


def denied(path: Path | None) -> frozenset[str]:
    """The entries of the deny list at ``path``, one ``DenyList`` a process; none where none is configured.

    The same object for as long as the file does not change. Raises DenyListUnusable.
    """
    return _NOTHING if path is None else _list_at(path).entries()


def _identify(found: os.stat_result) -> _Identity:
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path, found: os.stat_result) -> tuple[_Identity, bytes]:
    # A pipe or a device would keep everybody waiting for its end.
    if not stat.S_ISREG(found.st_mode):
        raise DenyListUnusable(f"{path}: not a regular file")
    if found.st_size > MAX_OCTETS:
        raise DenyListUnusable(f"{path}: larger than {MAX_OCTETS} octets")
    with path.open("rb") as file:
        identity = _identify(os.fstat(file.fileno()))
        text = file.read(MAX_OCTETS + 1)
        if identity != _identify(os.fstat(file.fileno())) or len(text) != identity[1]:
            raise DenyListUnusable(f"{path}: it changed while it was read")
    return identity, text


def _parse(path: Path, text: bytes) -> frozenset[str]:
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DenyListUnusable(f"{path}: not UTF-8 at octet {error.start}") from None
    entries, malformed = set(), []
    for number, line in enumerate(lines, start=1):
        entry = line.partition("#")[0].strip()
        # White space in a DSID is legal nowhere, and here it is two entries on one line.
        reference = parse_reference(entry) if len(entry.split()) == 1 else None
        if reference is not None:
            entries.add(f"{reference.pid}{f'/{reference.dsid}' if reference.dsid else ''}".casefold())
        elif entry:
            malformed.append(number)
    if malformed:
        raise DenyListUnusable(f"{path}: no PID or PID/DSID in line {', '.join(map(str, malformed[:10]))}")
    return frozenset(entries)
