"""Preparations as rows: who does one now, by a lease on the database's clock; taken up again where its holder died (SPEC 1).

The queue (``getapi.services.tasks``) is a hint that something waits. It may lose a message, deliver it twice, or leave it running for ever:
who may work is decided here alone, by one UPDATE.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from getapi import conf
from getapi.core.errors import (
    PackageFailed,
    PackagePreparing,
    PackagingError,
    PreparationAbandoned,
    PreparationError,
    PreparationStopped,
    SourceUnavailable,
    StageBusy,
    TooManyPreparations,
)
from getapi.models import Job, Key, Package
from getapi.services import process, stage, webhooks
from getapi.services.statistics import LOGGED_ID

logger = logging.getLogger("getapi.jobs")

LEASE = timedelta(seconds=30)
"""Without a sign of life for so long a holder counts as dead; one of the same machine is known to be dead at once."""

ATTEMPTS = 3
"""How often a job is begun at most. A worker that is told to stop gives it back, which costs none."""

REQUEUE = timedelta(seconds=60)
"""What waits for so long is handed to the queue once more: it may have lost it."""

RETRY = 5
"""Seconds after which whoever asks for a package that is being prepared may ask again."""

_OPEN = (Job.State.WAITING, Job.State.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that this process holds. ``request`` as it was stored, None where only its stage is to be filled again."""

    job: int
    package: str
    holder: str
    attempt: int
    request: bytes | None
    thorough: bool

    @property
    def row(self) -> Any:
        """The job as long as it is held, as rows."""
        return Job.objects.filter(pk=self.job, holder=self.holder, state=Job.State.RUNNING)


def put(row: Package, *, request: bytes | None, thorough: bool, content: str) -> None:
    """Makes the job of a package that is ``preparing``, in the transaction that keeps it. Raises TooManyPreparations."""
    check_room(row.key_id)
    values = {"request": request, "thorough": thorough, "content": content, "state": Job.State.WAITING, "attempts": 0, "progress": 0}
    job, _ = Job.objects.update_or_create(
        package=row, defaults={**values, "holder": "", "renewed": None, "queued": Now(), "touched": timezone.now(), "code": "", "text": ""}
    )
    transaction.on_commit(lambda: hand_over(job.pk))


def check_room(key_id: int | None) -> None:
    """Raises TooManyPreparations where as many as ``limits.preparing`` wait for this key or are at work."""
    limit = conf.current().limits.preparing
    if Job.objects.filter(state__in=_OPEN, package__key=key_id).count() >= limit:
        raise TooManyPreparations(limit=limit, retry_after=30)


def restore(row: Package) -> None:
    """What was staged for the package had to go: it is prepared again, from its frozen plan. Raises TooManyPreparations."""
    with transaction.atomic():
        if row.key_id is not None:
            Key.objects.select_for_update().filter(pk=row.key_id).first()
        ready = Package.objects.filter(pk=row.pk, state=Package.State.READY)
        if not ready.update(state=Package.State.PREPARING):
            return  # somebody else was quicker
        content = Job.objects.filter(package=row).values_list("content", flat=True).first()
        put(row, request=None, thorough=False, content=content or reverse("package-content", args=[row.pk]))
    logger.info("package is prepared again", extra={"package": row.pk[:LOGGED_ID]})


def check(row: Package) -> None:
    """Raises PackagePreparing, PackageFailed."""
    if row.state == Package.State.PREPARING:
        progress = Job.objects.filter(package=row.pk).values_list("progress", flat=True).first() or 0
        raise PackagePreparing(progress=progress, retry_after=RETRY)
    if row.state == Package.State.FAILED:
        told = problem(row)
        raise PackageFailed(cause=told["code"], why=told["text"])


def problem(row: Package) -> dict[str, str]:
    """Why it could not be prepared: the error's code and its sentence."""
    code, text = Job.objects.filter(package=row.pk).values_list("code", "text").first() or ("", "")
    return {"code": code, "text": text}


def hand_over(job: int) -> None:
    """Tells the queue that a job waits. One that cannot be reached costs time and nothing else: it is told again (``revive``)."""
    from getapi.services import tasks  # which does the jobs, and so stands above

    try:
        tasks.prepare.enqueue(job)
    except Exception:  # whatever queue is behind it: the row is there
        logger.exception("a job could not be handed to the queue; it is tried again", extra={"job": job})


def claim(job: int) -> Claim | None:
    """The job, if it waits; from now on it is this caller's, for as long as it gives signs of life."""
    holder = f"{process.identity()}#{secrets.token_hex(8)}"
    waiting = Job.objects.filter(pk=job, state=Job.State.WAITING, package__state=Package.State.PREPARING)
    with transaction.atomic():
        taken = Job.objects.filter(pk__in=waiting.values("pk"), state=Job.State.WAITING).update(
            state=Job.State.RUNNING, holder=holder, renewed=Now(), touched=timezone.now(), attempts=F("attempts") + 1, progress=0
        )
        if not taken:
            return None
        row = Job.objects.get(pk=job)
    stage.discard(row.package_id, drafts_only=True)  # of whoever held it before
    request = None if row.request is None else bytes(row.request)
    return Claim(job=job, package=row.package_id, holder=holder, attempt=row.attempts, request=request, thorough=row.thorough)


