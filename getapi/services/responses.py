"""Rows of deliveries as those read them who say what has arrived, and whose slots are free."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from getapi.core.coverage import Piece
from getapi.models import Delivery
from getapi.services import process

LEASE = timedelta(seconds=30)
"""Without a sign of life for so long a process of another machine counts as dead."""

BEAT = timedelta(seconds=2)
"""A process gives a sign of life each second: two seconds after the last one it certainly gave it was dead, if it is dead."""

DIED = "process-died"
"""The reason of a response whose process could not write down its end."""

COLUMNS = ("pk", "uid", "first", "stop", "sent", "handed", "started", "ended", "outcome", "reason", "process", "renewed", "rate", "expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A row as far as coverage is concerned."""

    pk: int
    uid: UUID | None
    first: int
    stop: int
    sent: int
    handed: int
    started: datetime
    ended: datetime | None
    outcome: str
    reason: str
    process: str
    renewed: datetime | None
    rate: int | None
    expired: bool

    @property
    def is_running(self) -> bool:
        return self.outcome == Delivery.Outcome.RUNNING

    @property
    def is_lost(self) -> bool:
        """Whether it only seems to run: its process is dead."""
        return self.is_running and self.is_orphaned

    @property
    def is_orphaned(self) -> bool:
        """Whether its process will do nothing about it any more."""
        return self.process != process.identity() and (self.expired or process.is_dead(self.process))

    @property
    def piece(self) -> Piece:
        end, after = self.first + self.sent, self.started
        reach = end if self.is_running else min(max(self.first + self.handed, end), self.stop)
        if self.reason == DIED:  # whoever goes on began after the last sign of life that it gave
            reach, after = self.stop, self.renewed or after
        return Piece(first=self.first, sent=self.sent, reach=reach, began=self.started, after=after)


def responses(rows: QuerySet[Delivery], *, most: int | None = None) -> list[Response]:
    """In the order in which they began to be on record; the latest of them, where ``most`` says how many."""
    marked = rows.annotate(expired=Q(renewed__lt=Now() - LEASE)).order_by("-pk")
    found = [Response(**dict(zip(COLUMNS, values, strict=True))) for values in marked.values_list(*COLUMNS)[:most]]
    return found[::-1]
