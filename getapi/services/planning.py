"""Planning slots: packages that a process plans, or opens again, at once (SPEC 6, ``limits.planning``).

Planning is work of the processor and of the repository's disk, and mostly over within milliseconds. So who finds all slots taken waits
for his turn for a moment instead of being sent away: people who open a page at the same time must not see errors. Those who wait hold
threads, so only as many do as leave some for tokens and health; the rest are told to come again.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from getapi import conf
from getapi.core.errors import TooManyPlans
from getapi.services.watcher import watcher

WAIT = 5.0
"""Seconds for which a request waits for its turn at most."""

RETRY_AFTER = 5
"""Seconds: what is planned now is done by then, almost surely."""


class PlanningSlots:
    """In a line, first come first served."""

    def __init__(self, limit: Callable[[], int], room: Callable[[], float], *, wait: float = WAIT) -> None:
        """``limit`` plan at once; ``room``: threads that may be held by those who plan and those who wait, together."""
        self._limit = limit
        self._room = room
        self._wait = wait
        self.reset()

    def reset(self) -> None:
        """Forgets the requests of the process that this one was forked from."""
        self._changed = threading.Condition()
        self._line: deque[object] = deque()
        self._planning = 0

    @property
    def held(self) -> int:
        """Threads that plan or wait."""
        return self._planning + len(self._line)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Raises TooManyPlans where none is free in time."""
        self._enter()
        try:
            yield
        finally:
            with self._changed:
                self._planning -= 1
                self._changed.notify_all()

    def _enter(self) -> None:
        me, end, limit = object(), time.monotonic() + self._wait, self._limit()
        with self._changed:
            if self.held >= max(self._room(), limit):
                raise TooManyPlans(limit=limit, retry_after=RETRY_AFTER)
            self._line.append(me)
            try:
                if not self._changed.wait_for(lambda: self._line[0] is me and self._planning < limit, end - time.monotonic()):
                    raise TooManyPlans(limit=limit, retry_after=RETRY_AFTER)
                self._planning += 1
            finally:
                self._line.remove(me)
                self._changed.notify_all()


planning = PlanningSlots(lambda: conf.current().limits.planning, lambda: watcher.spare)
"""This process's."""

watcher.count_also(lambda: planning.held)
os.register_at_fork(after_in_child=planning.reset)
