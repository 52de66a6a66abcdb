"""What was chosen for a package stays what it is, whatever would be chosen now: by another process, with servers that went or came back."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from getapi.core.errors import PackageChanged, SourceUnavailable
from getapi.core.plan import Entry, Plan, staged_identity
from getapi.core.planner import plan_package
from getapi.core.request import parse_request
from getapi.core.review import as_source_says, review
from getapi.core.source import Choosing, Source
from getapi.sources import http, renditions, standing
from getapi.sources.registry import Registry, RoutedSource
from tests.core.iiif.test_manifest import second
from tests.core.test_planner import NOW, RULES
from tests.sources.contract import drain
from tests.sources.omekas import JPEG, Omeka, file
from tests.sources.peers import Answer, Asked, PeerServer, running
from tests.sources.test_iiif import PICTURES, Shelf
from tests.sources.test_iiif import source_of as manifests_of
from tests.sources.test_omeka import source_of as omeka_of

BODY = bytes(range(256)) * 10
AWAY = Answer(status=503)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSES", ())
    monkeypatch.setattr(standing, "AWAY", 0.0)


def plan_of(source: Source, pid: str) -> Plan:
    request = parse_request(files=pid, maps=None, max_text=2**20, max_entries=10)
    return plan_package(request, repositories=Registry([RoutedSource(source=source)]), rules=RULES, now=NOW)


def look_again(plan: Plan, source: Source) -> None:
    review(plan, repositories=Registry([RoutedSource(source=source)]), rules=RULES.access, now=NOW)


def put_aside(entry: Entry) -> Entry:
    """As a preparation leaves an entry whose size nobody knew."""
    datastream = entry.datastream
    identity = staged_identity(hashlib.sha256(datastream.dsid.encode()).hexdigest(), "")
    return replace(entry, datastream=replace(datastream, identity=identity, remote=False))


class TestAnOmeka:
    @pytest.fixture
    def omeka(self) -> Iterator[Omeka]:
        omeka = Omeka()
        with running(PeerServer(omeka.answer)) as self.server, running(PeerServer(omeka.answer_image)) as self.images:
            omeka.base, omeka.images = self.server.url, self.images.url
            omeka.put_item(7)
            omeka.upload(70, 7, BODY)
            omeka.point_at(71, 7)
            omeka.upload(71, 7, BODY, **{key: omeka.media[71][key] for key in ("o:ingester", "o:renderer", "o:source", "data")})
            yield omeka

    def another_process(self) -> Source:
        """It remembers nothing."""
        return omeka_of(self.server, self.images)

    def away(self, answer: Answer = AWAY) -> Callable[[], None]:
        true, self.images.answer = self.images.answer, lambda _: answer

        def come_back() -> None:
            self.images.answer = true

        return come_back

    @pytest.mark.usefixtures("omeka")
    def test_while_the_image_server_is_away_its_pictures_are_neither_gone_nor_others(self) -> None:
        plan = plan_of(self.another_process(), "omeka:7")
        assert [entry.size for entry in plan.entries] == [len(BODY), len(JPEG)]
        come_back = self.away()
        for _ in range(2):
            with pytest.raises(SourceUnavailable):
                look_again(plan, self.another_process())
        come_back()
        look_again(plan, self.another_process())

    @pytest.mark.usefixtures("omeka")
    def test_a_package_of_the_time_when_it_was_away_is_sent_on_after_it_came_back(self) -> None:
        come_back = self.away()
        plan = plan_of(self.another_process(), "omeka:7")
        assert [entry.size for entry in plan.entries] == [len(BODY)] * 2
        come_back()
        source = self.another_process()
        look_again(plan, source)
        with source.open(plan.entries[1].datastream) as content:
            assert drain(content) == BODY
        assert len({plan_of(source, "omeka:7").etag, plan.etag}) == 2

    def test_so_is_a_thumbnail(self, omeka: Omeka) -> None:
        omeka.media[71] |= {"o:original_url": None, "o:size": None, "o:sha256": None}
        come_back = self.away()
        plan = plan_of(self.another_process(), "omeka:7")
        assert "/files/large/" in plan.entries[1].datastream.location
        come_back()
        look_again(plan, self.another_process())
        omeka.files["/files/large/hash71.jpg"] = file(JPEG, "image/jpeg", "another")
        with pytest.raises(PackageChanged):
            look_again(plan, self.another_process())

    @pytest.mark.parametrize(
        "facts",
        [
            {"o:modified": {"@value": "2025-01-01T00:00:00+00:00"}},
            {"o:sha256": "0" * 64},
            {"o:sha256": None},
            {"o:size": 7},
            {"o:original_url": "http://127.0.0.1/files/original/other.tif"},
        ],
    )
    def test_what_omeka_says_otherwise_is_another_one(self, omeka: Omeka, facts: dict[str, object]) -> None:
        come_back = self.away()
        plan = plan_of(self.another_process(), "omeka:7")
        come_back()
        omeka.media[71] |= facts
        with pytest.raises(PackageChanged):
            look_again(plan, self.another_process())

    def test_a_picture_of_another_time_or_place_is_another_one(self, omeka: Omeka) -> None:
        plan = plan_of(self.another_process(), "omeka:7")
        path = "/iiif/71/full/max/0/default.jpg"
        omeka.pictures[path] = file(JPEG, "image/jpeg", "another")
        with pytest.raises(PackageChanged):
            look_again(plan, self.another_process())
        omeka.pictures.clear()
        with pytest.raises(PackageChanged):
            look_again(plan, self.another_process())
        del omeka.media[71]
        with pytest.raises(PackageChanged):
            look_again(plan, self.another_process())

    @pytest.mark.usefixtures("omeka")
    def test_what_was_put_aside_needs_no_image_server(self) -> None:
        plan = plan_of(self.another_process(), "omeka:7")
        kept = replace(plan, entries=(plan.entries[0], put_aside(plan.entries[1])))
        self.away()
        look_again(kept, self.another_process())

    @pytest.mark.usefixtures("omeka")
    def test_what_was_believed_to_be_there_is_the_same_when_it_was_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(renditions, "ENOUGH", 0.0)
            believed = self.another_process().describe("omeka:7").datastreams[1]
        assert believed.size is None
        plan = plan_of(self.another_process(), "omeka:7")
        entry = replace(plan.entries[1], datastream=replace(believed, size=len(JPEG)))
        look_again(replace(plan, entries=(put_aside(entry),)), self.another_process())

    def test_one_that_is_blamed_is_not_given(self, omeka: Omeka) -> None:
        plan = plan_of(self.another_process(), "omeka:7")
        source = self.another_process()
        assert isinstance(source, Choosing)
        planned = [as_source_says(entry.datastream) for entry in plan.entries]
        assert list(source.still_gives(planned)) == [True, True]
        for each in planned:
            source._renditions._peer.files.blame.put(each)  # type: ignore[attr-defined] # an Omeka
        assert list(source.still_gives(planned)) == [False, False]
        omeka.mistakes.clear()


class TestManifests:
    @pytest.fixture
    def shelf(self) -> Iterator[Shelf]:
        shelf = Shelf()
        with running(PeerServer(shelf.answer)) as self.server, running(PeerServer(shelf.answer)) as self.images:
            shelf.put("book", second(1), self.images.url)
            yield shelf

    def another_process(self) -> Source:
        return manifests_of(self.server, urlsplit(self.images.url).netloc)

    def test_while_the_image_server_is_away_a_page_is_neither_gone_nor_another(self, shelf: Shelf) -> None:
        plan = plan_of(self.another_process(), "iiif:book")
        assert [entry.size for entry in plan.entries] == [len(PICTURES[1]), len(shelf.manifests["book"])]
        self.images.answer = lambda _: AWAY
        with pytest.raises(SourceUnavailable):
            look_again(plan, self.another_process())
        look_again(replace(plan, entries=(put_aside(plan.entries[0]), plan.entries[1])), self.another_process())
        self.images.answer = shelf.answer
        look_again(plan, self.another_process())

    def test_another_form_of_request_than_the_planned_one_does_not_make_another_page(self, shelf: Shelf) -> None:
        path, other = "/iiif/1/full/max/0/default.jpg", "/iiif/1/full/full/0/default.jpg"
        shelf.pictures[other] = shelf.pictures.pop(path)
        plan = plan_of(self.another_process(), "iiif:book")
        shelf.pictures[path] = file(JPEG, "image/jpeg", "of another size")
        look_again(plan, self.another_process())

    def test_what_is_gone_or_another_by_now_is_never_sent(self, shelf: Shelf) -> None:
        plan = plan_of(self.another_process(), "iiif:book")
        shelf.pictures["/iiif/1/full/max/0/default.jpg"] = file(PICTURES[1], "image/jpeg", "newer")
        with pytest.raises(PackageChanged):
            look_again(plan, self.another_process())
        shelf.pictures.clear()
        with pytest.raises(PackageChanged):
            look_again(plan, self.another_process())

    def test_a_manifest_that_goes_between_two_questions_takes_its_pages_with_it(self, shelf: Shelf) -> None:
        plan = plan_of(self.another_process(), "iiif:book")
        self.images.answer = lambda _: AWAY
        asked: list[Asked] = []

        def once(one: Asked) -> Answer:
            asked.append(one)
            return shelf.answer(one) if len(asked) == 1 else Answer(status=404)

        self.server.answer = once
        with pytest.raises(PackageChanged):
            look_again(plan, self.another_process())
        shelf.manifests["book"] = json.dumps({"type": "Manifest", "items": []}).encode()
        self.server.answer = shelf.answer
        with pytest.raises(PackageChanged):
            look_again(plan, self.another_process())
