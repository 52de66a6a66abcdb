"""The stage: files of datastreams that cannot be read again, because their source does not say how large they are.

A row (``models.StagedMember``) is there before its file and says how much room it takes, so that a file without a row is nobody's. Whole
members are kept as long as their package; where room is wanted the oldest package's go first, never of one that is being prepared or sent.
"""

import contextlib
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from getapi import conf
from getapi.core.errors import ContentMissing, PreparationStopped, StageBusy, StageTooSmall, StageUnusable
from getapi.core.plan import Entry, Plan
from getapi.core.source import Content, DatastreamRecord
from getapi.models import Package, StagedMember
from getapi.services import shelf
from getapi.services.supply import bring
from getapi.sources.content import FileContent, Witness
from getapi.transport.assurance import Doubt

IN_USE = timedelta(seconds=60)
"""A package that was opened so lately is about to be sent; a delivery without a sign of life for so long has ended."""

HANGS = 5.0
"""Seconds that whoever discards something waits for the disk."""

GRACE = 300.0
"""Seconds for which no sweep takes a file away that has no row: it may come (services.sharing)."""

_NAME = re.compile(r"[0-9a-f]{32}(\.draft)?")
"""What this module calls its files: it never deletes any other."""

Key = tuple[str, str, str]
"""Repository, PID and DSID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A datastream in the stage, whole. ``digests`` are hex by algorithm, ``identity`` is its file's."""

    key: Key
    version: str
    location: str
    file: str
    size: int
    identity: str
    digests: Mapping[str, str]
    crc32: int
    age: timedelta

    @property
    def path(self) -> Path:
        return conf.current().stage.path / self.file

    def is_there(self) -> bool:
        return Witness.of(str(self.path), self.identity).holds()

    def open(self, entry: Entry, start: int) -> Content:
        """Raises ContentMissing where it had to go, ContentChanged where somebody wrote to it, SourceUnavailable where the disk fails."""
        known = replace(entry.datastream, identity=self.identity)
        return FileContent(self.path, known, repository=entry.repository, start=start)


def members(package_id: str) -> dict[Key, Member]:
    """Those of a package that are whole, whether or not their files are still there."""
    now = timezone.now()
    return {
        (row.repository, row.pid, row.dsid): Member(
            key=(row.repository, row.pid, row.dsid),
            version=row.version,
            location=row.location,
            file=row.file,
            size=row.size or 0,
            identity=row.identity,
            digests=row.digests,
            crc32=row.crc32 or 0,
            age=now - row.created,
        )
        for row in StagedMember.objects.filter(package=package_id, size__isnull=False)
    }


def origin_of(datastream: DatastreamRecord) -> str:
    """Of what ``location`` remembers in a row: where its source has it, and what that says of it."""
    return f"{datastream.identity} {datastream.location}"


def key_of(entry: Entry) -> Key:
    return entry.repository, entry.datastream.pid, entry.datastream.dsid


def opener(found: Mapping[Key, Member], otherwise: Callable[..., Content]) -> Callable[..., Content]:
    """How a package's entries are opened: what was put aside from the stage, all else by ``otherwise``."""

    def open_entry(entry: Entry, start: int = 0) -> Content:
        if not entry.is_staged:
            return otherwise(entry, start)
        member = found.get(key_of(entry))
        if member is None:
            raise ContentMissing(entry.datastream.pid, entry.datastream.dsid)
        return member.open(entry, start)

    return open_entry


def touch(package_id: str) -> None:
    """It is about to be sent: for a while nothing of it has to go."""
    silent = Q(used=None) | Q(used__lt=Now() - IN_USE / 4)
    StagedMember.objects.filter(silent, package=package_id).update(used=Now())


def checksummed(plan: Plan, found: Mapping[Key, Member]) -> Plan:
    """The plan with the CRC-32s of what is in the stage, on which neither its bytes nor its tag depend."""
    if plan.format != "zip" or not any(entry.is_staged and entry.checksum is None for entry in plan.entries):
        return plan
    entries = (replace(entry, checksum=found[key_of(entry)].crc32) if entry.is_staged else entry for entry in plan.entries)
    return replace(plan, entries=tuple(entries))


def vouch(doubt: Doubt, plan: Plan, found: Mapping[Key, Member]) -> Doubt:
    """What was put aside within ``fixity.max_age`` is as sure as what was verified since; later it is read again as all else is."""
    if not found:
        return doubt
    fresh = timedelta(seconds=conf.current().fixity.max_age)
    staged = {entry.path: found[key_of(entry)].age < fresh for entry in plan.entries if entry.is_staged}
    sound = frozenset(path for path, is_fresh in staged.items() if is_fresh)
    return replace(doubt, sound=doubt.sound | sound, paths=(frozenset(doubt.paths) | staged.keys()) - sound)


