"""Whether a stored plan may still be sent: access is decided again, and the repository still holds what was planned (SPEC 4)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from getapi.core.access import AccessRules, Denied, decide
from getapi.core.errors import (
    AmbiguousName,
    ObjectNotFound,
    ObjectUnreadable,
    PackageChanged,
    PackageClosed,
    SourceError,
    SourceUnavailable,
)
from getapi.core.ledger import Ledger
from getapi.core.plan import Entry, Plan, own_identity
from getapi.core.selection import Repositories
from getapi.core.source import Choosing, DatastreamRecord, ObjectRecord, Source


def review(plan: Plan, *, repositories: Repositories, rules: AccessRules, now: datetime, ledger: Ledger | None = None) -> None:
    """Returns where every entry may leave at ``now`` (aware) and is as it was planned; each object is described once.

    Raises PackageChanged for what is gone, is another version or other bytes, or was found damaged since; PackageClosed for what may not
    leave now; SourceUnavailable while a repository does not answer.
    """
    by_repository: dict[str, dict[str, list[Entry]]] = {}
    for entry in plan.entries:
        by_repository.setdefault(entry.repository, {}).setdefault(entry.datastream.pid, []).append(entry)
    for name, objects in by_repository.items():
        source = _find_source(name, repositories, next(iter(objects.values()))[0])
        ahead = repositories.describe_ahead(list(objects), name)
        for pid, entries in objects.items():
            others = _review_object(entries, _describe(source, entries[0], ahead.get(pid)), rules, now)
            _review_choices(others, source)
        if ledger is not None:
            _refuse_damaged(name, [entry for entries in objects.values() for entry in entries], ledger)


def _find_source(name: str, repositories: Repositories, entry: Entry) -> Source:
    try:
        return repositories.by_name(name)
    except SourceUnavailable:
        # No longer configured: unlike one that does not answer, it is not waited for.
        raise _changed(entry) from None


def _describe(source: Source, entry: Entry, known: ObjectRecord | SourceError | None) -> ObjectRecord:
    """``known`` is what the source has told ahead."""
    try:
        if isinstance(known, SourceError):
            raise known
        record = known or source.describe(entry.datastream.pid)
    except (ObjectNotFound, AmbiguousName, ObjectUnreadable):
        raise _changed(entry) from None
    if record.pid != entry.datastream.pid:
        raise _changed(entry)  # another object, alike but for case
    return record


def _review_object(entries: Sequence[Entry], record: ObjectRecord, rules: AccessRules, now: datetime) -> list[Entry]:
    """Those that may leave, but are told otherwise than they were planned."""
    others: list[Entry] = []
    found = {datastream.dsid: datastream for datastream in record.datastreams}
    for entry in entries:
        datastream = found.get(entry.datastream.dsid)
        if datastream is None:
            raise _changed(entry)
        verdict = decide(record, datastream, rules, now)
        if isinstance(verdict, Denied):
            # What is not spoken of is told as what is not there (SPEC 1, "One datastream").
            raise PackageClosed(record.pid, datastream.dsid, verdict.text) if verdict.closed else _changed(entry)
        if _is_silent(entry, datastream):
            raise SourceUnavailable(record.repository)
        if not _is_same(entry.datastream, datastream):
            others.append(entry)
    return others


def _review_choices(others: Sequence[Entry], source: Source) -> None:
    """What was planned may be there still where its source would choose something else by now, since a server went away or came back.

    What was put aside needs no server: its bytes are those that were planned.
    """
    if not others:
        return
    if not isinstance(source, Choosing):
        raise _changed(others[0])
    planned = [as_source_says(entry.datastream) for entry in others]
    try:
        given = source.still_gives(planned)
    except (ObjectNotFound, AmbiguousName, ObjectUnreadable):
        raise _changed(others[0]) from None
    for entry, is_there in zip(others, given, strict=True):
        if is_there is False:
            raise _changed(entry)
    if any(is_there is None and not entry.is_staged for entry, is_there in zip(others, given, strict=True)):
        raise SourceUnavailable(source.name)


def as_source_says(planned: DatastreamRecord) -> DatastreamRecord:
    """A planned datastream without what putting it aside added to its identity."""
    own = own_identity(planned.identity)
    return planned if own == planned.identity else replace(planned, identity=own)


def _is_same(planned: DatastreamRecord, found: DatastreamRecord) -> bool:
    """Planning may have added a size, digests, and that it was put aside, to what the source says; all that it says must still be so."""
    return (
        found.fault is None
        and (found.version, found.control_group, found.location) == (planned.version, planned.control_group, planned.location)
        and (found.identity == own_identity(planned.identity) or _is_told_when_opened(found))
        and found.size in {None, planned.size}
        and set(found.digests) <= set(planned.digests)
    )


def _is_told_when_opened(found: DatastreamRecord) -> bool:
    """Of what lies on another host neither size nor identity are known before it is asked; opening compares both."""
    return found.remote and found.size is None and not found.identity


def _is_silent(entry: Entry, found: DatastreamRecord) -> bool:
    """Of a file in the repository's own store neither size nor identity is known only while it cannot be looked at."""
    planned = entry.datastream
    was_file = bool(planned.identity) and not (planned.remote or entry.is_staged)
    return was_file and found.fault is None and not (found.remote or found.unsized or found.identity) and found.size is None


def _refuse_damaged(repository: str, entries: Sequence[Entry], ledger: Ledger) -> None:
    seen = ledger.look_up(repository, [entry.datastream for entry in entries])
    for entry in entries:
        examination = seen.get((entry.datastream.pid, entry.datastream.dsid))
        if examination is not None and examination.mismatch:
            raise _changed(entry)


def _changed(entry: Entry) -> PackageChanged:
    return PackageChanged(entry.datastream.pid, entry.datastream.dsid)
