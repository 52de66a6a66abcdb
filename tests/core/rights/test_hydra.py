"""rightsMetadata of Hydra, Samvera and Stanford."""

from datetime import UTC, date, datetime

import pytest

from getapi.core.restriction import Ground, Restriction
from getapi.core.rights.hydra import read_rights
from getapi.core.xml import parse
from tests.core.rights.statements import PUBLIC, access, rights

CLOSED = Restriction(ground=Ground.READ_GROUP)
UNREADABLE = Restriction(ground=Ground.UNREADABLE)
DAY = date(2030, 1, 1)


def read(*parts: str, namespace: str | None = None) -> tuple[Restriction, ...]:
    return read_rights(parse(rights(*parts) if namespace is None else rights(*parts, namespace=namespace)))


def embargo(dates: str) -> str:
    return f"<embargo><human/><machine>{dates}</machine></embargo>"


def lease(dates: str) -> str:
    return f"<lease><human/><machine>{dates}</machine></lease>"


@pytest.mark.parametrize(
    "grant", ["<group>public</group>", "<group> World </group>", "<world/>", "<group>staff</group><group>public</group>"]
)
@pytest.mark.parametrize("namespace", [None, ""])
def test_reading_for_everybody_closes_nothing(grant: str, namespace: str | None) -> None:
    assert read(access("discover"), access(" Read ", grant), access("edit", "<person>x</person>"), namespace=namespace) == ()


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (access("discover", "<group>public</group>"), access("edit", "<group>public</group>")),
        (access("read"),),
        (access("read", "<group>stanford</group>", "<person>public</person>"),),
        (access("read", "<group>registered</group>"),),
        (access("read", "<none/>"),),
        ("<access><machine><group>public</group></machine></access>",),
        ('<access type="read"><group>public</group></access>',),
    ],
)
def test_reading_that_is_not_given_to_everybody_closes_the_object(parts: tuple[str, ...]) -> None:
    assert read(*parts) == (CLOSED,)


@pytest.mark.parametrize("grant", ['<world rule="no-download"/>', '<group rule="no-download">public</group>'])
def test_reading_without_copies_closes_the_object(grant: str) -> None:
    assert read(access("read", grant)) == (CLOSED,)
    assert read(access("read", grant, "<world/>")) == ()


def test_reading_of_certain_files_only_opens_nothing() -> None:
    assert read(access("read", "<world/>", before="<file>a.pdf</file>")) == (CLOSED,)


def test_one_file_that_is_not_for_everybody_closes_the_object() -> None:
    assert read(PUBLIC, access("read", "<group>stanford</group>", before="<file>a.pdf</file>")) == (CLOSED,)
    assert read(PUBLIC, access("read", "<world/>", before="<file>a.pdf</file>")) == ()


def test_an_embargo_ends_with_its_release_date() -> None:
    dates = (
        '<date type="release">2030-01-01</date><date type="deactivated">2019-01-01</date><visibility scope="during">restricted</visibility>'
    )
    assert read(PUBLIC, embargo(dates)) == (Restriction(ground=Ground.EMBARGO, ends=DAY),)


@pytest.mark.parametrize(
    "dates", ["<date>2030-01-01</date>", '<date type="relase">2030-01-01</date>', "2030-01-01", " <date>\n2030-01-01 </date>"]
)
def test_a_date_of_an_embargo_counts_whatever_its_type_is_called(dates: str) -> None:
    assert read(PUBLIC, embargo(dates)) == (Restriction(ground=Ground.EMBARGO, ends=DAY),)


def test_an_embargo_without_a_machine_part_counts() -> None:
    assert read(PUBLIC, '<embargo><date type="release">2030-01-01</date></embargo>') == (Restriction(ground=Ground.EMBARGO, ends=DAY),)


def test_hydras_empty_template_is_no_embargo() -> None:
    empty = '<date type="release"/><date type="deactivated"/>'
    assert read(PUBLIC, embargo(""), embargo(empty), lease('<date type="expire"/>')) == ()


def test_embargoes_add_up_with_each_other_and_with_the_read_group() -> None:
    found = read(access("read"), embargo("<date>2030-01-01</date><date>indefinite</date>"))
    assert found == (Restriction(ground=Ground.EMBARGO, ends=DAY), Restriction(ground=Ground.EMBARGO), CLOSED)


def test_stanfords_release_date_counts() -> None:
    stanford = access("read", "<group>stanford</group>", "<embargoReleaseDate>2030-02-26T00:00:00Z</embargoReleaseDate>")
    assert read(stanford, namespace="") == (Restriction(ground=Ground.EMBARGO, ends=datetime(2030, 2, 26, tzinfo=UTC)), CLOSED)


@pytest.mark.parametrize(
    "part", [embargo("<date>soon</date>"), lease("<date>soon</date>"), access("read", "<world/><embargoReleaseDate/>")]
)
def test_a_date_that_cannot_be_read_closes_for_ever(part: str) -> None:
    assert read(PUBLIC, part) == (UNREADABLE,)


def test_a_lease_denies_from_its_end_on() -> None:
    assert read(PUBLIC, lease('<date type="expire">2030-01-01</date>')) == (Restriction(ground=Ground.EMBARGO, begins=DAY),)


def test_a_lease_that_never_ends_is_not_understood() -> None:
    assert read(PUBLIC, lease('<date type="expire">never</date>')) == (UNREADABLE,)


def test_another_document_closes_the_object() -> None:
    # The oldest Hydra heads wrote <fields>: it has no place for an embargo.
    assert read_rights(parse(b"<fields><read_access_group>public</read_access_group></fields>")) == (UNREADABLE,)
