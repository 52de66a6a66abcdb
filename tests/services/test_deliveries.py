import errno
import itertools
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from django import db
from django.utils import timezone

from getapi.core.errors import ContentMissing, DeliveryStalled, PackageCanceled, SourceUnavailable, TooManyDeliveries
from getapi.core.layout import Layout, lay_out, lay_out_entry
from getapi.models import Delivery, Download, Key, Package
from getapi.services import deliveries
from getapi.services import recorder as recording
from getapi.services.deliveries import Outcome, deliver, settle
from getapi.services.rounds import close_databases, rounds
from getapi.services.statistics import Recipient
from getapi.services.watcher import Deadlines, Watcher
from getapi.transport.transfer import Transfer
from tests.conftest import Configure
from tests.transport.material import Held, Receiver, Store, connected, entry, fill, no_doubt, plan, whole

SMALL, BIG = b"s" * 700, bytes(range(256)) * 4096 * 16
PACKAGE = "0123456789abcdef0123456789abcdef"
READER = Recipient(key_id=None, address="192.0.2.7", user_agent="curl/8")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _configured(configure: Configure) -> None:
    configure()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher(Deadlines)


Start = Callable[..., deliveries.Delivery]


@pytest.fixture
def start(watcher: Watcher) -> Start:
    def deliver_whole(
        layout: Layout, store: Store, *, recipient: Recipient = READER, package: str = PACKAGE, sock: socket.socket | None = None
    ) -> deliveries.Delivery:
        return deliver(
            layout,
            start=0,
            stop=layout.length,
            open_entry=store.open,
            doubt=no_doubt(),
            recipient=recipient,
            package=package,
            name="bag",
            sock=sock,
            watched_by=watcher,
        )

    return deliver_whole


def small() -> tuple[Layout, Store]:
    return lay_out(plan(entry("a", SMALL), entry("b", SMALL))), Store({f"data/{name}": lambda start=0: Held(SMALL) for name in "ab"})


def downloads() -> list[str]:
    return sorted(Download.objects.values_list("dsid", flat=True))


def test_a_finished_delivery_is_on_record_with_its_window_and_octets(start: Start) -> None:
    key = Key.objects.create(label="portal", prefix="p", digest="d")
    layout, store = small()
    body = b"".join(start(layout, store, recipient=Recipient(key_id=key.pk, address="192.0.2.7", user_agent="")))
    assert body == whole(layout, {"data/a": SMALL, "data/b": SMALL})
    row = Delivery.objects.get()
    assert (row.package, row.name, row.key, row.outcome, row.reason) == (PACKAGE, "bag", key, Outcome.DONE, "")
    assert (row.first, row.stop, row.sent) == (0, layout.length, layout.length)
    assert row.ended is not None
    assert row.started <= row.ended
    assert downloads() == ["a", "b"]


def test_no_database_connection_is_held_while_octets_leave(start: Start) -> None:
    Delivery.objects.count()
    assert db.connection.connection is not None
    delivery = start(*small())
    next(delivery)
    assert db.connection.connection is None
    list(delivery)
    assert db.connection.connection is None


def test_a_connection_in_a_transaction_is_left_to_its_owner() -> None:
    with db.transaction.atomic():
        close_databases()
        assert Delivery.objects.count() == 0


def test_a_server_that_stops_asking_means_that_the_client_has_gone(start: Start, watcher: Watcher) -> None:
    layout, store = small()
    delivery = start(layout, store)
    next(delivery)
    next(delivery)  # the first literal was taken, the first member's octets perhaps not
    delivery.close()
    row = Delivery.objects.get()
    assert (row.outcome, row.sent) == (Outcome.CLIENT_GONE, layout.offsets[1])
    assert downloads() == []
    assert not watcher._transfers
    assert all(held.closed for held in store.opened)
    delivery.close()
    assert Delivery.objects.count() == 1


def test_members_that_were_acknowledged_whole_count_even_when_the_rest_was_not(start: Start) -> None:
    layout, store = small()
    delivery = start(layout, store)
    for _ in range(4):  # literal, a, literal, and b is on its way
        next(delivery)
    delivery.close()
    assert downloads() == ["a"]


def test_a_response_that_never_began_leaves_nothing_behind(start: Start, watcher: Watcher) -> None:
    start(*small()).close()
    assert not watcher._transfers
    assert not Delivery.objects.exists()


