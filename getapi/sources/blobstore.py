"""A folder of blobs: one of Fedora's two low-level stores, read without ever leaving it."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from getapi.core.errors import SourceUnavailable
from getapi.core.value import maker, value
from getapi.sources.akubra import AkubraLayout
from getapi.sources.content import ABSENT, read_regular
from getapi.sources.enclosure import Enclosure
from getapi.sources.folders import refuse_empty
from getapi.sources.legacy import LegacyLayout
from getapi.sources.pathindex import PathIndex

LAYOUTS = ("akubra", "legacy")


class StoreLayout(Protocol):
    """How a store names its files."""

    def path(self, token: str) -> str | None:
        """Where a token's blob must be, relative to the root; None where that cannot be computed."""

    def token(self, name: str) -> str | None:
        """The token that a file is named for; None for a file that is no blob."""


def store_layout(name: str, pattern: str = "##") -> StoreLayout:
    """``akubra`` with its hash pattern, or ``legacy``. Raises ValueError for any other name or a pattern that is none."""
    if name not in LAYOUTS:
        raise ValueError(f"The layout of a Fedora 3 store is {' or '.join(LAYOUTS)}, not {name!r}")
    return AkubraLayout(pattern=pattern) if name == "akubra" else LegacyLayout()


@value(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file as it was when it was looked at. ``path`` is relative to the store, ``whole`` absolute; ``plain`` False for a link, any other
    kind of file, or one that a link leads out of the store."""

    path: str
    whole: str
    size: int
    mtime: int
    inode: int
    plain: bool

    @property
    def identity(self) -> str:
        """As ``content.identity``."""
        return f"{self.size}-{self.mtime}-{self.inode}"


_new_blob = maker(Blob)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobStore:
    """``root`` holds the blobs of ``repository`` by ``layout``; ``index`` knows what the layout cannot compute."""

    repository: str
    root: Path
    layout: StoreLayout
    index: PathIndex
    _root: str = field(init=False, repr=False)
    _enclosure: Enclosure = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_root", str(self.root))
        object.__setattr__(self, "_enclosure", Enclosure(self.root))

    def locate(self, token: str) -> Blob | None:
        """The token's blob, or None where the store has none. Raises SourceUnavailable."""
        computed = self.layout.path(token)
        blob = self._look(computed) if computed else None
        known = None if blob else self.index.path(token)
        if known and known != computed:
            blob = self._look(known)
            moved = None if blob else self.index.path(token, gone=known)
            blob = self._look(moved) if moved else blob
        return blob

    def compute(self, token: str) -> Blob | None:
        """The token's blob where the layout puts it, or None where that is not known or nothing is there. Raises SourceUnavailable."""
        path = self.layout.path(token)
        return self._look(path) if path else None

    def examine(self, path: str) -> Blob | None:
        """The blob at a relative path as it is to be opened, or None where there is none. Raises SourceUnavailable."""
        return self._examine(path, self._enclosure.holds)

    def _look(self, path: str) -> Blob | None:
        return self._examine(path, self._enclosure.held_lately)

    def _examine(self, path: str, is_held: Callable[[str], bool]) -> Blob | None:
        whole = self.whole(path)
        try:
            status = os.lstat(whole)
            within = is_held(path)
        except OSError as error:
            if error.errno not in ABSENT:
                raise SourceUnavailable(self.repository) from error
            folder = path.rpartition("/")[0]
            # Where the folder is there that should have it, the store is there too.
            if not folder or not Path(self.whole(folder)).is_dir():
                self.check()
            return None
        return _blob(path, whole, status, plain=within and stat.S_ISREG(status.st_mode))

    def take(self, token: str, *, limit: int) -> tuple[Blob, bytes] | None:
        """The token's blob where the layout puts it, and its octets, ``limit`` at most; None for any that is not to be had so simply."""
        path = self.layout.path(token)
        try:
            if path is None or not self._enclosure.held_lately(path):
                return None
            blob, octets = self._read(path, limit)
        except OSError:
            return None
        return (blob, octets) if len(octets) <= limit else None

    def whole(self, path: str) -> str:
        """The absolute path of a relative one."""
        return path if path.startswith("/") else f"{self._root}/{path}"

    def check(self) -> None:
        """Raises SourceUnavailable unless the root is a folder that can be read and holds something: a disk that is not mounted is no empty
        repository, and leaves an empty folder where it would be."""
        try:
            refuse_empty(self.root)
        except OSError as error:
            raise SourceUnavailable(self.repository) from error

    def read(self, blob: Blob, *, limit: int) -> tuple[Blob, bytes]:
        """The blob as it is now, and its octets: one more than ``limit`` at most. Raises OSError."""
        return self._read(blob.path, limit)

    def _read(self, path: str, limit: int) -> tuple[Blob, bytes]:
        whole = self.whole(path)
        status, octets = read_regular(whole, limit=limit)
        return _blob(path, whole, status, plain=True), octets


def _blob(path: str, whole: str, status: os.stat_result, *, plain: bool) -> Blob:
    return _new_blob(path=path, whole=whole, size=status.st_size, mtime=status.st_mtime_ns, inode=status.st_ino, plain=plain)
