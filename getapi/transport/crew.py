"""A few threads that take turns at many long jobs, a slice of each at a time; a disk that hangs does not hold all of them."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger("getapi.transport")

LINGER = 1.0
"""Seconds for which a thread that has nothing to do waits for more."""

STUCK = 5.0
"""Seconds in one step after which a thread does not count any more, and another may take its place."""

SPARE = 14
"""Threads that may take the place of others at most."""

MOST_STUCK = 4
"""Threads that one group of jobs, a repository's, may hold so; its other jobs wait then."""


class Job(Protocol):
    group: str
    moved: float
    """When it came forward last, by the crew's clock."""

    def advance(self) -> bool:
        """Does a slice; whether it has come to its end. Raises nothing."""

    def is_wanted(self) -> bool:
        """Whether anybody waits for it; what nobody waits for stays as it is for a while. Asked with the crew's lock held."""

    def is_abandoned(self) -> bool:
        """Whether nobody wants it any more, which then stays so. Asked with the crew's lock held."""

    def give_up(self) -> None:
        """It was abandoned. Raises nothing."""


class Crew:
    """At most ``threads`` that work, which live while there is something to do. New jobs, most of which are small, and those that were
    begun take turns."""

    def __init__(self, threads: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = threads
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Forgets threads and jobs of the process that this one was forked from."""
        self.changed = threading.Condition()
        self._fresh: deque[Job] = deque()
        self._begun: deque[Job] = deque()
        self._running: dict[int, Job] = {}
        self._is_turn_of_begun = False
        self._threads = 0
        self._idle = 0

    def put(self, job: Job) -> None:
        with self.changed:
            job.moved = self._clock()
            self._fresh.append(job)
            self.tend()

    def tend(self) -> None:
        """Has as many threads work as are wanted; for those who wait, now and then: threads may have got stuck meanwhile."""
        with self.changed:
            waiting = sum(job.is_wanted() for job in (*self._fresh, *self._begun))
            self.changed.notify(waiting)
            if waiting <= self._idle or self._is_complete(0):
                return
            try:
                threading.Thread(target=self._work, name="verifier", daemon=True).start()
            except RuntimeError:  # the system has no more threads; whoever waits will tend again
                logger.warning("no thread could be started", extra={"threads": self._threads})
                return
            self._threads += 1

    def _is_complete(self, surplus: int) -> bool:
        """Whether ``surplus`` fewer threads are as many as there should be."""
        threads = self._threads - surplus
        return threads - len(self._stuck()) >= self._most or threads >= self._most + SPARE

    def _stuck(self) -> list[Job]:
        now = self._clock()
        return [job for job in self._running.values() if now - job.moved > STUCK]

    def _work(self) -> None:
        try:
            while (job := self._take()) is not None:
                self._turn(job)
        finally:
            with self.changed:
                self._threads -= 1

    def _turn(self, job: Job) -> None:
        is_done = True
        try:
            is_done = job.advance()
        finally:
            with self.changed:
                self._running.pop(id(job), None)
                if not is_done:
                    self._begun.append(job)
                    self.changed.notify()

    def _take(self) -> Job | None:
        """The next to go on with; None where this thread is wanted no longer."""
        abandoned: list[Job] = []
        with self.changed:
            job = None if self._is_complete(1) else self._pick(abandoned) or self._await(abandoned)
            while job is None and not abandoned and (self._fresh or self._begun) and self._threads - len(self._stuck()) <= 1:
                job = self._await(abandoned)  # the last one stays until what nobody waits for is abandoned
            if job is not None:
                job.moved = self._clock()
                self._running[id(job)] = job
        for each in abandoned:
            each.give_up()
        return self._take() if job is None and abandoned else job

    def _await(self, abandoned: list[Job]) -> Job | None:
        self._idle += 1
        self.changed.wait(LINGER)
        self._idle -= 1
        return self._pick(abandoned)

    def _pick(self, abandoned: list[Job]) -> Job | None:
        groups = [job.group for job in self._stuck()]
        queues = (self._begun, self._fresh) if self._is_turn_of_begun else (self._fresh, self._begun)
        for queue in queues:
            for job in list(queue):
                if job.is_abandoned():
                    queue.remove(job)
                    abandoned.append(job)
                elif job.is_wanted() and groups.count(job.group) < MOST_STUCK:
                    queue.remove(job)
                    self._is_turn_of_begun = queue is self._fresh
                    return job
        return None
