"""Omeka S as peers.md 1B records it: what is an object, what of a media is taken, what is told, and what stays closed."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from getapi.core.access import AccessRules, Allowed, Denied, decide
from getapi.core.errors import ContentChanged, ContentMissing, ObjectNotFound, ObjectUnreadable, SizeUnknown, SourceUnavailable
from getapi.core.source import DatastreamRecord, ObjectRecord
from getapi.sources.omeka import OmekaSource
from getapi.sources.omekaapi import ApiKey, OmekaApi
from getapi.sources.peer import Peer
from getapi.sources.renditions import Renditions
from tests.sources.contract import SourceContract, drain
from tests.sources.hostile import HostilePeer, Target
from tests.sources.omekas import JPEG, KEY, Omeka, file
from tests.sources.peers import Answer, Asked, PeerServer, running
from tests.sources.stores import Sample
from tests.sources.tricks import CONTENT, METADATA, PATIENCE, SILENCE

NOW = datetime(2030, 1, 1, tzinfo=UTC)
BODY = bytes(range(256)) * 1000
OTHER = b"II*\0 another original"


@pytest.fixture
def omeka() -> Iterator[Omeka]:
    omeka = Omeka()
    yield omeka
    assert omeka.mistakes == []


@pytest.fixture
def server(omeka: Omeka) -> Iterator[PeerServer]:
    with running(PeerServer(omeka.answer)) as server:
        omeka.base = server.url
        yield server


@pytest.fixture
def images(omeka: Omeka) -> Iterator[PeerServer]:
    with running(PeerServer(omeka.answer_image)) as server:
        omeka.images = server.url
        yield server


def source_of(server: PeerServer, *hosts: PeerServer, key: bool = False, **options: object) -> OmekaSource:
    rules, patience = options.pop("rules", {}), options.pop("patience", 30.0)
    where = {"repository": "omeka", "private": True, "patience": patience, "silence": options.pop("silence", 30.0)}
    secret = ApiKey(identity=KEY["key_identity"], credential=KEY["key_credential"]) if key else None
    api = OmekaApi(Peer.at(server.url, **where), repository="omeka", key=secret)  # type: ignore[arg-type] # the tests' own
    peer = Peer.at(server.url, hosts=[urlsplit(each.url).netloc for each in hosts], **where)  # type: ignore[arg-type] # the tests' own
    renditions = Renditions(peer, rules=rules, looking=float(str(options.pop("looking", 12.0))))  # type: ignore[arg-type] # the tests' own
    source = OmekaSource(name="omeka", api=api, renditions=renditions, shows_private=key, **options)  # type: ignore[arg-type] # the tests' own
    source._peer = peer  # type: ignore[attr-defined] # for those who count its connections
    return source


@pytest.fixture
def source(server: PeerServer, images: PeerServer) -> OmekaSource:
    return source_of(server, images)


def told(record: ObjectRecord) -> list[tuple[str, str | None, str, str]]:
    """Each datastream's id, its fault, and what is told of it."""
    return [
        (each.dsid, each.fault, str(each.caveat.code) if each.caveat else "", each.caveat.text if each.caveat else "")
        for each in record.datastreams
    ]


def octets_of(source: OmekaSource, datastream: DatastreamRecord) -> bytes:
    with source.open(datastream) as content:
        return drain(content)


@pytest.fixture
def sample(omeka: Omeka, source: OmekaSource) -> Sample:
    omeka.put_item(7)
    omeka.upload(71, 7, BODY)
    omeka.upload(72, 7, OTHER, **{"o:sha256": None})
    omeka.point_at(73, 7)
    return Sample(source=source, pid="omeka:7", contents={"71": BODY, "72": OTHER, "73": JPEG}, unknown="omeka:404", ambiguous="")