def leave_when_full(delivery: deliveries.Delivery, receiver: Receiver) -> None:
    """The kernel takes no more for a while, and the receiver has read nothing."""
    transfer, looks = delivery._transfer, list[int]()
    while len(looks) < 5:
        assert transfer.connection is not None
        is_full = not select.select([], [transfer.connection], [], 0)[1]
        looks = [*looks, transfer.handed] if is_full and {transfer.handed} >= set(looks) else []
        time.sleep(0.05)
    receiver.connection.close()


def test_what_the_kernel_took_and_the_client_did_not_is_not_delivered(start: Start, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(BIG)
    layout = lay_out(plan(entry("a", SMALL), entry("b", BIG), entry("c", SMALL)))
    small_one = lambda start=0: Held(SMALL)  # noqa: E731 # two members share it
    store = Store({"data/a": small_one, "data/b": lambda start=0: Held(BIG, path=tmp_path / "b"), "data/c": small_one})
    with connected(paused=True) as (connection, receiver):
        delivery = start(layout, store, sock=connection)
        connection.sendall(next(delivery))
        leaving = threading.Thread(target=leave_when_full, args=(delivery, receiver))
        leaving.start()
        with pytest.raises(BrokenPipeError):
            list(delivery)
        leaving.join()
        delivery.close()
    row = Delivery.objects.get()
    assert row.outcome == Outcome.CLIENT_GONE
    assert row.sent < row.handed < layout.offsets[5]
    assert "b" not in downloads()
    assert "c" not in downloads()


def test_the_last_octets_count_once_they_are_acknowledged(start: Start) -> None:
    layout, store = small()
    with connected(paused=True) as (connection, receiver):
        delivery = start(layout, store, sock=connection)
        for item in delivery:
            connection.sendall(item)
        receiver.resume.set()
    row = Delivery.objects.get()
    assert (row.outcome, row.sent) == (Outcome.DONE, layout.length)


def test_octets_that_nobody_acknowledges_are_waited_for_but_not_for_ever() -> None:
    with connected(paused=True) as (connection, _):
        transfer = Transfer(connection, total=1)
        fill(connection)
        settle(transfer, patience=0.1, limit=60)
        assert not transfer.is_settled
        settle(transfer, patience=60, limit=0.1)
        transfer.cut(DeliveryStalled())
        assert not transfer.is_settled


def test_a_whole_package_that_was_never_acknowledged_is_not_done() -> None:
    assert deliveries.verdict(None, is_whole=False) == (Outcome.CLIENT_GONE, "unacknowledged")


def test_a_source_that_fails_is_on_record_by_its_code_and_leaves_as_itself(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    layout = lay_out(plan(entry("a", SMALL), entry("b", SMALL)))
    delivery = start(layout, Store({"data/a": lambda start=0: Held(SMALL)}))
    with caplog.at_level(logging.ERROR, "getapi.deliveries"), pytest.raises(ContentMissing):
        list(delivery)
    delivery.close()
    row = Delivery.objects.get()
    assert (row.outcome, row.reason) == (Outcome.BROKEN, "content-missing")
    assert downloads() == ["a"]
    line = caplog.records[-1].__dict__
    assert (line["package"], line["outcome"], line["reason"]) == (PACKAGE[:8], "broken", "content-missing")
    assert line["facts"] == {"pid": "test:1", "dsid": "b"}
    assert PACKAGE not in caplog.text


@pytest.mark.parametrize("at", [0, len(BIG) // 2])
def test_a_file_that_its_disk_cannot_read_is_named_with_what_the_disk_said(start: Start, caplog: pytest.LogCaptureFixture, at: int) -> None:
    failing = OSError(errno.EIO, os.strerror(errno.EIO))
    store = Store({"data/a": lambda start=0: Held(SMALL), "data/b": lambda start=0: Held(BIG, fail_at=(at, failing))})
    delivery = start(lay_out(plan(entry("a", SMALL), entry("b", BIG))), store)
    with caplog.at_level(logging.ERROR, "getapi.deliveries"), pytest.raises(SourceUnavailable):
        list(delivery)
    delivery.close()
    line = caplog.records[-1].__dict__
    assert line["reason"] == "source-unavailable"
    assert line["facts"] == {"repository": "store", "pid": "test:1", "dsid": "b", "error": "Input/output error"}


def test_a_cut_by_the_watcher_is_on_record_even_where_the_server_saw_a_broken_pipe(start: Start) -> None:
    layout, store = small()
    with connected() as (connection, _):
        delivery = start(layout, store, sock=connection)
        connection.sendall(next(delivery))
        delivery._transfer.cut(DeliveryStalled())
        with pytest.raises(BrokenPipeError):
            connection.sendall(b"more")
        delivery.close()
    row = Delivery.objects.get()
    assert (row.outcome, row.reason) == (Outcome.STALLED, "delivery-stalled")


def test_a_cancelled_package_is_on_record_as_such(start: Start) -> None:
    delivery = start(*small())
    next(delivery)
    delivery._transfer.cut(PackageCanceled())
    with pytest.raises(PackageCanceled):
        list(delivery)
    row = Delivery.objects.get()
    assert (row.outcome, row.reason) == (Outcome.CANCELED, "package-canceled")


def test_a_package_lives_on_from_its_last_byte(start: Start) -> None:
    now = timezone.now()
    facts = {"created": now, "format": "tar", "name": "bag", "size": 1, "files": 1, "etag": "", "encoder": 1, "plan": b""}
    Package.objects.create(id=PACKAGE, **facts)
    refused = start(*small())
    refused.close()
    assert Package.objects.get().last_sent is None
    list(start(*small()))
    last_sent = Package.objects.get().last_sent
    assert last_sent is not None
    assert now <= last_sent <= timezone.now()


def test_an_error_of_our_own_is_broken_by_its_name(start: Start) -> None:
    class Wrong(Held):
        def confirm(self) -> None:
            raise ZeroDivisionError

    layout = lay_out(plan(entry("a", SMALL)))
    with pytest.raises(ZeroDivisionError):
        list(start(layout, Store({"data/a": lambda start: Wrong(SMALL)})))
    row = Delivery.objects.get()
    assert (row.outcome, row.reason) == (Outcome.BROKEN, "ZeroDivisionError")


def test_a_datastream_that_cannot_be_opened_is_an_error_before_the_first_octet(start: Start, watcher: Watcher) -> None:
    with pytest.raises(ContentMissing):
        start(lay_out_entry(entry("a", SMALL)), Store({}))
    assert not watcher._transfers
    store = Store({"data/a": lambda start=0: Held(SMALL)})
    assert b"".join(start(lay_out_entry(entry("a", SMALL)), store, package="")) == SMALL
    assert downloads() == ["a"]


def test_an_empty_datastream_is_delivered_by_its_headers_alone(start: Start) -> None:
    assert list(start(lay_out_entry(entry("a", b"")), Store({}), package="")) == []
    assert downloads() == ["a"]


def test_a_process_that_is_full_refuses_before_anything_began(start: Start, watcher: Watcher) -> None:
    watcher.serve(threads=9, grace=30, stopping=lambda: False)
    first = start(*small())
    with pytest.raises(TooManyDeliveries):
        start(*small())
    first.close()
    start(*small()).close()


def test_a_key_deleted_meanwhile_does_not_cost_the_record(start: Start) -> None:
    key = Key.objects.create(label="portal", prefix="p", digest="d")
    delivery = start(*small(), recipient=Recipient(key_id=key.pk, address="", user_agent=""))
    next(delivery)
    key.delete()
    list(delivery)
    assert Delivery.objects.get().key is None
    assert downloads() == ["a", "b"]


def test_a_delivery_ends_without_waiting_for_the_database(start: Start, watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_rows: object) -> None:
        raise db.OperationalError("away")

    layout, store = small()
    delivery = start(layout, store)
    monkeypatch.setattr(recording, "_save", away)
    began = time.monotonic()
    assert len(b"".join(delivery)) == layout.length
    assert time.monotonic() - began < 20
    assert not watcher._transfers
    assert Delivery.objects.get().outcome == Outcome.RUNNING
    monkeypatch.undo()
    assert rounds.flush(5)
    assert Delivery.objects.get().outcome == Outcome.DONE
    assert downloads() == ["a", "b"]


def test_a_receiver_that_pauses_with_the_last_octets_before_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as a stall may last (SPEC 6): else a minute in a tunnel makes of a package that arrived whole one that did not."""
    clock = itertools.count().__next__
    monkeypatch.setattr(deliveries, "time", SimpleNamespace(monotonic=clock, sleep=lambda _: None))

    class Slow(Transfer):
        """It takes an octet every 50 s, the last after an hour and more."""

        @property
        def is_settled(self) -> bool:
            return clock() > 5000

        def idle(self, now: float) -> float:
            return now % 50

    settle(Slow(None, total=100), patience=deliveries.PATIENCE)
    assert clock() > 5000
