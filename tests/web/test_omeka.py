"""The client flows of the Omeka module ZipDownload, call by call as its README has them, and each of its listed defects as a test."""

import hashlib
import io
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from getapi.core.errors import DatabaseUnavailable, PackageCanceled, ProgressTokenTaken
from getapi.core.slots import CONNECTIONS
from getapi.models import Job, Package, ZipDownload
from getapi.services import keys, packages, zipdownload, zipnames
from getapi.services.housekeeping import tidy_up
from getapi.services.layouts import LayoutCache
from getapi.services.rounds import rounds
from getapi.services.workshop import run_once
from getapi.services.zipnames import Name
from tests.conftest import Configure
from tests.sources.imageserver import MISSING, image_server
from tests.sources.omekas import JPEG, KEY, Omeka
from tests.sources.peers import Answer, PeerServer, running
from tests.web.conftest import get_token, leave, octets
from tests.web.test_failing_statements import Breaker, breaking

READER, OTHER, OUTSIDE = "192.0.2.77", "192.0.2.78", "198.51.100.9"
NAME = "tok123"
"""What a client calls its download."""

ONE, TWO = bytes(range(256)) * 800, b"II*\0" + bytes(5000)


@pytest.fixture
def omeka() -> Iterator[Omeka]:
    omeka = Omeka()
    with running(PeerServer(omeka.answer)) as server, running(PeerServer(omeka.answer_image)) as images:
        omeka.base, omeka.images = server.url, images.url
        omeka.put_item(123, title="Scrolls of the: library")
        omeka.upload(1, 123, ONE)
        omeka.upload(2, 123, TWO)
        omeka.point_at(3, 123)
        omeka.put_item(124)
        omeka.upload(9, 124, b"of another item")
        yield omeka
    assert omeka.mistakes == []


Serve = Any


