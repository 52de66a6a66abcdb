"""Whether a path stays in its store's folder, wherever links lead."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

LATELY = 1.0
"""Seconds for which a folder that was none counts as no link where nothing but a description hangs on it."""

_MOST = 8192
"""Folders that are remembered."""


class Enclosure:
    """Of the store at ``root``. Safe for threads."""

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = str(root)
        self._clock = clock
        self._until: dict[str, float] = {}

    def holds(self, path: str) -> bool:
        """Whether a relative path stays below the root now. Raises OSError."""
        if path.startswith("/"):
            return False
        parent = path.rpartition("/")[0]
        folders = parent.split("/") if parent else []
        if ".." in folders:
            return False
        # Links are rare, and to resolve a path costs many times what it costs to see that there are none.
        whole = self._root
        for folder in folders:
            whole = f"{whole}/{folder}"
            if not stat.S_ISDIR(os.lstat(whole).st_mode):
                return Path(os.path.realpath(f"{self._root}/{parent}")).is_relative_to(os.path.realpath(self._root))
        if len(self._until) >= _MOST:
            self._until = {}
        self._until[parent] = self._clock() + LATELY
        return True

    def held_lately(self, path: str) -> bool:
        """As ``holds``, or that its folder has stayed there within LATELY: objects are described by the thousand, and lie in a few folders.

        No datastream leaves by this word: whatever of one is opened is looked at again.
        """
        folder, slash, _ = path.rpartition("/")
        if slash and not folder:
            return False
        return self._until.get(folder, 0.0) > self._clock() or self.holds(path)
