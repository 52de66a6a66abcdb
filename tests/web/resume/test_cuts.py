"""Any window is the same slice of the whole, and any cut-up of a package, in any order and at once, from two services, is the package."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.stores import BuiltStore
from tests.web.resume.asking import manage, window
from tests.web.resume.conftest import DECLARED, MIXED, Twins, twin_services
from tests.web.resume.kept import Kept
from tests.web.resume.material import configuration

VERIFY_ALWAYS = '[fixity]\nmax_age = "0"\n'
FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
EIGHT = 8
"""Windows that are asked for at once."""


@pytest.fixture(scope="module")
def never_verified(tmp_path_factory: pytest.TempPathFactory, store: BuiltStore) -> Iterator[Twins]:
    """Services that do not take the ledger's word."""
    with twin_services(tmp_path_factory.mktemp("pair"), configuration(store, VERIFY_ALWAYS)) as started:
        yield started


@pytest.fixture(scope="module")
def verified(twins: Twins) -> Twins:
    """Services whose ledger has seen all."""
    manage(twins.first, "fixity_scan")
    return twins


@pytest.fixture(params=["verified", "never_verified"])
def pair(request: pytest.FixtureRequest) -> Twins:
    found: Twins = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=[DECLARED, MIXED])
def package(request: pytest.FixtureRequest, pair: Twins, kind: str) -> Kept:
    """All with SHA-256; or with MD5, SHA-1 and nothing, whose digests in the manifest nobody knows when the package is planned."""
    return Kept(pair.application.package(request.param, kind), kind)


@FEW
@given(ends=st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)), chance=st.randoms(use_true_random=False))
def test_any_window_is_that_slice_of_the_whole(pair: Twins, package: Kept, ends: tuple[int, int], chance: Random) -> None:
    start, last = sorted(end % package.size for end in ends)
    assert window(chance.choice(pair.both), package.address, start, last + 1) == package.whole[start : last + 1]


@FEW
@given(near=st.integers(0, 10**4), before=st.integers(0, 70_000), after=st.integers(1, 70_000), chance=st.randoms(use_true_random=False))
def test_a_window_over_a_border_too(pair: Twins, package: Kept, near: int, before: int, after: int, chance: Random) -> None:
    """Where a header, a member, its last 64 KiB or a manifest begins or ends."""
    borders = sorted({border for member in package.members for border in (member.header, member.start, member.stop - 65_536, member.stop)})
    border = borders[near % len(borders)]
    start, stop = max(border - before, 0), min(max(border + after, 1), package.size)
    assert window(chance.choice(pair.both), package.address, start, stop) == package.whole[start:stop]


@FEW
@given(cuts=st.lists(st.integers(0, 10**8), max_size=12), chance=st.randoms(use_true_random=False))
def test_any_cut_up_in_any_order_is_the_package(pair: Twins, package: Kept, cuts: list[int], chance: Random) -> None:
    windows = cut_up(package, cuts, chance)
    pieces = {start: window(chance.choice(pair.both), package.address, start, stop) for start, stop in windows}
    assert b"".join(pieces[start] for start in sorted(pieces)) == package.whole


@FEW
@given(cuts=st.lists(st.integers(0, 10**8), min_size=EIGHT, max_size=3 * EIGHT), chance=st.randoms(use_true_random=False))
def test_and_all_at_once(pair: Twins, package: Kept, cuts: list[int], chance: Random) -> None:
    windows = [(chance.choice(pair.both), start, stop) for start, stop in cut_up(package, cuts, chance)]
    with ThreadPoolExecutor(EIGHT) as threads:
        came = threads.map(lambda asked: (asked[1], window(asked[0], package.address, asked[1], asked[2])), windows)
    assert b"".join(octets for _, octets in sorted(came)) == package.whole


def cut_up(package: Kept, cuts: list[int], chance: Random) -> list[tuple[int, int]]:
    edges = sorted({0, package.size, *(cut % package.size for cut in cuts)})
    windows = list(itertools.pairwise(edges))
    chance.shuffle(windows)
    return windows
