"""Every error of core has a status that somebody chose, and a document that programs can read (RFC 9457)."""

import inspect
import json
import re
from collections.abc import Iterator
from datetime import date
from http import HTTPStatus
from typing import Any

import pytest

from getapi import problems
from getapi.core import errors
from getapi.core.errors import PackagingError

ARGUMENTS: dict[str, Any] = {"limit": 7, "count": 8, "retry_after": 9, "until": date(2999, 1, 31)}
MEMBERS = {"type", "title", "status", "detail", "code"}


def descendants(kind: type[PackagingError]) -> Iterator[type[PackagingError]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith(f"{errors.__name__}."):
            yield child
        yield from descendants(child)


EVERY = sorted(set(descendants(PackagingError)), key=lambda kind: kind.__name__)


def make(kind: type[PackagingError]) -> PackagingError:
    names = inspect.signature(kind).parameters.values()
    positional = [ARGUMENTS.get(each.name, each.name) for each in names if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}]
    named = {each.name: ARGUMENTS.get(each.name, each.name) for each in names if each.kind is each.KEYWORD_ONLY}
    return kind(*positional, **named)


def test_there_are_errors_to_speak_of() -> None:
    assert len(EVERY) > 25


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_has_its_status_by_design(kind: type[PackagingError]) -> None:
    """In the table itself, or below a class that is there and is not the root."""
    assert any(parent in problems.STATUSES for parent in kind.__mro__ if parent not in {PackagingError, *PackagingError.__mro__[1:]})
    assert problems.status(make(kind)) >= HTTPStatus.BAD_REQUEST


def test_nothing_else_is_in_the_table() -> None:
    assert set(problems.STATUSES) <= {PackagingError, *EVERY}


def test_codes_are_unique_and_are_words() -> None:
    codes = [kind.code for kind in EVERY]
    assert len(set(codes)) == len(codes)
    assert all("code" in vars(kind) for kind in EVERY)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", EVERY)
def test_its_document_holds_the_code_and_the_facts_and_no_fact_hides_a_member(kind: type[PackagingError]) -> None:
    error = make(kind)
    document = problems.document(error)
    assert not set(error.facts) & MEMBERS
    assert set(document) == MEMBERS | set(error.facts)
    assert document["status"] == problems.status(error)
    assert document["title"] == problems.status(error).phrase
    assert document["detail"] == str(error)
    assert json.loads(json.dumps(document)) == document


def test_who_shall_come_back_is_told_when() -> None:
    for kind in EVERY:
        error = make(kind)
        expected = {"Retry-After": "30"} if problems.status(error) is HTTPStatus.SERVICE_UNAVAILABLE else {}
        if "retry_after" in error.facts:
            expected = {"Retry-After": "9"}
        assert problems.headers(error) == expected
        assert problems.status(error) is not HTTPStatus.TOO_MANY_REQUESTS or expected


@pytest.mark.parametrize("status", [400, 403, 404, 405, 408, 413, 415, 500])
def test_a_status_alone_is_a_document_too(status: int) -> None:
    document = problems.plain(status)
    assert set(document) == MEMBERS
    assert document["status"] == status
    assert document["detail"] != document["title"]


def test_codes_of_statuses_alone_are_stable_words_and_no_error_s_own() -> None:
    """Not made from the status's phrase, which differs between versions of Python."""
    codes = {status: problems.plain(status)["code"] for status in (400, 403, 404, 405, 408, 413, 415, 500, 418)}
    assert codes[413] == "body-too-large"
    assert codes[418] == "http-418"
    assert set(codes.values()) & {kind.code for kind in EVERY} == {"bad-request", "forbidden"}, "the same word for the same thing"
