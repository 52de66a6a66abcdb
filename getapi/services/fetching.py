"""The members of a package that are put aside, one after the other: tried again where that may help, given up where it does not."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import islice
from urllib.parse import urlsplit

from getapi import conf
from getapi.core.errors import ContentChanged, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.services import intake
from getapi.services.pulse import Pulse
from getapi.services.repositories import registry
from getapi.services.supply import Supply

MEMBERS = 8
"""Members that are read at the same time: what a server takes to make one is not waited for one after the other."""

TRIES = 3
"""How often a member that breaks off is read at most."""

PAUSE = 2.0
"""Seconds before a member is tried again."""

SILENT = 10.0
"""Seconds without an octet after which a member that fails is not tried again."""

PATIENCE = 3
"""Members of one server that failed so one after the other, after which this preparation asks it for no more: a thousand of them would
each wait as long. One that it hangs on does not close it to the others."""


class Course:
    """How far the fetching of one of several members is: a part for each, within it by the size that the repository records, if it does."""

    def __init__(self, pulse: Pulse, share: float, number: int, count: int, expected: int | None) -> None:
        self._pulse = pulse
        self._begin, self._part = share * number / count, share / count
        self._expected = expected

    def reach(self, octets: int) -> None:
        within = min(octets / self._expected, 1.0) if self._expected else 0.0
        self._pulse.reach(self._begin + self._part * within)


class Limit:
    """``timeouts.datastream`` and signs of life of one member, which may take so long and no longer."""

    def __init__(self, repository: str) -> None:
        self._repository = repository
        self._began = self._came = time.monotonic()
        self._most = conf.current().timeouts.datastream

    def check(self) -> None:
        """Raises SourceUnavailable where it is over."""
        if self.is_over:
            raise SourceUnavailable(self._repository)

    def came(self) -> None:
        """Something of it did."""
        self._came = time.monotonic()

    @property
    def is_over(self) -> bool:
        return 0 < self._most <= time.monotonic() - self._began

    @property
    def is_silent(self) -> bool:
        return time.monotonic() - self._came >= min(SILENT, conf.current().timeouts.stall or SILENT)


class Fetcher:
    """Puts members of one package aside, in the order of ``wanted`` (each with its repository's name); the next ones begin to come before
    their turn. Must be closed."""

    def __init__(self, package_id: str, algorithm: str, wanted: Iterable[tuple[str, DatastreamRecord]]) -> None:
        self._package_id = package_id
        self._algorithm = algorithm
        self._silences = Counter[tuple[str, str]]()
        self._wanted = iter(wanted)
        self._begun: deque[tuple[str, DatastreamRecord, Supply[bytes] | None]] = deque()

    def fetch(self, most: int, course: Course) -> int:
        """The next one's octets; ``most`` may there be. Raises what ``intake.take_in`` and ``Pulse.check`` do; SourceUnavailable also where
        it takes longer than ``timeouts.datastream``, or its server has been silent already."""
        repository, datastream, supply = self._next()
        place, limit = _place(repository, datastream), Limit(repository)
        if self._silences[place] >= PATIENCE:
            if supply is not None:
                supply.close()
            raise SourceUnavailable(repository)
        for attempt in range(1, TRIES + 1):
            try:
                size = self._try(repository, datastream, most, course, limit, supply if attempt == 1 else None)
                break
            except (ContentChanged, SourceUnavailable) as error:
                is_silent = limit.is_silent and isinstance(error, SourceUnavailable)
                self._silences[place] = self._silences[place] + 1 if is_silent else 0
                if attempt == TRIES or is_silent or limit.is_over:
                    raise
            self._release()  # they may hold all connections that its server gives us
            _wait(PAUSE * attempt, lambda: course.reach(0))
            limit.came()
        self._silences[place] = 0
        return size

    def _next(self) -> tuple[str, DatastreamRecord, Supply[bytes] | None]:
        for repository, datastream in islice(self._wanted, MEMBERS - len(self._begun)):
            is_closed = self._silences[_place(repository, datastream)] >= PATIENCE
            supply = None if is_closed else _begin(repository, datastream)
            self._begun.append((repository, datastream, supply))
        return self._begun.popleft()

    def _release(self) -> None:
        """What began ahead begins anew when its turn comes."""
        self.close()
        self._begun = deque((repository, datastream, None) for repository, datastream, _ in self._begun)

    def close(self) -> None:
        for _, _, supply in self._begun:
            if supply is not None:
                supply.close()

    def _try(
        self, repository: str, datastream: DatastreamRecord, most: int, course: Course, limit: Limit, supply: Supply[bytes] | None
    ) -> int:
        seen = [0]

        def look(octets: int) -> None:
            if octets != seen[0]:
                limit.came()
            seen[0] = octets
            course.reach(octets)
            limit.check()

        with supply or _begin(repository, datastream) as blocks:
            intake.take_in(self._package_id, repository, datastream, blocks, algorithm=self._algorithm, most=most, look=look)
        return seen[0]


def _begin(repository: str, datastream: DatastreamRecord) -> Supply[bytes]:
    return intake.begin(registry().by_name(repository), datastream)


def _place(repository: str, datastream: DatastreamRecord) -> tuple[str, str]:
    """Whose silence it is: a repository may have its external datastreams on many servers."""
    try:
        return repository, urlsplit(datastream.location).netloc
    except ValueError:
        return repository, datastream.location


def _wait(seconds: float, check: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        check()
        time.sleep(0.1)
