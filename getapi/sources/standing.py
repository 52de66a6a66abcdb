"""Whether a server is worth asking at the moment: a thousand objects must not wait for it one after the other."""

import threading
from collections.abc import Callable

AWAY = 10.0
"""Seconds for which a server is not asked again."""

PATIENCE = 3
"""Questions without an answer, one after the other and none answered in between, after which a server that can be reached counts as
away too. One object that it hangs on does not make it so for the others."""


class Standing:
    """Of one server, in this process. Safe for threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0
        self.is_late = False
        """Whether it could be reached when it was last asked, and did not answer in time."""

    @property
    def is_away(self) -> bool:
        return self._until > 0 and self._clock() < self._until

    def answered(self) -> None:
        with self._lock:
            self._failures, self._until = 0, 0.0

    def failed(self, *, reached: bool, late: bool = False) -> None:
        """``reached``: a connection was made, but no answer came on it; ``late``: not in time."""
        with self._lock:
            self.is_late = late
            self._failures += 1
            if not reached or self._failures >= PATIENCE:
                self._failures, self._until = 0, self._clock() + AWAY
