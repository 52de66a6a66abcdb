"""IIIF presentation manifests as objects."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from getapi.core.errors import (
    ContentChanged,
    ContentMissing,
    ObjectNotFound,
    ObjectUnreadable,
    PackagingError,
    SizeUnknown,
    SourceUnavailable,
)
from getapi.core.iiif.address import ManifestAddress
from getapi.core.layout import lay_out
from getapi.core.planner import plan_package
from getapi.core.request import parse_request
from getapi.sources.iiif import IiifSource
from getapi.sources.peer import Peer
from getapi.sources.registry import Registry, RoutedSource
from getapi.sources.renditions import Renditions
from tests.core.iiif.test_manifest import IMAGES, second, third
from tests.core.test_planner import NOW, RULES
from tests.sources.contract import SourceContract, drain
from tests.sources.hostile import HostilePeer, Target
from tests.sources.imageserver import MISSING, image_server
from tests.sources.omekas import JPEG, file
from tests.sources.peers import Answer, Asked, PeerServer, running
from tests.sources.stores import Sample
from tests.sources.tricks import CONTENT, METADATA, PATIENCE, SILENCE

PICTURES = {number: JPEG[:-2] + bytes([number]) * number + JPEG[-2:] for number in (1, 2, 3)}


class Shelf:
    """Manifests and the pictures that they show, on one server."""

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.pictures = {f"/iiif/{number}/full/max/0/default.jpg": file(octets, "image/jpeg", "p") for number, octets in PICTURES.items()}

    def put(self, name: str, manifest: object, images: str) -> None:
        self.manifests[name] = json.dumps(manifest).replace(IMAGES.removesuffix("/iiif"), images).encode()

    def answer(self, asked: Asked) -> Answer:
        name = asked.path.removeprefix("/presentation/").removesuffix("/manifest")
        if asked.path.startswith("/presentation/") and name in self.manifests:
            return Answer(body=self.manifests[name], headers={"Content-Type": "application/ld+json"})
        return self.pictures.get(asked.path, Answer(status=404))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def server(shelf: Shelf) -> Iterator[PeerServer]:
    with running(PeerServer(shelf.answer)) as server:
        shelf.put("book", third(), server.url)
        yield server


def source_of(server: PeerServer, *hosts: str, patience: float = 30.0, silence: float = 30.0, looking: float = 12.0) -> IiifSource:
    template = f"{server.url}/presentation/{{id}}/manifest"
    peer = Peer.at(template, repository="iiif", private=True, hosts=hosts, patience=patience, silence=silence)
    return IiifSource(name="iiif", address=ManifestAddress.read(template), peer=peer, renditions=Renditions(peer, looking=looking))


@pytest.fixture
def source(server: PeerServer) -> IiifSource:
    return source_of(server)


@pytest.fixture
def sample(source: IiifSource) -> Sample:
    contents = {f"page-{number}": octets for number, octets in PICTURES.items()}
    return Sample(source=source, pid="iiif:book", contents=contents, unknown="iiif:404", ambiguous="")


class TestContract(SourceContract):
    def test_names_alike_but_for_case_are_ambiguous(self, sample: Sample) -> None:
        """Names are addresses' parts, in which case counts."""
        self.shelf.put("Book", second(1), self.server.url)
        assert [sample.source.describe(pid).pid for pid in ("iiif:book", "IIIF:Book")] == ["iiif:book", "iiif:Book"]

    def replace(self, sample: Sample, dsid: str, octets: bytes) -> None:
        self.shelf.pictures[f"/iiif/{dsid[-1]}/full/max/0/default.jpg"] = file(octets, "image/jpeg", "other")

    def remove(self, sample: Sample, dsid: str) -> None:
        self.shelf.pictures.clear()

    @pytest.fixture(autouse=True)
    def _keep(self, shelf: Shelf, server: PeerServer) -> None:
        self.shelf, self.server = shelf, server

    def test_nothing_stays_open_on_any_way_out(self, sample: Sample) -> None:
        """Idle connections are kept for the next question; none of them is in use."""
        for dsid in sample.contents:
            sample.source.open(sample.datastream(dsid)).close()
            with pytest.raises(ZeroDivisionError), sample.source.open(sample.datastream(dsid)):
                raise ZeroDivisionError
        assert sample.source._peer.client.gate.taken == 0  # type: ignore[attr-defined] # what is counted


def _is_picture(asked: Asked) -> bool:
    return asked.path.startswith("/iiif/") and asked.method == "GET"


