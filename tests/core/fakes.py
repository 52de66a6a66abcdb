"""A repository in memory for the tests of core: what a source says and gives, without a disk."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from getapi.core.errors import ContentMissing, ObjectNotFound, PackagingError, SourceError
from getapi.core.source import ControlGroup, DatastreamRecord, Digest, ObjectRecord

CREATED = datetime(2012, 9, 3, 12, 0, 0, tzinfo=UTC)


class FakeContent:
    """Bytes that were opened; ``closed`` tells whether they were closed again."""

    def __init__(self, data: bytes, start: int) -> None:
        self.size: int | None = len(data)
        self._rest, self.closed, self.confirmed = data[start:], False, False

    def descriptor(self) -> int | None:
        return None

    def read(self, count: int) -> bytes:
        block, self._rest = self._rest[:count], self._rest[count:]
        return block

    def confirm(self) -> None:
        self.confirmed = True

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class UnsizedContent(FakeContent):
    """Its end alone tells how large it is."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data, 0)
        self.size = None


@dataclass
class FakeRepository:
    """Both the one source and the registry of it."""

    name: str = "fake"
    objects: dict[str, ObjectRecord] = field(default_factory=dict)
    contents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    errors: dict[str, PackagingError] = field(default_factory=dict)
    described: list[str] = field(default_factory=list)
    opened: list[FakeContent] = field(default_factory=list)
    ahead: frozenset[str] = frozenset()
    announced: list[tuple[tuple[str, ...], str | None]] = field(default_factory=list)

    def add(self, pid: str, datastreams: Mapping[str, bytes], *, records: Sequence[DatastreamRecord] = (), **facts: object) -> ObjectRecord:
        """An object whose datastreams are managed, with SHA-256 known; ``records`` replace or follow them by their DSID."""
        made = {dsid: managed(pid, dsid, data) for dsid, data in datastreams.items()}
        made.update((record.dsid, record) for record in records)
        record = ObjectRecord(pid=pid, repository=self.name, datastreams=tuple(made.values()))
        self.objects[pid] = replace(record, **facts)  # type: ignore[arg-type] # the tests' own facts
        self.contents.update(((pid, dsid), data) for dsid, data in datastreams.items())
        return self.objects[pid]

    def describe(self, pid: str) -> ObjectRecord:
        self.described.append(pid)
        if pid in self.errors:
            raise self.errors[pid]
        folded = {name.lower(): record for name, record in self.objects.items()}
        record = self.objects.get(pid) or folded.get(pid.lower())
        if record is None:
            raise ObjectNotFound(pid)
        return record

    def by_name(self, name: str) -> Self:
        assert name == self.name
        return self

    def describe_ahead(self, pids: Sequence[str], repository: str | None = None) -> dict[str, ObjectRecord | SourceError]:
        """What ``ahead`` names, and nothing else."""
        self.announced.append((tuple(pids), repository))
        return {pid: self._outcome(pid) for pid in pids if pid in self.ahead}

    def _outcome(self, pid: str) -> ObjectRecord | SourceError:
        try:
            return self.describe(pid)
        except SourceError as error:
            return error

    def open(self, datastream: DatastreamRecord, start: int = 0) -> FakeContent:
        key = (datastream.pid, datastream.dsid)
        if key not in self.contents:
            raise ContentMissing(*key)
        content = FakeContent(self.contents[key], start)
        self.opened.append(content)
        return content


def managed(pid: str, dsid: str, data: bytes, **facts: object) -> DatastreamRecord:
    record = DatastreamRecord(
        pid=pid,
        dsid=dsid,
        version=f"{dsid}.0",
        control_group=ControlGroup.MANAGED,
        created=CREATED,
        size=len(data),
        digests=(Digest(algorithm="sha256", value=hashlib.sha256(data).hexdigest()),),
        identity=f"{len(data)}-1-1",
    )
    return replace(record, **facts)  # type: ignore[arg-type] # the tests' own facts
