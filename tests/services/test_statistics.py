"""Downloads are counted once and told apart by reader."""

import ipaddress
import logging
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from getapi.core.plan import Entry
from getapi.core.source import DatastreamRecord
from getapi.models import Download, Key
from getapi.services import statistics
from getapi.services.statistics import Item, Recipient, record_downloads

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


def test_each_entry_is_one_row_with_its_facts() -> None:
    key = Key.objects.create(label="portal", prefix="p", digest="d")
    record_downloads(
        [Item.of(entry(size=2**40))], recipient=Recipient(key_id=key.pk, address="", user_agent="x"), package=PACKAGE, time=NOON
    )
    row = Download.objects.get()
    assert (row.pid, row.dsid, row.version, row.bytes) == ("test:1", "PDF", "PDF.0", 2**40)
    assert (row.time, row.key, row.package) == (NOON, key, PACKAGE)


def test_a_repeat_within_a_package_is_ignored_and_what_is_new_is_added() -> None:
    record("test:1/A", "test:1/B")
    record("test:1/B", "test:1/C", time=NOON + timedelta(hours=3))
    assert list(Download.objects.order_by("dsid").values_list("dsid", "time")) == [
        ("A", NOON), ("B", NOON), ("C", NOON + timedelta(hours=3)),
    ]  # fmt: skip


def test_a_repeat_within_one_call_is_ignored() -> None:
    record("test:1/A", "test:1/A")
    assert Download.objects.count() == 1


