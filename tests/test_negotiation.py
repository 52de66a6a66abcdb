"""Which dress an answer wears, whatever ``Accept`` says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.negotiation import choose_named, preferred_format, prefers_async, prefers_minimal

ARCHIVES = {"application/x-tar": "tar", "application/zip": "zip"}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "xml"),
        ("*/*", "xml"),
        ("application/*", "xml"),
        ("text/xml", "xml"),
        ("application/json", "json"),
        ("APPLICATION/JSON", "json"),
        ("application/problem+json", "json"),
        ("application/json, */*", "json"),
        ("application/json;q=0.5, */*", "xml"),
        ("*/*;q=0.1, application/json;q=0.2", "json"),
        ("application/json;q=0", "xml"),
        ("application/json;q=0.4, text/html;q=0.5", "html"),
        ("application/json;q=0.5, text/html;q=0.5", "json"),
        ("text/html;q=0.5,application/json;q=0.5", "html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "html"),
        ("text/html;charset=utf-8;q=0.9;level=1, application/xml;q=0.8", "html"),
        ("application/json;q=1.000", "json"),
        ("application/json;q=1.0000", "xml"),
        ("application/json;q=2", "xml"),
        ("application/json;q=-1", "xml"),
        ("application/json;q=nan", "xml"),
        ("application/json;q=", "xml"),
        ("application/json;q=0.٣", "xml"),
        ("image/png", "xml"),
        ("application/zip", "xml"),
        (",;,;q=1,", "xml"),
    ],
)
def test_the_best_named_wins_and_xml_is_the_default(accept: str, expected: str) -> None:
    assert preferred_format(accept) == expected


@given(accept=st.text())
def test_there_is_always_one(accept: str) -> None:
    assert preferred_format(accept) in {"xml", "json", "html"}
    assert choose_named(accept, ARCHIVES) in {None, "tar", "zip"}


@given(st.permutations(["application/xml;q=0.3", "application/json;q=0.7", "text/html;q=0.5", "*/*;q=0.1"]))
def test_order_does_not_matter_where_qualities_differ(parts: list[str]) -> None:
    assert preferred_format(", ".join(parts)) == "json"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", None),
        ("*/*", None),
        ("application/zip", "zip"),
        ("application/zip, */*", "zip"),
        ("application/zip;q=0", None),
        ("application/zip;q=0.2, application/x-tar;q=0.3", "tar"),
        ("application/x-tar, application/zip", "tar"),
        ("Application/ZIP ; q=1", "zip"),
    ],
)
def test_a_package_s_format_is_named_or_not(accept: str, expected: str | None) -> None:
    assert choose_named(accept, ARCHIVES) == expected


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("respond-async", True),
        ("Respond-Async", True),
        ("respond-async, wait=10", True),
        ('foo; bar="baz", respond-async;x=1', True),
        ("respond-async=", True),
        ("", False),
        ("respond", False),
        ("wait=10", False),
        ("foo; respond-async", False),
        ("respond-asynchronously", False),
    ],
)
def test_who_prefers_an_answer_before_the_work_is_done(prefer: str, expected: bool) -> None:
    assert prefers_async(prefer) is expected


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("return=minimal", True),
        ("Return = Minimal", True),
        ('return="minimal"', True),
        ("respond-async, return=minimal; x=1", True),
        ("return=representation", False),
        ("return=representation, return=minimal", False),
        ("return", False),
        ("minimal", False),
        ("x; return=minimal", False),
        ("", False),
    ],
)
def test_who_prefers_no_more_than_it_takes(prefer: str, expected: bool) -> None:
    assert prefers_minimal(prefer) is expected
