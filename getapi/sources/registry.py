"""All repositories of this service, and which of them is asked for an object."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

from getapi.core.errors import AmbiguousName, ObjectNotFound, SourceError, SourceUnavailable
from getapi.core.plan import Entry
from getapi.core.source import Content, ObjectRecord, Source
from getapi.sources.waiting import waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedSource:
    """``namespaces`` are those of the PIDs that the source is asked for; without any it is asked for whatever the others do not have.

    ``at_once``: how many objects may be asked for at the same time, where each takes a round trip.
    """

    source: Source
    namespaces: Sequence[str] = ()
    at_once: int = 1


Told = ObjectRecord | SourceError
"""What a source says of an object, or that it cannot."""


class Registry:
    """Sources by name and by PID. Raises ValueError for a name that is given twice."""

    def __init__(self, sources: Sequence[RoutedSource]) -> None:
        self._sources = {routed.source.name: routed.source for routed in sources}
        self._at_once = {routed.source.name: routed.at_once for routed in sources}
        if len(self._sources) != len(sources):
            raise ValueError("Two repositories have the same name")
        claimed = [(routed.source, frozenset(map(str.lower, routed.namespaces))) for routed in sources]
        self._others = tuple(source for source, namespaces in claimed if not namespaces)
        self._claiming = {
            namespace: tuple(source for source, namespaces in claimed if namespace in namespaces) + self._others
            for _, namespaces in claimed
            for namespace in namespaces
        }

    def by_name(self, name: str) -> Source:
        """Raises SourceUnavailable for a repository that is no longer configured."""
        try:
            return self._sources[name]
        except KeyError:
            raise SourceUnavailable(name) from None

    def source_for(self, pid: str) -> tuple[Source, ...]:
        """The sources to ask, in order: those that claim the PID's namespace, then those that claim none."""
        return self._claiming.get(pid.partition(":")[0].lower(), self._others) if self._claiming else self._others

    def describe(self, pid: str, *, besides: Collection[str] = ()) -> ObjectRecord:
        """The object in the first source that has it under exactly this PID, else the only one alike but for case.

        ``besides``: sources that are not asked, as if they were not there. Raises what ``Source.describe`` does. A source that does not
        answer ends the search: what another one holds under this PID may be something else.
        """
        sources = self.source_for(pid) if self._claiming else self._others
        if besides:
            sources = tuple(source for source in sources if source.name not in besides)
        if len(sources) == 1:  # as everywhere where there is one repository: no other can have it, and nothing is to be compared
            return sources[0].describe(pid)
        return _describe(pid, sources)

    def describe_ahead(self, pids: Sequence[str], repository: str | None = None) -> Mapping[str, Told]:
        """What ``describe`` gives or raises, for those PIDs whose first source takes several questions at once (``RoutedSource.at_once``).

        ``repository``: that source's own ``describe`` alone. Returns when all are answered; a source is never asked more than it takes.
        Several sources are asked side by side: one that is away costs the others no time.
        """
        if repository is not None:
            return self._ask_one(self.by_name(repository), pids)
        if all(at_once < 2 for at_once in self._at_once.values()):
            return {}
        groups = [(source, asked) for source, asked in self._by_first_source(pids) if self._at_once[source.name] > 1]
        told = self._ask_side_by_side(groups) if len(groups) > 1 else [self._ask_one(*group) for group in groups]
        return {pid: self._outcome(pid, first) for each in told for pid, first in each.items()}

    def _by_first_source(self, pids: Sequence[str]) -> list[tuple[Source, list[str]]]:
        groups: dict[str, list[str]] = {}
        for pid in pids:
            for source in self.source_for(pid)[:1]:
                groups.setdefault(source.name, []).append(pid)
        return [(self._sources[name], asked) for name, asked in groups.items()]

    def _ask_one(self, source: Source, pids: Sequence[str]) -> dict[str, Told]:
        if self._at_once[source.name] < 2 or len(pids) < 2:
            return {}
        with waiting(source.name):
            return self._ask(source, pids, Event())

    def _ask_side_by_side(self, groups: Sequence[tuple[Source, Sequence[str]]]) -> list[dict[str, Told]]:
        for source, _ in groups:
            with waiting(source.name):
                pass  # where as many wait for one of them as may, that is said before anybody is asked
        pool, is_over = ThreadPoolExecutor(len(groups), thread_name_prefix="repositories"), Event()
        try:
            asking = [(source, pool.submit(self._ask, source, asked, is_over)) for source, asked in groups]
            told = []
            for source, answers in asking:
                with waiting(source.name):
                    told.append(answers.result())
            return told
        finally:
            is_over.set()
            pool.shutdown(wait=False, cancel_futures=True)  # whoever may not wait for one of them does not

    def _ask(self, source: Source, pids: Sequence[str], is_over: Event) -> dict[str, Told]:
        """Once it ``is_over`` nobody waits for the answers, and no more questions are asked."""
        with ThreadPoolExecutor(min(self._at_once[source.name], len(pids)), thread_name_prefix="describing") as pool:
            return dict(zip(pids, pool.map(lambda pid: _told(source, pid, is_over), pids), strict=True))

    def _outcome(self, pid: str, first: Told) -> Told:
        try:
            return _describe(pid, self.source_for(pid), first)
        except SourceError as error:
            return error

    def open(self, entry: Entry, start: int = 0) -> Content:
        """Raises what ``Source.open`` does."""
        return self.by_name(entry.repository).open(entry.datastream, start)


def _describe(pid: str, sources: Sequence[Source], first: Told | None = None) -> ObjectRecord:
    """``first`` is what the first source has told already."""
    alike: dict[str, ObjectRecord] = {}
    ambiguous = False
    for place, source in enumerate(sources):
        try:
            record = _given(first) if place == 0 and first is not None else source.describe(pid)
        except ObjectNotFound:
            continue
        except AmbiguousName:
            ambiguous = True
            continue
        if record.pid == pid:
            return record
        alike.setdefault(record.pid, record)
    if ambiguous or len(alike) > 1:
        raise AmbiguousName(pid)
    if not alike:
        raise ObjectNotFound(pid)
    return alike.popitem()[1]


def _told(source: Source, pid: str, is_over: Event) -> Told:
    if is_over.is_set():
        return SourceUnavailable(source.name)
    try:
        return source.describe(pid)
    except SourceError as error:
        return error


def _given(told: Told) -> ObjectRecord:
    if isinstance(told, SourceError):
        raise told
    return told
