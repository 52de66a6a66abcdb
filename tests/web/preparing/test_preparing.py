"""Packages with datastreams whose size nobody tells, from 202 to their last byte, and those that somebody would rather have prepared."""

import errno
import io
import logging
import os
import stat
import tarfile
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from getapi.models import Job, Package, StagedMember
from getapi.services import jobs, preparation, shelf, stage
from getapi.services.workshop import run_once
from tests.web.conftest import octets
from tests.web.preparing.conftest import Shop, job_of
from tests.web.preparing.material import MANAGED, PID, Part, put_object, some

A, B = some(400_000, "a"), some(70_000, "b")


def contents(package: bytes) -> dict[str, bytes]:
    """By the last part of each path."""
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        return {member.name.rpartition("/")[2]: archive.extractfile(member).read() for member in archive if member.isfile()}  # type: ignore[union-attr]


class TestUnknownSize:
    def test_it_is_accepted_prepared_and_then_sent_as_any_package(self, shop: Shop) -> None:
        shop.put("A", "B")
        shop.host.put("/A", A)
        shop.host.put("/B", B, chunked=False)
        answer = shop.ask()
        body = answer.json()
        assert answer["Location"] == f"/api/get/packages/{body['id']}"
        assert "Preference-Applied" not in answer
        assert (body["state"], body["progress"], body["problem"], body["size"], body["files"]) == ("preparing", 0, None, 0, 0)
        assert (body["datastreams"], body["notices"], body["tagmanifest_sha256"]) == ([], [], None)
        waiting = shop.content(body["id"])
        assert (waiting.status_code, waiting.json()["code"], waiting["Retry-After"]) == (503, "package-preparing", "5")
        run_once()
        page = shop.page(body["id"])
        assert (page["state"], page["progress"], page["problem"], page["files"]) == ("ready", None, None, 3)
        sent = shop.content(body["id"])
        whole = octets(sent)
        assert len(whole) == int(sent["Content-Length"]) == page["size"]
        found = contents(whole)
        assert {found["elsewhere-1_A.txt"], found["elsewhere-1_B.txt"], found["elsewhere-1_M.txt"]} == {A, B, MANAGED}

    def test_any_window_of_it_is_that_of_the_whole_from_the_stage_alone(self, shop: Shop) -> None:
        shop.put("A", "B")
        a = shop.host.put("/A", A)
        shop.host.put("/B", B)
        for form in ("tar", "zip"):
            package_id, whole = shop.prepared(format=form)
            asked = len(a.asked)
            for start, stop in ((0, 1), (5_000, 320_000), (310_000, 700_000), (len(whole) - 30_000, len(whole))):
                part = shop.content(package_id, range=f"bytes={start}-{stop - 1}")
                assert (part.status_code, octets(part)) == (206, whole[start:stop])
            assert len(a.asked) == asked  # nobody asks the host again

    def test_a_zip_holds_them_with_their_checksums(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        _, whole = shop.prepared(format="zip")
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            assert archive.testzip() is None
            assert A in [archive.read(name) for name in archive.namelist()]

    def test_the_same_bytes_have_the_same_tag_and_others_of_the_same_size_another(self, shop: Shop) -> None:
        shop.put("A")
        body = shop.host.put("/A", A)
        tags = []
        for made in (A, A, some(len(A), "others")):
            body.octets = made
            package_id, whole = shop.prepared()
            assert made in contents(whole).values()
            tags.append(Package.objects.get(pk=package_id).etag)
        assert tags[0] == tags[1] != tags[2]
        assert len({Package.objects.get(etag=tag).size if tags.count(tag) == 1 else None for tag in tags[2:]}) == 1

    def test_from_a_form_it_leads_to_its_page(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        answer = shop.ask(accept="text/html", status=303)
        page = shop.client.get(answer["Location"], headers={"accept": "text/html"})
        assert page.status_code == 200
        assert b"being prepared" in page.content

    def test_what_its_repository_does_not_give_is_left_out_and_told(self, shop: Shop) -> None:
        shop.put("A", "B")
        shop.host.put("/A", A, breaks=99)
        shop.host.put("/B", B)
        package_id, whole = shop.prepared()
        found = contents(whole)
        assert B in found.values()
        assert b"elsewhere:1/A\tsource-unavailable" in found["notices.txt"]
        assert [each["dsid"] for each in shop.page(package_id)["notices"]] == ["A"]

    @pytest.mark.parametrize("chunked", [True, False])
    def test_a_body_that_broke_off_once_is_had_again_and_never_taken_for_whole(self, shop: Shop, chunked: bool) -> None:
        shop.put("A")
        shop.host.put("/A", A, breaks=2, chunked=chunked)
        _, whole = shop.prepared()
        assert contents(whole)["elsewhere-1_A.txt"] == A

    def test_too_much_is_told_as_the_limit_that_it_is(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        shop.serve(f"limits.bytes = {len(MANAGED) + 100_000}")
        package_id = shop.ask().json()["id"]
        run_once()
        page = shop.page(package_id)
        assert (page["state"], page["problem"]["code"]) == ("failed", "too-many-bytes")
        assert "the limit is 400000" in page["problem"]["text"]
        gone = shop.content(package_id)
        assert (gone.status_code, gone.json()["code"], gone.json()["cause"]) == (410, "package-failed", "too-many-bytes")
        assert shop.staged == []

    def test_alone_its_size_cannot_be_said(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        answer = shop.client.get("/api/get/elsewhere:1/A", headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (502, "size-unknown")

    def test_an_estimate_says_what_is_not_known(self, shop: Shop) -> None:
        shop.put("A", "B")
        shop.host.put("/A", A)
        shop.host.put("/B", B, length=True)
        answer = shop.client.post("/api/get/ESTIMATE", {"token": shop.token, "files": PID}, headers={"accept": "application/json"})
        body = answer.json()
        assert (answer.status_code, body["size"], body["files"]) == (200, None, 3)
        assert {each["dsid"]: each["size"] for each in body["datastreams"]} == {"M": len(MANAGED), "A": None, "B": len(B)}
        assert Package.objects.count() == Job.objects.count() == 0
        xml = shop.client.post("/api/get/ESTIMATE", {"token": shop.token, "files": PID}).content
        assert b"<size/>" in xml


class TestPreference:
    def test_whoever_prefers_it_gets_an_ordinary_package_prepared_and_verified(self, shop: Shop) -> None:
        shop.put()
        answer = shop.ask(prefer="wait=10, Respond-Async; x=1")
        assert answer["Preference-Applied"] == "respond-async"
        package_id = answer.json()["id"]
        run_once()
        assert shop.page(package_id)["tagmanifest_sha256"]  # all digests are known
        assert contents(octets(shop.content(package_id)))["elsewhere-1_M.txt"] == MANAGED

    @pytest.mark.parametrize("prefer", ["", "return=minimal", "respond-asynchronously", "x; respond-async"])
    def test_whoever_does_not_gets_it_at_once(self, shop: Shop, prefer: str) -> None:
        shop.put()
        answer = shop.ask(prefer=prefer, status=200)
        assert octets(answer)
        assert Job.objects.count() == 0

    def test_what_is_found_damaged_while_it_is_prepared_is_left_out(self, shop: Shop) -> None:
        put_object(
            shop.store, "rotten:1", Part(dsid="R", octets=A, declares="sha256", rotten=some(len(A), "rot")), Part(dsid="S", octets=B)
        )
        package_id, whole = shop.prepared("rotten:1", prefer="respond-async")
        found = contents(whole)
        assert "rotten-1_R.txt" not in found
        assert B in found.values()
        assert [each["code"] for each in shop.page(package_id)["notices"]] == ["fixity"]

    @pytest.mark.parametrize("form", ["tar", "zip"])
    def test_what_its_disk_cannot_read_while_it_is_prepared_is_left_out_until_it_can(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, form: str
    ) -> None:
        parts = [Part(dsid=dsid, octets=octets, declares="sha256") for dsid, octets in (("R", A), ("S", B))]
        put_object(shop.store, "rotten:1", *parts)
        bad, original = shop.store.path("rotten:1+R+R.0").stat().st_ino, os.preadv

        def failing(descriptor: int, buffers: Sequence[bytearray], offset: int, *more: int) -> int:
            if os.fstat(descriptor).st_ino == bad:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return original(descriptor, buffers, offset, *more)

        with monkeypatch.context() as disk, caplog.at_level(logging.WARNING, "getapi.jobs"):
            disk.setattr(os, "preadv", failing)
            package_id, whole = shop.prepared("rotten:1", prefer="respond-async", format=form)
        assert B in whole
        assert A not in whole
        told = shop.page(package_id)["notices"]
        assert [(each["dsid"], each["code"], each["text"]) for each in told] == [
            ("R", "source-unavailable", "The repository cannot be read at the moment")
        ]
        line = next(each.__dict__ for each in caplog.records if each.name == "getapi.jobs")
        assert (line["dsid"], line["code"], line["error"]) == ("R", "source-unavailable", "Input/output error")
        assert A in shop.prepared("rotten:1", prefer="respond-async", format=form)[1]

    def test_of_what_is_written_to_while_it_is_prepared_the_new_bytes_are_in_it(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        put_object(shop.store, "rotten:1", Part(dsid="R", octets=A), Part(dsid="S", octets=B))
        path, original = shop.store.path("rotten:1+R+R.0"), os.preadv
        old = path.stat().st_ino

        def replacing(descriptor: int, buffers: Sequence[bytearray], offset: int, *more: int) -> int:
            found = original(descriptor, buffers, offset, *more)
            if os.fstat(descriptor).st_ino == old and path.read_bytes() == A:
                path.write_bytes(some(len(A), "new"))
            return found

        monkeypatch.setattr(os, "preadv", replacing)
        package_id, whole = shop.prepared("rotten:1", prefer="respond-async")
        assert some(len(A), "new") in contents(whole).values()
        assert shop.page(package_id)["notices"] == []

    def test_what_was_asked_for_is_what_is_prepared(self) -> None:
        from getapi.core.request import parse_request

        asked = parse_request(files="a:1/X;b:2;:;c:3/\ud800", maps="m:1/S", name="\u00fcber", max_text=9999, max_entries=99)
        assert preparation.decode(preparation.encode(asked)) == asked


class TestStage:
    def test_its_files_are_for_the_service_alone_and_their_names_cannot_be_guessed(self, shop: Shop) -> None:
        shop.put("A", "B")
        shop.host.put("/A", A)
        shop.host.put("/B", B)
        shop.prepared()
        assert len(shop.staged) == 2
        for path in shop.staged:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert len(path.name) == 32
        assert stat.S_IMODE(shop.staged[0].parent.stat().st_mode) == 0o700

    def test_a_datastream_larger_than_the_stage_is_told_and_nothing_stays(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        shop.serve('stage.bytes = "300 kB"')
        package_id = shop.ask().json()["id"]
        run_once()
        assert shop.page(package_id)["problem"]["code"] == "stage-too-small"
        assert shop.staged == []
        assert StagedMember.objects.count() == 0

    def test_the_oldest_goes_and_comes_again_by_itself_with_the_same_bytes(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        shop.serve('stage.bytes = "700 kB"')
        first, whole = shop.prepared()
        StagedMember.objects.update(used=None)
        Package.objects.update(last_sent=None)
        second, _ = shop.prepared()
        assert not stage.members(first)
        assert len(shop.staged) == 1
        StagedMember.objects.update(used=None)
        Package.objects.update(last_sent=None)
        tag = Package.objects.get(pk=first).etag
        again = shop.content(first)
        assert (again.status_code, again.json()["code"]) == (503, "package-preparing")
        assert shop.page(first)["state"] == "preparing"
        run_once()
        answer = shop.content(first, **{"if-match": tag})
        assert (answer.status_code, answer["ETag"], octets(answer)) == (200, tag, whole)
        assert not stage.members(second)

    def test_one_that_comes_back_otherwise_is_gone_for_good(self, shop: Shop) -> None:
        shop.put("A")
        body = shop.host.put("/A", A)
        package_id, _ = shop.prepared()
        shop.staged[0].unlink()
        body.octets = some(len(A), "others")
        assert shop.content(package_id).status_code == 503
        run_once()
        page = shop.page(package_id)
        assert (page["state"], page["problem"]["code"]) == ("failed", "package-changed")
        assert shop.content(package_id).status_code == 410
        assert shop.staged == []

    def test_a_file_that_somebody_wrote_to_is_had_again(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        package_id, whole = shop.prepared()
        with shop.staged[0].open("r+b") as file:
            file.write(b"?")
        assert shop.content(package_id).status_code == 503
        run_once()
        assert octets(shop.content(package_id)) == whole

    def test_what_is_being_sent_never_goes_for_another(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        shop.serve('stage.bytes = "700 kB"')
        first, whole = shop.prepared()  # it was opened a moment ago
        second = shop.ask().json()["id"]
        run_once()
        assert (shop.page(second)["state"], job_of(second).state) == ("preparing", "waiting")  # there may be room in a minute
        assert octets(shop.content(first)) == whole
        for _ in range(jobs.ATTEMPTS - 1):
            Job.objects.update(queued=timezone.now() - jobs.REQUEUE - timedelta(seconds=1))
            run_once()
        assert shop.page(second)["problem"]["code"] == "stage-busy"

    def test_the_other_format_has_them_too_without_another_reading(self, shop: Shop) -> None:
        shop.put("A")
        body = shop.host.put("/A", A)
        package_id, _ = shop.prepared()
        asked = len(body.asked)
        answer = shop.client.post(f"/api/get/packages/{package_id}", {"format": "zip"})
        other = answer["Location"].partition("#")[0].rpartition("/")[2]
        assert other != package_id
        with zipfile.ZipFile(io.BytesIO(octets(shop.content(other)))) as archive:
            assert A in [archive.read(name) for name in archive.namelist()]
        assert len(body.asked) == asked
        shop.client.delete(f"/api/get/packages/{package_id}")
        assert shop.content(other).status_code == 200
        for path in shop.staged:
            path.unlink()
        assert shop.content(other).status_code == 503
        run_once()
        assert shop.content(other).status_code == 200

    def test_where_nothing_counts_as_verified_it_is_read_again_with_each_window(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        shop.serve('fixity.max_age = "0"')
        package_id, whole = shop.prepared()
        for start in (0, 350_000, len(whole) - 15_000):
            assert octets(shop.content(package_id, range=f"bytes={start}-")) == whole[start:]

    def test_what_is_nobodys_is_swept_and_nothing_else(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        package_id, whole = shop.prepared()
        folder = shop.staged[0].parent
        for name in ("0" * 32, "f" * 32 + ".draft", "notes.txt", "0" * 31):
            (folder / name).write_bytes(b"x")
        assert stage.sweep() == 0  # whoever made them may be about to say whose they are
        monkeypatch.setattr(stage, "GRACE", 0.0)
        assert stage.sweep() == 2
        assert {path.name for path in shop.staged} >= {"notes.txt", "0" * 31}
        assert octets(shop.content(package_id)) == whole

    def test_purging_empties_what_no_live_package_needs(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stage, "GRACE", 0.0)
        shop.put("A")
        shop.host.put("/A", A)
        package_id, _ = shop.prepared()
        Package.objects.update(created=timezone.now() - timedelta(days=3), prepared=timezone.now() - timedelta(days=2), last_sent=None)
        call_command("purge_expired")
        assert not Package.objects.filter(pk=package_id).exists()
        assert shop.staged == []


class TestEnd:
    def test_a_cancelled_one_is_not_prepared(self, shop: Shop) -> None:
        shop.put("A")
        body = shop.host.put("/A", A)
        package_id = shop.ask().json()["id"]
        asked = len(body.asked)
        assert shop.client.delete(f"/api/get/packages/{package_id}").status_code == 204
        run_once()
        assert len(body.asked) == asked
        assert shop.page(package_id)["state"] == "canceled"
        assert shop.content(package_id).json()["code"] == "package-canceled"

    def test_a_cancelled_one_leaves_nothing_in_the_stage(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        package_id, _ = shop.prepared()
        shop.client.delete(f"/api/get/packages/{package_id}")
        assert shop.staged == []

    def test_access_is_decided_again_when_it_is_asked_for(self, shop: Shop, tmp_path: Path) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        package_id, _ = shop.prepared()
        (tmp_path / "denied").write_text(f"{PID}\n")
        shop.serve(f'access.deny_list = "{tmp_path}/denied"')
        assert shop.content(package_id).json()["code"] == "package-closed"

    def test_it_does_not_expire_while_it_waits_and_does_once_nobody_will_ever_come(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        package_id = shop.ask().json()["id"]
        long_ago = timezone.now() - timedelta(days=40)
        Package.objects.update(created=long_ago)
        assert shelf.purge(timezone.now()).packages == 0
        assert shop.page(package_id)["state"] == "preparing"
        Job.objects.update(touched=long_ago)
        assert shop.page(package_id)["state"] == "expired"
        assert shelf.purge(timezone.now()).packages == 1
        assert Job.objects.count() == 0


class TestLimits:
    def test_so_many_wait_for_one_key_and_no_more(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        shop.serve("limits.preparing = 1")
        shop.ask()
        refused = shop.ask(status=429)
        assert (refused.json()["code"], refused.json()["limit"], refused["Retry-After"]) == ("too-many-preparations", 1, "30")
        assert Package.objects.count() == Job.objects.count() == 1
        run_once()
        shop.ask()

    def test_what_must_come_again_waits_for_its_turn_too(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        first, whole = shop.prepared()
        shop.staged[0].unlink()
        shop.serve("limits.preparing = 1")
        shop.ask()
        assert (shop.content(first).status_code, shop.page(first)["state"]) == (503, "preparing")
        assert job_of(first).state == "done"  # it is not begun yet
        run_once()
        assert shop.content(first).status_code == 503
        run_once()
        assert octets(shop.content(first)) == whole

    def test_they_count_among_the_packages_of_a_key(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        shop.serve("limits.packages = 1")
        shop.ask()
        assert shop.ask(status=429).json()["code"] == "too-many-packages"


class TestTwice:
    def test_of_many_who_come_for_a_job_one_gets_it(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        package_id = shop.ask().json()["id"]
        job = job_of(package_id).pk
        claims = [jobs.claim(job) for _ in range(5)]
        assert sum(claim is not None for claim in claims) == 1

    def test_a_job_whose_holder_died_is_taken_up_again_so_often_and_then_failed(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A)
        package_id = shop.ask().json()["id"]
        job = job_of(package_id).pk
        for attempt in range(1, jobs.ATTEMPTS + 1):
            held = jobs.claim(job)
            assert held is not None
            assert held.attempt == attempt
            assert jobs.revive() == 0  # it lives
            Job.objects.update(renewed=timezone.now() - jobs.LEASE - timedelta(seconds=1))
            jobs.revive()
            assert not jobs.renew(held, 50)  # who comes back late is told
        page = shop.page(package_id)
        assert (page["state"], page["problem"]) == (
            "failed",
            {"code": "preparation-abandoned", "text": "The preparation broke off 3 times"},
        )

    def test_who_lost_a_job_can_neither_finish_nor_fail_it(self, shop: Shop) -> None:
        from getapi.core.errors import PreparationStopped, StageUnusable

        shop.put("A")
        shop.host.put("/A", A)
        package_id = shop.ask().json()["id"]
        late = jobs.claim(job_of(package_id).pk)
        assert late is not None
        Job.objects.update(renewed=timezone.now() - jobs.LEASE - timedelta(seconds=1))
        jobs.revive()
        with pytest.raises(PreparationStopped):
            jobs.finish(late, {})
        jobs.fail(late, StageUnusable())
        assert shop.page(package_id)["state"] == "preparing"
        run_once()
        assert shop.page(package_id)["state"] == "ready"

    def test_what_the_queue_lost_is_handed_to_it_again(self, shop: Shop) -> None:
        from django_tasks_db.models import DBTaskResult

        shop.put("A")
        shop.host.put("/A", A)
        package_id = shop.ask().json()["id"]
        DBTaskResult.objects.all().delete()
        run_once()
        assert shop.page(package_id)["state"] == "preparing"
        Job.objects.update(queued=timezone.now() - jobs.REQUEUE - timedelta(seconds=1))
        run_once()
        assert shop.page(package_id)["state"] == "ready"


class TestWithoutAServer:
    @pytest.mark.parametrize("form", ["tar", "zip"])
    def test_a_written_package_holds_them_too_and_nothing_is_left(self, shop: Shop, form: str) -> None:
        shop.put("A", "B")
        shop.host.put("/A", A)
        shop.host.put("/B", B, chunked=False)
        output = shop.folder / f"package.{form}"
        call_command("write_package", PID, "--output", str(output), "--format", form)
        assert output.read_bytes() == shop.prepared(format=form)[1]
        assert Package.objects.count() == 1
        assert len(shop.staged) == 2  # the prepared one's

    def test_one_whose_bytes_break_off_is_left_out_of_it(self, shop: Shop) -> None:
        shop.put("A")
        shop.host.put("/A", A, breaks=99)
        output = shop.folder / "package.tar"
        call_command("write_package", PID, "--output", str(output))
        assert b"elsewhere:1/A\tsource-unavailable" in contents(output.read_bytes())["notices.txt"]
