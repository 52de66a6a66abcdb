"""Uses as COUNTER counts them: robots out, the last of several clicks kept, sessions of an hour, whole months."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from getapi.models import Download
from getapi.services import counterreport
from getapi.services.counterreport import Use, months_of

NOON = datetime(2024, 6, 3, 12, 0, tzinfo=UTC)
LABELS = (
    "Report_Name", "Report_ID", "Release", "Institution_Name", "Institution_ID", "Metric_Types", "Report_Filters", "Report_Attributes",
    "Exceptions", "Reporting_Period", "Created", "Created_By", "Registry_Record",
)  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _defaults(configure: Callable[..., Any]) -> None:
    configure()


def take(name: str = "a:1/PDF", *, at: datetime = NOON, address: str = "192.0.2.0", robot: bool = False, package: str = "") -> None:
    pid, _, dsid = name.partition("/")
    Download.objects.create(time=at, pid=pid, dsid=dsid, bytes=1, address=address, user_agent="Firefox", robot=robot, package=package)


def exported(first: str = "2024-06-01", last: str = "2024-06-30") -> list[list[str]]:
    out = io.StringIO()
    call_command("export_statistics", "--from", first, "--to", last, "--format", "counter", stdout=out)
    return list(csv.reader(io.StringIO(out.getvalue().removeprefix("\ufeff")), dialect="excel-tab"))


def numbers(first: str = "2024-06-01", last: str = "2024-06-30") -> dict[tuple[str, str], list[int]]:
    """The total and each month's number by item and metric."""
    rows = exported(first, last)[14:]
    return {(row[0], row[11].partition("_")[0]): [int(cell) for cell in row[12:]] for row in rows[1:]}


def test_the_header_has_its_thirteen_rows_in_their_order_and_an_empty_one(configure: Callable[..., Any]) -> None:
    configure('packages.source_organization = "Example University Libraries"')
    take()
    rows = exported()  # without its byte order mark, by which spreadsheets know UTF-8 (5.2)
    assert tuple(row[0] for row in rows[:13]) == LABELS
    assert rows[13] == []
    facts = dict(row for row in rows[:13])
    assert (facts["Report_Name"], facts["Report_ID"], facts["Release"], facts["Institution_Name"]) == (
        "Item Report",
        "IR",
        "5.1",
        "The World",
    )
    assert facts["Metric_Types"] == "Total_Item_Requests; Unique_Item_Requests"
    assert facts["Reporting_Period"] == "Begin_Date=2024-06-01; End_Date=2024-06-30"
    assert datetime.fromisoformat(facts["Created"]).tzinfo == UTC
    assert tuple(rows[14]) == (*counterreport.COLUMNS, "Jun-2024")
    assert rows[15][:13] == [
        "a:1", "Example University Libraries", "", "Example University Libraries", "", "a:1", "", "", "", "", "Unspecified",
        "Total_Item_Requests", "1",
    ]  # fmt: skip


def test_an_object_s_datastreams_are_requests_and_one_use() -> None:
    for dsid in ("PDF", "TXT", "JPEG"):
        take(f"a:1/{dsid}", package="p" * 32)
    take("b:1/PDF")
    assert numbers() == {("a:1", "Total"): [3, 3], ("a:1", "Unique"): [1, 1], ("b:1", "Total"): [1, 1], ("b:1", "Unique"): [1, 1]}


def test_robots_are_left_out() -> None:
    take(robot=True)
    assert numbers() == {}


def test_of_a_chain_of_clicks_the_last_one_counts() -> None:
    """The last one: a chain over midnight at a month's end belongs to the next month."""
    eve = datetime(2024, 6, 30, 23, 59, 40, tzinfo=UTC)
    for seconds in (0, 15, 30):
        take(at=eve + timedelta(seconds=seconds))
    assert numbers() == {}
    assert numbers("2024-07-01", "2024-07-31") == {("a:1", "Total"): [1, 1], ("a:1", "Unique"): [1, 1]}


@pytest.mark.parametrize(("seconds", "count"), [(30, 1), (31, 2)])
def test_thirty_seconds_are_within_and_one_more_is_not(seconds: int, count: int) -> None:
    take()
    take(at=NOON + timedelta(seconds=seconds))
    assert numbers()["a:1", "Total"] == [count, count]
    assert numbers()["a:1", "Unique"] == [1, 1]


def test_other_readers_other_datastreams_and_unknown_readers_repeat_nothing() -> None:
    for address in ("192.0.2.0", "198.51.100.0", "", ""):
        take(address=address)
    take("a:1/TXT")
    assert numbers()["a:1", "Total"] == [5, 5]
    assert numbers()["a:1", "Unique"] == [4, 4]


def test_a_session_is_an_hour_of_one_reader_and_a_package_is_in_one() -> None:
    take(at=NOON)
    take(at=NOON + timedelta(minutes=59))
    take(at=NOON + timedelta(minutes=60))
    assert numbers()["a:1", "Unique"] == [2, 2]
    for hours, dsid in enumerate(("A", "B", "C")):
        take(f"b:1/{dsid}", at=NOON + timedelta(hours=hours), package="p" * 32)
    assert numbers()["b:1", "Unique"] == [1, 1]


def test_months_are_those_of_the_configured_zone(configure: Callable[..., Any]) -> None:
    configure('time_zone = "America/New_York"')
    take(at=datetime(2024, 6, 1, 3, 59, 59, tzinfo=UTC))
    take(at=datetime(2024, 6, 1, 4, tzinfo=UTC), address="198.51.100.0")
    assert numbers("2024-05-01", "2024-07-31") == {("a:1", "Total"): [2, 1, 1, 0], ("a:1", "Unique"): [2, 1, 1, 0]}
    assert exported("2024-05-01", "2024-07-31")[14][-3:] == ["May-2024", "Jun-2024", "Jul-2024"]


@pytest.mark.parametrize(("first", "last"), [("2024-06-02", "2024-06-30"), ("2024-06-01", "2024-06-29")])
def test_only_whole_months_can_be_counted(first: str, last: str) -> None:
    with pytest.raises(ValueError, match="whole months"):
        months_of(date.fromisoformat(first), date.fromisoformat(last))


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(0, 40))
def test_months_follow_one_another(day: date, count: int) -> None:
    last = day.year * 12 + day.month - 1 + count
    end = date((last + 1) // 12, (last + 1) % 12 + 1, 1) - timedelta(days=1)
    found = months_of(day.replace(day=1), end)
    assert [year * 12 + month - 1 for year, month in found] == list(range(last - count, last + 1))


moments = st.lists(st.integers(0, 300), max_size=20)


@settings(max_examples=100)
@given(moments)
def test_what_counts_is_what_nothing_follows_within_thirty_seconds(seconds: list[int]) -> None:
    clicks = sorted(seconds)
    uses = [
        Use(pk=pk, pid="a:1", dsid="D", time=NOON + timedelta(seconds=at), address="x", user_agent="", package="")
        for pk, at in enumerate(clicks)
    ]
    kept = [one.time for one, after in zip(uses, [*uses[1:], None], strict=False) if after is None or not one.is_repeated_by(after)]
    assert kept == [
        NOON + timedelta(seconds=at) for number, at in enumerate(clicks) if not any(0 <= later - at <= 30 for later in clicks[number + 1 :])
    ]


def test_no_cell_begins_like_a_formula() -> None:
    take("=cmd:1/PDF")
    assert exported()[15][0] == "'=cmd:1"
