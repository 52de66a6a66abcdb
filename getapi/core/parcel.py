"""What an object that no structural map lays out brings to any package: found once for as long as its record is the same."""

from collections.abc import Sequence

from getapi.core.arrangement import Group, flat_path
from getapi.core.plan import Entry, enter
from getapi.core.selection import Pick
from getapi.core.source import DatastreamRecord
from getapi.core.value import maker, value


@value(frozen=True, slots=True, kw_only=True)
class Parcel:
    """``entries`` under plain names, in the object's order; ``folded`` are their paths without regard to case."""

    entries: tuple[Entry, ...]
    folded: tuple[str, ...]


_new_parcel = maker(Parcel)


def parcel_of(group: Group, algorithm: str) -> Parcel | None:
    """None where the planner has something to find out, to tell or to name otherwise, and for what is not offered to everybody alike."""
    record, picks = group.record, group.picks
    if group.structure is not None or record.restrictions or not isinstance(picks, tuple):
        return None
    return record.derive(algorithm, picks, _make, picks, algorithm)


def _make(picks: Sequence[Pick], algorithm: str) -> Parcel | None:
    entries = []
    for pick in picks:
        path = flat_path(pick)
        if path is None or not _is_settled(pick.datastream):
            return None
        entry = enter(pick.datastream, path=path, repository=pick.repository, algorithm=algorithm, undated=0)
        if entry.digest is None:
            return None
        entries.append(entry)
    return _new_parcel(entries=tuple(entries), folded=tuple([entry.path.lower() for entry in entries]))


def _is_settled(datastream: DatastreamRecord) -> bool:
    """Whether nothing of it but a digest is to be found out or told, and nothing depends on the day."""
    return (
        datastream.fault is None
        and datastream.caveat is None
        and datastream.created is not None
        and datastream.size is not None
        and datastream.declared_size in {None, datastream.size}
    )
