"""Embargoes and viewing relations of Islandora 7."""

from datetime import UTC, datetime
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.restriction import Ground, Restriction
from getapi.core.rights.islandora import read_relations
from getapi.core.xml import parse
from tests.core.rights.statements import PID, about, relations, until

INSTANT = datetime(2030, 12, 16, 5, tzinfo=UTC)
OBJECT, PDF = f"info:fedora/{PID}", f"info:fedora/{PID}/PDF"
STAMP = "2030-12-16T05:00:00Z"


def read(*descriptions: str, pid: str = PID) -> tuple[Restriction, ...]:
    return read_relations(parse(relations(*descriptions)), pid)


def test_an_embargo_of_the_object_closes_it_whole() -> None:
    assert read(about(OBJECT, until(STAMP))) == (Restriction(ground=Ground.EMBARGO, ends=INSTANT),)


def test_an_embargo_of_a_datastream_closes_that_one() -> None:
    assert read(about(PDF, until(STAMP))) == (Restriction(ground=Ground.EMBARGO, dsid="PDF", ends=INSTANT),)


@pytest.mark.parametrize(("written", "dsid"), [("caf%C3%A9", "café"), ("caf%c3%a9", "café"), ("a%20b", "a%20b"), ("100%", "100%")])
def test_a_datastream_whose_name_is_escaped_or_looks_so_is_closed(written: str, dsid: str) -> None:
    """Fedora's API refuses few letters in a DSID, and in a URI those that are not ASCII may be escaped."""
    found = read(about(f"{OBJECT}/{written}", until(STAMP), "<ext:isViewableByUser>admin</ext:isViewableByUser>"))
    assert {restriction.ground for restriction in found if restriction.dsid == dsid} == {Ground.EMBARGO, Ground.POLICY}


@pytest.mark.parametrize("word", ["indefinite", "Indefinite", "INDEFINITE\n"])
def test_indefinite_is_for_ever(word: str) -> None:
    assert read(about(OBJECT, until(word))) == (Restriction(ground=Ground.EMBARGO),)


@pytest.mark.parametrize("value", ["", "soon", "16/12/2030"])
def test_an_embargo_whose_end_cannot_be_read_closes_for_ever(value: str) -> None:
    assert read(about(PDF, until(value))) == (Restriction(ground=Ground.UNREADABLE, dsid="PDF"),)


def test_an_embargo_that_names_a_resource_instead_of_a_time_closes_for_ever() -> None:
    assert read(about(OBJECT, '<e:embargo-until rdf:resource="info:x"/>')) == (Restriction(ground=Ground.UNREADABLE),)


def test_all_statements_count() -> None:
    found = read(about(OBJECT, until(STAMP), until("indefinite")), about(PDF, until(STAMP)))
    assert [(restriction.dsid, restriction.ends) for restriction in found] == [(None, INSTANT), (None, None), ("PDF", INSTANT)]


def test_an_embargo_written_as_an_attribute_counts() -> None:
    found = read(f'<rdf:Description rdf:about="{PDF}" e:embargo-until="{STAMP}"/>')
    assert found == (Restriction(ground=Ground.EMBARGO, dsid="PDF", ends=INSTANT),)


@pytest.mark.parametrize("subject", ["info:fedora/test:11", "info:fedora/test:2/PDF", "info:fedora/xtest:1"])
def test_statements_about_another_object_are_ignored(subject: str) -> None:
    attribute = f'<rdf:Description rdf:about="{subject}" e:embargo-until="{STAMP}"/>'
    assert read(about(subject, until(STAMP), "<ext:isViewableByUser>admin</ext:isViewableByUser>"), attribute) == ()


@pytest.mark.parametrize(
    "subject", ["info:fedora/TEST:1", "info:fedora/test%3A1", "INFO:Fedora/test:1", "info:fedora/test:1/", " info:fedora/test:1 "]
)
def test_another_spelling_of_the_pid_is_the_same_object(subject: str) -> None:
    assert read(about(subject, until(STAMP))) == (Restriction(ground=Ground.EMBARGO, ends=INSTANT),)


def test_what_follows_the_dsid_changes_nothing() -> None:
    assert [found.dsid for found in read(about(f"{PDF}/PDF.0", until(STAMP)))] == ["PDF"]


@pytest.mark.parametrize(
    "description",
    [
        f"<rdf:Description>{until(STAMP)}</rdf:Description>",
        about("", until(STAMP)),
        about("test:1", until(STAMP)),
        about("http://example.org/test", until(STAMP)),
        f'<rdf:Description about="{OBJECT}">{until(STAMP)}</rdf:Description>',
        until(STAMP),
    ],
)
def test_an_embargo_of_nothing_in_particular_closes_the_object(description: str) -> None:
    assert read(description) == (Restriction(ground=Ground.EMBARGO, ends=INSTANT),)


@pytest.mark.parametrize("relation", ["ext:isViewableByUser", "ext:isViewableByRole", "int:isViewableByUser", "int:isViewableByRole"])
def test_a_viewing_relation_closes_its_subject(relation: str) -> None:
    statement = f"<{relation}>administrator</{relation}>"
    assert read(about(OBJECT, statement)) == (Restriction(ground=Ground.POLICY),)
    assert read(about(PDF, statement)) == (Restriction(ground=Ground.POLICY, dsid="PDF"),)


def test_a_viewing_relation_without_a_name_closes_too() -> None:
    assert read(about(OBJECT, '<ext:isViewableByUser rdf:resource="info:x"/>')) == (Restriction(ground=Ground.POLICY),)


def test_a_viewing_relation_of_everybody_closes_nothing() -> None:
    viewers = "<ext:isViewableByUser>admin</ext:isViewableByUser><ext:isViewableByRole>Anonymous user</ext:isViewableByRole>"
    assert read(about(OBJECT, viewers)) == ()
    assert read(about(OBJECT, viewers), about(PDF, "<int:isViewableByRole>staff</int:isViewableByRole>")) == (
        Restriction(ground=Ground.POLICY, dsid="PDF"),
    )


def test_managing_relations_and_other_statements_close_nothing() -> None:
    other = (
        "<ext:isManageableByUser>admin</ext:isManageableByUser>"
        "<e:embargo-expiry-notification-date>2030-12-06</e:embargo-expiry-notification-date>"
        '<m:hasModel rdf:resource="info:fedora/islandora:sp_pdf"/>'
    )
    assert read(about(OBJECT, other)) == ()


@pytest.mark.parametrize("document", [b"<x/>", b"<RDF/>", b'<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'])
def test_a_document_that_is_not_rdf_closes_the_object(document: bytes) -> None:
    assert read_relations(parse(document), PID) == (Restriction(ground=Ground.UNREADABLE),)


@given(
    st.builds("{}:{}".format, st.text(ascii_letters + digits + ".-", min_size=1), st.text(ascii_letters + digits + ".~_-", min_size=1)),
    st.builds("{}{}".format, st.sampled_from(ascii_letters), st.text(ascii_letters + digits + "._-", max_size=9)),
)
def test_every_pid_and_dsid_is_found_in_its_own_statements(pid: str, dsid: str) -> None:
    found = read(about(f"info:fedora/{pid}/{dsid}", until(STAMP)), pid=pid)
    assert found == (Restriction(ground=Ground.EMBARGO, dsid=dsid, ends=INSTANT),)
