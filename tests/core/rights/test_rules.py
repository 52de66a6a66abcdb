"""The administrator's own embargo rules."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from getapi.core.restriction import Ground, Restriction
from getapi.core.rights.rules import MAX_VALUES, EmbargoRule
from getapi.core.xml import parse
from tests.core.rights.statements import datastreams

UNC = "http://cdr.unc.edu/definitions/acl"
FOR_EVER, UNREADABLE = Restriction(ground=Ground.EMBARGO), Restriction(ground=Ground.UNREADABLE)


def read(
    xpath: str, document: bytes, applies_to: Sequence[str] | None = None, forever: Sequence[str] = ("closed",)
) -> tuple[Restriction, ...]:
    rule = EmbargoRule(name="r", datastream="MD", xpath=xpath, namespaces={"acl": UNC}, forever=forever, applies_to=applies_to)
    return rule.read(parse(document), datastreams("PDF", "pdf-1", "OBJ"))


@pytest.mark.parametrize("xpath", ["//until", "/a/until/text()", "/a/@until", "string(/a/until)", "//acl:x/@acl:until"])
def test_a_date_is_read_wherever_the_xpath_finds_it(xpath: str) -> None:
    document = f'<a until="2030-01-01"><until>2030-01-<b>01</b></until><x xmlns:q="{UNC}"/><q:x xmlns:q="{UNC}" q:until="2030-01-01"/></a>'
    if "text()" in xpath:
        document = document.replace("<b>01</b>", "01")
    assert read(xpath, document.encode()) == (Restriction(ground=Ground.EMBARGO, ends=date(2030, 1, 1)),)


def test_an_xpath_that_finds_nothing_closes_nothing() -> None:
    assert read("//until", b"<a/>") == ()


def test_a_word_for_ever_is_the_rules_own() -> None:
    assert read("//u", b"<a><u>Closed</u></a>") == (FOR_EVER,)
    assert read("//u", b"<a><u>indefinite</u></a>") == (UNREADABLE,)
    rule = EmbargoRule(name="r", datastream="MD", xpath="//u")
    assert [rule.read(parse(b"<a><u>%s</u></a>" % word), ()) for word in (b"indefinite", b"Never", b"forever", b"permanent")] == [
        (FOR_EVER,)
    ] * 4


@pytest.mark.parametrize("xpath", ["//u", "string(//u)", "//u/text() | //u", "count(//u)", "namespace::*"])
def test_what_is_found_and_cannot_be_read_closes_for_ever(xpath: str) -> None:
    assert set(read(xpath, b"<a><u> ?</u></a>")) == {UNREADABLE}
    assert read("//u", b"<a><u/></a>") == (UNREADABLE,)


def test_two_finds_close_twice() -> None:
    found = read("//u", b"<a><u>2030-01-01</u><u>2031-01-01T00:00:00Z</u></a>")
    assert [restriction.ends for restriction in found] == [date(2030, 1, 1), datetime(2031, 1, 1, tzinfo=UTC)]


def test_a_truth_closes_for_ever_and_its_opposite_does_not() -> None:
    assert read("boolean(//u)", b"<a><u/></a>") == (FOR_EVER,)
    assert read("boolean(//u)", b"<a/>") == ()


def test_a_rule_may_close_certain_datastreams() -> None:
    document = b"<a><u>closed</u></a>"
    assert [restriction.dsid for restriction in read("//u", document, ("PDF*",))] == ["PDF", "pdf-1"]
    assert [restriction.dsid for restriction in read("//u", document, ("obj", "pdf"))] == ["PDF", "OBJ"]
    assert read("//u", document, ("MOV*",)) == ()


def test_a_rule_that_finds_too_much_closes() -> None:
    assert len(read("//u", b"<a>" + b"<u>2000</u>" * MAX_VALUES + b"</a>")) == MAX_VALUES
    assert read("//u", b"<a>" + b"<u>2000</u>" * (MAX_VALUES + 1) + b"</a>") == (UNREADABLE,)


def test_an_xpath_that_fails_only_on_this_document_closes() -> None:
    # Looked up only where there is a u.
    assert read("//u[unknown()]", b"<a/>") == ()
    assert read("//u[unknown()]", b"<a><u/></a>") == (UNREADABLE,)


@pytest.mark.parametrize(
    ("xpath", "namespaces"),
    [
        ("//a[", {}),
        ("", {}),
        ("//p:a", {}),
        ("unknown()", {}),
        ("a\0", {}),
        ("//a", {"": "x"}),
        ("re:match('a','a')", {"re": "http://exslt.org/regular-expressions"}),
    ],
)
def test_an_xpath_that_cannot_be_used_is_told_by_the_rules_name(xpath: str, namespaces: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="embargo rule 'campus'"):
        EmbargoRule(name="campus", datastream="MD", xpath=xpath, namespaces=namespaces)


def test_equal_rules_are_equal_and_can_be_kept_in_sets() -> None:
    first, second = (EmbargoRule(name="r", datastream="MD", xpath="//u", namespaces={"a": "b"}) for _ in range(2))
    assert len({first, second}) == 1
