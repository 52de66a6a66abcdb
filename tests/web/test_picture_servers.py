"""A package with pictures outlives restarts of the service while their server is away."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from getapi import conf
from getapi.models import Job, Package, StagedMember
from getapi.services import fetching, jobs, keys, packages, preparation, repositories
from getapi.services.layouts import LayoutCache
from getapi.services.workshop import run_once
from getapi.sources import http, standing
from tests.conftest import Configure
from tests.sources.omekas import JPEG, Omeka
from tests.sources.peers import Answer, PeerServer, running
from tests.transport.material import wait_until
from tests.web.conftest import APPLICATION, get_token, octets

ONE = bytes(range(256)) * 800
PICTURE = "/iiif/3/full/max/0/default.jpg"
AWAY = Answer(status=503)


class Library:
    """A service before an Omeka whose pictures come from elsewhere."""

    def __init__(self, omeka: Omeka, server: PeerServer, images: PeerServer, client: Client, token: str, restart: Any) -> None:
        self.omeka, self.omeka_server, self.images = omeka, server, images
        self.client, self.token, self.restart = client, token, restart

    def hide_the_size(self) -> None:
        """As image servers do: a picture's size is not known before it is rendered."""
        self.omeka.pictures[PICTURE] = Answer(body=JPEG, headers={"Content-Type": "image/jpeg", "Content-Length": ""})

    def ask(self) -> str:
        asked = {"token": self.token, "files": "omeka:123", "delivery": "link"}
        answer = self.client.post("/api/get/PACKAGE", asked, headers={"accept": "application/json"})
        assert answer.status_code in {201, 202}, answer.content
        if answer.status_code == 202:
            run_once()
        package_id: str = answer.json()["id"]
        return package_id

    def content(self, package_id: str, **headers: str) -> Any:
        return self.client.get(f"/api/get/packages/{package_id}/content", headers={"accept": "application/json", **headers})


