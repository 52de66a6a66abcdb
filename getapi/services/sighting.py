"""A datastream of a frozen plan, looked up once more in its repository."""

from dataclasses import replace

from getapi.core.errors import PackageChanged, SourceError, SourceUnavailable
from getapi.core.plan import Entry
from getapi.core.review import as_source_says
from getapi.core.source import Choosing, DatastreamRecord, Source
from getapi.services.repositories import registry


def see_again(entry: Entry) -> DatastreamRecord:
    """The datastream as its source has it now, its size left open. Whether it may leave is decided when it is asked for.

    Raises PackageChanged where it is not the planned one any more, SourceUnavailable while nobody can say.
    """
    source = registry().by_name(entry.repository)
    try:
        return _find(source, entry.datastream) or _choose(source, entry.datastream)
    except SourceUnavailable:
        raise
    except SourceError as error:
        raise PackageChanged(entry.datastream.pid, entry.datastream.dsid) from error


def _find(source: Source, planned: DatastreamRecord) -> DatastreamRecord | None:
    for found in source.describe(planned.pid).datastreams:
        if found.dsid == planned.dsid and (found.version, found.location) == (planned.version, planned.location):
            return found
    return None


def _choose(source: Source, planned: DatastreamRecord) -> DatastreamRecord:
    """The file that was chosen at planning, where its source would choose something else by now."""
    own = as_source_says(planned)
    is_there = source.still_gives([own])[0] if isinstance(source, Choosing) else False
    if is_there is None:
        raise SourceUnavailable(source.name)
    if not is_there:
        raise PackageChanged(planned.pid, planned.dsid)
    return replace(own, size=None, remote=True)
