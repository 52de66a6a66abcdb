"""All repositories of this service, and which of them is asked for an object."""

from collections.abc import Sequence
from dataclasses import dataclass

from getapi.core.errors import AmbiguousName, ObjectNotFound, SourceUnavailable
from getapi.core.plan import Entry
from getapi.core.source import Content, ObjectRecord, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedSource:
    """``namespaces`` are those of the PIDs that the source is asked for; without any it is asked for whatever the others do not have."""

    source: Source
    namespaces: Sequence[str] = ()


class Registry:
    """Sources by name and by PID. Raises ValueError for a name that is given twice."""

    def __init__(self, sources: Sequence[RoutedSource]) -> None:
        self._sources = {routed.source.name: routed.source for routed in sources}
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
        return self._claiming.get(pid.partition(":")[0].lower(), self._others)

    def describe(self, pid: str) -> ObjectRecord:
        """The object in the first source that has it under exactly this PID, else the only one alike but for case.

        Raises what ``Source.describe`` does. A source that does not answer ends the search: what another one holds under this PID may
        be something else.
        """
        alike: dict[str, ObjectRecord] = {}
        ambiguous = False
        for source in self.source_for(pid):
            try:
                record = source.describe(pid)
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

    def open(self, entry: Entry, start: int = 0) -> Content:
        """Raises what ``Source.open`` does."""
        return self.by_name(entry.repository).open(entry.datastream, start)