@given(parts=st.lists(st.sets(st.sampled_from("ABCDEF")), min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_a_delivery_was_cut_each_datastream_counts_once(parts: list[set[str]]) -> None:
    package = uuid.uuid4().hex
    for part in parts:
        record(*(f"test:1/{name}" for name in sorted(part)), package=package)
    counted = list(Download.objects.filter(package=package).order_by("dsid").values_list("dsid", flat=True))
    assert counted == sorted(set().union(*parts))


def test_single_downloads_count_each_time() -> None:
    record("test:1/A", package="")
    record("test:1/A", package="", time=NOON + timedelta(hours=1))
    assert Download.objects.count() == 2


def test_the_same_datastream_of_another_package_counts_again() -> None:
    record("test:1/A")
    record("test:1/A", package="f" * 32, time=NOON + timedelta(hours=1))
    assert Download.objects.count() == 2


@pytest.mark.parametrize(
    ("keep", "address", "stored"),
    [
        ("full", "192.0.2.77", "192.0.2.77"),
        ("full", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"),
        ("full", "::ffff:192.0.2.77", "192.0.2.77"),
        ("full", "fe80::1%eth0", "fe80::1"),
        ("truncated", "192.0.2.77", "192.0.2.0"),
        ("truncated", "::ffff:192.0.2.77", "192.0.2.0"),
        ("truncated", "2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("none", "192.0.2.77", ""),
        ("full", "unix:", ""),
        ("truncated", "", ""),
    ],
)
def test_no_more_of_the_address_is_kept_than_is_configured(configure: Callable[..., Any], keep: str, address: str, stored: str) -> None:
    configure(f'statistics.address = "{keep}"')
    record("test:1/A", reader=Recipient(key_id=None, address=address, user_agent=FIREFOX))
    assert Download.objects.get().address == stored


def test_addresses_are_truncated_unless_configured_otherwise() -> None:
    record("test:1/A")
    assert Download.objects.get().address == "192.0.2.0"


@given(address=st.ip_addresses())
def test_a_truncated_address_has_nothing_of_the_host(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    kept = ipaddress.ip_address(statistics.kept_address(str(address)))
    assert int(kept) % 2 ** (8 if kept.version == 4 else 80) == 0


def test_the_same_reader_within_thirty_seconds_is_a_double_click() -> None:
    record("test:1/A", "test:1/B", package="")
    record("test:1/A", package="", time=NOON + timedelta(seconds=30))
    record("test:1/B", package="", time=NOON + timedelta(seconds=30, microseconds=1))
    marks = Download.objects.order_by("time", "dsid").values_list("dsid", "double_click")
    assert list(marks) == [("A", False), ("B", False), ("A", True), ("B", False)]


def test_a_double_click_is_seen_across_packages_and_whichever_ended_first() -> None:
    record("test:1/A", package="a" * 32)
    record("test:1/A", package="b" * 32, time=NOON - timedelta(seconds=10))
    assert Download.objects.get(package="b" * 32).double_click


def test_a_resumed_package_is_no_double_click_of_itself() -> None:
    record("test:1/A")
    record("test:1/A", "test:1/B", time=NOON + timedelta(seconds=5))
    assert not Download.objects.filter(double_click=True).exists()


@pytest.mark.parametrize(
    "other",
    [
        Recipient(key_id=None, address="198.51.100.1", user_agent=FIREFOX),
        Recipient(key_id=None, address="192.0.2.77", user_agent="Mozilla/5.0 (Macintosh)"),
    ],
)
def test_another_reader_is_no_double_click(other: Recipient) -> None:
    record("test:1/A", package="")
    record("test:1/A", reader=other, package="")
    assert not Download.objects.filter(double_click=True).exists()


def test_without_addresses_readers_cannot_be_told_apart_and_nothing_is_a_double_click(configure: Callable[..., Any]) -> None:
    configure('statistics.address = "none"')
    record("test:1/A", package="")
    record("test:1/A", package="")
    assert list(Download.objects.values_list("double_click", flat=True)) == [False, False]


@pytest.mark.parametrize(
    ("agent", "robot"),
    [
        (FIREFOX, False),
        ("curl/8.5.0", True),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("", True),
    ],
)
def test_robots_are_those_of_the_counter_list(agent: str, robot: bool) -> None:
    record("test:1/A", reader=Recipient(key_id=None, address="192.0.2.1", user_agent=agent))
    assert Download.objects.get().robot is robot


def test_a_hostile_user_agent_is_cut_and_cleaned() -> None:
    agent = "a\x00b\r\nc\ud800" + "x" * 9000
    record("test:1/A", reader=Recipient(key_id=None, address="192.0.2.1", user_agent=agent))
    assert Download.objects.get().user_agent == "a b  c " + "x" * 505


def test_a_name_longer_than_its_column_costs_no_other_row() -> None:
    record("test:1/" + "D" * 400, "test:1/B")
    record("test:1/" + "D" * 400, "test:1/B")
    assert sorted(len(dsid) for dsid in Download.objects.values_list("dsid", flat=True)) == [1, 255]


@pytest.mark.parametrize("letter", ["\x00", "\ud800"])
def test_a_name_that_no_column_takes_costs_no_other_row(letter: str) -> None:
    """A version holds what another server said of it."""
    strange = entry(f"test:1/{letter}")
    record_downloads([Item.of(entry()), Item.of(strange)], recipient=READER, package=PACKAGE, time=NOON)
    assert sorted(Download.objects.values_list("dsid", "version")) == [("PDF", "PDF.0"), ("\ufffd", "\ufffd.0")]


def test_a_key_deleted_during_the_delivery_costs_no_row() -> None:
    key = Key.objects.create(label="portal", prefix="p", digest="d")
    gone = key.pk
    key.delete()
    record("test:1/A", reader=Recipient(key_id=gone, address="192.0.2.1", user_agent=FIREFOX))
    connection.check_constraints()
    assert Download.objects.get().key is None


def test_each_row_is_one_log_line_that_does_not_tell_the_packages_id(
    caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    with caplog.at_level(logging.INFO, "getapi.statistics"), django_capture_on_commit_callbacks(execute=True):
        record("test:1/A", "test:1/B")
        record("test:1/B")
    assert [(line.message, vars(line)["pid"], vars(line)["dsid"]) for line in caplog.records] == [
        ("download", "test:1", "A"), ("download", "test:1", "B"),
    ]  # fmt: skip
    assert {vars(line)["package"] for line in caplog.records} == {PACKAGE[:8]}
    assert not any(PACKAGE in str(vars(line)) for line in caplog.records)


def test_nothing_is_logged_of_what_was_not_committed(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise OSError("away")

    monkeypatch.setattr(Download.objects, "bulk_create", refuse)
    with caplog.at_level(logging.INFO, "getapi.statistics"), pytest.raises(OSError, match="away"):
        record("test:1/A")
    assert not caplog.records


@pytest.mark.django_db(transaction=True)
def test_two_deliveries_of_one_package_that_end_together_count_once() -> None:
    barrier, failures = threading.Barrier(4), []

    def deliver() -> None:
        try:
            barrier.wait(timeout=30)
            record(*(f"test:1/{name}" for name in "ABCDEFGH"))
        except Exception as error:  # noqa: BLE001 # whatever a thread raises is the test's failure
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, Download.objects.count()) == ([], 8)
