"""Uses as COUNTER counts them: the Global Item Report of the Code of Practice, Release 5.1 (4.4, 7), for whole months.

An item is an object. Its datastreams are its parts: each that was delivered whole is a request (Total_Item_Requests); all that one reader
took of an object in one session is one use (Unique_Item_Requests). Robots are left out. Of several requests for the same datastream by the
same reader within 30 s only the last one counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock
from itertools import groupby
from operator import attrgetter

from django.db.models import QuerySet

import getapi
from getapi.models import Download
from getapi.services.statistics import CHUNK, DOUBLE_CLICK

RELEASE = "5.1"
METRICS = ("Total_Item_Requests", "Unique_Item_Requests")
COLUMNS = (
    "Item",
    "Publisher",
    "Publisher_ID",
    "Platform",
    "DOI",
    "Proprietary_ID",
    "ISBN",
    "Print_ISSN",
    "Online_ISSN",
    "URI",
    "Data_Type",
    "Metric_Type",
    "Reporting_Period_Total",
)
"""4.4.2, without what a repository's store does not tell. After them comes a column for each month, such as ``Jun-2024``."""

UNKNOWN = "Unspecified"
"""Data_Type of content of which no type is known (3.3.2)."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Month = tuple[int, int]
Row = Sequence[str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A request that counts. ``session`` tells a reader's sessions apart; ``package`` is empty for a single datastream."""

    pk: int
    pid: str
    dsid: str
    time: datetime
    address: str
    user_agent: str
    package: str

    @property
    def thing(self) -> tuple[str, str, str, str]:
        return (self.pid, self.dsid, self.address, self.user_agent)

    def is_repeated_by(self, later: "Use") -> bool:
        """7.2. Where no address is kept readers cannot be told apart, and nobody repeats anything."""
        return self.address != "" and self.thing == later.thing and later.time - self.time <= DOUBLE_CLICK


@dataclass(slots=True)
class Tallied:
    """An item's numbers by month."""

    total: Counter[Month] = field(default_factory=Counter)
    unique: Counter[Month] = field(default_factory=Counter)


def report(
    first: date, last: date, *, zone: tzinfo, platform: str, created: datetime, institution: str = "The World", publisher: str = ""
) -> Iterator[Row]:
    """The tabular report's rows: 13 of the header, an empty one, the columns' names, and two for each item, by PID.

    ``first`` and ``last`` are the first and the last day of months in ``zone``: raises ValueError for others, because COUNTER counts whole
    months. ``platform`` is the service's name, ``created`` aware. Raises OverflowError for days at the edge of the calendar.
    """
    months = months_of(first, last)
    uses = _counting(_requests(first, last, zone))
    return _rows(months, uses, zone, _header(first, last, institution, created), platform, publisher)


def months_of(first: date, last: date) -> list[Month]:
    """Raises ValueError where they are not whole."""
    if first.day != 1 or (last + timedelta(days=1)).day != 1:
        raise ValueError("A COUNTER report covers whole months: from a month's first day to a month's last")
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [(first.year + (first.month - 1 + number) // 12, (first.month - 1 + number) % 12 + 1) for number in range(count)]


def _header(first: date, last: date, institution: str, created: datetime) -> list[Row]:
    """3.2.1: names in the first column, each in its place."""
    return [
        ("Report_Name", "Item Report"),
        ("Report_ID", "IR"),
        ("Release", RELEASE),
        ("Institution_Name", institution),
        ("Institution_ID", ""),
        ("Metric_Types", "; ".join(METRICS)),
        ("Report_Filters", ""),
        ("Report_Attributes", ""),
        ("Exceptions", ""),
        ("Reporting_Period", f"Begin_Date={first.isoformat()}; End_Date={last.isoformat()}"),
        ("Created", created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("Created_By", f"packaging-service {getapi.__version__}"),
        ("Registry_Record", ""),
    ]


def _requests(first: date, last: date, zone: tzinfo) -> QuerySet[Download]:
    """Of those days, and a little more: what follows the last one may repeat it."""
    start = datetime.combine(first, clock.min, tzinfo=zone).astimezone(UTC)
    stop = datetime.combine(last, clock.max, tzinfo=zone).astimezone(UTC) + DOUBLE_CLICK
    rows = Download.objects.filter(time__range=(start, stop), robot=False)
    return rows.order_by("pid", "dsid", "address", "user_agent", "time", "pk")


def _counting(rows: QuerySet[Download]) -> Iterator[Use]:
    """Those that nothing repeats; each is compared with the one behind it, so that of a chain of clicks the last one is left."""
    before: Use | None = None
    names = ("pk", "pid", "dsid", "time", "address", "user_agent", "package")
    for values in rows.values(*names).iterator(chunk_size=CHUNK):
        use = Use(**values)
        if before is not None and not before.is_repeated_by(use):
            yield before
        before = use
    if before is not None:
        yield before


def _rows(months: list[Month], uses: Iterable[Use], zone: tzinfo, header: list[Row], platform: str, publisher: str) -> Iterator[Row]:
    yield from header
    yield ()
    yield (*COLUMNS, *(f"{_MONTHS[month - 1]}-{year}" for year, month in months))
    for pid, taken in groupby(uses, attrgetter("pid")):
        found = _count(taken, months, zone)
        for metric, numbers in zip(METRICS, (found.total, found.unique), strict=True):
            if sum(numbers.values()):
                facts = (pid, publisher, "", platform, "", pid, "", "", "", "", UNKNOWN, metric, sum(numbers.values()))
                yield (*facts, *(numbers[month] for month in months))


def _count(uses: Iterable[Use], months: list[Month], zone: tzinfo) -> Tallied:
    """One item's. A session is a reader's hour (7.3, where no session is known); what came in one package came in one."""
    found, wanted = Tallied(), set(months)
    sessions: set[tuple[str, ...]] = set()
    of_package: dict[str, datetime] = {}
    for use in uses:
        moment = use.time.astimezone(zone)
        month = (moment.year, moment.month)
        if month not in wanted:
            continue
        found.total[month] += 1
        began = of_package.setdefault(use.package, moment) if use.package else moment
        reader = (use.address, use.user_agent) if use.address else (use.package or str(use.pk), "")
        session = (*reader, began.strftime("%Y-%m-%dT%H"))
        if session not in sessions:
            sessions.add(session)
            found.unique[began.year, began.month] += 1
    return found