def renew(held: Claim, progress: int) -> bool:
    """A sign of life; false where the job is not this holder's any more, or was cancelled. Raises django.db.Error."""
    return bool(held.row.update(renewed=Now(), touched=timezone.now(), progress=min(progress, 99)))


def finish(held: Claim, changes: dict[str, Any]) -> None:
    """The package is ready, with these columns of its row. Raises PreparationStopped where it is not this holder's to say."""
    with transaction.atomic():
        job = _locked(held)
        preparing = Package.objects.filter(pk=held.package, state=Package.State.PREPARING)
        if not preparing.update(state=Package.State.READY, prepared=timezone.now(), **changes):
            raise PreparationStopped
        _end(job, Job.State.DONE, progress=100)
        webhooks.announce(held.package, state=Package.State.READY, content=job.content)
    logger.info("package prepared", extra={"package": held.package[:LOGGED_ID], "attempt": held.attempt})


def fail(held: Claim, error: PackagingError) -> None:
    """The package will not be ready."""
    with transaction.atomic():
        try:
            job = _locked(held)
        except PreparationStopped:
            return
        _fail(job, error)
    stage.discard(held.package)


def put_back(held: Claim, error: PackagingError) -> None:
    """It did not work this time: tried again after a while (REQUEUE), or failed after the last attempt.

    A package that was ready once is not lost because its repository was away, or the stage full: the restoring begins anew when it is asked
    for again.
    """
    if held.attempt >= ATTEMPTS and held.request is None and isinstance(error, SourceUnavailable | StageBusy):
        _give_up_restoring(held)
    elif held.attempt >= ATTEMPTS:
        fail(held, error)
    else:
        held.row.update(state=Job.State.WAITING, holder="", renewed=None, queued=Now(), touched=timezone.now(), progress=0)


def _give_up_restoring(held: Claim) -> None:
    with transaction.atomic():
        try:
            job = _locked(held)
        except PreparationStopped:
            return
        Package.objects.filter(pk=held.package, state=Package.State.PREPARING).update(state=Package.State.READY)
        _end(job, Job.State.DONE)
    logger.warning("a package could not be prepared again for now", extra={"package": held.package[:LOGGED_ID], "attempt": held.attempt})


def release(held: Claim) -> None:
    """This worker stops: somebody else goes on at once, and it was no attempt."""
    waiting = {"state": Job.State.WAITING, "holder": "", "renewed": None, "queued": Now(), "progress": 0}
    if held.row.update(**waiting, attempts=F("attempts") - 1, touched=timezone.now()):
        hand_over(held.job)


def cancel(package_id: str) -> None:
    """Whoever prepares the package notices with its next sign of life."""
    Job.objects.filter(package=package_id, state__in=_OPEN).update(state=Job.State.CANCELED, holder="", touched=timezone.now())


def revive() -> int:
    """Takes jobs of dead holders up again, and hands over again what waits for long; returns how many."""
    count = 0
    silent = Job.objects.filter(state=Job.State.RUNNING).annotate(expired=Q(renewed__lt=Now() - LEASE))
    for job in silent.defer("request"):
        if job.expired or process.is_dead(job.holder.partition("#")[0]):
            count += _revive(job)
    waiting = Job.objects.filter(state=Job.State.WAITING, queued__lt=Now() - REQUEUE)
    for pk in waiting.values_list("pk", flat=True):
        if waiting.filter(pk=pk).update(queued=Now()):
            hand_over(pk)
            count += 1
    return count


def _revive(job: Job) -> int:
    # As it was looked at: a holder that gave a sign of life since keeps it.
    held = Job.objects.filter(pk=job.pk, holder=job.holder, state=Job.State.RUNNING, renewed__lte=job.renewed)
    facts = {"package": job.package_id[:LOGGED_ID], "attempt": job.attempts}
    if job.attempts >= ATTEMPTS:
        with transaction.atomic():
            found = held.select_for_update().first()
            if found is not None:
                _fail(found, PreparationAbandoned(attempts=job.attempts))
                stage.disown(job.package_id)  # their disk may be what its holders died of: a sweep takes the files
        return 0
    if not held.update(state=Job.State.WAITING, holder="", renewed=None, queued=Now(), progress=0):
        return 0
    logger.warning("a preparation whose worker died is taken up again", extra=facts)
    hand_over(job.pk)
    return 1


def _locked(held: Claim) -> Job:
    job: Job | None = held.row.select_for_update().first()
    if job is None:
        raise PreparationStopped
    return job


def _fail(job: Job, error: PackagingError) -> None:
    Package.objects.filter(pk=job.package_id, state=Package.State.PREPARING).update(state=Package.State.FAILED, prepared=timezone.now())
    _end(job, Job.State.FAILED, code=error.code, text=error.sentence[:500])
    webhooks.announce(job.package_id, state=Package.State.FAILED, content=job.content, problem={"code": error.code, "text": error.sentence})
    level = logging.ERROR if isinstance(error, PreparationError) else logging.WARNING
    logger.log(level, "package not prepared", extra={"package": job.package_id[:LOGGED_ID], "code": error.code, "facts": error.facts})


def _end(job: Job, state: Job.State, **changes: Any) -> None:
    Job.objects.filter(pk=job.pk).update(state=state, holder="", renewed=None, touched=timezone.now(), **changes)
