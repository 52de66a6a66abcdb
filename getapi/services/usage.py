"""What was downloaded, summed up for the plot page: by day or month, and what was taken most."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDay, TruncMonth

from getapi.models import Download, Key

MOST_DAYS = 92
"""More than so many are told by month."""

LONGEST = 366 * 20
"""Days."""

TOP = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Days from ``first`` to ``last``, both included, in ``zone``; ``key_id`` None: all keys' and nobody's."""

    first: date
    last: date
    zone: tzinfo
    key_id: int | None = None
    robots: bool = False
    double_clicks: bool = False

    @property
    def by_month(self) -> bool:
        return (self.last - self.first).days >= MOST_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A day, or a month by its first day."""

    day: date
    count: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    pid: str
    dsid: str
    count: int
    bytes: int


def by_period(asked: Question) -> list[Period]:
    """One for each day or month, also for those without a download."""
    step = TruncMonth if asked.by_month else TruncDay
    dated = _rows(asked).annotate(day=step("time", tzinfo=asked.zone)).order_by()
    rows = dated.values("day").annotate(count=Count("pk"), octets=Sum("bytes"))
    found: Mapping[date, tuple[int, int]] = {row["day"].date(): (row["count"], row["octets"]) for row in rows}
    return [Period(day=day, count=count, bytes=octets) for day in _days(asked) for count, octets in [found.get(day, (0, 0))]]


def most_taken(asked: Question) -> list[Taken]:
    """The datastreams that were taken most often."""
    rows = _rows(asked).order_by().values("pid", "dsid").annotate(count=Count("pk"), octets=Sum("bytes"))
    return [
        Taken(pid=row["pid"], dsid=row["dsid"], count=row["count"], bytes=row["octets"])
        for row in rows.order_by("-count", "-octets", "pid", "dsid")[:TOP]
    ]


def _rows(asked: Question) -> QuerySet[Download]:
    start = datetime.combine(asked.first, clock.min, tzinfo=asked.zone).astimezone(UTC)
    stop = datetime.combine(asked.last + timedelta(days=1), clock.min, tzinfo=asked.zone).astimezone(UTC)
    rows = Download.objects.filter(time__gte=start, time__lt=stop)
    if asked.key_id is not None:
        rows = rows.filter(key=asked.key_id)
    if not asked.robots:
        rows = rows.filter(robot=False)
    return rows if asked.double_clicks else rows.filter(double_click=False)


def _days(asked: Question) -> list[date]:
    days = [asked.first + timedelta(days=number) for number in range((asked.last - asked.first).days + 1)]
    return sorted({day.replace(day=1) for day in days}) if asked.by_month else days


def keys() -> list[tuple[int, str]]:
    """Each key's number and label."""
    return list(Key.objects.order_by("label").values_list("pk", "label"))
