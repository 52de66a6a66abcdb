"""A store's folders one after another, in an order that a later walk can take up again."""

import errno
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """``path`` is relative to the root, "" for the root itself; ``names`` are its regular files, sorted."""

    path: str
    names: tuple[str, ...]


Descend = Callable[[str, tuple[str, ...]], bool]
"""Whether the walk goes into a folder's folders, by its path and the names of its files."""


def walk_folders(root: Path, *, after: str | None = None, descend: Descend = lambda _, __: True) -> Iterator[Folder]:
    """All folders below a root, each before those in it, and these by name; those up to and with ``after`` ("" for
    the root) are left out, and those in a folder that is not to be descended into.

    Links are not followed. What has no name in Unicode is left out, and a folder that vanishes meanwhile or is kept from us
    (``lost+found``). Raises OSError where the root cannot be read, or the disk fails: what is unreadable is not empty.
    """
    done = tuple(after.split("/")) if after else ()
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts = waiting.pop()
        try:
            names, folders = _read(root.joinpath(*parts))
        except (FileNotFoundError, PermissionError):
            if not parts:
                raise
            _log.warning("A folder of the store may not be read, or has gone: %s", "/".join(parts))
            continue
        if descend("/".join(parts), names):
            waiting.extend((*parts, name) for name in reversed(folders) if (*parts, name) >= done[: len(parts) + 1])
        if after is None or parts > done:
            yield Folder(path="/".join(parts), names=names)


def refuse_empty(root: Path) -> None:
    """Raises OSError where a root cannot be read, or holds nothing at all."""
    with os.scandir(root) as entries:
        if next(entries, None) is None:
            raise FileNotFoundError(errno.ENOENT, "is empty", str(root))


def _read(folder: Path) -> tuple[tuple[str, ...], list[str]]:
    names, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not _is_unicode(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                names.append(entry.name)
    return tuple(sorted(names)), sorted(folders)


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
