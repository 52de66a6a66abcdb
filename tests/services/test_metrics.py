"""What Prometheus is told: in its own format, by its conventions, and right."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from getapi.models import Delivery, Fixity, Package
from getapi.services import meters, metrics
from getapi.tally import Tally
from tests.conftest import Configure

pytestmark = pytest.mark.django_db

UNITS = ("seconds", "bytes")


@pytest.fixture(autouse=True)
def _defaults(configure: Configure) -> None:
    configure()


def samples(text: str) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels, in the labels' alphabetical order."""
    families: Any = read_text(text)
    return {(each.name, *(each.labels[name] for name in sorted(each.labels))): each.value for family in families for each in family.samples}


def told() -> dict[tuple[str, ...], float]:
    return samples(metrics.render("")[0].decode())


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> Tally:
    """A node's counters of this test alone."""
    fresh = Tally(slots=4)
    fresh.take(1)
    monkeypatch.setattr(meters, "tally", fresh)
    monkeypatch.setattr(metrics._node, "_tally", fresh)
    return fresh


def test_both_formats_are_read_by_prometheus_own_parsers(tally: Tally) -> None:
    meters.count_request(view="Package", method="POST", status=200, seconds=0.03)
    text, media_type = metrics.render("text/plain")
    assert media_type.startswith("text/plain")
    names = {family.name for family in read_text(text.decode())}
    text, media_type = metrics.render("application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text")
    again = {family.name for family in read_openmetrics(text.decode())}  # type: ignore[no-untyped-call] # prometheus_client's own
    assert again == names


def test_names_keep_to_prometheus_conventions(tally: Tally) -> None:
    """As ``promtool check metrics`` asks: a prefix, snake case, ``_total`` for counters alone, base units, a sentence of help."""
    meters.count_request(view="Package", method="POST", status=200, seconds=0.03)
    for family in read_text(metrics.render("")[0].decode()):
        assert re.fullmatch("packaging_[a-z_]+", family.name)
        assert family.documentation
        assert family.type in {"counter", "gauge", "histogram"}
        assert not re.search("milli|kilo|mega|minutes|_ms$|_kb$", family.name)
        assert all((sample.name.endswith("_total")) == (family.type == "counter") for sample in family.samples)
        assert all(label == label.lower() for sample in family.samples for label in sample.labels)


def test_a_histogram_s_buckets_are_cumulated(tally: Tally) -> None:
    for seconds in (0.001, 0.02, 0.02, 0.3, 99.0):
        meters.count_request(view="Object", method="GET", status=200, seconds=seconds)
    found = told()
    bucket = {name[1]: value for name, value in found.items() if name[0] == "packaging_request_seconds_bucket"}
    assert (bucket["0.005"], bucket["0.025"], bucket["0.5"], bucket["30.0"], bucket["+Inf"]) == (1, 3, 4, 4, 5)
    assert found["packaging_request_seconds_count", "Object"] == 5
    assert found["packaging_request_seconds_sum", "Object"] == pytest.approx(99.341)
    assert found["packaging_requests_total", "GET", "200", "Object"] == 5


def test_what_a_client_invents_is_not_told_apart(tally: Tally) -> None:
    for method in ("BREW", "x" * 500, "\x1f", ""):
        meters.count_request(view="none", method=method, status=405, seconds=0)
    assert told()["packaging_requests_total", "other", "405", "none"] == 4


def test_what_runs_and_what_is_left_to_send_come_from_the_database(tally: Tally) -> None:
    now = timezone.now()
    Delivery.objects.create(name="a", started=now, first=100, stop=1100, sent=300)
    Delivery.objects.create(name="b", started=now, stop=50)
    Delivery.objects.create(name="c", started=now, stop=10**9, outcome=Delivery.Outcome.DONE)
    found = told()
    assert (found["packaging_deliveries_running",], found["packaging_deliveries_unsent_bytes",]) == (2, 750)
    assert found["packaging_database_up",] == 1


