"""Datastreams of a frozen plan, looked up once more in their repositories."""

from collections.abc import Sequence
from dataclasses import replace

from getapi.core.errors import PackageChanged, SourceError, SourceUnavailable
from getapi.core.plan import Entry
from getapi.core.review import as_source_says
from getapi.core.source import Choosing, DatastreamRecord, Source
from getapi.services.repositories import registry


def see_again(entries: Sequence[Entry]) -> list[DatastreamRecord]:
    """The entries' datastreams as their sources have them now, their sizes left open; each object is asked for once. Whether they may leave
    is decided when they are asked for.

    Raises PackageChanged where one is not the planned one any more, SourceUnavailable while nobody can say.
    """
    objects: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        objects.setdefault((entry.repository, entry.datastream.pid), []).append(entry)
    found: dict[tuple[str, str, str], DatastreamRecord] = {}
    for (repository, pid), planned in objects.items():
        for datastream in _see_object(registry().by_name(repository), [entry.datastream for entry in planned]):
            found[repository, pid, datastream.dsid] = datastream
    return [found[entry.repository, entry.datastream.pid, entry.datastream.dsid] for entry in entries]


def _see_object(source: Source, planned: Sequence[DatastreamRecord]) -> list[DatastreamRecord]:
    try:
        now = {datastream.dsid: datastream for datastream in source.describe(planned[0].pid).datastreams}
        same = [found for each in planned if (found := now.get(each.dsid)) is not None and _is_same(found, each)]
        others = [as_source_says(each) for each in planned if each.dsid not in {found.dsid for found in same}]
        return [*same, *(_chosen(source, others) if others else ())]
    except SourceUnavailable:
        raise
    except SourceError as error:
        raise PackageChanged(planned[0].pid, planned[0].dsid) from error


def _is_same(found: DatastreamRecord, planned: DatastreamRecord) -> bool:
    return (found.version, found.location) == (planned.version, planned.location)


def _chosen(source: Source, planned: Sequence[DatastreamRecord]) -> list[DatastreamRecord]:
    """The files that were chosen at planning, where their source would choose others by now."""
    given = source.still_gives(planned) if isinstance(source, Choosing) else [False] * len(planned)
    for each, is_there in zip(planned, given, strict=True):
        if is_there is False:
            raise PackageChanged(each.pid, each.dsid)
    if None in given:
        raise SourceUnavailable(source.name)
    return [replace(each, size=None, remote=True) for each in planned]
