import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.errors import ObjectUnreadable
from getapi.core.jsontext import LONGEST, MAX_PIECES, mapping, members, number, read_json, text, whole

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize("octets", [b"", b"{", b"\xff", b"NaN", b"[Infinity]", b"[" * 100_000, b"1" * 5000, b'{"a": 1} x'])
def test_what_is_no_json_is_unreadable(octets: bytes) -> None:
    with pytest.raises(ObjectUnreadable):
        read_json(octets, "a:1")


def test_what_would_be_too_much_in_memory_is_not_read() -> None:
    """A list takes twenty times as much in memory as in the text."""
    with pytest.raises(ObjectUnreadable, match="values"):
        read_json(b"[" + b"[]," * (MAX_PIECES // 2 + 1) + b"[]]", "a:1")


def test_a_mark_of_byte_order_is_forgiven() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": [1]}', "a:1") == {"a": [1]}


@given(ANYTHING)
def test_whatever_comes_has_the_shape_that_is_asked_for(value: object) -> None:
    assert isinstance(text(value), str)
    assert isinstance(members(value), list)
    assert mapping(value) == (value if isinstance(value, dict) else {})
    assert (found := whole(value)) is None or 0 <= found < 2**63
    assert (found := number(value)) is None or 0 < found < 2**63


def test_what_is_too_large_to_be_believed_is_nothing() -> None:
    assert text("x" * (LONGEST + 1)) == ""
    assert (whole(2**63), whole(-1), whole(True), whole("5"), whole(0)) == (None, None, None, None, 0)
    assert (number("12"), number("0"), number("-1"), number("١"), number("9" * 19), number(7)) == (12, None, None, None, None, 7)