def test_packages_are_told_by_their_state(tally: Tally) -> None:
    now = timezone.now()
    facts = {"format": "tar", "name": "n", "size": 1, "files": 1, "etag": "", "encoder": 1, "plan": b""}
    for number, (state, days) in enumerate([("ready", 0), ("ready", 0), ("canceled", 0), ("ready", 90)]):
        Package.objects.create(id=f"{number:032}", created=now - timedelta(days=days), state=state, **facts)
    found = {name[1]: value for name, value in told().items() if name[0] == "packaging_packages"}
    assert found == {"preparing": 0, "ready": 2, "failed": 0, "canceled": 1, "expired": 1}


def test_what_has_not_happened_yet_is_told_as_nothing_so_that_its_first_time_can_be_seen(tally: Tally) -> None:
    found = told()
    outcomes = {name[1] for name in found if name[0] == "packaging_deliveries_total"}
    assert outcomes == set(Delivery.Outcome.values) - {"running"}
    assert {name[1] for name in found if name[0] == "packaging_datastreams_total"} == {"true", "false"}
    assert found["packaging_deliveries_total", "broken"] == 0
    meters.count("deliveries", "broken")
    assert told()["packaging_deliveries_total", "broken"] == 1


def test_the_ledger_tells_how_much_is_verified_and_what_is_damaged(tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    for number, (days, verdict) in enumerate([(1, "ok"), (2, "mismatch"), (90, "ok")]):
        verified = now - timedelta(days=days)
        Fixity.objects.create(repository="r", pid=f"a:{number}", dsid="D", version="0", identity="i", verified=verified, verdict=verdict)
    monkeypatch.setattr(metrics._database, "_ledger", None)
    found = told()
    assert (found["packaging_ledger_datastreams", "lately"], found["packaging_ledger_datastreams", "longer-ago"]) == (2, 1)
    assert found["packaging_ledger_mismatches",] == 1


def test_the_ledger_is_counted_once_in_five_minutes(tally: Tally) -> None:
    now = [0.0]
    collector = metrics.DatabaseCollector(clock=lambda: now[0])

    def seen() -> float:
        families = {family.name: family for family in collector.collect()}
        return sum(sample.value for sample in families["packaging_ledger_datastreams"].samples)

    assert seen() == 0
    Fixity.objects.create(repository="r", pid="a:1", dsid="D", version="0", identity="i", verified=timezone.now())
    now[0] = metrics.LEDGER_PAUSE - 1
    assert seen() == 0
    now[0] = metrics.LEDGER_PAUSE
    assert seen() == 1


def test_a_database_that_is_away_is_told_and_hides_nothing_else(tally: Tally) -> None:
    meters.count_request(view="Live", method="GET", status=200, seconds=0)

    def away(*_: object) -> None:
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        found = told()
    assert found["packaging_database_up",] == 0
    assert found["packaging_requests_total", "GET", "200", "Live"] == 1
    assert ("packaging_deliveries_running",) not in found


def test_each_living_process_tells_its_memory_and_its_slots(tally: Tally) -> None:
    tally.put("delivery_slots", value=64)
    found = told()
    assert found["packaging_delivery_slots", "1"] == 64
    assert found["packaging_process_resident_memory_bytes", "1"] > 10_000_000
    assert found["packaging_process_threads", "1"] >= 1
    assert found["packaging_process_open_fds", "1"] > 3


def test_every_counter_is_documented_and_no_other() -> None:
    from tests.test_docs import page, rows

    documented = {cell.strip("`") for row in rows(page("troubleshooting.md"), "metric") for cell in row[0].split(", ")}
    told_now = {family.name for collector in (metrics._node, metrics._database) for family in collector.collect()}
    assert documented == {name if name.removeprefix("packaging_") not in meters.COUNTERS else f"{name}_total" for name in told_now}
