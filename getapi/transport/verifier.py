"""Datastreams read in the background, to say whether their bytes are what they should be: one reading for all who wait for it."""

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import cast

from getapi.core.errors import FixityMismatch, PackagingError
from getapi.core.ledger import Examination
from getapi.core.plan import Entry
from getapi.core.source import Content
from getapi.transport import examination
from getapi.transport.crew import Crew
from getapi.transport.examination import Checks, examine, utc

logger = logging.getLogger("getapi.fixity")

OpenEntry = Callable[[Entry], Content]

Key = tuple[str, str, str, str, str]
"""Repository, PID, DSID, version and identity: these very bytes."""

SLICE = 64 << 20
"""Octets after which a reading lets the next one go on: a small datastream never waits for all of a large one."""

MOST_REMEMBERED = 4096

PATIENCE = 120.0
"""Seconds for which a reading that nobody waits for stays where it is: who comes back for it would else never see its end."""

MOST_PAUSED = 32
"""Of those, each with an open file."""

_NOTHING: Iterator[int] = iter(())
"""All that is left of a reading's steps at its end."""


class Reading:
    """A reading of one entry's bytes (transport.crew.Job). Who asks for it counts as one of its ``askers`` until it leaves."""

    __slots__ = (
        "_count",
        "_end",
        "_error",
        "_found",
        "_gate",
        "_is_done",
        "_is_over",
        "_steps",
        "askers",
        "checks",
        "clock",
        "entry",
        "group",
        "is_running",
        "left",
        "moved",
        "octets",
    )

    def __init__(
        self,
        entry: Entry,
        checks: Checks,
        steps: examination.Reading,
        *,
        count: Callable[[int], None],
        end: Callable[["Reading"], None],
        is_over: Callable[["Reading"], bool],
        clock: Callable[[], float],
    ) -> None:
        """``count`` is told the octets of each block; ``end`` is called once, when it is known what was ``found``. ``is_over`` is asked of
        one that nobody waits for: once it says so nobody may come back to it."""
        self.entry = entry
        self.checks = checks
        self.group = entry.repository
        self.clock = clock
        self.moved = clock()
        self.octets = 0
        self.askers = 0
        self.left = 0.0
        self.is_running = False
        self._steps: Iterator[int] = steps
        self._count = count
        self._end = end
        self._is_over = is_over
        self._is_done = False
        self._gate = threading.Lock()  # an Event is many times as large, and each slow reader holds some readings
        self._gate.acquire()
        self._found: Examination | None = None
        self._error: Exception | None = None

    def wait(self, seconds: float) -> bool:
        """Whether it has come to its end by then."""
        if not self._is_done and self._gate.acquire(timeout=seconds):
            self._gate.release()  # whoever else waits goes on as well
        return self._is_done

    @property
    def is_done(self) -> bool:
        return self._is_done

    @property
    def found(self) -> Examination | None:
        """What was found, sound or not; None where the bytes could not be read to their end."""
        return self._found

    def result(self) -> Examination:
        """What was found, if it is sound. Raises FixityMismatch, ContentMissing, ContentChanged, SourceUnavailable, and whatever else made
        it fail."""
        if self._error is not None:
            raise self._error.with_traceback(None)  # it may be raised to a thousand who wait
        if self._found is None:
            raise RuntimeError("the reading has not come to its end")
        if self._found.mismatch:
            raise FixityMismatch(self.entry.datastream.pid, self.entry.datastream.dsid, self._found.mismatch)
        return self._found

    def advance(self) -> bool:
        """A slice of it; whether it has come to its end. Raises nothing."""
        self.is_running = True
        try:
            self._read()
        except StopIteration as end:
            self._found = end.value
        except Exception as error:  # noqa: BLE001 # the edge of a thread: whoever waits must be told, whatever it was
            self._error = error
        else:
            return False
        finally:
            self.is_running = False
        try:
            self._end(self)
        except Exception:  # the edge of a thread: they must be told whatever becomes of the record
            logger.exception("what was found could not be put on record")
        self._steps = _NOTHING
        self._is_done = True
        self._gate.release()
        return True

    def _read(self) -> None:
        left = SLICE
        while left > 0:
            count = next(self._steps)
            self.moved = self.clock()
            self.octets += count
            self._count(count)
            left -= count

    def is_wanted(self) -> bool:
        return self.askers > 0

    def is_abandoned(self) -> bool:
        return self.askers <= 0 and self._is_over(self)

    def give_up(self) -> None:
        with suppress(OSError, PackagingError):  # a disk may fail at a closing too
            cast("examination.Reading", self._steps).close()


