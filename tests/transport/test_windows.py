"""Any window is the same slice of the whole, whatever was sent before it and whether or not the digests are known."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.errors import ContentMissing, DeliveryStalled, FixityMismatch, PackageCanceled
from getapi.core.layout import Deferred, Layout, lay_out, lay_out_entry
from getapi.core.source import Digest
from getapi.transport.assurance import Doubt
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer
from tests.transport.material import Held, Store, connected, doubt, entry, no_doubt, plan, wait_until, whole

CONTENTS = {"a": b"", "b": bytes(range(256)) * 300, "c": b"short", "d": bytes(90_000)}
CUTS = st.lists(st.integers(0, 10**6), max_size=6)
KNOWN = st.tuples(*[st.booleans()] * len(CONTENTS))


def material(known: tuple[bool, ...], *, serialization: str = "tar") -> tuple[Layout, Store, bytes]:
    entries = [
        entry(name, octets, known=is_known, declared=("md5",)) for (name, octets), is_known in zip(CONTENTS.items(), known, strict=True)
    ]
    layout = lay_out(replace(plan(*entries), format=serialization))
    store = Store({f"data/{name}": opener(octets) for name, octets in CONTENTS.items()})
    return layout, store, whole(layout, {f"data/{name}": octets for name, octets in CONTENTS.items()})


def opener(octets: bytes, path: Path | None = None) -> Callable[..., Held]:
    return partial(Held, octets, path=path)


def doubted(layout: Layout, doubts: tuple[bool, ...]) -> Doubt:
    assert layout.plan
    return doubt(*(each for each, is_doubted in zip(layout.plan.entries, doubts, strict=True) if is_doubted))


def closing(layout: Layout) -> int:
    """Where the tag manifest begins, which waits for all digests."""
    return max(offset for segment, offset in zip(layout.segments, layout.offsets, strict=True) if isinstance(segment, Deferred))


def window(layout: Layout, store: Store, start: int, stop: int, *, doubt: Doubt | None = None) -> bytes:
    transfer = Transfer(None, total=stop - start)
    return b"".join(send(layout, start=start, stop=stop, open_entry=store.open, transfer=transfer, doubt=doubt or no_doubt()))


@given(KNOWN, KNOWN, CUTS, st.randoms(), st.sampled_from(["tar", "zip"]))
def test_any_cut_up_in_any_order_reassembles_to_the_whole(
    known: tuple[bool, ...],
    doubts: tuple[bool, ...],
    cuts: list[int],
    order: Random,
    serialization: str,
) -> None:
    layout, store, octets = material(known, serialization=serialization)
    edges = sorted({0, layout.length, *(cut % layout.length for cut in cuts)})
    windows = list(itertools.pairwise(edges))
    order.shuffle(windows)
    pieces = {start: window(layout, store, start, stop, doubt=doubted(layout, doubts)) for start, stop in windows}
    assert b"".join(pieces[start] for start in sorted(pieces)) == octets
    wait_until(lambda: all(held.closed for held in store.opened))


@given(KNOWN, st.integers(0, 400))
def test_the_end_alone_is_right_octet_by_octet(known: tuple[bool, ...], back: int) -> None:
    """The tag manifest and the manifest, the padding, one octet each."""
    layout, store, octets = material(known)
    start = layout.length - 1 - back * 37 % layout.length
    assert window(layout, store, start, start + 1) == octets[start : start + 1]


def test_over_a_real_connection_too() -> None:
    with TemporaryDirectory() as folder:
        layout, _, octets = material((True, True, False, True))
        contents = {}
        for name, data in CONTENTS.items():
            (Path(folder) / name).write_bytes(data)
            contents[f"data/{name}"] = opener(data, Path(folder) / name)
        for start in range(0, layout.length, 9973):
            with connected() as (connection, receiver):
                stop = min(start + 60_000, layout.length)
                transfer = Transfer(connection, total=stop - start)
                for item in send(layout, start=start, stop=stop, open_entry=Store(contents).open, transfer=transfer, doubt=no_doubt()):
                    connection.sendall(item)
                connection.shutdown(1)
                assert receiver.result() == octets[start:stop]


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a package"])
def test_a_window_that_ends_inside_a_member_reads_nothing_before_it(tmp_path: Path, alone: bool) -> None:
    """There is no digest to be had from it: two octets of the middle would else cost the half of a large file."""
    data = CONTENTS["b"]
    (tmp_path / "b").write_bytes(data)
    unknown = entry("b", data, known=False, declared=("md5",))
    layout = lay_out_entry(unknown) if alone else lay_out(plan(unknown))
    middle = layout.offsets[0 if alone else 1] + 50_000
    store = Store({"data/b": opener(data, tmp_path / "b")})
    with connected() as (connection, receiver):
        transfer = Transfer(connection, total=2)
        for item in send(layout, start=middle, stop=middle + 2, open_entry=store.open, transfer=transfer, doubt=no_doubt()):
            connection.sendall(item)
        connection.shutdown(1)
        assert receiver.result() == data[50_000:50_002]
    assert [held.largest_read for held in store.opened] == [0]


def test_a_member_that_is_read_for_the_manifest_is_held_against_its_declared_digest() -> None:
    layout, store, _ = material((False, True, True, True))
    wrong = Digest(algorithm="md5", value="0" * 32)
    assert layout.plan
    damaged = lay_out(plan(*(replace(each, digest=None, declared=(wrong,)) for each in layout.plan.entries)))
    with pytest.raises(FixityMismatch):
        window(damaged, store, closing(damaged), damaged.length)


def test_a_member_that_is_gone_breaks_the_manifest_off() -> None:
    layout, _, _ = material((True, False, True, True))
    with pytest.raises(ContentMissing):
        window(layout, Store({}), closing(layout), layout.length)


def test_waiting_for_what_is_read_is_cut_like_sending_and_is_no_stall_of_the_receiver() -> None:
    """A disk that gives an octet, and then no more for a while."""
    layout, _, _ = material((True, False, True, True))
    doubt, events = no_doubt(), [threading.Event(), threading.Event()]

    class Slow(Held):
        def read(self, count: int) -> bytes:
            assert events[min(self._position, 1)].wait(10)
            return super().read(1)

    transfer = Transfer(None, total=layout.length - closing(layout))
    slow = Store({"data/b": partial(Slow, CONTENTS["b"])})
    blocks = send(layout, start=closing(layout), stop=layout.length, open_entry=slow.open, transfer=transfer, doubt=doubt)
    assert [next(blocks), next(blocks)] == [b"", b""]
    assert transfer.idle(transfer.started + 5) == pytest.approx(5)
    events[0].set()
    wait_until(lambda: doubt.verifier.octets > 0)
    assert next(blocks) == b""
    assert transfer.idle(transfer.started + 6) == 0
    transfer.cut(PackageCanceled())
    transfer.cut(DeliveryStalled())
    with pytest.raises(PackageCanceled):
        list(blocks)
    events[1].set()
    assert slow.opened
