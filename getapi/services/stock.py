"""Gauges of a preparation (core.content.Gauge): whose size is not known yet, and what of them was put aside."""

from collections.abc import Callable
from dataclasses import replace

from getapi.core.content import Gauge
from getapi.core.errors import SourceError, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.services import intake, stage


class Survey:
    """A gauge that notes whose size cannot be known, and lets them count as empty for the time being."""

    def __init__(self, known: Gauge | None = None) -> None:
        self.unsized: dict[tuple[str, str, str], tuple[str, DatastreamRecord]] = {}
        self._known = known

    def recall(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord | None:
        return None if self._known is None else self._known.recall(repository, datastream)

    def settle(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord:
        self.unsized[repository, datastream.pid, datastream.dsid] = repository, datastream
        return replace(datastream, size=0)


class Stock:
    """A gauge that knows what is in the package's stage, and why what is not there could not be had."""

    def __init__(self, package_id: str, algorithm: str, *, look: Callable[[], None]) -> None:
        """``look`` is called for each datastream that planning asks for, and may raise."""
        self._package_id = package_id
        self._algorithm = algorithm
        self._look = look
        self._failed: dict[tuple[str, str, str], SourceError] = {}
        self.count()

    def count(self) -> None:
        """Looks what is there now."""
        self._members = {key: member for key, member in stage.members(self._package_id).items() if member.is_there()}

    def lacks(self, key: tuple[str, str, str], error: SourceError) -> None:
        self._failed[key] = error

    def recall(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord | None:
        self._look()
        member = self._members.get((repository, datastream.pid, datastream.dsid))
        if member is None or (member.version, member.location) != (datastream.version, stage.origin_of(datastream)):
            return None
        if self._algorithm not in member.digests:  # packages.checksum is another since
            return None
        return intake.as_record(datastream, member.size, member.digests, self._algorithm)

    def settle(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord:
        raise self._failed.get((repository, datastream.pid, datastream.dsid)) or SourceUnavailable(repository)
