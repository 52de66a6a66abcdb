"""What remembers where a store keeps its blobs, for layouts whose paths cannot be computed and for PIDs known only but for case."""

from collections.abc import Sequence
from typing import Protocol


class PathIndex(Protocol):
    """A repository's index of tokens. A token is ``PID`` or ``PID+DSID+VERSION``, a path is relative to the token's own store."""

    def path(self, token: str, *, gone: str = "") -> str | None:
        """Where a token's blob is. ``gone`` is a path that was found empty: another one is looked for, within reason."""

    def pids(self, folded: str) -> Sequence[str]:
        """All PIDs that are this one when their case is folded."""