class TestContract(SourceContract):
    def test_names_alike_but_for_case_are_ambiguous(self, sample: Sample) -> None:
        """Ids are numbers here: there are none."""
        assert sample.source.describe("OMEKA:7").pid == "omeka:7"

    def replace(self, sample: Sample, dsid: str, octets: bytes) -> None:
        omeka = self.omeka
        if dsid == "73":
            omeka.pictures["/iiif/73/full/max/0/default.jpg"] = file(octets, "image/jpeg", "other")
        else:
            omeka.files[f"/files/original/hash{dsid}.tif"] = file(octets, "image/tiff", "other")
            if len(octets) == len(sample.contents[dsid]):  # a static file of the same size has another time
                omeka.files[f"/files/original/hash{dsid}.tif"] = Answer(status=200, body=octets + b"!")

    def remove(self, sample: Sample, dsid: str) -> None:
        (self.omeka.pictures if dsid == "73" else self.omeka.files).clear()

    @pytest.fixture(autouse=True)
    def _keep(self, omeka: Omeka) -> None:
        self.omeka = omeka

    def test_nothing_stays_open_on_any_way_out(self, sample: Sample) -> None:
        """Idle connections are kept for the next question; none of them is in use."""
        for dsid in sample.contents:
            sample.source.open(sample.datastream(dsid)).close()
            with pytest.raises(ZeroDivisionError), sample.source.open(sample.datastream(dsid)):
                raise ZeroDivisionError
        assert sample.source._peer.client.gate.taken == 0  # type: ignore[attr-defined] # what is counted


class TestHostileOriginal(HostilePeer):
    @pytest.fixture
    def target(self, omeka: Omeka, server: PeerServer, images: PeerServer) -> Target:
        omeka.put_item(7)
        omeka.upload(71, 7, BODY)
        source = source_of(server, images, patience=PATIENCE, silence=SILENCE, looking=PATIENCE)
        return Target(source=source, server=server, pid="omeka:7", is_content=lambda asked: asked.path.startswith("/files/original/"))


class TestHostilePicture(HostilePeer):
    @pytest.fixture
    def target(self, omeka: Omeka, server: PeerServer, images: PeerServer) -> Target:
        omeka.put_item(7)
        omeka.point_at(71, 7)
        omeka.media[71]["o:thumbnail_urls"] = []
        source = source_of(server, images, patience=PATIENCE, silence=SILENCE, looking=PATIENCE)
        return Target(source=source, server=images, pid="omeka:7", is_content=lambda asked: asked.method == "GET")

    @pytest.mark.parametrize("trick", [name for name in CONTENT if name != "other bytes"])
    @pytest.mark.parametrize("form", ["tar", "zip"])
    def test_a_package_is_right_or_is_cut(self, target: Target, trick: str, form: str) -> None:
        """Of a picture nobody knows a digest: other bytes of the same size under the same tag are the same picture."""
        super().test_a_package_is_right_or_is_cut(target, trick, form)

    @pytest.mark.parametrize("trick", METADATA)
    def test_planning_ends_with_a_notice_or_an_error(self, target: Target, trick: str) -> None:
        """A look at a picture ends with the answer's head, so that one that breaks off after it shows when it is sent, or read."""
        target.server.trick = CONTENT[trick]
        with suppress(SourceUnavailable, SizeUnknown):
            assert target.plan().notices