@pytest.fixture
def library(transactional_db: None, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setattr(http, "PAUSES", ())
    monkeypatch.setattr(standing, "AWAY", 0.0)

    def restart() -> None:
        """Nothing is remembered but what is in the database and in the stage."""
        monkeypatch.setattr(packages, "_recent", LayoutCache())
        monkeypatch.setattr(repositories, "_built", [])

    omeka = Omeka()
    with running(PeerServer(omeka.answer)) as server, running(PeerServer(omeka.answer_image)) as images:
        omeka.base, omeka.images = server.url, images.url
        omeka.put_item(123)
        omeka.upload(1, 123, ONE)
        omeka.point_at(3, 123)
        restart()
        configure(f"""
[stage]
path = "{tmp_path / "stage"}"
[[repositories]]
name = "library"
type = "omeka"
url = "{server.url}"
hosts = ["{images.url.removeprefix("http://")}"]
allow_private = true
""")
        client = Client(REMOTE_ADDR=APPLICATION)
        token = get_token(client, keys.create_key("application", [APPLICATION]))
        yield Library(omeka, server, images, client, token, restart)


def test_while_it_is_away_the_package_is_waited_for_and_then_goes_on_with_the_same_bytes(library: Library) -> None:
    package_id = library.ask()
    whole = library.content(package_id)
    bytes_then, tag = octets(whole), whole["ETag"]
    library.images.answer = lambda _: AWAY
    library.restart()
    for _ in range(2):
        refused = library.content(package_id, range="bytes=1000-", **{"if-range": tag})
        assert (refused.status_code, refused.json()["code"], refused.has_header("Retry-After")) == (503, "source-unavailable", True)
    library.images.answer = library.omeka.answer_image
    library.restart()
    rest = library.content(package_id, range="bytes=1000-", **{"if-range": tag})
    assert (rest.status_code, octets(rest), rest["ETag"]) == (206, bytes_then[1000:], tag)


def test_a_package_without_the_pictures_is_the_same_when_their_server_is_back(library: Library) -> None:
    library.images.answer = lambda _: AWAY
    package_id = library.ask()
    bytes_then = octets(library.content(package_id))
    assert b"Only the large thumbnail is here" in bytes_then
    library.images.answer = library.omeka.answer_image
    library.restart()
    assert octets(library.content(package_id)) == bytes_then


def test_what_was_put_aside_is_sent_without_it(library: Library) -> None:
    library.hide_the_size()
    package_id = library.ask()
    bytes_then = octets(library.content(package_id))
    library.images.answer = lambda _: AWAY
    library.restart()
    rest = library.content(package_id, range="bytes=512-")
    assert (rest.status_code, octets(rest)) == (206, bytes_then[512:])


def work_later() -> None:
    """A worker, after the while for which a job waits that did not work out."""
    Job.objects.filter(state=Job.State.WAITING).update(queued=timezone.now() - 2 * jobs.REQUEUE)
    jobs.revive()
    run_once()


def test_what_the_stage_lost_meanwhile_is_had_again_when_it_is_back_however_long_that_takes(library: Library) -> None:
    library.hide_the_size()
    package_id = library.ask()
    bytes_then = octets(library.content(package_id))
    (member,) = StagedMember.objects.filter(package=package_id)
    (conf.current().stage.path / member.file).unlink()
    library.images.answer = lambda _: AWAY
    for _ in range(2):
        library.restart()
        assert library.content(package_id).status_code == 503
        for _ in range(jobs.ATTEMPTS):
            work_later()
        assert Package.objects.get(pk=package_id).state == Package.State.READY
    library.images.answer = library.omeka.answer_image
    library.restart()
    assert library.content(package_id).status_code == 503
    work_later()
    assert octets(library.content(package_id)) == bytes_then


def test_what_cannot_be_had_again_through_a_fault_of_ours_ends(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told for ever that it is being prepared."""
    library.hide_the_size()
    package_id = library.ask()
    (member,) = StagedMember.objects.filter(package=package_id)
    (conf.current().stage.path / member.file).unlink()

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(preparation, "see_again", fail)
    assert library.content(package_id).status_code == 503
    for _ in range(jobs.ATTEMPTS):
        work_later()
    assert library.content(package_id).status_code == 410


def test_another_picture_in_its_place_is_never_sent_for_it(library: Library) -> None:
    library.hide_the_size()
    package_id = library.ask()
    (member,) = StagedMember.objects.filter(package=package_id)
    (conf.current().stage.path / member.file).unlink()
    library.omeka.pictures.clear()
    library.restart()
    refused = library.content(package_id)
    assert (refused.status_code, refused.json()["code"]) == (410, "package-changed")


def test_pictures_that_take_their_server_a_while_are_not_waited_for_one_after_the_other(library: Library) -> None:
    for number in range(10, 50):
        library.omeka.point_at(number, 123, None)
        path = f"/iiif/{number}/full/max/0/default.jpg"
        octets_of = JPEG[:-2] + bytes([number]) * number + JPEG[-2:]
        library.omeka.pictures[path] = Answer(body=octets_of, headers={"Content-Type": "image/jpeg", "Content-Length": ""})
    library.images.delay = lambda asked: 0.3 if asked.method == "GET" else 0.0
    began = time.monotonic()
    package_id = library.ask()
    assert time.monotonic() - began < 40 * 0.3 * 2 / 2  # each is read twice, since it ends with its connection
    assert 2 < library.images.most_at_once <= 8
    whole = octets(library.content(package_id))
    for number in range(10, 50):
        assert bytes([number]) * number + JPEG[-2:] in whole

    for member in StagedMember.objects.filter(package=package_id):
        (conf.current().stage.path / member.file).unlink()
    library.restart()
    assert library.content(package_id).status_code == 503
    library.omeka_server.asked.clear()
    began = time.monotonic()
    run_once()
    assert time.monotonic() - began < 40 * 0.3 * 2 / 2
    assert len(library.omeka_server.asked) == 2  # the item, and its media
    assert octets(library.content(package_id)) == whole


def test_nobody_renders_a_picture_to_say_how_large_it_is(library: Library) -> None:
    library.hide_the_size()
    answer = library.client.post(
        "/api/get/ESTIMATE", {"token": library.token, "files": "omeka:123"}, headers={"accept": "application/json"}
    )
    assert [each["size"] for each in answer.json()["datastreams"]] == [len(ONE), None]
    asked = {"token": library.token, "files": "omeka:123"}
    assert library.client.post("/api/get/PACKAGE", asked, headers={"accept": "application/json"}).status_code == 202
    assert {each.method for each in library.images.asked} == {"HEAD"}


def test_what_cannot_be_put_aside_leaves_nothing_running(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAUSE", 0.0)
    for number in range(10, 30):
        library.omeka.point_at(number, 123, b"no picture at all")
        library.omeka.pictures[f"/iiif/{number}/full/max/0/default.jpg"] = Answer(
            body=b"no picture at all", headers={"Content-Type": "image/jpeg", "Content-Length": ""}
        )
    package_id = library.ask()
    assert octets(library.content(package_id)).count(b"\tsource-unavailable\t") == 20
    wait_until(lambda: running_intakes() == [])


def running_intakes() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "supply"]