class Verifier:
    """Reads what it is asked for, in a few threads.

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
        self._now = now
        self._clock = clock
        self._crew = Crew(threads, clock=clock)
        # The same three methods for all: bound anew for each they would be a fifth of a reading's memory.
        self._begin = partial(Reading, count=self._count, end=self._conclude, is_over=self._is_over, clock=clock)
        self.reset()

    def reset(self) -> None:
        """Forgets threads and readings of the process that this one was forked from."""
        self._crew.reset()
        self._current: dict[Key, Reading] = {}
        self._paused: OrderedDict[int, Reading] = OrderedDict()
        self._kept: OrderedDict[Key, tuple[float, Reading]] = OrderedDict()
        self.octets = 0
        """Read so far, of all."""

    def ask(self, entry: Entry, open_entry: OpenEntry, checks: Checks) -> Reading:
        """The reading that answers ``checks``: one that was done lately, one that is under way, or a new one.

        Whoever asked must say ``leave`` when it does not need it any more.
        """
        key = _key(entry)
        with self._crew.changed:
            reading = self._recall(key, checks) or self._join(key, checks)
            if reading is None:
                steps = examine(partial(open_entry, entry), entry.datastream, checks, repository=entry.repository, now=self._now)
                reading = self._current[key] = self._begin(entry, checks, steps)
                reading.askers += 1
                self._crew.put(reading)
            else:
                reading.askers += 1
                self._paused.pop(id(reading), None)
                self._crew.tend()
            return reading

    def leave(self, reading: Reading) -> None:
        """A reading that nobody waits for any more stops, and is given up in the end."""
        with self._crew.changed:
            reading.askers -= 1
            if reading.askers <= 0 and not reading.is_done:
                reading.left = self._clock()
                self._paused[id(reading)] = reading
                while len(self._paused) > MOST_PAUSED:
                    self._paused.popitem(last=False)

    def note(self, entry: Entry, found: Examination) -> None:
        """What somebody else found who read all of an entry."""
        self._tell(entry, found)

    def _is_over(self, reading: Reading) -> bool:
        """Of a reading that nobody waits for; it is dropped then."""
        if id(reading) in self._paused and self._clock() - reading.left < PATIENCE:
            return False
        self._drop(reading)
        return True

    def progress(self, reading: Reading) -> int:
        """A number that changes while there is hope: while it is being read its own octets count, until then those of all others.

        To be asked now and then by whoever waits.
        """
        self._crew.tend()
        return reading.octets if reading.is_running else -1 - self.octets

    def _count(self, octets: int) -> None:
        self.octets += octets

    def _recall(self, key: Key, checks: Checks) -> Reading | None:
        done, reading = self._kept.get(key, (0.0, None))
        if reading is None or self._clock() - done >= self._remember() or not reading.checks.cover(checks):
            return None
        return reading

    def _join(self, key: Key, checks: Checks) -> Reading | None:
        reading = self._current.get(key)
        return reading if reading is not None and reading.checks.cover(checks) else None

    def _conclude(self, reading: Reading) -> None:
        with self._crew.changed:
            self._drop(reading)
            if reading.found is not None:
                self._keep(reading)
        if reading.found is not None:
            self._tell(reading.entry, reading.found)

    def _keep(self, reading: Reading) -> None:
        now, age = self._clock(), self._remember()
        if age > 0:
            self._kept[_key(reading.entry)] = now, reading
        while self._kept and (len(self._kept) > MOST_REMEMBERED or now - next(iter(self._kept.values()))[0] >= age):
            self._kept.popitem(last=False)

    def _drop(self, reading: Reading) -> None:
        self._paused.pop(id(reading), None)
        key = _key(reading.entry)
        if self._current.get(key) is reading:  # one that is to learn more may have taken its place
            del self._current[key]


def _key(entry: Entry) -> Key:
    datastream = entry.datastream
    return entry.repository, datastream.pid, datastream.dsid, datastream.version, datastream.identity
