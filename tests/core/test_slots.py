"""Admission as SPEC 6 says it: whoever is let in, no limit is exceeded; and nobody is refused by what is his own and dead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.errors import TooManyDeliveries
from getapi.core.slots import CONNECTIONS, Connection, Slots, admit, retry_after

WIDE = Slots(concurrent=1000, per_key=1000, per_reader=1000, active_bytes=10**18)


def slots(**narrow: int) -> Slots:
    return Slots(**{**{name: getattr(WIDE, name) for name in Slots.__slots__}, **narrow})


def connection(
    reader: str = "r", package: str = "p", *, key: int | None = None, start: int = 0, stop: int = 100, rate: int | None = None
) -> Connection:
    return Connection(reader=reader, package=package, key=key, start=start, stop=stop, rate=rate)


def refused(wanted: Connection, running: list[Connection], limits: Slots) -> TooManyDeliveries:
    with pytest.raises(TooManyDeliveries) as caught:
        admit(wanted, running, limits)
    return caught.value


def test_sixteen_connections_to_one_package_are_one_delivery_and_seventeen_are_two() -> None:
    limits = slots(per_reader=1)
    running = [connection(start=number) for number in range(CONNECTIONS - 1)]
    admit(connection(), running, limits)
    assert refused(connection(), [*running, connection()], limits).facts["which"] == "limits.per_reader"
    admit(connection(), [*running, connection()], slots(per_reader=2))


def test_two_readers_of_one_package_are_two_deliveries() -> None:
    assert refused(connection("second"), [connection("first")], slots(concurrent=1)).facts["which"] == "limits.concurrent"


def test_a_key_holds_no_more_than_its_slots_and_what_has_no_key_takes_none_of_them() -> None:
    limits = slots(per_key=1)
    running = [connection("a", key=1), connection("b", key=None)]
    assert refused(connection("c", key=1), running, limits).facts == {"which": "limits.per_key", "limit": 1, "retry_after": 5}
    admit(connection("c", key=2), running, limits)
    admit(connection("c", key=None), [*running, connection("d", key=None)], limits)


def test_what_is_still_to_be_sent_is_bounded_and_only_that_counts() -> None:
    limits = slots(active_bytes=1000)
    half = connection("a", start=500, stop=1000)  # of 1,000 octets 500 are gone
    admit(connection("b", stop=500), [half], limits)
    assert refused(connection("b", stop=501), [half], limits).facts["which"] == "limits.active_bytes"


def test_a_window_larger_than_all_that_may_be_left_leaves_alone_and_not_beside_others() -> None:
    limits = slots(active_bytes=1000)
    admit(connection(stop=5000), [], limits)
    refused(connection(stop=5000), [connection("b", stop=1)], limits)


def test_who_asks_again_for_what_his_dead_connection_seems_to_send_adds_nothing_to_it() -> None:
    dead = connection(start=100, stop=1000)
    admit(connection(start=50, stop=950), [dead], slots(active_bytes=1000, concurrent=1, per_reader=1))
    refused(connection("another", start=50, stop=950), [dead], slots(active_bytes=1000))


def test_when_to_come_again_is_when_the_nearest_download_ends_by_its_current_rate() -> None:
    running = [connection("a", stop=9000, rate=100), connection("b", stop=7000, rate=100), connection("c", stop=10**9, rate=0)]
    limits = slots(concurrent=3)
    assert refused(connection("d"), running, limits).retry_after == 70
    own = slots(per_reader=1)
    assert refused(connection("a", "other"), running, own).retry_after == 90, "his own, not somebody else's"


def test_the_connections_of_a_download_go_as_fast_as_all_of_them() -> None:
    running = [connection(start=0, stop=5000, rate=30), connection(start=5000, stop=10_000, rate=70), connection(stop=1)]
    assert refused(connection("b"), running, slots(concurrent=1)).retry_after == 100


@pytest.mark.parametrize(("seconds", "told"), [([], 300), ([0.0], 5), ([5.2], 6), ([1e9], 300), ([float("inf")], 300), ([400, 31], 31)])
def test_it_is_held_to_5_to_300_seconds(seconds: list[float], told: int) -> None:
    assert retry_after(seconds) == told


def test_of_what_has_just_begun_nothing_is_known_and_it_is_asked_soon() -> None:
    assert refused(connection("b"), [connection("a", stop=10**12)], slots(concurrent=1)).retry_after == 5


def test_every_refusal_names_its_limit_for_people() -> None:
    for which in ("limits.per_reader", "limits.per_key", "limits.concurrent", "limits.active_bytes", "threads"):
        assert f"({which}: 7)" in TooManyDeliveries(which, limit=7, retry_after=5).sentence
    assert "(7)" in TooManyDeliveries("share", limit=7, retry_after=5).sentence


CONNECTION = st.builds(connection, st.sampled_from("abc"), st.sampled_from("xyz"), start=st.integers(0, 50), stop=st.integers(50, 100))


@given(st.lists(CONNECTION, max_size=120), st.integers(1, 6), st.integers(1, 4), st.integers(1, 6), st.integers(100, 2000))
def test_whatever_is_asked_in_whatever_order_no_limit_is_ever_exceeded(
    asked: list[Connection], concurrent: int, per_reader: int, per_key: int, active: int
) -> None:
    limits = Slots(concurrent=concurrent, per_reader=per_reader, per_key=per_key, active_bytes=active)
    running: list[Connection] = []
    for wanted in asked:
        try:
            admit(wanted, running, limits)
        except TooManyDeliveries:
            continue
        running.append(wanted)
    counts: dict[tuple[str, str], int] = {}
    for each in running:
        counts[each.reader, each.package] = counts.get((each.reader, each.package), 0) + 1
    taken = {pair: -(-count // 16) for pair, count in counts.items()}
    assert sum(taken.values()) <= concurrent
    for reader in "abc":
        assert sum(count for (each, _), count in taken.items() if each == reader) <= per_reader
    left = sum(
        len(set().union(*(range(each.start, each.stop) for each in running if (each.reader, each.package) == pair))) for pair in taken
    )
    assert left <= max(active, 100), "but for one window that was let in alone"


@given(st.lists(CONNECTION, min_size=1, max_size=40))
def test_who_holds_a_slot_is_never_refused_a_further_connection_of_the_same_octets_below_sixteen(running: list[Connection]) -> None:
    own = [each for each in running if (each.reader, each.package) == (running[0].reader, running[0].package)]
    if len(own) % CONNECTIONS:
        admit(running[0], running, Slots(concurrent=1, per_reader=1, per_key=1, active_bytes=1))