class TestWhatIsTaken:
    def test_an_upload_is_its_original_with_what_omeka_says_of_it(self, omeka: Omeka, source: OmekaSource, server: PeerServer) -> None:
        omeka.put_item(7, title="A  title")
        omeka.upload(71, 7, BODY)
        record = source.describe("omeka:7")
        (found,) = record.datastreams
        assert (record.label, found.dsid, found.label, found.name, found.mime) == ("A title", "71", "Media 71", "scan 71.tif", "image/tiff")
        assert (found.size, found.digest("sha256"), found.remote, found.caveat) == (len(BODY), omeka.media[71]["o:sha256"], True, None)
        assert found.created == datetime(2024, 5, 1, 10, tzinfo=UTC)
        assert [asked.path for asked in server.asked] == ["/api/items/7", "/api/media"]

    def test_a_picture_of_an_image_server_comes_first_and_that_is_told(self, omeka: Omeka, source: OmekaSource) -> None:
        omeka.put_item(7)
        omeka.upload(71, 7, BODY)
        omeka.point_at(72, 7, **{"o:original_url": f"{omeka.base}/files/original/hash71.tif"})
        found = source.describe("omeka:7").datastreams[1]
        assert (found.name, found.mime, found.size, found.digests) == ("7_page-2.jpg", "image/jpeg", len(JPEG), ())
        assert octets_of(source, found) == JPEG
        assert told(source.describe("omeka:7"))[1][1:] == (
            None,
            "external",
            "The picture of its image server is here, in the place of its original file",
        )

    @pytest.mark.parametrize(
        ("answer", "code", "why"),
        [
            (Answer(status=404), "content-missing", "is not there"),
            (Answer(status=400), "content-missing", "is not there"),
            (Answer(status=401), "content-missing", "is not there"),
            (Answer(status=500), "source-unavailable", "does not answer"),
            (
                Answer(body=b"<html>", headers={"Content-Type": "text/html"}),
                "malformed",
                "is answered with something that is no picture",
            ),
            (
                Answer(status=302, headers={"Location": "http://169.254.169.254/x"}),
                "external",
                "is at a host where this service does not fetch from",
            ),
        ],
    )
    def test_without_it_the_original_is_taken_then_the_thumbnail(
        self, omeka: Omeka, source: OmekaSource, images: PeerServer, answer: Answer, code: str, why: str
    ) -> None:
        omeka.put_item(7)
        omeka.upload(70, 7, BODY)
        omeka.point_at(71, 7, **{"o:original_url": f"{omeka.base}/files/original/hash70.tif", "o:media_type": "image/tiff"})
        omeka.point_at(72, 7)
        omeka.point_at(73, 7, **{"o:thumbnail_urls": []})
        images.answer = lambda _: answer
        record = source.describe("omeka:7")
        missing = f"the picture of its image server {why}"
        assert told(record)[1:] == [
            ("71", None, code, f"The original file is here: {missing}"),
            ("72", None, code, f"Only the large thumbnail is here: {missing}"),
            ("73", code, code, f"There is no file of it: {missing}"),
        ]
        assert octets_of(source, record.datastreams[1]) == BODY
        assert octets_of(source, record.datastreams[2]) == JPEG
        assert record.datastreams[2].name == "hash72.jpg" or record.datastreams[2].name.endswith(".jpg")
        with pytest.raises(ContentMissing):
            source.open(record.datastreams[3])

    def test_a_media_without_any_file_is_told(self, omeka: Omeka, source: OmekaSource) -> None:
        omeka.put_item(7)
        omeka.put_media(71, 7, **{"o:ingester": "html", "o:renderer": "html", "data": {"html": "<p>Words</p>"}})
        assert told(source.describe("omeka:7")) == [("71", "content-missing", "content-missing", "There is no file of it")]

    def test_the_order_is_the_administrators(self, omeka: Omeka, server: PeerServer, images: PeerServer) -> None:
        omeka.put_item(7)
        omeka.upload(70, 7, BODY)
        omeka.point_at(71, 7, **{"o:original_url": f"{omeka.base}/files/original/hash70.tif", "o:size": len(BODY)})
        source = source_of(server, images, order=("original", "iiif"))
        assert [each.size for each in source.describe("omeka:7").datastreams] == [len(BODY), len(BODY)]
        assert images.asked == []

    def test_a_size_that_omeka_does_not_know_is_asked_for(self, omeka: Omeka, source: OmekaSource, server: PeerServer) -> None:
        omeka.put_item(7)
        omeka.upload(71, 7, BODY, **{"o:size": None})
        assert source.describe("omeka:7").datastreams[0].size == len(BODY)
        assert [asked.method for asked in server.asked] == ["GET", "GET", "HEAD"]

    def test_a_size_that_nobody_names_is_found_by_reading(self, omeka: Omeka, source: OmekaSource) -> None:
        omeka.put_item(7)
        omeka.point_at(71, 7)
        answer = omeka.pictures["/iiif/71/full/max/0/default.jpg"]
        unsized = Answer(body=answer.body, headers={"Content-Type": "image/jpeg", "Content-Length": ""})
        omeka.pictures["/iiif/71/full/max/0/default.jpg"] = unsized
        (found,) = source.describe("omeka:7").datastreams
        assert (found.size, found.identity) == (None, "")
        with source.open(found) as content:
            assert (content.size, drain(content, 100)) == (None, JPEG)
        for wrong, error in ((JPEG[:-2], ContentChanged), (b"<html>" * 9, SourceUnavailable), (b"", SourceUnavailable)):
            omeka.pictures["/iiif/71/full/max/0/default.jpg"] = replace(unsized, body=wrong)
            with pytest.raises(error):
                octets_of(source, found)

    def test_another_form_of_request_is_tried_where_a_server_does_not_know_the_first(self, omeka: Omeka, source: OmekaSource) -> None:
        omeka.put_item(7)
        omeka.point_at(71, 7)
        omeka.pictures["/iiif/71/full/full/0/default.jpg"] = omeka.pictures.pop("/iiif/71/full/max/0/default.jpg")
        (found,) = source.describe("omeka:7").datastreams
        assert found.location.endswith("/iiif/71/full/full/0/default.jpg")

    def test_a_slow_image_server_is_waited_for_only_where_there_is_nothing_else(
        self, omeka: Omeka, server: PeerServer, images: PeerServer
    ) -> None:
        omeka.put_item(7)
        omeka.point_at(71, 7)
        omeka.point_at(72, 7, **{"o:thumbnail_urls": []})
        images.delay = lambda asked: 2.0 if asked.method == "HEAD" else 0.0
        one, other = (source := source_of(server, images, looking=0.6)).describe("omeka:7").datastreams
        assert (one.location, one.unsized) == (f"{server.url}/files/large/hash71.jpg", False)
        assert (other.name, other.size, other.fault, other.unsized) == ("7_page-2.jpg", None, None, True)
        assert told(source.describe("omeka:7"))[1][2:] == ("external", "The picture of its image server is here")
        assert octets_of(source, other) == JPEG

    def test_what_was_seen_counts_for_a_while_also_while_its_server_is_away(
        self, omeka: Omeka, server: PeerServer, images: PeerServer
    ) -> None:
        omeka.put_item(7)
        omeka.point_at(71, 7)
        clock = [0.0]
        source = source_of(server, images)
        source._renditions._clock = lambda: clock[0]
        first = source.describe("omeka:7")
        assert source.describe("omeka:7") is first
        assert len(images.asked) == 1
        clock[0] = 301.0
        images.answer = lambda _: Answer(status=503)
        assert source.describe("omeka:7") is first

    def test_requests_for_pictures_go_where_they_are_sent(self, omeka: Omeka, server: PeerServer, images: PeerServer) -> None:
        inside, omeka.images = images.url, "https://iiif.example.org"
        omeka.put_item(7)
        omeka.point_at(71, 7)
        source = source_of(server, images, rules={"https://iiif.example.org/": f"{inside}/"})
        (found,) = source.describe("omeka:7").datastreams
        assert found.location.startswith(f"{inside}/iiif/71/")
        omeka.point_at(72, 7, **{"o:source": "https://iiif.example.org/iiif/../72/info.json", "o:thumbnail_urls": []})
        assert told(source.describe("omeka:7"))[1][1] == "external"

    def test_a_file_that_is_not_what_omeka_says_is_left_out_of_the_next_package(self, omeka: Omeka, source: OmekaSource) -> None:
        omeka.put_item(7)
        omeka.upload(71, 7, BODY)
        (found,) = source.describe("omeka:7").datastreams
        omeka.files.clear()
        with pytest.raises(ContentMissing):
            source.open(found)
        assert told(source.describe("omeka:7")) == [("71", "malformed", "malformed", "What its server gives is not what Omeka says of it")]


