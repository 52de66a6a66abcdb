"""Preconditions and ranges of RFC 9110."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.ranges import Full, NotModified, Partial, PreconditionFailed, Selection, Unsatisfiable, select

ETAG = '"tar1-abc"'
MODIFIED = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
AT = "Sun, 01 Mar 2026 12:00:00 GMT"
BEFORE = "Sun, 01 Mar 2026 11:59:59 GMT"
AFTER = "Sun, 01 Mar 2026 12:00:01 GMT"
FIELDS = ("If-Match", "If-None-Match", "If-Unmodified-Since", "If-Modified-Since", "If-Range", "Range")


def ask(method: str = "GET", length: int = 100, modified: datetime | None = MODIFIED, **fields: str) -> Selection:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return select(method=method, length=length, etag=ETAG, last_modified=modified, headers=headers)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("bytes=0-0", Partial(0, 1)),
        ("bytes=0-99", Partial(0, 100)),
        ("bytes=99-99", Partial(99, 100)),
        ("bytes=10-19", Partial(10, 20)),
        ("bytes=10-", Partial(10, 100)),
        ("bytes=10-1000", Partial(10, 100)),
        ("bytes=-1", Partial(99, 100)),
        ("bytes=-100", Partial(0, 100)),
        ("bytes=-101", Partial(0, 100)),
        ("bytes=00010-00019", Partial(10, 20)),
        ("BYTES=0-9", Partial(0, 10)),
        ("  bytes= ,, 0-9 , ", Partial(0, 10)),
        ("bytes=0-" + "9" * 10_000, Partial(0, 100)),
        ("bytes=-" + "9" * 10_000, Partial(0, 100)),
        ("bytes=" + "0" * 10_000 + "5-", Partial(5, 100)),
        ("bytes=100-", Unsatisfiable()),
        ("bytes=100-200", Unsatisfiable()),
        ("bytes=10000-10001", Unsatisfiable()),
        ("bytes=-0", Unsatisfiable()),
        ("bytes=" + "9" * 10_000 + "-", Unsatisfiable()),
    ],
)
def test_a_single_range_is_clipped_to_the_representation_or_unsatisfiable(field: str, expected: Selection) -> None:
    assert ask(Range=field) == expected


@pytest.mark.parametrize(
    "field",
    ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=0-1,5-6", "bytes=5-6,0-1", "octets=0-1", "bytes=0-1;x",
     "bytes=+1-2", "bytes=0x1-2", "bytes=1.5-2", "bytes=--1", "bytes=1--2", "bytes =0-1", "bytes=٣-٤", "bytes=0-1\n", "\0"],
)  # fmt: skip
def test_several_ranges_and_what_is_malformed_are_ignored(field: str) -> None:
    assert ask(Range=field) == (Partial(0, 2) if field == "bytes=0-1\n" else Full())


def test_a_range_counts_for_get_only() -> None:
    assert ask(method="HEAD", Range="bytes=0-1") == Full()
    assert ask() == Full()


@pytest.mark.parametrize(
    ("field", "expected"),
    [("bytes=0-", Unsatisfiable()), ("bytes=-1", Full()), ("bytes=-0", Unsatisfiable()), ("bytes=0-0", Unsatisfiable())],
)
def test_a_representation_of_no_octets_has_no_part(field: str, expected: Selection) -> None:
    assert ask(length=0, Range=field) == expected


@pytest.mark.parametrize(
    ("field", "passes"),
    [("*", True), (" * ", True), (ETAG, True), (f'"x", {ETAG}', True), (f',, "a,b" ,{ETAG},', True), (f"W/{ETAG}", False), ('"x"', False),
     ("", False), ("tar1-abc", False), (f"{ETAG} {ETAG}", False), (f"x{ETAG}", False), (f'{ETAG}, "open', False), ("W/*", False)],
)  # fmt: skip
def test_if_match_needs_this_strong_entity_tag(field: str, passes: bool) -> None:
    assert ask(If_Match=field) == (Full() if passes else PreconditionFailed())


@pytest.mark.parametrize(
    ("field", "known"),
    [("*", True), (ETAG, True), (f"W/{ETAG}", True), (f'"x",W/{ETAG}', True), ('"x"', False), ("", False), ("tar1-abc", False)],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_compares_weakly(method: str, field: str, known: bool) -> None:
    assert ask(method, If_None_Match=field) == (NotModified() if known else Full())


@pytest.mark.parametrize(("since", "passes"), [(BEFORE, False), (AT, True), (AFTER, True), ("yesterday", True), ("", True)])
def test_if_unmodified_since_counts_whole_seconds(since: str, passes: bool) -> None:
    assert ask(If_Unmodified_Since=since) == (Full() if passes else PreconditionFailed())


@pytest.mark.parametrize(("since", "known"), [(BEFORE, False), (AT, True), (AFTER, True), ("yesterday", False), ("", False)])
def test_if_modified_since_counts_whole_seconds(since: str, known: bool) -> None:
    assert ask(If_Modified_Since=since) == (NotModified() if known else Full())


def test_entity_tags_go_over_dates() -> None:
    assert ask(If_Match=ETAG, If_Unmodified_Since=BEFORE) == Full()
    assert ask(If_None_Match='"x"', If_Modified_Since=AFTER) == Full()
    assert ask(If_Match='"x"', If_None_Match=ETAG) == PreconditionFailed()


def test_dates_mean_nothing_where_the_representation_has_none() -> None:
    assert ask(modified=None, If_Unmodified_Since=BEFORE) == Full()
    assert ask(modified=None, If_Modified_Since=AFTER) == Full()
    assert ask(modified=None, If_Range=AT, Range="bytes=0-1") == Full()


@pytest.mark.parametrize("date", [AT, "Sunday, 01-Mar-26 12:00:00 GMT", "Sun Mar  1 12:00:00 2026"])
def test_all_three_forms_of_a_date_are_read(date: str) -> None:
    assert ask(If_Range=date, Range="bytes=0-1") == Partial(0, 2)


@pytest.mark.parametrize(
    ("condition", "same"),
    [(ETAG, True), (f" {ETAG}", True), (AT, True), (f"W/{ETAG}", False), ('"x"', False), (BEFORE, False), (AFTER, False), ("", False),
     ("*", False), ("nonsense", False)],
)  # fmt: skip
def test_if_range_gives_the_part_of_this_representation_and_the_whole_of_another(condition: str, same: bool) -> None:
    assert ask(If_Range=condition, Range="bytes=0-1") == (Partial(0, 2) if same else Full())


def test_if_range_alone_and_with_a_range_beyond_the_end() -> None:
    assert ask(If_Range='"x"') == Full()
    assert ask(If_Range='"x"', Range="bytes=1000-") == Full()
    assert ask(If_Range=ETAG, Range="bytes=1000-") == Unsatisfiable()


def test_a_weak_entity_tag_never_serves_ranges_under_a_condition() -> None:
    headers = {"If-Range": 'W/"a"', "Range": "bytes=0-1"}
    assert select(method="GET", length=10, etag='W/"a"', last_modified=None, headers=headers) == Full()


def test_preconditions_come_before_the_range() -> None:
    assert ask(If_None_Match=ETAG, Range="bytes=1000-") == NotModified()
    assert ask(If_Match='"x"', Range="bytes=1000-") == PreconditionFailed()


def test_a_long_list_that_ends_malformed_is_refused_quickly() -> None:
    assert ask(If_Match='"x"' + " " * 200_000 + "x") == PreconditionFailed()
    assert ask(If_None_Match='"x",' * 50_000 + "x") == Full()


HOSTILE = st.one_of(
    st.text(alphabet=[chr(octet) for octet in range(256)], max_size=60),  # a header's octets come as Latin-1
    st.text(alphabet='bytes=0123456789-,W/"* \t', max_size=40),
    st.builds("bytes={}-{}".format, st.text("0123456789", max_size=30), st.text("0123456789", max_size=30)),
    st.sampled_from([ETAG, f"W/{ETAG}", AT, BEFORE, "*", "Sun, 01 Mar 0000 12:00:00 GMT", "Sun, 99 Mar 9999 99:99:99 GMT"]),
)


@given(
    headers=st.dictionaries(st.sampled_from(FIELDS), HOSTILE),
    length=st.integers(0, 10**13),
    modified=st.none() | st.datetimes(timezones=st.just(UTC)),
    method=st.sampled_from(["GET", "HEAD"]),
)
def test_no_header_whatever_makes_it_fail_or_name_octets_that_are_not_there(
    headers: dict[str, str], length: int, modified: datetime | None, method: str
) -> None:
    match select(method=method, length=length, etag=ETAG, last_modified=modified, headers=headers):
        case Partial(start, stop):
            assert 0 <= start < stop <= length
            assert method == "GET"
        case other:
            assert isinstance(other, Full | NotModified | PreconditionFailed | Unsatisfiable)


@given(length=st.integers(1, 10**13), data=st.data())
def test_a_range_within_the_representation_is_given_exactly(length: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, length - 1))
    last = data.draw(st.integers(first, length - 1))
    assert ask(length=length, Range=f"bytes={first}-{last}") == Partial(first, last + 1)
    assert ask(length=length, Range=f"bytes={first}-") == Partial(first, length)
    assert ask(length=length, Range=f"bytes=-{length - first}") == Partial(first, length)


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2900, 1, 1), timezones=st.just(UTC)))
def test_any_last_modified_that_was_sent_is_known_again(moment: datetime) -> None:
    sent = moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert ask(modified=moment, If_Range=sent, Range="bytes=0-1") == Partial(0, 2)
    assert ask(modified=moment + timedelta(seconds=1), If_Range=sent, Range="bytes=0-1") == Full()
