from hypothesis import given
from hypothesis import strategies as st

from getapi.services.pace import SHORTEST, Pace


def test_a_steady_stream_has_its_rate_from_the_first_look_on() -> None:
    pace = Pace(0, 10.0)
    for second in range(1, 30):
        pace.observe(700 * second, 10.0 + second)
        assert round(pace.rate or 0) == 700


def test_nothing_is_said_before_there_is_something_to_say() -> None:
    pace = Pace(0, 10.0)
    pace.observe(10**9, 10.0 + SHORTEST / 2)
    assert pace.rate is None


def test_what_was_before_is_forgotten_within_seconds() -> None:
    pace = Pace(5000, 0.0)
    pace.observe(5000 + 1_000_000, 1.0)
    for second in range(2, 17):
        pace.observe(5000 + 1_000_000, float(second))
    assert pace.rate is not None
    assert pace.rate < 10_000, "it stands still"
    pace.observe(5000 + 2_000_000, 17.0)
    assert pace.rate > 200_000


@given(st.lists(st.tuples(st.floats(0.3, 5), st.integers(0, 10**12)), min_size=1))
def test_it_is_never_outside_of_what_was_seen(steps: list[tuple[float, int]]) -> None:
    pace, now, octets, seen = Pace(7, 0.0), 0.0, 7, list[float]()
    for seconds, more in steps:
        before, now, octets = now, now + seconds, octets + more
        pace.observe(octets, now)
        seen.append(more / (now - before))
    assert pace.rate is not None
    assert min(seen) * 0.999 <= pace.rate <= max(seen) * 1.001
