"""Sizes as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.pages.measures import exact, human


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (None, ""), (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (1234, "1.23 kB"), (51_200, "51.2 kB"),
        (999_499, "999 kB"), (999_500, "1 MB"), (7_383_040, "7.38 MB"), (9_999_000, "10 MB"), (100_000_000_000, "100 GB"),
        (1_500_000_000_000_000, "1,500 TB"),
    ],
)  # fmt: skip
def test_three_digits_that_count(octets: int | None, said: str) -> None:
    assert human(octets) == said


@given(st.integers(1000, 10**15))
def test_what_is_said_is_never_off_by_more_than_a_hundredth(octets: int) -> None:
    number, unit = human(octets).split()
    meant = float(number.replace(",", "")) * {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert abs(meant - octets) <= octets / 100


@given(st.integers(2, 10**18))
def test_the_exact_number_is_told_in_groups(octets: int) -> None:
    assert exact(octets).replace(",", "") == f"{octets} bytes"


def test_one_is_one_and_nothing_is_said_of_what_nobody_knows() -> None:
    assert (exact(1), exact(None)) == ("1 byte", "")
