"""What was counted leaves as CSV that no spreadsheet runs, or as exact JSON lines."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from getapi.core.plan import Entry
from getapi.core.source import DatastreamRecord
from getapi.models import Key
from getapi.services import statistics
from getapi.services.statistics import FIELDS, Item, Recipient, record_downloads

NOON = datetime(2024, 6, 3, 12, 0, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"
PACKAGE = "0123456789abcdef0123456789abcdef"
READER = Recipient(key_id=None, address="192.0.2.77", user_agent=FIREFOX)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _defaults(configure: Callable[..., Any]) -> None:
    configure()


def entry(name: str = "test:1/PDF", *, size: int = 10) -> Entry:
    pid, _, dsid = name.partition("/")
    datastream = DatastreamRecord(pid=pid, dsid=dsid, version=f"{dsid}.0")
    return Entry(path=f"data/{dsid}", size=size, mtime=0, digest=None, declared=(), repository="demo", datastream=datastream)


def record(*names: str, reader: Recipient = READER, package: str = PACKAGE, time: datetime = NOON) -> None:
    record_downloads([Item.of(entry(name)) for name in names], recipient=reader, package=package, time=time)


def exported(*arguments: str) -> str:
    out = io.StringIO()
    call_command("export_statistics", *arguments, stdout=out)
    return out.getvalue()


DAY = ("--from", "2024-06-03", "--to", "2024-06-03")


def test_csv_has_a_header_and_a_line_for_each_row() -> None:
    record("test:1/A", "test:1/B")
    header, *rows = csv.reader(io.StringIO(exported(*DAY)))
    assert tuple(header) == FIELDS
    assert [dict(zip(header, row, strict=True)) for row in rows][1] == {
        "time": "2024-06-03T12:00:00+00:00", "pid": "test:1", "dsid": "B", "version": "B.0", "bytes": "10", "key": "",
        "package": PACKAGE[:8], "address": "192.0.2.0", "user_agent": FIREFOX, "robot": "false", "double_click": "false",
    }  # fmt: skip


def test_jsonl_is_an_object_for_each_row() -> None:
    key = Key.objects.create(label="Portal", prefix="p", digest="d")
    record("test:1/Größe", reader=Recipient(key_id=key.pk, address="192.0.2.1", user_agent="=1+1"))
    line = exported(*DAY, "--format", "jsonl")
    assert "Größe" in line
    facts = json.loads(line)
    assert tuple(facts) == FIELDS
    assert (facts["key"], facts["bytes"], facts["robot"], facts["user_agent"]) == ("Portal", 10, False, "=1+1")


@pytest.mark.parametrize("agent", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "＝1", "\t=1", " =1"])
def test_no_cell_begins_like_a_formula(agent: str) -> None:
    record("-ns:1/A", reader=Recipient(key_id=None, address="192.0.2.1", user_agent=agent))
    _, row = csv.reader(io.StringIO(exported(*DAY)))
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@", "＝")) for cell in row)


@pytest.mark.parametrize("agent", ["x;=HYPERLINK(1)", "x; +1", "x;;@y", 'x";-1', "x;\uff1d1"])
def test_no_cell_begins_like_a_formula_where_semicolons_part_them(agent: str) -> None:
    """As a spreadsheet reads the file in a country that writes 1,5: quotes in the middle of a line mean nothing then."""
    record("ns:1/A", reader=Recipient(key_id=None, address="192.0.2.1", user_agent=agent))
    _, line = exported(*DAY).splitlines()
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@", "＝")) for cell in line.split(";"))


def test_days_are_whole_and_in_the_configured_zone(configure: Callable[..., Any]) -> None:
    configure('time_zone = "America/New_York"')
    for number, moment in enumerate((
        datetime(2024, 6, 3, 3, 59, 59, 999999, tzinfo=UTC), datetime(2024, 6, 3, 4, tzinfo=UTC),
        datetime(2024, 6, 4, 3, 59, 59, 999999, tzinfo=UTC), datetime(2024, 6, 4, 4, tzinfo=UTC),
    )):  # fmt: skip
        record(f"test:1/D{number}", package="", time=moment)
    facts = [json.loads(line) for line in exported(*DAY, "--format", "jsonl").splitlines()]
    assert [(fact["dsid"], fact["time"]) for fact in facts] == [
        ("D1", "2024-06-03T00:00:00-04:00"), ("D2", "2024-06-03T23:59:59.999999-04:00"),
    ]  # fmt: skip


def test_an_output_file_holds_what_would_be_printed(tmp_path: Path) -> None:
    record("test:1/A")
    path = tmp_path / "downloads.csv"
    call_command("export_statistics", *DAY, "--output", str(path))
    assert path.read_bytes().decode() == exported(*DAY)


def test_an_export_that_fails_leaves_the_last_one_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "exports" / "downloads.csv"
    path.parent.mkdir()
    path.write_text("yesterday's", encoding="utf-8")
    record("test:1/A")
    monkeypatch.setattr(statistics, "_exported", fail)
    with pytest.raises(OperationalError):
        call_command("export_statistics", *DAY, "--output", str(path))
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.read_text(encoding="utf-8") == "yesterday's"


def fail(*_arguments: object, **_options: object) -> None:
    raise OperationalError("away")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "2024-06-04", "--to", "2024-06-03"), "later"),
        (("--from", "yesterday", "--to", "2024-06-03"), "'yesterday' is not a date"),
        (("--from", "0001-01-01", "--to", "9999-12-31"), "calendar"),
        ((*DAY, "--format", "xlsx"), "invalid choice"),
        ((*DAY, "--format", "counter"), "whole months"),
        ((*DAY, "--output", "/nowhere/at/all.csv"), "cannot be written"),
    ],
)
def test_a_wrong_argument_is_told_in_one_sentence(configure: Callable[..., Any], arguments: tuple[str, ...], sentence: str) -> None:
    configure('time_zone = "Asia/Tokyo"')
    with pytest.raises(CommandError, match=re.escape(sentence)):
        exported(*arguments)


def test_rows_are_read_in_chunks_and_not_all_at_once(django_assert_num_queries: Any) -> None:
    record(*(f"test:1/D{number}" for number in range(50)))
    with django_assert_num_queries(1):
        assert exported(*DAY).count("\n") == 51
