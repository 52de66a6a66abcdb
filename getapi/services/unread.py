"""Repositories without what of them was to be read just now and could not be (core.selection.Repositories)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from getapi.core.errors import ContentMissing, SourceError
from getapi.core.notice import Caveat, NoticeCode
from getapi.core.plan import Entry, own_identity
from getapi.core.selection import Repositories
from getapi.core.source import DatastreamRecord, ObjectRecord, Source


class Unread:
    """``lacks`` says what could not be read: from then on its record has that fault, for as long as its bytes are the same ones."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories
        self._lacking: dict[tuple[str, str, str, str], Caveat] = {}

    def lacks(self, entry: Entry, error: SourceError) -> None:
        code = NoticeCode.CONTENT_MISSING if isinstance(error, ContentMissing) else NoticeCode.SOURCE_UNAVAILABLE
        self._lacking[_key(entry.repository, entry.datastream)] = Caveat(code=code, text=error.sentence)

    def by_name(self, name: str) -> Source:
        return self._repositories.by_name(name)

    def describe(self, pid: str) -> ObjectRecord:
        return self._mark(self._repositories.describe(pid))

    def describe_ahead(self, pids: Sequence[str], repository: str | None = None) -> Mapping[str, ObjectRecord | SourceError]:
        told = self._repositories.describe_ahead(pids, repository)
        return {pid: found if isinstance(found, SourceError) else self._mark(found) for pid, found in told.items()}

    def _mark(self, record: ObjectRecord) -> ObjectRecord:
        caveats = [self._lacking.get(_key(record.repository, datastream)) for datastream in record.datastreams]
        if not any(caveats):
            return record
        pairs = zip(record.datastreams, caveats, strict=True)
        return replace(
            record, datastreams=tuple(replace(each, fault=caveat.code, caveat=caveat) if caveat else each for each, caveat in pairs)
        )


def _key(repository: str, datastream: DatastreamRecord) -> tuple[str, str, str, str]:
    return repository, datastream.pid, datastream.dsid, own_identity(datastream.identity)
