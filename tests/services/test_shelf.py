"""How long a package can be had, who may end it, and what is left of it."""

import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from getapi.core.errors import PackageCanceled, PackageExpired, PackageNotFound, PackageOutdated, TooManyPackages
from getapi.core.plan import ENCODER
from getapi.models import Delivery, Download, Key, Package
from getapi.services import shelf
from getapi.services.retraction import retraction
from tests.conftest import Configure
from tests.core.packages import plan_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAN = plan_of({"data/a": b"one"}, known=True)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _configured(configure: Configure) -> None:
    configure()


@pytest.fixture
def key() -> Key:
    return Key.objects.create(label="portal", prefix="p", digest="d")


def row(number: int = 1, **facts: Any) -> Package:
    known: dict[str, Any] = {"created": NOW, "format": "tar", "name": "bag", "size": 10240, "files": 1, "etag": PLAN.etag}
    return Package(id=f"{number:032x}", **{**known, **facts})


def put(number: int = 1, **facts: Any) -> Package:
    made = row(number, **facts)
    shelf.put(made, PLAN)
    return made


def test_what_is_put_is_found_with_its_plan() -> None:
    put()
    found = shelf.find(f"{1:032x}")
    assert "plan" in found.get_deferred_fields()
    assert (found.encoder, found.state) == (ENCODER, Package.State.READY)
    assert shelf.read_plan(found) == PLAN


def test_it_is_one_insert(django_assert_num_queries: Callable[[int], Any], key: Key) -> None:
    with django_assert_num_queries(4 + 2):  # its patience, the key, the count and the row; a savepoint's beginning and end
        put(key=key)


@pytest.mark.parametrize(
    "package_id", ["", "0" * 31, "0" * 33, f"{2:032x}", "G" * 32, "\0" * 32, "é" * 32, f"{1:032x}\n", f"{1:032X}"[:31] + "A"]
)
def test_an_unknown_id_is_not_found(package_id: str) -> None:
    put()
    for use in (shelf.find, shelf.cancel):
        with pytest.raises(PackageNotFound):
            use(package_id)


@pytest.mark.parametrize(
    "plan", [b"", b"no zlib", zlib.compress(b"\xff\xfe"), zlib.compress(b"[]"), zlib.compress(b"x" * 10**6)[:100]], ids=range(5)
)
def test_a_plan_that_cannot_be_read_is_never_sent(plan: bytes) -> None:
    made = put()
    Package.objects.update(plan=plan)
    with pytest.raises(PackageOutdated):
        shelf.read_plan(shelf.find(made.pk))


def test_a_plan_that_is_not_the_row_s_is_never_sent() -> None:
    put(1)
    shelf.put(row(2), plan_of({"data/a": b"three"}, known=True))
    Package.objects.filter(pk=f"{1:032x}").update(plan=shelf.find(f"{2:032x}").plan)
    with pytest.raises(PackageOutdated):
        shelf.read_plan(shelf.find(f"{1:032x}"))


def test_it_expires_a_day_after_it_was_made_when_nobody_took_anything() -> None:
    made = put()
    shelf.check(made, NOW + DAY - timedelta(seconds=1))
    with pytest.raises(PackageExpired):
        shelf.check(made, NOW + DAY)


def test_it_expires_a_day_after_its_last_byte() -> None:
    made = put(last_sent=NOW + 20 * HOUR)
    shelf.check(made, NOW + 43 * HOUR)
    with pytest.raises(PackageExpired):
        shelf.check(made, NOW + 44 * HOUR)


def test_thirty_days_after_it_was_made_it_ends_however_often_it_is_taken_but_not_while_it_is() -> None:
    made = put(last_sent=NOW + 30 * DAY - HOUR)
    shelf.check(made, NOW + 30 * DAY - timedelta(seconds=1))
    with pytest.raises(PackageExpired):
        shelf.check(made, NOW + 30 * DAY)
    made.last_sent = NOW + 31 * DAY
    shelf.check(made, NOW + 31 * DAY + timedelta(seconds=30))
    with pytest.raises(PackageExpired):
        shelf.check(made, NOW + 31 * DAY + shelf.RUNNING)


def test_lifetimes_are_the_configuration_s_of_now(configure: Configure) -> None:
    made = put()
    configure('packages.ttl = "1 h"')
    with pytest.raises(PackageExpired):
        shelf.check(made, NOW + HOUR)
    configure('[packages]\nttl = "9 d"\nmax_age = "2 d"')
    assert shelf.expires(made) == NOW + 2 * DAY