@pytest.fixture
def serve(configure: Configure, omeka: Omeka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """``serve(compat, repository)``: more lines of either table."""
    monkeypatch.setattr(packages, "_recent", LayoutCache())

    def apply(compat: str = "", repository: str = "") -> None:
        configure(f"""
[stage]
path = "{tmp_path / "stage"}"
[compat.omeka]
repository = "library"
{compat}
[[repositories]]
name = "library"
type = "omeka"
url = "{omeka.base}"
hosts = ["{omeka.images.removeprefix("http://")}"]
allow_private = true
networks = ["192.0.2.0/24"]
{repository}""")

    return apply


@pytest.fixture
def site(transactional_db: None, serve: Serve) -> Client:
    serve()
    return Client(REMOTE_ADDR=READER)


def item(site: Client, media: str = "1,2,3", token: str = NAME, /, **more: str) -> Any:
    """As the module's client asks for media of the item 123."""
    given = {"media_ids": media} | ({"progress_token": token} if token else {})
    return site.post("/zip-download/item/123", {**given, **more})


def status(site: Client, token: str = NAME) -> dict[str, Any]:
    answer = site.get("/zip-download/status", {"token": token})
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    told: dict[str, Any] = answer.json()
    return told


def held(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


class TestTheClientsFlow:
    def test_estimate_then_the_zip_then_its_progress(self, site: Client) -> None:
        # curl -X POST "http://your-site/zip-download/estimate" -d "media_ids=1,2,3"
        estimated = site.post("/zip-download/estimate", {"media_ids": "1,2,3"})
        assert estimated.json() == {"total_bytes": len(ONE) + len(TWO) + len(JPEG), "total_files": 3}
        # curl "http://your-site/zip-download/status?token=tok123"
        assert status(site) == {"status": "unknown"}
        # curl -X POST "http://your-site/zip-download/item/123" -d "media_ids=1,2,3" -d "progress_token=tok123" -o download.zip
        answer = item(site)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
        assert answer["Content-Disposition"].startswith('attachment; filename="Scrolls_of_the-_library.zip"')
        content = octets(answer)
        files = held(content)
        assert (files["data/scan 1.tif"], files["data/scan 2.tif"], files["data/123_page-3.jpg"]) == (ONE, TWO, JPEG)
        told = status(site)
        assert told.pop("started_at") > 0
        assert told == {"status": "done", "bytes_sent": len(content), "total_bytes": len(content), "total_files": 3}

    def test_its_parameters_in_all_their_forms(self, site: Client) -> None:
        forms = [
            ("post", {"media_ids": "1, 2,x,0,2"}),
            ("post", {"media_ids": ["1", "2"]}),
            ("post", {"media_ids[]": ["1", "2"]}),
            ("get", {"media_ids": "1,2"}),
            ("get", {"media_ids[]": ["1", "2"]}),
        ]
        for method, given in forms:
            assert getattr(site, method)("/zip-download/estimate", given).json()["total_files"] == 2
        body = site.post("/zip-download/estimate", {"media_ids": [1, 2]}, content_type="application/json")
        assert body.json()["total_files"] == 2
        for word in ("site_locale", "locale", "lang"):
            answer = item(site, "2", "", **{word: "ja", "estimated_total_bytes": "1", "estimated_file_count": "1"})
            assert answer.status_code == 200
            octets(answer)

    def test_below_a_site_it_is_the_same(self, site: Client) -> None:
        assert site.post("/s/my-site/zip-download/estimate", {"media_ids": "1"}).json()["total_files"] == 1
        answer = site.post("/s/my-site/zip-download/item/123", {"media_ids": "1", "progress_token": "t"})
        assert len(octets(answer)) == site.get("/s/my-site/zip-download/status", {"token": "t"}).json()["total_bytes"]
        assert site.post("/s/my-site/zip-download/cancel", {"token": "t"}).json() == {"status": "canceled"}

    @pytest.mark.parametrize(
        ("method", "path", "given", "code", "sentence"),
        [
            ("post", "item/123", {}, 400, "No media selected"),
            ("post", "item/123", {"media_ids": "x,-1"}, 400, "No media selected"),
            ("post", "estimate", {}, 400, "No media selected"),
            ("get", "status", {}, 400, "Missing token"),
            ("post", "cancel", {}, 400, "Missing token"),
            ("post", "cancel", {"token": "nobody's"}, 404, "Token not found"),
            ("post", "item/123", {"media_ids": "9"}, 403, "No accessible media"),
            ("post", "item/404", {"media_ids": "1"}, 404, "No such object"),
        ],
    )
    def test_its_refusals_in_its_words(self, site: Client, method: str, path: str, given: dict[str, str], code: int, sentence: str) -> None:
        answer = getattr(site, method)(f"/zip-download/{path}", given)
        assert (answer.status_code, answer.json()["error"]) == (code, sentence)
        assert answer["Content-Type"] == "application/json"

    def test_where_no_repository_is_named_there_is_nothing(self, transactional_db: None, serve: Serve, configure: Configure) -> None:
        configure("")
        site = Client(REMOTE_ADDR=READER)
        assert [item(site).status_code, site.get("/zip-download/status?token=x").status_code] == [404, 404]

    def test_a_cancelled_download_is_told_as_such(self, site: Client) -> None:
        octets(item(site))
        assert site.post("/zip-download/cancel", {"token": "tok123"}).json() == {"status": "canceled"}
        told = status(site)
        assert (told["status"], told["canceled_at"] >= told["started_at"]) == ("canceled", True)


class TestLimits:
    """By what the service counts, whatever the client estimates."""

    LIES = {"estimated_total_bytes": "1", "estimated_file_count": "1"}

    def test_too_large_is_refused_with_the_limit(self, site: Client, serve: Serve) -> None:
        serve("bytes = 1000")
        for lies in (self.LIES, {}):
            answer = item(site, **lies)
            assert answer.status_code == 413
            assert answer.json()["error"] == "Requested download too large"
            assert answer.json()["max_bytes_per_download"] == 1000
        assert status(site) == {
            "status": "rejected", "bytes_sent": 0, "total_bytes": 0, "total_files": 0,
            "started_at": status(site)["started_at"], "error": "Requested download too large",
        }  # fmt: skip

    def test_too_many_files_are_refused_before_anything_is_looked_up(self, site: Client, serve: Serve, omeka: Omeka) -> None:
        serve("files = 2")
        answer = item(site, **self.LIES)
        assert (answer.status_code, answer.json()["error"], answer.json()["max_files_per_download"]) == (413, "Too many files requested", 2)
        assert site.post("/zip-download/estimate", {"media_ids": "1,2,3"}).status_code == 413

    def test_a_second_download_waits_for_the_slot_and_is_told_when_to_come_again(self, site: Client) -> None:
        running = item(site)
        stream = iter(running.streaming_content)
        next(stream)
        answer = item(Client(REMOTE_ADDR=OTHER), "1,2,3", "other")
        assert answer.status_code == 429
        assert answer.json()["error"] == "All download slots are currently in use. Please wait a moment and try again."
        assert (answer.json()["retry_after"], answer["Retry-After"]) == (60, "60")
        assert Package.objects.filter(state=Package.State.READY).count() == 1
        leave(running)
        octets(item(Client(REMOTE_ADDR=OTHER), "1,2,3", "other"))

    def test_the_same_download_may_have_several_connections(self, site: Client) -> None:
        running = item(site)
        stream = iter(running.streaming_content)
        first = next(stream)
        second = site.get("/zip-download/item/123", {"media_ids": "1,2,3", "progress_token": "tok123"}, headers={"range": "bytes=0-9"})
        assert second.status_code == 206
        assert octets(second) == first[:10]
        leave(running)

    def test_a_further_connection_that_is_refused_leaves_the_download_as_it_is(self, site: Client, serve: Serve) -> None:
        serve("[limits]\nper_reader = 1")
        running = [item(site) for _ in range(CONNECTIONS)]
        package = Package.objects.get()
        assert item(site).status_code == 429
        assert (Package.objects.get(), status(site)["status"]) == (package, "running")
        for answer in running:
            leave(answer)

    @pytest.mark.parametrize(
        ("conditions", "status"),
        [({"if-none-match": "*"}, 304), ({"if-match": '"another"'}, 412), ({"range": "bytes=99999999-"}, 416)],
    )
    def test_a_question_that_sends_no_octet_takes_no_slot(self, site: Client, conditions: dict[str, str], status: int) -> None:
        asked = {"media_ids": "1,2,3", "progress_token": "asked"}
        assert site.get("/zip-download/item/123", asked, headers=conditions).status_code == status
        assert site.head("/zip-download/item/123", asked).status_code == 200
        assert held(octets(item(Client(REMOTE_ADDR=OTHER), "1,2,3", "other")))

    def test_one_that_could_not_begin_takes_no_slot(self, site: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        def breaks(*_: object, **__: object) -> None:
            raise DatabaseUnavailable

        for ask in (lambda: item(site), lambda: site.get("/zip-download/item/123", {"media_ids": "1,2,3", "progress_token": NAME})):
            with monkeypatch.context() as patch:
                patch.setattr(packages, "deliver", breaks)
                assert ask().status_code == 503
            assert held(octets(item(Client(REMOTE_ADDR=OTHER), "1,2,3", "other")))
            assert Package.objects.count() == 1
            Package.objects.all().delete()

    def test_octets_still_to_be_sent_are_bounded_for_all_together(self, site: Client, serve: Serve) -> None:
        serve("slots = 5\nactive_bytes = 300000")
        running = item(site)
        next(iter(running.streaming_content))
        answer = item(Client(REMOTE_ADDR=OTHER), "1,2,3", "other")
        assert answer.status_code == 429
        assert answer.json()["error"].startswith("The server is handling other large downloads")
        assert answer["Retry-After"] == "60"
        leave(running)

    def test_of_many_at_once_as_many_are_admitted_as_there_are_slots(self, site: Client, serve: Serve) -> None:
        serve("slots = 2")
        admitted, refused = list[Any](), list[int]()

        def ask(number: int) -> None:
            try:
                answer = item(Client(REMOTE_ADDR=f"192.0.2.{number + 1}"), "2", f"t{number}")
                if answer.status_code == 200:
                    admitted.append(answer)
                else:
                    refused.append(answer.status_code)
            finally:
                connection.close()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(admitted), set(refused), len(refused)) == (2, {429}, 6)
        assert Package.objects.count() == 2
        assert {status(Client(REMOTE_ADDR=f"192.0.2.{number + 1}"), f"t{number}")["status"] for number in range(8)} == {
            "running",
            "rejected",
        }
        for answer in admitted:
            leave(answer)


class TestDefectsThatAreAbsent:
    def test_what_is_left_out_is_told_in_the_zip(self, site: Client, omeka: Omeka) -> None:
        omeka.put_media(4, 123, **{"o:ingester": "html"})
        files = held(octets(item(site, "1,4,9,77")))
        told = files["notices.txt"].decode()
        assert "omeka:123/4\tcontent-missing\tThere is no file of it" in told
        assert "omeka:123/9\tdatastream-not-found" in told
        assert "omeka:123/77\tdatastream-not-found" in told
        assert b"of another item" not in b"".join(files.values())

    def test_a_cancelled_zip_is_cut_and_never_looks_complete(self, site: Client) -> None:
        answer = item(site)
        stream = iter(answer.streaming_content)
        first = next(stream)
        assert Client(REMOTE_ADDR=READER).post("/zip-download/cancel", {"token": "tok123"}).status_code == 200
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(io.BytesIO(first))
        leave(answer)
        assert status(site)["status"] == "canceled"
        with pytest.raises(PackageCanceled):
            packages.open_package(ZipDownload.objects.get().package)

    def test_no_size_is_told_of_private_media_nor_of_what_is_not_there(self, site: Client, omeka: Omeka) -> None:
        omeka.upload(5, 123, ONE, **{"o:is_public": False})
        omeka.put_item(125, public=False)
        omeka.upload(6, 125, ONE)
        for media in ("5", "6", "404"):
            assert site.post("/zip-download/estimate", {"media_ids": media}).json() == {"total_bytes": 0, "total_files": 0}
        assert site.post("/zip-download/estimate", {"media_ids": "5,1,9"}).json()["total_files"] == 2
        assert item(site, "5").status_code == 403

    def test_it_has_its_length_its_ranges_and_its_tag(self, site: Client) -> None:
        answer = item(site)
        content = octets(answer)
        assert answer["Content-Length"] == str(len(content))
        assert answer["Accept-Ranges"] == "bytes"
        again = {"media_ids": "3,2,1", "progress_token": "tok123"}
        part = site.get("/zip-download/item/123", again, headers={"range": "bytes=1000-", "if-range": answer["ETag"]})
        assert (part.status_code, part["ETag"], octets(part)) == (206, answer["ETag"], content[1000:])
        whole = site.get(answer["Content-Location"])
        assert octets(whole) == content

    def test_head_tells_the_length_and_keeps_nothing(self, site: Client) -> None:
        answer = site.head("/zip-download/item/123?media_ids=1,2,3")
        assert (answer.status_code, answer.content, Package.objects.count()) == (200, b"", 0)
        assert answer["Content-Length"] == str(len(octets(item(site))))

    def test_it_is_a_bag_with_a_manifest(self, site: Client) -> None:
        files = held(octets(item(site)))
        lines = dict(line.split("  ", 1)[::-1] for line in files["manifest-sha256.txt"].decode().splitlines())
        assert lines == {
            name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name.startswith("data/") and content
        }

    def test_a_token_of_another_reader_is_another_name(self, site: Client) -> None:
        octets(item(site))
        other = Client(REMOTE_ADDR=OTHER)
        assert status(other) == {"status": "unknown"}
        assert other.post("/zip-download/cancel", {"token": "tok123"}).status_code == 404
        octets(item(other, "1"))
        assert (status(site)["total_files"], status(other)["total_files"]) == (3, 1)

    def test_a_token_never_comes_to_stand_for_something_else(self, site: Client) -> None:
        octets(item(site))
        answer = item(site, "1")
        assert (answer.status_code, answer.json()["code"]) == (409, "progress-token-taken")
        assert status(site)["total_files"] == 3

    def test_a_token_whose_download_is_over_may_be_used_again_for_the_same(self, site: Client) -> None:
        octets(item(site))
        former = ZipDownload.objects.get().package
        site.post("/zip-download/cancel", {"token": NAME})
        assert held(octets(item(site)))["data/scan 1.tif"] == ONE
        assert ZipDownload.objects.get().package != former
        assert status(site)["status"] == "done"

    def test_a_name_that_was_given_away_meanwhile_is_not_taken_from_its_package(self, site: Client) -> None:
        octets(item(site))
        named = ZipDownload.objects.get()
        octets(item(site, "1", "other"))
        newer = Package.objects.get(pk=ZipDownload.objects.exclude(pk=named.pk).get().package)
        with pytest.raises(ProgressTokenTaken), transaction.atomic():
            Name(named.name, named.asked, is_told=True).put(newer.pk, "0" * 32)
        named.refresh_from_db()
        assert named.package != newer.pk

    def test_a_forwarding_header_that_is_not_trusted_does_not_say_who_asks(self, site: Client) -> None:
        octets(item(site))
        forged = Client(REMOTE_ADDR=OUTSIDE, headers={"x-forwarded-for": READER})
        assert forged.get("/zip-download/status", {"token": "tok123"}).status_code == 403

    def test_who_may_ask_is_who_may_ask_the_repository(self, site: Client, serve: Serve) -> None:
        outside = Client(REMOTE_ADDR=OUTSIDE)
        for answer in (
            item(outside),
            outside.get("/zip-download/estimate?media_ids=1"),
            outside.post("/zip-download/cancel", {"token": "x"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "network-refused")
        key = keys.create_key("omeka", ["192.0.2.10"])
        token = get_token(Client(REMOTE_ADDR="192.0.2.10"), key, client=OUTSIDE)
        known = Client(REMOTE_ADDR=OUTSIDE, headers={"authorization": f"Bearer {token}"})
        octets(item(known))
        assert status(known)["total_files"] == 3
        assert item(Client(REMOTE_ADDR=OUTSIDE, headers={"authorization": "Bearer x"})).status_code == 403

    def test_the_omekas_key_is_told_to_no_one(
        self, site: Client, serve: Serve, omeka: Omeka, monkeypatch: pytest.MonkeyPatch, spoken: Any
    ) -> None:
        monkeypatch.setenv("PACKAGING_KEY_IDENTITY_LIBRARY", KEY["key_identity"])
        monkeypatch.setenv("PACKAGING_KEY_CREDENTIAL_LIBRARY", KEY["key_credential"])
        serve()
        omeka.items[123]["o:is_public"] = False
        answer = item(site)
        content = octets(answer)
        assert held(content)["data/scan 1.tif"] == ONE
        plan = packages.open_package(ZipDownload.objects.get().package).plan
        told = f"{spoken.text}{answer.headers}{plan}{status(site)}"
        assert not [word for word in KEY.values() if word in told or word.encode() in content]


class TestMadeUpTokens:
    """Whoever makes thousands of them up fills no table with them, and takes no other reader's place."""

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(zipnames, "MOST", 5)

    def test_of_refusals_the_last_are_told(self, site: Client, serve: Serve) -> None:
        octets(item(Client(REMOTE_ADDR=OTHER), "1", "of another"))
        serve("bytes = 1000")
        for number in range(20):
            assert item(site, "1", f"t{number}").status_code == 413
        assert ZipDownload.objects.count() == 5 + 1
        assert [status(site, f"t{number}")["status"] for number in (0, 14, 15, 19)] == ["unknown", "unknown", "rejected", "rejected"]
        assert status(Client(REMOTE_ADDR=OTHER), "of another")["status"] == "done"

    def test_of_questions_that_send_nothing_nothing_is_kept(self, site: Client) -> None:
        for number in range(10):
            asked = {"media_ids": "1,2,3", "progress_token": f"t{number}"}
            answer = site.get("/zip-download/item/123", asked, headers={"if-none-match": "*"})
            assert answer.status_code == 304
            assert "Content-Location" not in answer
        assert Package.objects.count() == ZipDownload.objects.count() == 0

    def test_of_downloads_that_were_begun_the_last_can_be_taken_up(self, site: Client) -> None:
        octets(item(Client(REMOTE_ADDR=OTHER), "1", "of another"))
        for number in range(12):
            leave(item(site, "1", f"t{number}"))
            Package.objects.update(last_sent=None)
        assert ZipDownload.objects.count() == Package.objects.count() == 5 + 1
        assert status(site, "t0") == {"status": "unknown"}
        assert status(site, "t11")["status"] != "unknown"
        assert status(Client(REMOTE_ADDR=OTHER), "of another")["status"] == "done"

    def test_what_is_being_sent_does_not_go(self, site: Client, serve: Serve) -> None:
        serve("slots = 20")
        running = item(site, "1", "first")
        stream = iter(running.streaming_content)
        next(stream)
        for number in range(12):
            octets(item(site, "2", f"t{number}"))
            Package.objects.update(last_sent=None)
        assert status(site, "first")["status"] == "running"
        assert ZipDownload.objects.count() == 5 + 1
        leave(running)

    def test_what_is_being_prepared_for_one_that_went_ends(self, site: Client, serve: Serve, omeka: Omeka) -> None:
        serve("slots = 20\nwait = 0")
        path = "/iiif/3/full/max/0/default.jpg"
        omeka.pictures[path] = Answer(body=omeka.pictures[path].body, headers={"Content-Type": "image/jpeg", "Content-Length": ""})
        for number in range(7):
            assert item(site, "3", f"t{number}").status_code == 503
        assert Job.objects.count() == Package.objects.count() == 5

    def test_names_whose_packages_are_no_more_go_with_the_hourly_tidying(self, site: Client) -> None:
        octets(item(site))
        long_ago = timezone.now() - timedelta(days=40)
        Package.objects.update(created=long_ago, last_sent=long_ago)
        ZipDownload.objects.update(created=long_ago)
        tidy_up()
        assert Package.objects.count() == ZipDownload.objects.count() == 0


class TestPicturesWithoutASize:
    """They are read beforehand, by a worker, while the download waits."""

    @pytest.fixture
    def unsized(self, omeka: Omeka) -> Omeka:
        path = "/iiif/3/full/max/0/default.jpg"
        omeka.pictures[path] = Answer(body=omeka.pictures[path].body, headers={"Content-Type": "image/jpeg", "Content-Length": ""})
        return omeka

    def test_the_estimate_takes_them_for_what_the_module_does(self, site: Client, unsized: Omeka) -> None:
        assert site.post("/zip-download/estimate", {"media_ids": "1,3"}).json() == {"total_bytes": len(ONE) + 2_000_000, "total_files": 2}

    def test_the_download_waits_until_they_are_there(self, site: Client, unsized: Omeka) -> None:
        worker = threading.Thread(target=_work_when_asked)
        worker.start()
        try:
            answer = item(site)
        finally:
            worker.join()
        assert (answer.status_code, answer.get("Content-Length")) == (200, str(len(content := octets(answer))))
        assert held(content)["data/123_page-3.jpg"] == JPEG

    def test_who_waits_for_too_long_comes_again_with_the_same_token(self, site: Client, serve: Serve, unsized: Omeka) -> None:
        serve("wait = 0")
        answer = item(site)
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "package-preparing", "5")
        assert status(site)["status"] == "running"
        run_once()
        assert held(octets(item(site)))["data/123_page-3.jpg"] == JPEG
        assert Package.objects.count() == 1

    def test_one_thread_waits_for_a_download_however_often_it_is_asked_for(self, site: Client, serve: Serve, unsized: Omeka) -> None:
        serve("wait = 30")
        first: list[Any] = []

        def ask() -> None:
            from django.db import connection

            first.append(item(Client(REMOTE_ADDR=READER)))
            connection.close()

        waiting = threading.Thread(target=ask)
        waiting.start()
        end = time.monotonic() + 20
        while not zipdownload._awaited and time.monotonic() < end:
            time.sleep(0.02)
        began = time.monotonic()
        assert [item(site).status_code for _ in range(3)] == [503] * 3
        assert time.monotonic() - began < 10
        run_once()
        waiting.join()
        assert first[0].status_code == 200
        leave(first[0])
        assert zipdownload._awaited == set()

    def test_a_download_that_is_being_prepared_holds_its_slot(self, site: Client, serve: Serve, unsized: Omeka) -> None:
        serve("wait = 0")
        item(site)
        assert item(Client(REMOTE_ADDR=OTHER), "1", "other").status_code == 429
        site.post("/zip-download/cancel", {"token": "tok123"})
        octets(item(Client(REMOTE_ADDR=OTHER), "1", "other"))

    def test_what_turns_out_too_large_is_refused_then(self, site: Client, serve: Serve, unsized: Omeka) -> None:
        serve(f"wait = 0\nbytes = {len(TWO) + 10}")
        item(site, "2,3")
        run_once()
        answer = item(site, "2,3")
        assert (answer.status_code, answer.json()["error"]) == (413, "Requested download too large")

    @pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
    def test_pictures_of_a_real_image_server(self, transactional_db: None, omeka: Omeka, configure: Configure, tmp_path: Path) -> None:
        folder = tmp_path / "images"
        folder.mkdir()
        with image_server(folder) as server:
            for number in (31, 32):
                server.put(f"{number}.tif")
                source = f"{server.url}/iiif/{number}.tif/info.json"
                omeka.point_at(number, 123, None, **{"o:source": source, "data": {"@id": source.removesuffix("/info.json")}})
            configure(f"""
[stage]
path = "{tmp_path / "stage"}"
[compat.omeka]
repository = "library"
wait = 0
[[repositories]]
name = "library"
type = "omeka"
url = "{omeka.base}"
hosts = ["{server.url.removeprefix("http://")}"]
allow_private = true
networks = ["192.0.2.0/24"]""")
            site = Client(REMOTE_ADDR=READER)
            assert item(site, "31,32,1").status_code == 503
            run_once()
            files = held(octets(item(site, "31,32,1")))
        pictures = [content for name, content in files.items() if name.endswith(".jpg")]
        assert [content[:3] for content in pictures] == [b"\xff\xd8\xff"] * 2
        assert pictures[0] != pictures[1]
        assert files["data/scan 1.tif"] == ONE
        assert files["notices.txt"].decode().count("\texternal\tThe picture of its image server is here") == 2


def _work_when_asked() -> None:
    """A worker, which looks for work for a while."""
    import time

    from django.db import connection

    from getapi.models import Job

    end = time.monotonic() + 20
    while time.monotonic() < end and not Job.objects.exists():
        time.sleep(0.05)
    run_once()
    connection.close()


@pytest.mark.parametrize(
    ("lasts", "is_done"), [(False, False), (False, True), (True, False)], ids=["once", "done-all-the-same", "from-then-on"]
)
def test_whichever_statement_fails_a_package_without_a_name_that_was_not_sent_does_not_stay(
    site: Client, lasts: bool, is_done: bool
) -> None:
    number, left = 0, []
    while True:
        number += 1
        breaker = Breaker(number, lasts=lasts, is_done=is_done)
        with breaking(breaker):
            answer = item(site, "1,2,3", "")
            if answer.status_code == 200:
                leave(answer)
        if not breaker.has_broken:
            break
        for _ in range(3):
            rounds.go()
        if answer.status_code != 200:
            assert (answer.status_code, answer["Content-Type"]) == (503, "application/json")
            if Package.objects.exists():
                left.append(number)
        Package.objects.all().delete()
        ZipDownload.objects.all().delete()
    assert number > 5
    assert left == []
