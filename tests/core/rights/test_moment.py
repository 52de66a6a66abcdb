"""Dates and words of rights statements."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.rights.moment import UnreadableMoment, read_moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-01-01", date(2030, 1, 1)),
        (" 2030-01-01\n", date(2030, 1, 1)),
        ("2030", date(2030, 12, 31)),
        ("2028-02", date(2028, 2, 29)),
        ("9999-12", date(9999, 12, 31)),
        ("9999", date(9999, 12, 31)),
        ("2018-12-16T05:00:00Z", datetime(2018, 12, 16, 5, tzinfo=UTC)),
        ("2018-12-16t05:00:00z", datetime(2018, 12, 16, 5, tzinfo=UTC)),
        ("2018-12-16T05:00:00", datetime(2018, 12, 16, 5, tzinfo=UTC)),
        ("2018-12-16 05:00:00", datetime(2018, 12, 16, 5, tzinfo=UTC)),
        ("2018-12-16 05:00:00 +0200", datetime(2018, 12, 16, 3, tzinfo=UTC)),
        ("2018-12-16T05:00Z", datetime(2018, 12, 16, 5, tzinfo=UTC)),
        ("2018-12-16T05:00:00.5Z", datetime(2018, 12, 16, 5, 0, 0, 500_000, tzinfo=UTC)),
        ("2018-12-16T05:00:00,123456789Z", datetime(2018, 12, 16, 5, 0, 0, 123_456, tzinfo=UTC)),
        ("2018-12-16T05:00:00-05:30", datetime(2018, 12, 16, 10, 30, tzinfo=UTC)),
        ("2018-12-16T05:00:00+02", datetime(2018, 12, 16, 3, tzinfo=UTC)),
        ("2018-12-31T24:00:00Z", datetime(2019, 1, 1, tzinfo=UTC)),
        ("2030-01-01Z", datetime(2030, 1, 2, tzinfo=UTC)),
        ("2030-01-01-05:00", datetime(2030, 1, 2, 5, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read(text: str, moment: date | datetime) -> None:
    assert read_moment(text) == moment
    assert type(read_moment(text)) is type(moment)


@pytest.mark.parametrize("word", ["indefinite", "Indefinite", " NEVER ", "forever", "Permanent"])
def test_a_word_means_for_ever(word: str) -> None:
    assert read_moment(word) is None


def test_the_words_for_ever_are_the_callers() -> None:
    assert read_moment("Geschlossen", ("geschlossen",)) is None
    with pytest.raises(UnreadableMoment):
        read_moment("indefinite", ("geschlossen",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "0",
        "0000",
        "203",
        "20300101",
        "01/02/2030",
        "2030-1-1",
        "2030-13",
        "2030-00",
        "2030-02-30",
        "2030-01-00",
        "2030-W01-1",
        "-2030-01-01",
        "12030-01-01",
        "2030-01-01T",
        "2030-01-01T25:00:00Z",
        "2030-01-01T24:00:01Z",
        "2030-01-01T05:60:00Z",
        "2030-01-01T05:00:60Z",
        "2030-01-01T05:00:00+25:00",
        "2030-01-01T05:00:00+01:60",
        "2030-01-01T05:00:00 CET",
        "2030-01-01 until further notice",
        "9999-12-31Z",
        "9999-12-31T24:00:00Z",
        "٢٠٣٠-٠١-٠١",
    ],
)
def test_what_is_no_moment_is_refused_with_one_error(text: str) -> None:
    with pytest.raises(UnreadableMoment):
        read_moment(text)


@given(st.dates())
def test_every_iso_date_comes_back(day: date) -> None:
    assert read_moment(day.isoformat()) == day


@given(
    st.datetimes(
        min_value=datetime(2, 1, 1),
        max_value=datetime(9998, 1, 1),
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    )
)
def test_every_iso_instant_comes_back(instant: datetime) -> None:
    assert read_moment(instant.isoformat()) == instant


@given(st.text() | st.text("0123456789TtZz:+. -", max_size=32))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        moment = read_moment(text)
    except UnreadableMoment:
        return
    assert moment is None or (moment.tzinfo is not None if isinstance(moment, datetime) else isinstance(moment, date))
