"""Descriptions without measure: what a server says of an object takes bounded memory, bounded time, and a bounded number of questions."""

import json
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from getapi.core.errors import ObjectUnreadable, SourceUnavailable
from getapi.core.iiif import canvas
from getapi.core.iiif.manifest import MAX_OCTETS
from getapi.core.omeka import MAX_MEDIA
from getapi.sources import http, renditions
from getapi.sources.orthanc import OrthancSource
from getapi.sources.peer import Peer
from tests.sources.omekas import Omeka
from tests.sources.peers import Answer, Asked, PeerServer, head, running
from tests.sources.test_iiif import source_of as manifests_of
from tests.sources.test_omeka import source_of as omeka_of
from tests.sources.tricks import LONGEST

JSON = {"Content-Type": "application/json"}


@contextmanager
def within(seconds: float, octets: int) -> Iterator[None]:
    """What happens inside takes no longer and no more memory than that."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        yield
        taken, peak = time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < seconds
    assert peak < octets


def manifest(canvases: int, **more: Any) -> bytes:
    def page(number: int) -> dict[str, Any]:
        body = {"id": f"https://elsewhere.example.org/{number}.jpg", "type": "Image", "format": "image/jpeg"}
        painting = {"type": "Annotation", "motivation": "painting", "body": body}
        return {"id": f"c{number}", "type": "Canvas", "label": {"none": [f"p. {number}"]}, "items": [{"items": [painting]}]}

    return json.dumps({"type": "Manifest", "items": [page(number) for number in range(canvases)], **more}).encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PeerServer]:
    monkeypatch.setattr(http, "PAUSES", ())
    with running(PeerServer(lambda _: Answer(status=404))) as server:
        yield server


def giving(server: PeerServer, octets: bytes) -> None:
    server.answer = lambda _: Answer(body=octets, headers=JSON)


def test_ten_thousand_canvases_are_an_object(server: PeerServer) -> None:
    giving(server, manifest(canvas.MAX_CANVASES))
    with within(30, 200 * 2**20):
        record = manifests_of(server).describe("iiif:book")
    assert len(record.datastreams) == canvas.MAX_CANVASES + 1
    assert {each.fault for each in record.datastreams[:-1]} == {"external"}


def test_so_many_pictures_are_looked_at_for_a_while_and_believed_then(server: PeerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renditions, "ENOUGH", 1.0)
    octets = manifest(canvas.MAX_CANVASES).replace(b"https://elsewhere.example.org", server.url.encode())
    server.answer = lambda asked: (
        Answer(body=octets, headers=JSON) if asked.path.startswith("/presentation") else Answer(headers={"ETag": "x"})
    )
    server.delay = lambda asked: 0.05 if asked.method == "HEAD" else 0.0
    began = time.monotonic()
    record = manifests_of(server).describe("iiif:book")
    assert time.monotonic() - began < 15
    assert not any(each.fault for each in record.datastreams)
    assert server.most_at_once <= 8


@pytest.mark.parametrize(
    "octets",
    [
        manifest(canvas.MAX_CANVASES + 1),
        manifest(1, summary="x" * MAX_OCTETS),
        b'{"type": "Manifest", "items": [' + b"[]," * (MAX_OCTETS // 3 - 20) + b"1]}",
        b'{"type": "Manifest", "items": ' + b"[" * 10**6 + b"]" * 10**6 + b"}",
    ],
    ids=["canvases", "octets", "values", "depth"],
)
def test_more_than_that_is_told_as_such(server: PeerServer, octets: bytes) -> None:
    giving(server, octets)
    with within(20, 120 * 2**20), pytest.raises(ObjectUnreadable) as caught:
        manifests_of(server).describe("iiif:book")
    assert caught.value.facts["pid"] == "iiif:book"


def _endless(pause: float) -> Callable[[Asked, Answer, socket.socket], None]:
    def trick(asked: Asked, answer: Answer, connection: socket.socket) -> None:
        connection.sendall(head(Answer(headers={**JSON, "Content-Length": ""}), asked))
        end = time.monotonic() + LONGEST
        with suppress(OSError):
            while time.monotonic() < end:
                connection.sendall(b'{"type": "Manifest",' if pause else b" " * 2**20)
                time.sleep(pause)

    return trick


@pytest.mark.parametrize(("pause", "error"), [(0.0, ObjectUnreadable), (0.05, SourceUnavailable)])
def test_a_manifest_that_never_ends_does(server: PeerServer, pause: float, error: type[Exception]) -> None:
    server.trick = _endless(pause)
    with within(LONGEST / 2, 64 * 2**20), pytest.raises(error):
        manifests_of(server, patience=2.0).describe("iiif:book")


def test_ranges_that_lie_too_deep_are_no_folders(server: PeerServer) -> None:
    inner: dict[str, Any] = {"type": "Range", "items": [{"type": "Canvas", "id": "c0"}]}
    for number in range(300):
        inner = {"type": "Range", "label": {"none": [f"{number}"]}, "items": [inner]}
    giving(server, manifest(1, structures=[inner]))
    record = manifests_of(server).describe("iiif:book")
    assert record.structure is not None
    assert [getattr(child, "dsid", None) for child in record.structure.children] == ["page-1"]


@pytest.fixture
def omeka(server: PeerServer) -> Omeka:
    omeka = Omeka(base=server.url)
    omeka.put_item(7)
    server.answer = omeka.answer
    return omeka


def test_media_are_asked_for_by_the_hundred_and_several_hundreds_at_once(omeka: Omeka, server: PeerServer) -> None:
    for number in range(1, 1001):
        omeka.put_media(number, 7, **{"o:size": 5, "o:original_url": f"{server.url}/files/{number}"})
    server.delay = lambda asked: 0.3 if asked.path == "/api/media" else 0.0
    record = omeka_of(server).describe("omeka:7")
    assert [each.dsid for each in record.datastreams] == [str(number) for number in range(1, 1001)]
    assert len(server.asked) == 11
    assert 3 < server.most_at_once <= 8


def test_ten_thousand_media_are_an_item_and_more_are_not_asked_for(omeka: Omeka, server: PeerServer) -> None:
    listed = [{"o:id": number} for number in range(1, MAX_MEDIA + 1)]
    item = {"o:id": 7, "o:is_public": True, "o:media": listed}

    def answer(asked: Asked) -> Answer:
        if asked.path != "/api/media":
            return Answer(body=json.dumps(item).encode(), headers=JSON)
        first = 100 * (int(asked.query["page"]) - 1)
        page = [{"o:id": each["o:id"], "o:item": {"o:id": 7}, "o:is_public": True} for each in listed[first : first + 100]]
        return Answer(body=json.dumps(page).encode(), headers=JSON)

    server.answer = answer
    with within(40, 120 * 2**20):
        assert len(omeka_of(server).describe("omeka:7").datastreams) == MAX_MEDIA
    assert len(server.asked) == 1 + MAX_MEDIA // 100
    listed.append({"o:id": MAX_MEDIA + 1})
    server.asked.clear()
    with pytest.raises(ObjectUnreadable):
        omeka_of(server).describe("omeka:7")
    assert len(server.asked) == 1


def test_a_list_that_is_the_same_on_every_page_is_read_no_further_than_the_item_goes(omeka: Omeka, server: PeerServer) -> None:
    item = {"o:id": 7, "o:is_public": True, "o:media": [{"o:id": number} for number in range(1, 301)]}
    page = [{"o:id": number, "o:item": {"o:id": 7}, "o:is_public": True} for number in range(1, 101)]
    server.answer = lambda asked: Answer(body=json.dumps(page if asked.path == "/api/media" else item).encode(), headers=JSON)
    assert len(omeka_of(server).describe("omeka:7").datastreams) == 100
    assert len(server.asked) == 4


@pytest.mark.parametrize("size", [70 * 2**20, 40 * 2**20])
def test_what_an_orthanc_says_has_a_bound_too(server: PeerServer, size: int) -> None:
    name = "-".join(["0123abcd"] * 5)
    octets = b"[" + b"{}," * (size // 3) + b"{}]"
    server.answer = lambda asked: (
        Answer(body=octets) if asked.path.endswith("/instances") else Answer(body=b"[]" if "/series" in asked.path else b"{}")
    )
    source = OrthancSource(name="pacs", peer=Peer.at(server.url, repository="pacs", private=True))
    with within(20, 300 * 2**20), pytest.raises((ObjectUnreadable, SourceUnavailable)):
        source.describe(f"orthanc:{name}")
