"""How much a package may hold: of one repository, of several, and in all."""

import pytest

from getapi.core.errors import TooManyBytes, TooManyFiles
from getapi.core.limits import Allowance, Limits, check

LIMITS = Limits(
    package=Allowance(files=3, octets=100),
    repositories={"wide": Allowance(files=5, octets=1000), "narrow": Allowance(files=1, octets=10)},
    map_depth=32,
    map_nodes=100,
)


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [("any", 30)] * 3,
        [("any", 100)],
        [("wide", 200)] * 5,
        [("narrow", 10)],
        [("narrow", 10), ("any", 40), ("any", 50)],
        [("wide", 300), ("wide", 300), ("any", 100), ("any", 0), ("any", 0)],
    ],
)
def test_as_much_as_is_allowed_passes(sizes: list[tuple[str, int]]) -> None:
    check(LIMITS, sizes)


@pytest.mark.parametrize(
    ("sizes", "limit", "count"),
    [
        ([("any", 0)] * 4, 3, 4),
        ([("wide", 0)] * 6, 5, 6),
        ([("narrow", 0)] * 2, 1, 2),
        ([("narrow", 0), ("any", 0), ("any", 0), ("any", 0)], 3, 4),
        ([("wide", 0)] * 4 + [("any", 0)] * 2, 5, 6),
    ],
)
def test_too_many_files_are_refused_with_the_limit_and_the_count(sizes: list[tuple[str, int]], limit: int, count: int) -> None:
    with pytest.raises(TooManyFiles) as refused:
        check(LIMITS, sizes)
    assert refused.value.facts == {"limit": limit, "count": count}


@pytest.mark.parametrize(
    ("sizes", "limit", "count"),
    [
        ([("any", 60), ("any", 41)], 100, 101),
        ([("wide", 1001)], 1000, 1001),
        ([("narrow", 11)], 10, 11),
        ([("wide", 950), ("any", 60)], 1000, 1010),
    ],
)
def test_too_many_bytes_are_refused_with_the_limit_and_the_count(sizes: list[tuple[str, int]], limit: int, count: int) -> None:
    with pytest.raises(TooManyBytes) as refused:
        check(LIMITS, sizes)
    assert refused.value.facts == {"limit": limit, "count": count}
