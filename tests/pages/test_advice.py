"""Errors as people read them."""

from typing import Any

import pytest

from getapi import problems
from getapi.core.errors import PackageClosed, TooManyBytes, TooManyDeliveries, TooManyFiles
from getapi.pages.advice import _CODES, explain
from tests.test_docs import all_errors


def test_no_code_has_words_that_no_error_has() -> None:
    assert set(_CODES) <= {kind.code for kind in all_errors()}


@pytest.mark.parametrize("status", [400, 403, 404, 405, 408, 410, 413, 415, 429, 500, 502, 503, 418])
def test_every_status_has_a_heading_and_an_advice(status: int) -> None:
    found = explain({**problems.plain(status), "code": "unheard-of"})
    assert found["heading"]
    assert found["advice"]


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (TooManyBytes(limit=100 * 10**9, count=123_456_789_012), ["123 GB (123,456,789,012 bytes)", "100 GB (100,000,000,000 bytes)"]),
        (TooManyFiles(limit=1000, count=1234), ["1,234", "1,000"]),
        (TooManyDeliveries("process", limit=64, retry_after=7), ["64", "7 seconds"]),
        (TooManyDeliveries("process", limit=64, retry_after=120), ["64", "2 minutes"]),
        (TooManyDeliveries("process", limit=64, retry_after=299), ["64", "5 minutes"]),
        (TooManyDeliveries("process", limit=64, retry_after=1), ["64", "1 second"]),
        (PackageClosed("x:1", "D", "Closed until 2099-12-31"), []),
    ],
)
def test_facts_are_written_for_people(error: Any, facts: list[str]) -> None:
    assert [fact for _, fact in explain(problems.document(error))["facts"]] == facts  # type: ignore[attr-defined]


def test_what_the_facts_tell_is_not_told_twice() -> None:
    assert explain(problems.document(TooManyBytes(limit=10**9, count=2 * 10**9)))["happened"] == ""
    assert explain(problems.document(TooManyDeliveries("process", limit=64, retry_after=7)))["happened"] != ""


def test_moments_in_a_sentence_are_written_out() -> None:
    said = str(explain(problems.document(PackageClosed("x:1", "D", "Closed until 2099-12-31T05:00:00Z")))["happened"])
    assert "31 December 2099, 05:00 UTC" in said