class TestWhoseItIs:
    def test_media_of_another_item_are_never_among_an_items(self, omeka: Omeka, source: OmekaSource, server: PeerServer) -> None:
        omeka.put_item(7)
        omeka.put_item(8)
        omeka.upload(71, 7, BODY)
        omeka.upload(81, 8, BODY)
        true = server.answer

        def careless(asked: Asked) -> Answer:
            """A server that does not heed whose media it is asked for."""
            return true(replace(asked, query={**asked.query, "item_id": "8"}) if asked.path == "/api/media" else asked)

        assert [each.dsid for each in source.describe("omeka:7").datastreams] == ["71"]
        server.answer = careless
        assert source.describe("omeka:7").datastreams == ()

    def test_many_media_come_page_by_page_in_the_items_order(self, omeka: Omeka, source: OmekaSource, server: PeerServer) -> None:
        omeka.put_item(7)
        for number in range(450, 200, -1):
            omeka.upload(number, 7, BODY)
        assert [int(each.dsid) for each in source.describe("omeka:7").datastreams] == list(range(450, 200, -1))
        assert sorted(asked.query["page"] for asked in server.asked if asked.path == "/api/media") == ["1", "2", "3"]

    def test_where_a_media_is_at_home_is_told_of_what_is_shown(self, omeka: Omeka, source: OmekaSource) -> None:
        omeka.put_item(7)
        omeka.put_item(8, public=False)
        omeka.upload(71, 7, BODY)
        omeka.upload(81, 8, BODY)
        assert (source.home(71), source.home(81), source.home(99)) == (7, None, None)


