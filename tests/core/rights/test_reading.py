"""What an anonymous reading is, in a policy's words, and truth with a third value."""

from itertools import product
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.rights.reading import REGEXP_MATCH, STRING_EQUAL, Match, Reading, Truth, all_true, any_true, none_true

FEDORA = "urn:fedora:names:fedora:2.1:"
ROLE, LOGIN = "fedoraRole", f"{FEDORA}subject:loginId"
DSID, MIME = f"{FEDORA}resource:datastream:id", f"{FEDORA}resource:datastream:mimeType"
READING = Reading(pid="test:1", dsid="PDF-1", mime="application/pdf")
TRUTHS: tuple[Truth, ...] = (True, False, None)


def fits(attribute: str, value: str, function: str = STRING_EQUAL, reading: Reading = READING) -> Truth:
    return reading.fits(Match(function=function, attribute=attribute, value=value))


@pytest.mark.parametrize("pair", list(product(TRUTHS, TRUTHS)))
def test_an_unknown_truth_is_one_that_could_be_either(pair: tuple[Truth, Truth]) -> None:
    worlds = list(product(*((True, False) if truth is None else (truth,) for truth in pair)))
    for ours, theirs in ((any_true, any), (all_true, all)):
        outcomes = {theirs(world) for world in worlds}
        assert ours(pair) is (outcomes.pop() if len(outcomes) == 1 else None)
    outcomes = {not any(world) for world in worlds}
    assert none_true(pair) is (outcomes.pop() if len(outcomes) == 1 else None)


def test_no_truths_are_as_for_any_and_all() -> None:
    assert (any_true(()), all_true(()), none_true(())) == (False, True, True)


@pytest.mark.parametrize(
    ("attribute", "value", "truth"),
    [
        (f"{FEDORA}action:api", f"{FEDORA}action:api-a", True),
        (f"{FEDORA}action:api", f"{FEDORA}action:api-m", False),
        (f"{FEDORA}action:id", f"{FEDORA}action:id-getDatastreamDissemination", True),
        (f"{FEDORA}action:id", f"{FEDORA}action:id-purgeObject", False),
        (f"{FEDORA}resource:object:pid", "test:1", True),
        (f"{FEDORA}resource:object:pid", "test:2", False),
        (DSID, "PDF-1", True),
        (DSID, "pdf-1", None),
        (DSID, "PDF", False),
        (MIME, "application/pdf", True),
        (MIME, "Application/PDF", None),
        (MIME, "image/jpeg", False),
        (ROLE, "anonymous user", True),
        (ROLE, "Anonymous User", None),
        (ROLE, "public", None),
        (ROLE, "authenticated user", False),
        (LOGIN, "anonymous", None),
        (LOGIN, "anonymous user", None),
        (LOGIN, "admin", False),
        ("urn:fedora:names:fedora:2.1:environment:httpRequest:clientIpAddress", "192.0.2.1", None),
        ("", "", None),
    ],
)
def test_a_comparison_is_known_only_where_the_reading_is(attribute: str, value: str, truth: Truth) -> None:
    assert fits(attribute, value) is truth


def test_a_datastream_of_unknown_type_may_be_of_any() -> None:
    assert fits(MIME, "application/pdf", reading=Reading(pid="test:1", dsid="PDF")) is None
    assert fits(MIME, "text/xml", reading=Reading(pid="test:1", dsid="DC", mime="text/xml; charset=UTF-8")) is None


def test_an_unknown_function_is_not_known() -> None:
    assert fits(DSID, "PDF-1", "urn:oasis:names:tc:xacml:1.0:function:anyURI-equal") is None
    assert fits(ROLE, "admin", REGEXP_MATCH) is None


@pytest.mark.parametrize(
    ("pattern", "truth"),
    [
        ("PDF-1", True),
        ("^PDF.*$", True),
        ("PDF.+", True),
        ("(OBJ|PDF)-[0-9]", True),
        ("OBJ.*|PDF.*", True),
        ("^PDF", None),
        ("DF", None),
        ("pdf-1", None),
        ("OBJ", False),
        (r"^PDF\.1$", False),
        ("^.*_JPG$", False),
    ],
)
def test_a_regular_expression_is_known_where_finding_and_matching_agree(pattern: str, truth: Truth) -> None:
    assert fits(DSID, pattern, REGEXP_MATCH) is truth


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*",
        "a**",
        "a*+",
        "a*a*a*",
        "(?i)pdf",
        "(?=P)",
        "(?:P)",
        r"\d",
        "P{1,9}",
        "[^P]",
        "[z-a]",
        "[a--b]",
        "*",
        "(",
        "P)",
        "é",
        "(P)(D)",
        "P" * 300,
    ],
)
def test_an_expression_that_is_not_plain_is_not_known(pattern: str) -> None:
    assert fits(DSID, pattern, REGEXP_MATCH) is None


def test_nothing_is_searched_in_a_text_that_no_id_and_no_type_has() -> None:
    assert fits(DSID, ".*x", REGEXP_MATCH, Reading(pid="test:1", dsid="a" * 200)) is None


@given(st.text("ab.*+?()|^$[]\\-", max_size=40))
def test_no_expression_raises_or_takes_long(pattern: str) -> None:
    began = process_time()
    assert fits(DSID, pattern, REGEXP_MATCH, Reading(pid="test:1", dsid="a" * 64)) in TRUTHS
    assert process_time() - began < 1