def folder() -> Path:
    """The stage's, made at first for its owner alone. Raises OSError."""
    path = conf.current().stage.path
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def reserve(pk: int, *, least: int, wish: int) -> int:
    """Room for a member of ``least`` octets, ``wish`` where it is there: what it now has. The oldest go for it if they must.

    Raises StageBusy where even then there is not enough, StageTooSmall where there never will be, PreparationStopped where the member's row
    is gone.
    """
    limit, gone = conf.current().stage.bytes, list[str]()
    with transaction.atomic():
        rows = list(StagedMember.objects.select_for_update().order_by("pk"))  # one after the other: nobody counts the same room twice
        own = next((row for row in rows if row.pk == pk), None)
        if own is None:
            raise PreparationStopped
        free = limit - sum(row.reserved for row in rows if row is not own)
        for package_id in _dispensable(rows, own.package_id) if free < least else ():
            leaving = [row for row in rows if row.package_id == package_id]
            StagedMember.objects.filter(pk__in=[row.pk for row in leaving]).delete()
            gone += [row.file for row in leaving]
            free += sum(row.reserved for row in leaving)
            if free >= least:
                break
        if free < least:
            transaction.set_rollback(True)
            raise StageTooSmall(limit=limit) if least > limit else StageBusy
        own.reserved = max(own.reserved, min(wish, free))
        own.save(update_fields=("reserved",))
    unlink(gone)
    return own.reserved


def _dispensable(rows: Iterable[StagedMember], besides: str) -> list[str]:
    """The packages whose members may go, the oldest first: those that are ready and not being sent."""
    began = dict[str, StagedMember]()
    for row in rows:
        began.setdefault(row.package_id, row)
    candidates = {package_id for package_id in began if package_id != besides}
    recent = Now() - IN_USE
    busy = shelf.sending(candidates)
    opened = Q(staged__used__gt=recent) | Q(last_sent__gt=timezone.now() - IN_USE)
    busy |= set(Package.objects.filter(opened, pk__in=candidates).values_list("pk", flat=True))
    busy |= set(Package.objects.filter(pk__in=candidates, state=Package.State.PREPARING).values_list("pk", flat=True))
    return sorted(candidates - busy, key=lambda package_id: began[package_id].created)


def discard(package_id: str, *, drafts_only: bool = False) -> None:
    """Nothing of the package stays in the stage; ``drafts_only``: nothing that is not whole."""
    rows = StagedMember.objects.filter(package=package_id)
    if drafts_only:
        rows = rows.filter(size__isnull=True)
    files = list(rows.values_list("file", flat=True))
    rows.filter(file__in=files).delete()
    names = [name for file in files for name in {file, file.removesuffix(".draft")}]
    with contextlib.suppress(StageUnusable):  # a disk that hangs must not keep who ends a package; a sweep takes them
        bring(lambda: unlink(names), lambda: None, patience=HANGS, stalled=StageUnusable)


def keep_only(package_id: str, entries: Iterable[Entry]) -> None:
    """Nothing of the package stays but what its plan holds: what was closed while it was prepared may be there."""
    wanted = {key_of(entry) for entry in entries if entry.is_staged}
    rows = list(StagedMember.objects.filter(package=package_id))
    leaving = [row for row in rows if (row.repository, row.pid, row.dsid) not in wanted]
    StagedMember.objects.filter(pk__in=[row.pk for row in leaving]).delete()
    unlink([row.file for row in leaving])


def let_go(package_id: str) -> None:
    """Of a package that may not leave now nothing stays, but while it is still being sent to somebody who was there before."""
    if StagedMember.objects.filter(package=package_id).exists() and not shelf.sending([package_id]):
        discard(package_id)


def disown(package_id: str) -> None:
    """As ``discard``, without a look at the disk."""
    StagedMember.objects.filter(package=package_id).delete()


def sweep() -> int:
    """Deletes the files that are nobody's, as killed workers and deleted packages leave them; returns how many.

    Whoever ended a package was perhaps killed before he could discard what it had. The folder is read before the rows: what is made
    meanwhile has its row, and is not in the list.
    """
    try:
        with os.scandir(conf.current().stage.path) as found:
            names = [entry.name for entry in found if _NAME.fullmatch(entry.name) and _is_old(entry)]
    except OSError:
        return 0  # there is none yet
    ended = StagedMember.objects.filter(package__state__in=(Package.State.CANCELED, Package.State.FAILED))
    if ended.exists():
        ended.delete()
    known = {name.removesuffix(".draft") for name in StagedMember.objects.values_list("file", flat=True)}
    return unlink(name for name in names if name.removesuffix(".draft") not in known)


def _is_old(entry: os.DirEntry[str]) -> bool:
    """By when its last name was made: its row may not be committed yet."""
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_ctime >= GRACE
    except OSError:
        return False


def unlink(names: Iterable[str]) -> int:
    """Deletes files of the stage by their names; how many there were."""
    count = 0
    for name in names:
        with contextlib.suppress(OSError):
            (conf.current().stage.path / name).unlink()
            count += 1
    return count


def lost(entries: Collection[Entry], found: Mapping[Key, Member]) -> list[Entry]:
    """Those of the staged entries that are not in the stage any more, or not as they were put there."""
    return [entry for entry in entries if (member := found.get(key_of(entry))) is None or not member.is_there()]
