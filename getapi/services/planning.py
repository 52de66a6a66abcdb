"""Planning slots: packages that a process plans, or opens again, at once (SPEC 6, ``limits.planning``).

Planning is work of the processor and of the repository's disk, and mostly over within milliseconds. So who finds all slots taken waits
for his turn for a moment instead of being sent away: people who open a page at the same time must not see errors. Those who wait hold
threads, so only as many do as leave some for tokens and health; the rest are told to come again.

Who waits for a repository's server needs no processor, and may wait for a minute: he gives his slot to others meanwhile
(``sources.waiting``). Of the threads too no one server gets more than it leaves to all others, so that one that is slow is so alone.
"""

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from getapi import conf
from getapi.core.errors import TooManyPlans
from getapi.services.watcher import watcher
from getapi.sources.waiting import stepping_aside

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
        self._aside: Counter[str] = Counter()
        self._returning: deque[object] = deque()

    @property
    def held(self) -> int:
        """Threads that plan or wait, for their turn or for somebody else."""
        return self._planning + len(self._line) + self._aside.total() + len(self._returning)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Raises TooManyPlans where none is free in time."""
        self._enter()
        try:
            with stepping_aside(self._step_aside):
                yield
        finally:
            with self._changed:
                self._planning -= 1
                self._changed.notify_all()

    @contextmanager
    def waiting_for(self, whom: str) -> Iterator[None]:
        """For a thread that plans nothing and waits for somebody. Raises TooManyPlans where as many do as are left to all others."""
        with self._changed:
            self._check_share(whom)
            self._aside[whom] += 1
        try:
            yield
        finally:
            with self._changed:
                self._leave_aside(whom)

    @contextmanager
    def _step_aside(self, whom: str) -> Iterator[None]:
        """Somebody else has the slot inside. Raises TooManyPlans as ``waiting_for`` does."""
        with self._changed:
            self._check_share(whom)
            self._planning -= 1
            self._aside[whom] += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            self._come_back(whom)

    def _come_back(self, whom: str) -> None:
        """In turn, before those who have not begun yet. Half of a plan is of no use to anybody: who has waited in vain, since a disk hangs
        with the others' turns, goes on all the same, as long as there are no more than twice as many as may be."""
        me, limit = object(), self._limit()
        with self._changed:
            self._leave_aside(whom)
            self._returning.append(me)
            try:
                if not self._changed.wait_for(lambda: self._may_return(me, limit), self._wait):
                    self._changed.wait_for(lambda: self._may_return(me, 2 * limit))
            finally:
                self._returning.remove(me)
                self._planning += 1
                self._changed.notify_all()

    def _may_return(self, me: object, limit: int) -> bool:
        return self._returning[0] is me and self._planning < limit

    def _check_share(self, whom: str) -> None:
        """As with readers (``watcher``): half of what nobody else uses, but as many as plan at once in any case."""
        limit = self._limit()
        if self._aside[whom] >= max(limit, self._room() - self.held):
            raise TooManyPlans(limit=limit, retry_after=RETRY_AFTER)

    def _leave_aside(self, whom: str) -> None:
        self._aside[whom] -= 1
        self._aside += Counter()  # without those whom nobody waits for

    def _enter(self) -> None:
        me, end, limit = object(), time.monotonic() + self._wait, self._limit()
        with self._changed:
            if self.held >= max(self._room(), limit):
                raise TooManyPlans(limit=limit, retry_after=RETRY_AFTER)
            self._line.append(me)
            try:
                if not self._changed.wait_for(lambda: self._is_turn(me, limit), end - time.monotonic()):
                    raise TooManyPlans(limit=limit, retry_after=RETRY_AFTER)
                self._planning += 1
            finally:
                self._line.remove(me)
                self._changed.notify_all()

    def _is_turn(self, me: object, limit: int) -> bool:
        return self._line[0] is me and self._planning < limit and not self._returning


planning = PlanningSlots(lambda: conf.current().limits.planning, lambda: watcher.spare)
"""This process's."""

watcher.count_also(lambda: planning.held)
os.register_at_fork(after_in_child=planning.reset)
