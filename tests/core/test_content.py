"""What planning reads of a datastream, and what it does where nobody says how large it is."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from getapi.core.content import complete, read_content
from getapi.core.errors import SizeUnknown, XmlRefused
from getapi.core.plan import STAGED
from getapi.core.source import ControlGroup, DatastreamRecord, Digest
from getapi.core.xml import MAX_OCTETS
from tests.core.fakes import FakeContent, FakeRepository, UnsizedContent, managed


class Unknowing(FakeRepository):
    """Its datastreams' sizes show at their ends."""

    def open(self, datastream: DatastreamRecord, start: int = 0) -> FakeContent:
        content = UnsizedContent(self.contents[datastream.pid, datastream.dsid])
        self.opened.append(content)
        return content


class Known:
    """A gauge that knows one datastream, and settles the others."""

    def __init__(self, known: DatastreamRecord | None = None) -> None:
        self.known = known
        self.settled: list[tuple[str, str]] = []

    def recall(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord | None:
        return self.known

    def settle(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord:
        self.settled.append((repository, datastream.dsid))
        return replace(datastream, size=77)


EXTERNAL = managed("a:1", "E", b"", control_group=ControlGroup.EXTERNAL, size=None, digests=(), identity="")


@pytest.fixture
def repository() -> Iterator[Unknowing]:
    made = Unknowing(contents={("a:1", "E"): b"12345", ("a:1", "X"): b"<x/>"})
    yield made
    assert all(content.closed for content in made.opened)


def test_what_tells_its_size_when_it_is_opened_asks_no_gauge() -> None:
    told, gauge = FakeRepository(contents={("a:1", "E"): b"12345"}), Known()
    assert complete(EXTERNAL, told, "sha256", gauge).size == 5
    assert gauge.settled == []


class MarkedContent(FakeContent):
    """Its server says something of its version."""

    mark = '"one"'


class Marking(FakeRepository):
    def open(self, datastream: DatastreamRecord, start: int = 0) -> FakeContent:
        return MarkedContent(self.contents[datastream.pid, datastream.dsid], start)


def test_what_its_server_says_of_its_version_is_its_identity_where_its_source_knows_none() -> None:
    marking = Marking(contents={("a:1", "E"): b"12345"})
    found = complete(EXTERNAL, marking, "sha256")
    assert (found.size, found.identity) == (5, '"one"')
    assert complete(replace(EXTERNAL, identity="own"), marking, "sha256").identity == "own"


def test_what_nobody_can_say_the_size_of_is_not_opened_to_ask_for_it(repository: Unknowing) -> None:
    unsized, gauge = replace(EXTERNAL, unsized=True), Known()
    assert complete(unsized, repository, "sha256", gauge).size == 77
    assert complete(unsized, repository, "sha256", Known(replace(unsized, size=3))).size == 3
    with pytest.raises(SizeUnknown):
        complete(unsized, repository, "sha256")
    assert repository.opened == []


def test_what_does_not_is_the_gauges(repository: Unknowing) -> None:
    gauge = Known()
    assert complete(EXTERNAL, repository, "sha256", gauge).size == 77
    assert gauge.settled == [("fake", "E")]


def test_what_the_gauge_knows_from_before_is_not_opened(repository: Unknowing) -> None:
    known = replace(EXTERNAL, size=5, identity=STAGED + "0")
    assert complete(EXTERNAL, repository, "sha256", Known(known)) is known
    assert repository.opened == []


def test_without_one_it_is_an_error_of_its_own(repository: Unknowing) -> None:
    with pytest.raises(SizeUnknown) as caught:
        complete(EXTERNAL, repository, "sha256")
    assert (caught.value.facts["pid"], caught.value.facts["dsid"]) == ("a:1", "E")


def test_a_size_that_is_known_asks_nobody(repository: Unknowing) -> None:
    record = replace(EXTERNAL, size=9)
    assert complete(record, repository, "sha256", Known()) is record


def test_inline_xml_is_hashed(repository: Unknowing) -> None:
    inline = replace(EXTERNAL, dsid="X", control_group=ControlGroup.INLINE, size=4)
    digest = Digest(algorithm="sha512", value=hashlib.sha512(b"<x/>").hexdigest())
    assert complete(inline, repository, "sha512").digests == (digest,)


def test_a_document_is_read_to_its_end_and_no_further_than_documents_go(repository: Unknowing) -> None:
    assert read_content(repository, EXTERNAL) == b"12345"
    repository.contents["a:1", "E"] = bytes(MAX_OCTETS + 1)
    with pytest.raises(XmlRefused):
        read_content(repository, EXTERNAL)
    large = FakeRepository(contents=repository.contents)
    with pytest.raises(XmlRefused):
        read_content(large, EXTERNAL)
