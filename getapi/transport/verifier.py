"""Datastreams read in the background, to say whether their bytes are what they should be: one reading for all who wait for it."""

import logging
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from functools import partial

from getapi.core.errors import FixityMismatch
from getapi.core.ledger import Examination
from getapi.core.plan import Entry
from getapi.core.source import Content
from getapi.transport import examination
from getapi.transport.examination import Checks, examine, utc

logger = logging.getLogger("getapi.fixity")

OpenEntry = Callable[[Entry], Content]

Key = tuple[str, str, str, str, str]
"""Repository, PID, DSID, version and identity: these very bytes."""

SLICE = 64 << 20
"""Octets after which a reading lets the next one go on: a small datastream never waits for all of a large one."""

LINGER = 1.0
"""Seconds for which a thread that has nothing to read waits for more."""

MOST_REMEMBERED = 4096


class Reading:
    """A reading of one entry's bytes. ``octets`` have been read of it so far."""

    __slots__ = ("_done", "_error", "_found", "askers", "checks", "entry", "octets", "steps")

    def __init__(self, entry: Entry, checks: Checks, steps: examination.Reading) -> None:
        self.entry = entry
        self.checks = checks
        self.steps = steps
        self.octets = 0
        self.askers = 0
        self._done = threading.Event()
        self._found: Examination | None = None
        self._error: Exception | None = None

    def wait(self, seconds: float) -> bool:
        """Whether it has come to its end by then."""
        return self._done.wait(seconds)

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    def result(self) -> Examination:
        """What was found. Raises FixityMismatch, ContentMissing, ContentChanged, SourceUnavailable, and whatever else made it fail."""
        if self._error is not None:
            raise self._error.with_traceback(None)  # it may be raised to a thousand who wait
        if self._found is None:
            raise RuntimeError("the reading has not come to its end")
        if self._found.mismatch:
            raise FixityMismatch(self.entry.datastream.pid, self.entry.datastream.dsid, self._found.mismatch)
        return self._found

    def conclude(self, found: Examination | None = None, error: Exception | None = None) -> None:
        self._found, self._error = found, error
        self._done.set()


class Verifier:
    """Reads what it is asked for, a slice of each in turn, in a few threads that live while there is something to read.

    ``tell`` is called, in one of those threads, with what was found of an entry. ``remember`` says for how many seconds a finding answers
    who asks later: by then it should be in the ledger. Safe for threads.
    """

    def __init__(
        self,
        *,
        tell: Callable[[Entry, Examination], object] = lambda _entry, _found: None,
        remember: Callable[[], float] = lambda: 0,
        threads: int = os.cpu_count() or 1,
        now: Callable[[], datetime] = utc,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._remember = remember
        self._most_threads = threads
        self._now = now
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Forgets threads and readings of the process that this one was forked from."""
        self._changed = threading.Condition()
        self._queue: deque[Reading] = deque()
        self._current: dict[Key, Reading] = {}
        self._kept: OrderedDict[Key, tuple[float, Reading]] = OrderedDict()
        self._threads = 0
        self._idle = 0
        self.octets = 0

    def ask(self, entry: Entry, open_entry: OpenEntry, checks: Checks) -> Reading:
        """The reading that answers ``checks``: one that was done lately, one that is under way, or a new one.

        Whoever asked must say ``leave`` when it does not need it any more.
        """
        key = _key(entry)
        with self._changed:
            reading = self._recall(key, checks) or self._join(key, checks)
            if reading is None:
                steps = examine(partial(open_entry, entry), entry.datastream, checks, repository=entry.repository, now=self._now)
                reading = self._current[key] = Reading(entry, checks, steps)
                self._queue.append(reading)
                self._engage()
            reading.askers += 1
            return reading

    def leave(self, reading: Reading) -> None:
        """A reading that nobody waits for any more is given up."""
        with self._changed:
            reading.askers -= 1

    def _recall(self, key: Key, checks: Checks) -> Reading | None:
        done, reading = self._kept.get(key, (0.0, None))
        if reading is None or self._clock() - done >= self._remember() or not reading.checks.cover(checks):
            return None
        return reading

    def _join(self, key: Key, checks: Checks) -> Reading | None:
        reading = self._current.get(key)
        return reading if reading is not None and reading.checks.cover(checks) else None

    def _engage(self) -> None:
        """One thread more, or one that idles, for what was just put into the queue."""
        if self._idle >= len(self._queue) or self._threads >= self._most_threads:
            self._changed.notify()
            return
        self._threads += 1
        threading.Thread(target=self._work, name="verifier", daemon=True).start()

    def _work(self) -> None:
        while (reading := self._take()) is not None:
            self._advance(reading)

    def _take(self) -> Reading | None:
        """The next to go on with; None where this thread is wanted no longer."""
        with self._changed:
            if not self._queue:
                self._idle += 1
                self._changed.wait_for(lambda: bool(self._queue), LINGER)
                self._idle -= 1
            while self._queue:
                reading = self._queue.popleft()
                if reading.askers > 0:
                    return reading
                self._drop(reading)
                reading.steps.close()
            self._threads -= 1
            return None

    def _advance(self, reading: Reading) -> None:
        """A slice of it; then it goes to the end of the queue, or has come to its own end."""
        left = SLICE
        try:
            while left > 0:
                count = next(reading.steps)
                reading.octets += count
                self.octets += count
                left -= count
        except StopIteration as end:
            self._finish(reading, found=end.value)
        except Exception as error:  # noqa: BLE001 # whoever waits for it must be told, whatever it was
            self._finish(reading, error=error)
        else:
            self._go_on(reading)

    def _go_on(self, reading: Reading) -> None:
        with self._changed:
            self._queue.append(reading)
            self._changed.notify()

    def _finish(self, reading: Reading, *, found: Examination | None = None, error: Exception | None = None) -> None:
        with self._changed:
            self._drop(reading)
            if found is not None:
                self._keep(reading)
        if found is not None:
            self.report(reading.entry, found)
        reading.conclude(found, error)

    def report(self, entry: Entry, found: Examination) -> None:
        """For who found something of an entry."""
        try:
            self._tell(entry, found)
        except Exception:  # those who wait must be told whatever becomes of the record
            logger.exception("what was found could not be put on record")

    def _keep(self, reading: Reading) -> None:
        now, age = self._clock(), self._remember()
        if age > 0:
            self._kept[_key(reading.entry)] = now, reading
        while self._kept and (len(self._kept) > MOST_REMEMBERED or now - next(iter(self._kept.values()))[0] >= age):
            self._kept.popitem(last=False)

    def _drop(self, reading: Reading) -> None:
        key = _key(reading.entry)
        if self._current.get(key) is reading:  # one that is to learn more may have taken its place
            del self._current[key]


def _key(entry: Entry) -> Key:
    datastream = entry.datastream
    return entry.repository, datastream.pid, datastream.dsid, datastream.version, datastream.identity
