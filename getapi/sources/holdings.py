"""All that a repository on disk holds, for those who walk through it: the index and fixity_scan."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from getapi.sources.folders import Folder


class Holdings(Protocol):
    """A repository's folders, and the tokens of what lies in them.

    An object's token is its PID; a token with ``+`` is that of something else. ``roots`` are by kind; that of the objects is "objects".
    ``dated``: folders are named for the day of their writing, so that what is new is in the last ones.
    """

    @property
    def name(self) -> str: ...
    @property
    def roots(self) -> Mapping[str, Path]: ...
    @property
    def dated(self) -> bool: ...

    def walk(self, kind: str, after: str | None = None) -> Iterator[Folder]:
        """The folders of one root that can hold tokens, as ``folders.walk_folders``; raises OSError as that does."""

    def tokens(self, kind: str, folder: Folder) -> Mapping[str, str]:
        """Paths by token, relative to the kind's root, of what lies in a folder. What is no token's is left out. Raises nothing."""