class TestPrivate:
    @pytest.fixture(autouse=True)
    def _fill(self, omeka: Omeka, server: PeerServer) -> None:
        omeka.put_item(7)
        omeka.upload(71, 7, BODY)
        omeka.upload(72, 7, BODY, **{"o:is_public": False})
        omeka.put_item(8, public=False)
        omeka.upload(81, 8, BODY)

    def test_without_a_key_what_is_private_is_not_there(self, source: OmekaSource) -> None:
        assert [each.dsid for each in source.describe("omeka:7").datastreams] == ["71"]
        with pytest.raises(ObjectNotFound):
            source.describe("omeka:8")

    def test_with_a_key_it_may_leave(self, server: PeerServer) -> None:
        source = source_of(server, key=True)
        record = source.describe("omeka:8")
        assert octets_of(source, record.datastreams[0]) == BODY
        assert all(isinstance(decide(record, each, AccessRules(), NOW), Allowed) for each in record.datastreams)
        assert len(source.describe("omeka:7").datastreams) == 2

    def test_what_is_shown_and_yet_private_is_closed_where_no_key_is_to_open_it(self, omeka: Omeka, server: PeerServer) -> None:
        source = source_of(server, key=True)
        source._shows_private = False
        for pid, closed in (("omeka:7", [False, True]), ("omeka:8", [True])):
            record = source.describe(pid)
            assert [isinstance(decide(record, each, AccessRules(), NOW), Denied) for each in record.datastreams] == closed

    def test_the_key_goes_to_the_api_alone_and_is_shown_nowhere(
        self, omeka: Omeka, server: PeerServer, images: PeerServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        omeka.point_at(73, 7)
        source = source_of(server, images, key=True)
        record = source.describe("omeka:7")
        for each in record.datastreams:
            octets_of(source, each)
        true = server.answer
        shown = [repr(record), repr(source._api._peer), repr(ApiKey(identity="i", credential=KEY["key_credential"]))]
        for answer in (Answer(status=500), Answer(body=b"<html>", headers={"Content-Type": "text/html"}), Answer(status=302)):
            server.answer = lambda _, answer=answer: answer  # type: ignore[misc] # bound at once
            with pytest.raises(SourceUnavailable) as caught:
                source.describe("omeka:7")
            shown.append(repr(caught.value) + str(caught.value.facts) + repr(caught.value.__cause__))
        server.answer = true
        keyed = {asked.path for asked in server.asked + images.asked if set(KEY) & set(asked.query)}
        assert keyed == {"/api/items/7", "/api/media"}
        assert not [each for each in (*shown, caplog.text) if KEY["key_credential"] in each or KEY["key_identity"] in each]

    def test_a_redirect_does_not_carry_the_key_to_another_host(self, omeka: Omeka, server: PeerServer, images: PeerServer) -> None:
        source = source_of(server, images, key=True)
        server.answer = lambda asked: Answer(status=302, headers={"Location": f"{images.url}/stolen?key_credential=x"})
        with pytest.raises(SourceUnavailable):
            source.describe("omeka:7")
        assert images.asked == []

    def test_a_wrong_key_shows_nothing(self, omeka: Omeka, server: PeerServer, monkeypatch: pytest.MonkeyPatch) -> None:
        source = source_of(server, key=True)
        source._api._secret = {"key_identity": "x", "key_credential": "y"}
        with pytest.raises(ObjectNotFound):
            source.describe("omeka:7")
        assert source._api.status() == 403


@pytest.mark.parametrize("pid", ["omeka:0", "omeka:07", "omeka:x", "other:7", "omeka:7.", "omeka:" + "9" * 19, "7", "omeka:٧", "omeka:-7"])
def test_what_names_no_item_is_not_found_and_not_asked_for(source: OmekaSource, server: PeerServer, pid: str) -> None:
    with pytest.raises(ObjectNotFound):
        source.describe(pid)
    assert server.asked == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", ObjectUnreadable),
        (b"[]", ObjectUnreadable),
        (b'{"o:id": 8, "o:media": []}', ObjectNotFound),
        (b"[" * 10**5, ObjectUnreadable),
    ],
)
def test_an_answer_that_is_no_item_is_told(source: OmekaSource, server: PeerServer, body: bytes, error: type[Exception]) -> None:
    server.answer = lambda _: Answer(body=body, headers={"Content-Type": "application/json"})
    with pytest.raises(error):
        source.describe("omeka:7")