MOMENTS = st.integers(0, 40 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(created=MOMENTS, last_sent=st.none() | MOMENTS, prepared=st.none() | MOMENTS, now=MOMENTS)
def test_the_database_and_the_program_agree_on_what_has_expired(
    created: datetime, last_sent: datetime | None, prepared: datetime | None, now: datetime
) -> None:
    Package.objects.all().delete()
    Package.objects.bulk_create([row(1, created=created, last_sent=last_sent, prepared=prepared, encoder=1, plan=b"")])
    alive = shelf.expires(Package.objects.get()) > now
    assert Package.objects.filter(shelf.unexpired(now)).exists() is alive
    assert shelf.purge(now).packages == (0 if alive else 1)


def test_a_cancelled_package_stays_cancelled_whoever_takes_it() -> None:
    made = put(created=datetime.now(UTC))
    shelf.cancel(made.pk)
    first = shelf.find(made.pk)
    shelf.cancel(made.pk)
    shelf.touch([made.pk])
    found = shelf.find(made.pk)
    assert found.canceled == first.canceled
    with pytest.raises(PackageCanceled):
        shelf.check(found, datetime.now(UTC))


def test_what_is_being_sent_is_told_alive_and_what_was_cancelled_is_told_back(
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    ids = [put(number).pk for number in range(3)]
    shelf.cancel(ids[1])
    assert shelf.heed(ids[:2]) == {ids[1]}
    sent = [shelf.find(package_id).last_sent is not None for package_id in ids]
    assert sent == [True, False, False]
    with django_assert_num_queries(1):  # a second later
        assert shelf.heed([ids[0]]) == frozenset()
    with django_assert_num_queries(1):
        assert shelf.heed([f"{9:032x}"]) == frozenset()
    Package.objects.filter(pk=ids[0]).update(last_sent=datetime.now(UTC) - shelf.SIGN_OF_LIFE)
    shelf.heed([ids[0]])
    assert (shelf.find(ids[0]).last_sent or NOW) > datetime.now(UTC) - HOUR


class TestLimit:
    def test_one_key_has_so_many_packages_and_no_more(self, configure: Configure, key: Key) -> None:
        configure("limits.packages = 2")
        put(1, key=key)
        put(2, key=key, created=NOW + HOUR)
        with pytest.raises(TooManyPackages) as caught:
            put(3, key=key, created=NOW + DAY - timedelta(seconds=77))
        assert caught.value.facts == {"limit": 2, "retry_after": 77}
        assert Package.objects.count() == 2
        put(3, key=key, created=NOW + DAY)

    def test_others_cancelled_and_expired_ones_do_not_count(self, configure: Configure, key: Key) -> None:
        configure("limits.packages = 1")
        other = Key.objects.create(label="other", prefix="o", digest="d")
        put(1, key=other)
        put(2, key=key, created=NOW - DAY)
        put(3, key=key)
        shelf.cancel(f"{3:032x}")
        put(4, key=key)
        with pytest.raises(TooManyPackages):
            put(5, key=key)

    def test_one_that_was_delivered_whole_does_not_count(self, configure: Configure, key: Key) -> None:
        configure("limits.packages = 1")
        put(1, key=key)
        Package.objects.update(delivered=NOW)
        put(2, key=key)
        with pytest.raises(TooManyPackages):
            put(3, key=key)

    @pytest.mark.parametrize(("before", "expected"), [(timedelta(seconds=1), 5), (HOUR, 300)])
    def test_the_time_to_come_again_is_held_to_5_to_300_seconds(
        self, configure: Configure, key: Key, before: timedelta, expected: int
    ) -> None:
        configure("limits.packages = 1")
        put(1, key=key)
        with pytest.raises(TooManyPackages) as caught:
            put(2, key=key, created=NOW + DAY - before)
        assert caught.value.retry_after == expected

    def test_a_package_that_was_taken_back_leaves_its_place(self, configure: Configure, key: Key) -> None:
        configure("limits.packages = 1")
        retraction.take_back(put(1, key=key).pk)
        put(2, key=key)


def delivery(first: int, sent: int, package: str = f"{1:032x}", **facts: Any) -> None:
    Delivery.objects.create(package=package, name="bag", started=NOW, first=first, stop=first + 100, sent=sent, **facts)


def test_what_is_purged_is_what_has_expired_and_its_statistics_stay() -> None:
    put(1)
    put(2, created=NOW + HOUR)
    put(3)
    shelf.cancel(f"{3:032x}")
    delivery(0, 10, ended=NOW)
    Download.objects.create(time=NOW, pid="x:1", dsid="A", bytes=1, package=f"{1:032x}")
    assert shelf.purge(NOW + DAY) == shelf.Purged(packages=2, downloads=0, deliveries=0)
    assert [found.pk for found in Package.objects.all()] == [f"{2:032x}"]
    assert (Delivery.objects.count(), Download.objects.count()) == (1, 1)


def test_a_package_that_is_being_sent_is_not_purged() -> None:
    put(last_sent=NOW + 40 * DAY)
    assert shelf.purge(NOW + 40 * DAY + timedelta(seconds=59)).packages == 0
    assert shelf.purge(NOW + 40 * DAY + timedelta(seconds=61)).packages == 1


def test_statistics_are_kept_as_long_as_is_configured(configure: Configure) -> None:
    configure('statistics.keep = "30 d"')
    for number, days in enumerate((31, 29)):
        moment = NOW - days * DAY
        Download.objects.create(time=moment, pid="x:1", dsid=str(number), bytes=1)
        delivery(0, 1, ended=moment)
    delivery(0, 1)  # still running
    assert shelf.purge(NOW) == shelf.Purged(packages=0, downloads=1, deliveries=1)
    assert Download.objects.get().dsid == "1"
    assert Delivery.objects.count() == 2


def test_the_statistics_of_a_package_that_can_still_be_had_stay_lest_it_be_counted_twice(configure: Configure) -> None:
    configure('statistics.keep = "1 h"')
    put(1)
    for package in (f"{1:032x}", f"{2:032x}"):
        Download.objects.create(time=NOW, pid="x:1", dsid="A", bytes=1, package=package)
        delivery(0, 1, package=package, ended=NOW)
    assert shelf.purge(NOW + 2 * HOUR) == shelf.Purged(packages=0, downloads=1, deliveries=1)
    assert shelf.purge(NOW + DAY) == shelf.Purged(packages=1, downloads=1, deliveries=1)


def test_many_rows_are_deleted_in_several_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "BATCH", 3)
    Package.objects.bulk_create(row(number, encoder=1, plan=b"") for number in range(10))
    assert shelf.purge(NOW + DAY).packages == 10
    assert not Package.objects.exists()