class TestHostile(HostilePeer):
    @pytest.fixture
    def target(self, shelf: Shelf, server: PeerServer) -> Target:
        shelf.put("book", third(1), server.url)
        source = source_of(server, patience=PATIENCE, silence=SILENCE, looking=PATIENCE)
        return Target(
            source=source, server=server, pid="iiif:book", is_content=lambda asked: "/full/" in asked.path and asked.method == "GET"
        )

    @pytest.mark.parametrize("trick", [name for name in CONTENT if name != "other bytes"])
    @pytest.mark.parametrize("form", ["tar", "zip"])
    def test_a_package_is_right_or_is_cut(self, target: Target, trick: str, form: str) -> None:
        """Of a picture nobody knows a digest: other bytes of the same size under the same tag are the same picture."""
        super().test_a_package_is_right_or_is_cut(target, trick, form)

    @pytest.mark.parametrize("trick", METADATA)
    def test_planning_ends_with_a_notice_or_an_error(self, target: Target, trick: str) -> None:
        super().test_planning_ends_with_a_notice_or_an_error(target, trick)

    @pytest.mark.parametrize("form", ["tar", "zip"])
    def test_other_bytes_under_the_same_tag_are_known_from_the_first_reading_on(self, target: Target, form: str) -> None:
        """What the fixity ledger learned when they were first sent is in the next plan."""
        plan = target.plan(form)
        entries = [
            replace(entry, digest=hashlib.sha256(PICTURES[1]).hexdigest()) if entry.datastream.dsid == "page-1" else entry
            for entry in plan.entries
        ]
        plan = replace(plan, entries=tuple(entries))
        right = target.send(plan)
        target.server.trick, target.server.tricked = CONTENT["other bytes"], target.is_content
        for start in (0, len(right) // 2):
            with pytest.raises(PackagingError):
                target.send(plan, start)


def test_a_picture_that_nobody_could_tell_from_another_one_is_put_aside_first(shelf: Shelf, server: PeerServer, source: IiifSource) -> None:
    """Its size is told, but neither a tag nor a date: a resumed download might be put together of two."""
    shelf.put("book", second(1), server.url)
    path = "/iiif/1/full/max/0/default.jpg"
    shelf.pictures[path] = Answer(body=PICTURES[1], headers={"Content-Type": "image/jpeg"})
    page = source.describe("iiif:book").datastreams[0]
    assert (page.size, page.identity, page.unsized) == (None, "", True)
    with source.open(page) as content:
        assert drain(content) == PICTURES[1]


@pytest.mark.parametrize("manifest", [second(), third()], ids=["2", "3"])
def test_pages_and_the_manifest_itself_are_datastreams(shelf: Shelf, server: PeerServer, source: IiifSource, manifest: object) -> None:
    shelf.put("book", manifest, server.url)
    record = source.describe("iiif:book")
    assert (record.pid, record.label) == ("iiif:book", "A book")
    assert [(each.dsid, each.name, each.size) for each in record.datastreams] == [
        *((f"page-{n}", f"p. {n}.jpg", len(PICTURES[n])) for n in (1, 2, 3)),
        ("manifest", "manifest.json", len(shelf.manifests["book"])),
    ]
    for start in (0, 7):
        with source.open(record.datastreams[-1], start) as content:
            assert drain(content) == shelf.manifests["book"][start:]
    assert source.describe("iiif:book") is record


def test_a_manifest_that_changed_is_another_one(shelf: Shelf, server: PeerServer, source: IiifSource) -> None:
    planned = source.describe("iiif:book").datastreams[-1]
    shelf.put("book", second(1), server.url)
    with pytest.raises(ContentChanged):
        source.open(planned)
    shelf.manifests.clear()
    with pytest.raises(ContentMissing):
        source.open(planned)


def test_ranges_are_folders_in_the_package(shelf: Shelf, server: PeerServer, source: IiifSource) -> None:
    def canvases(*numbers: int) -> list[dict[str, str]]:
        return [{"type": "Canvas", "id": f"https://iiif.example.org/canvas/{number}"} for number in numbers]

    ranges = [
        {"type": "Range", "label": {"en": ["Cover"]}, "items": canvases(3)},
        {"type": "Range", "label": {"en": ["Text"]}, "items": canvases(1, 2)},
    ]
    shelf.put("book", third(structures=ranges), server.url)
    request = parse_request(files="iiif:book", maps=None, max_text=2**20, max_entries=10)
    plan = plan_package(request, repositories=Registry([RoutedSource(source=source)]), rules=RULES, now=NOW)
    assert [entry.path for entry in plan.entries] == [
        "data/Cover/p. 3.jpg",
        "data/Text/p. 1.jpg",
        "data/Text/p. 2.jpg",
        "data/manifest.json",
    ]
    assert lay_out(plan).length > sum(map(len, PICTURES.values()))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(status=404), "content-missing"),
        (Answer(status=503), "source-unavailable"),
        (Answer(body=b"<html>", headers={"Content-Type": "text/html"}), "malformed"),
    ],
)
def test_a_page_that_cannot_be_had_is_told(shelf: Shelf, server: PeerServer, source: IiifSource, answer: Answer, fault: str) -> None:
    for path in list(shelf.pictures)[1:]:
        shelf.pictures[path] = answer
    server.answer = lambda asked: answer if asked.path.startswith(("/iiif/2/", "/iiif/3/")) else shelf.answer(asked)
    record = source.describe("iiif:book")
    assert [each.fault for each in record.datastreams] == [None, fault, fault, None]
    request = parse_request(files="iiif:book", maps=None, max_text=2**20, max_entries=10)
    plan = plan_package(request, repositories=Registry([RoutedSource(source=source)]), rules=RULES, now=NOW)
    assert [(str(notice.code), notice.text) for notice in plan.notices if notice.dsid == "page-2"] == [
        (fault, record.datastreams[1].caveat.text if record.datastreams[1].caveat else "")
    ]


