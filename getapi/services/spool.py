"""What is put aside for a package that is written at once, without a server: files that nobody else sees, and that go with the process."""

import os
import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

from getapi import conf
from getapi.core.errors import ContentMissing, StageUnusable
from getapi.core.plan import Entry
from getapi.core.source import Content, DatastreamRecord
from getapi.services import intake
from getapi.services.repositories import registry
from getapi.services.stage import folder
from getapi.sources.content import OpenedFile


class Spool:
    """A gauge (core.content.Gauge) that reads what it is asked of, and opens it again. Must be closed."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str, str], IO[bytes]] = {}

    def recall(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord | None:  # noqa: ARG002 # a protocol's names
        return None

    def settle(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord:
        """Raises StageUnusable, TooManyBytes, and what reading it raises."""
        configuration = conf.current()
        algorithm, most = configuration.packages.checksum, configuration.limits.bytes
        try:
            file = tempfile.TemporaryFile(dir=folder())  # noqa: SIM115 # it stays open until the package is written
            self._files[repository, datastream.pid, datastream.dsid] = file
            with intake.begin(registry().by_name(repository), datastream) as supply:
                found = intake.read_through(datastream, supply, algorithm=algorithm, most=most, look=lambda _: None, write=file.write)
            file.flush()
        except OSError as error:
            raise StageUnusable from error
        return intake.as_record(datastream, found.size, found.digests, algorithm)

    def opener(self, otherwise: Callable[..., Content]) -> Callable[..., Content]:
        """How a package's entries are opened: what was put aside from here, all else by ``otherwise``."""

        def open_entry(entry: Entry, start: int = 0) -> Content:
            if not entry.is_staged:
                return otherwise(entry, start)
            file = self._files.get((entry.repository, entry.datastream.pid, entry.datastream.dsid))
            if file is None:
                raise ContentMissing(entry.datastream.pid, entry.datastream.dsid)
            return OpenedFile(os.dup(file.fileno()), entry.datastream, repository=entry.repository, start=start)

        return open_entry

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._files.values():
            file.close()