def test_a_page_whose_server_takes_longer_than_a_look_is_read_to_find_out(shelf: Shelf, server: PeerServer) -> None:
    shelf.put("book", second(1), server.url)
    source = source_of(server, looking=0.6)
    server.delay = lambda asked: 2.0 if asked.method == "HEAD" else 0.0
    page = source.describe("iiif:book").datastreams[0]
    assert (page.fault, page.size, page.identity, page.unsized) == (None, None, "", True)
    with source.open(page) as content:
        assert drain(content) == PICTURES[1]


def test_pictures_at_a_host_that_is_not_named_are_told_and_not_asked_for(shelf: Shelf, server: PeerServer, source: IiifSource) -> None:
    shelf.manifests["book"] = json.dumps(third()).encode()
    assert [each.fault for each in source.describe("iiif:book").datastreams] == ["external"] * 3 + [None]


@pytest.mark.parametrize("pid", ["iiif:..", "iiif:a%2e", "iiif:%2E%2E", "other:book", "book", "iiif:"])
def test_what_names_no_manifest_is_not_asked_for(source: IiifSource, server: PeerServer, pid: str) -> None:
    with pytest.raises(ObjectNotFound):
        source.describe(pid)
    assert server.asked == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=404), ObjectNotFound),
        (Answer(status=401), ObjectNotFound),
        (Answer(status=500), SourceUnavailable),
        (Answer(body=b"<html>", headers={"Content-Type": "text/html"}), SourceUnavailable),
        (Answer(body=b"{}"), ObjectUnreadable),
        (Answer(body=b'"x"'), ObjectUnreadable),
    ],
)
def test_an_answer_that_is_no_manifest_is_told(server: PeerServer, source: IiifSource, answer: Answer, error: type[Exception]) -> None:
    server.answer = lambda _: answer
    with pytest.raises(error):
        source.describe("iiif:book")


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
class TestARealImageServer:
    def test_it_renders_pictures_whose_size_nobody_knows_before(self, shelf: Shelf, server: PeerServer, tmp_path: Path) -> None:
        with image_server(tmp_path) as images:
            for number in (1, 2, 3):
                images.put(f"{number}.tif")
            manifest = json.dumps(second())
            for number in (1, 2, 3):
                manifest = manifest.replace(f"{IMAGES}/{number}", f"{images.url}/iiif/{number}.tif")
            shelf.manifests["book"] = manifest.encode()
            source = source_of(server, urlsplit(images.url).netloc)
            record = source.describe("iiif:book")
            pages = record.datastreams[:3]
            assert [(each.fault, each.size, each.identity, each.mime) for each in pages] == [(None, None, "", "image/jpeg")] * 3
            assert all(each.location.endswith("/full/max/0/default.jpg") for each in pages)
            pictures = []
            for each in pages:
                with source.open(each) as content:
                    assert content.size is None
                    pictures.append(drain(content))
            assert {picture[:3] + picture[-2:] for picture in pictures} == {b"\xff\xd8\xff\xff\xd9"}
            assert len(set(pictures)) == 3
            request = parse_request(files="iiif:book", maps=None, max_text=2**20, max_entries=10)
            with pytest.raises(SizeUnknown):
                plan_package(request, repositories=Registry([RoutedSource(source=source)]), rules=RULES, now=NOW)

    def test_a_picture_that_is_not_there_is_told(self, shelf: Shelf, server: PeerServer, tmp_path: Path) -> None:
        with image_server(tmp_path) as images:
            shelf.manifests["book"] = json.dumps(second(1)).replace(f"{IMAGES}/1", f"{images.url}/iiif/none.tif").encode()
            source = source_of(server, urlsplit(images.url).netloc)
            assert [each.fault for each in source.describe("iiif:book").datastreams] == ["content-missing", None]
