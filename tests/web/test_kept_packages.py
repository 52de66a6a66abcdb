"""Packages as resources: their addresses, their pages, their end, and when they can no longer be had (SPEC 1, 5, 6)."""

import hashlib
import io
import os
import re
import shutil
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from lxml import etree

from fixtures.repository import Repository, build
from getapi.core.errors import SourceUnavailable
from getapi.core.source import ControlGroup
from getapi.models import Delivery, Key, Package
from getapi.services import keys, packages
from getapi.services.layouts import LayoutCache
from getapi.services.repositories import registry
from getapi.services.watcher import watcher
from tests.conftest import Configure
from tests.web.conftest import APPLICATION, Serve, Spoken, get_token, leave, octets

ADDRESS = "/api/get/PACKAGE"
FILES = "rutgers-lib:5678/PDF-1;rutgers-lib:5678/JPEG-1;rutgers-etd:100/PDF"
FIELDS = [
    "id", "state", "format", "name", "size", "files", "sent", "rate", "progress", "problem", "created", "expires", "content",
    "checksum", "tagmanifest_sha256",
    "datastreams", "notices",
]  # fmt: skip
JSON = {"accept": "application/json"}
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def reader(api: Client) -> Client:
    """Somebody else than the application, who has nothing but the address."""
    return Client(REMOTE_ADDR="198.51.100.7")


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds another's layouts."""
    monkeypatch.setattr(packages, "_recent", LayoutCache())


def link(client: Client, token: str, files: str = FILES, **parameters: str) -> dict[str, Any]:
    answer = client.post(ADDRESS, {"token": token, "files": files, "delivery": "link", **parameters}, headers=JSON)
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


class TestStream:
    def test_its_bytes_have_an_address_of_their_own_where_they_are_the_same(self, api: Client, token: str, reader: Client) -> None:
        first = api.post(ADDRESS, {"token": token, "files": FILES})
        body = octets(first)
        assert first["Accept-Ranges"] == "bytes"
        assert re.fullmatch(r"/api/get/packages/[0-9a-f]{32}/content", first["Content-Location"])
        again = reader.get(first["Content-Location"])
        assert (again.status_code, octets(again)) == (200, body)
        for name in ("ETag", "Last-Modified", "Content-Location", "Content-Length", "Content-Type", "Content-Disposition", "Cache-Control"):
            assert again[name] == first[name]

    def test_every_post_makes_another_package_of_the_same_bytes(self, api: Client, token: str) -> None:
        answers = [api.post(ADDRESS, {"token": token, "files": FILES}) for _ in range(2)]
        bodies = [octets(answer) for answer in answers]
        assert bodies[0] == bodies[1]
        assert answers[0]["ETag"] == answers[1]["ETag"]
        assert answers[0]["Content-Location"] != answers[1]["Content-Location"]

    def test_it_is_kept_before_its_first_byte_with_what_may_be_known_of_who_asked(self, api: Client, key: str) -> None:
        bound = get_token(api, key, client="198.51.100.77")
        answer = Client(REMOTE_ADDR="198.51.100.77", HTTP_USER_AGENT="curl/8\x00").post(ADDRESS, {"token": bound, "files": FILES})
        row = Package.objects.get()
        assert row.pk in answer["Content-Location"]
        assert (row.client, row.address, row.user_agent, row.key) == ("198.51.100.77", "198.51.100.0", "curl/8", Key.objects.get())
        assert (row.name, row.format, row.files, row.size) == ("package-" + row.name[-12:], "tar", 2, int(answer["Content-Length"]))
        assert row.last_sent is None
        leave(answer)

    def test_one_that_finds_no_slot_is_not_kept(self, api: Client, token: str) -> None:
        watcher.serve(threads=9, grace=30, stopping=lambda: False)
        try:
            first = api.post(ADDRESS, {"token": token, "files": FILES})
            refused = api.post(ADDRESS, {"token": token, "files": FILES})
            assert (refused.status_code, refused["Retry-After"]) == (429, "300")
            assert "Content-Location" not in refused
            assert Package.objects.count() == 1
            leave(first)
        finally:
            watcher._threads = None

    def test_a_key_with_too_many_is_refused_until_they_expire(self, serve: Serve, api: Client, token: str) -> None:
        serve("limits.packages = 1")
        link(api, token)
        answer = api.post(ADDRESS, {"token": token, "files": FILES}, headers=JSON)
        assert (answer.status_code, answer["Retry-After"]) == (429, "300")
        assert (answer.json()["code"], answer.json()["limit"]) == ("too-many-packages", 1)
        Package.objects.update(created=timezone.now() - timedelta(hours=24))
        link(api, token)


class TestLink:
    def test_it_is_the_package_and_its_address_and_nothing_is_sent(self, api: Client, token: str) -> None:
        answer = api.post(ADDRESS, {"token": token, "files": FILES, "delivery": "link"}, headers=JSON)
        body = answer.json()
        assert answer.status_code == 201
        assert answer["Location"] == f"/api/get/packages/{body['id']}"
        assert answer["Content-Location"] == body["content"] == f"{answer['Location']}/content"
        assert list(body) == FIELDS
        assert (body["state"], body["format"], body["files"], body["sent"]) == ("ready", "tar", 2, 0)
        assert body["datastreams"][0] == {
            "pid": "rutgers-lib:5678", "dsid": "PDF-1", "path": "data/rutgers-lib-5678_PDF-1.pdf", "size": 4447,
        }  # fmt: skip
        assert body["notices"] == [
            {"pid": "rutgers-etd:100", "dsid": "PDF", "code": "embargoed", "text": "Closed until 2099-12-31T05:00:00Z"}
        ]
        assert not Delivery.objects.exists()

    def test_in_xml_it_says_the_same(self, api: Client, token: str) -> None:
        answer = api.post(ADDRESS, {"token": token, "files": FILES, "delivery": "link"})
        root = etree.fromstring(answer.content)
        assert (answer.status_code, root.tag, [each.tag for each in root]) == (201, "package", FIELDS)
        assert [each.text for each in root.iterfind("datastreams/datastream/dsid")] == ["PDF-1", "JPEG-1"]
        assert root.findtext("notices/notice/code") == "embargoed"

    def test_a_browser_is_led_to_its_page(self, api: Client, token: str, reader: Client) -> None:
        answer = api.post(ADDRESS, {"token": token, "files": FILES, "delivery": "link"}, headers=BROWSER)
        assert (answer.status_code, answer.content) == (303, b"")
        page = reader.get(answer["Location"], headers=BROWSER).content.decode()
        place, _, wish = answer["Location"].partition("#")
        assert f'href="{place}/content" download=""' in page
        assert wish == "start"
        assert all(text in page for text in ("rutgers-lib-5678_PDF-1.pdf", "Closed until 31 December 2099, 05:00 UTC", "embargoed"))
        assert not re.search(r"<script(?! src=)|<style| on[a-z]+=| style=", page)

    @pytest.mark.parametrize(("window", "state"), [("", "done"), ("bytes=0-99", "ready")])
    def test_its_page_offers_it_as_long_as_it_can_be_had(self, api: Client, token: str, reader: Client, window: str, state: str) -> None:
        content = link(api, token)["content"]
        octets(reader.get(content, headers={"range": window} if window else {}))
        place = content.removesuffix("/content")
        assert reader.get(place, headers=JSON).json()["state"] == state
        page = reader.get(place, headers=BROWSER).content.decode()
        assert f'href="{content}" download=""' in page
        assert "ask for a new one" not in page
        api.delete(place)
        page = reader.get(place, headers=BROWSER).content.decode()
        assert "download=" not in page
        assert "ask for a new one" in page

    def test_a_browser_that_asks_for_the_bytes_gets_them(self, api: Client, token: str) -> None:
        answer = api.post(ADDRESS, {"token": token, "files": FILES}, headers=BROWSER)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-tar")
        octets(answer)

    @pytest.mark.parametrize("delivery", ["", "Link", "mail", "stream,link"])
    def test_other_deliveries_are_no_parameter(self, api: Client, token: str, delivery: str) -> None:
        answer = api.post(ADDRESS, {"token": token, "files": FILES, "delivery": delivery}, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed-parameter")
        assert not Package.objects.exists()


class TestPage:
    def test_it_tells_what_was_sent_and_until_when(self, api: Client, token: str, reader: Client) -> None:
        place = link(api, token)["content"].removesuffix("/content")
        octets(reader.get(f"{place}/content", headers={"range": "bytes=0-99"}))
        octets(reader.get(f"{place}/content", headers={"range": "bytes=50-149"}))
        body = reader.get(place, headers=JSON).json()
        assert body["sent"] == 150
        assert body["expires"] > body["created"]
        assert {row.key for row in Delivery.objects.all()} == {Key.objects.get()}

    def test_its_digest_pins_the_whole_bag_and_is_told_when_it_is_known(self, api: Client, token: str, reader: Client) -> None:
        known = link(api, token, "rutgers-lib:5678/PDF-1")
        with tarfile.open(fileobj=io.BytesIO(octets(reader.get(known["content"])))) as package:
            member = package.extractfile(f"{known['name']}/tagmanifest-sha256.txt")
            assert member
            assert known["tagmanifest_sha256"] == hashlib.sha256(member.read()).hexdigest()
        unknown = link(api, token, "rutgers-lib:1234")
        assert unknown["tagmanifest_sha256"] is None
        assert etree.fromstring(reader.get(unknown["content"].removesuffix("/content")).content).findtext("tagmanifest_sha256") == ""

    def test_head_has_the_headers_of_get_and_nothing_else(self, api: Client, token: str, reader: Client) -> None:
        place = link(api, token)["content"].removesuffix("/content")
        for address in (place, f"{place}/content", f"{place}/", f"{place}/content/"):
            head, whole = reader.head(address), reader.get(address)
            assert (head.status_code, head.content, head.streaming) == (200, b"", False)
            assert head.headers == whole.headers
            octets(whole)

    @pytest.mark.parametrize("package_id", ["0" * 32, "x", "..", "\0", "é", "a" * 300, "0" * 31 + "G"])
    @pytest.mark.parametrize("rest", ["", "/content"])
    def test_an_unknown_id_is_not_found(self, reader: Client, package_id: str, rest: str) -> None:
        for method in ("get", "head") if rest else ("get", "head", "delete"):
            answer = getattr(reader, method)(f"/api/get/packages/{package_id}{rest}")
            assert answer.status_code == 404
        if package_id.isalnum():
            problem = reader.get(f"/api/get/packages/{package_id}{rest}", headers=JSON).json()
            assert (problem["code"], problem["detail"]) == ("package-not-found", "There is no such package; it may have expired")

    def test_other_methods_are_refused(self, api: Client, token: str, reader: Client) -> None:
        place = link(api, token)["content"].removesuffix("/content")
        for method in ("put", "patch", "options"):
            assert getattr(reader, method)(place)["Allow"] == "GET, HEAD, POST, DELETE"
        for method in ("post", "put", "patch", "options"):
            assert getattr(reader, method)(f"{place}/content").status_code == 405
        assert reader.delete(f"{place}/content")["Allow"] == "GET, HEAD"

    def test_no_log_line_holds_the_whole_id(self, api: Client, token: str, reader: Client, spoken: Spoken) -> None:
        body = link(api, token)
        octets(reader.get(body["content"]))
        reader.delete(body["content"].removesuffix("/content"))
        reader.get(body["content"])
        assert body["id"] not in spoken.text
        assert body["id"][:8] in spoken.text


class TestCancel:
    def test_it_ends_the_package_for_good(self, api: Client, token: str, reader: Client) -> None:
        body = link(api, token)
        place = body["content"].removesuffix("/content")
        for _ in range(2):
            answer = reader.delete(place)
            assert (answer.status_code, answer.content) == (204, b"")
            assert not {"Content-Type", "Content-Length"} & set(answer.headers)
        for method in (reader.get, reader.head):
            assert method(body["content"], headers={"range": "bytes=0-0"}).status_code == 410
        problem = reader.get(body["content"], headers=JSON).json()
        assert (problem["code"], problem["detail"]) == ("package-canceled", "This package was cancelled; ask for a new one")
        page = reader.get(place, headers=JSON).json()
        assert (page["state"], page["datastreams"], page["notices"], page["tagmanifest_sha256"]) == ("canceled", [], [], None)
        assert b"cancelled" in reader.get(place, headers=BROWSER).content


class Copy:
    """A repository of a test's own, whose objects change."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def files(self, pid: str, *parts: str) -> Path:
        """The object's FOXML, or with a DSID and version the file of its content."""
        root = self.repository.datastreams if parts else self.repository.objects
        name = quote("/".join([f"info:fedora/{pid}", *parts]), safe="")
        return next(path for path in root.rglob("*") if path.name == name)

    def edit(self, pid: str, change: Callable[[str], str]) -> None:
        path = self.files(pid)
        text = path.read_text(encoding="utf-8")
        changed = change(text)
        assert changed != text
        path.with_name("new").write_text(changed, encoding="utf-8")
        path.with_name("new").replace(path)


@pytest.fixture
def copy(api: Client, configure: Configure, tmp_path: Path) -> Copy:
    repository = build(tmp_path / "copy")
    configure(f"""
access.deny_list = "{tmp_path / "denied"}"
[[repositories]]
name = "copy"
type = "fedora3"
objects = "{repository.objects}"
datastreams = "{repository.datastreams}"
""")
    (tmp_path / "denied").write_text("", encoding="utf-8")
    return Copy(repository)


class TestEnd:
    """Each time access is decided again, and content looked at: never other bytes under the same ETag."""

    def gone(self, reader: Client, body: dict[str, Any]) -> str:
        answers = [reader.get(body["content"], headers={**JSON, **extra}) for extra in ({}, {"range": "bytes=9-"}, {"if-none-match": "*"})]
        answers.append(reader.head(body["content"]))
        assert {answer.status_code for answer in answers} == {410}
        place = body["content"].removesuffix("/content")
        page = reader.get(place, headers=JSON).json()
        assert (page["datastreams"], page["notices"]) == ([], [])
        assert reader.get(place, headers=BROWSER).status_code == 200
        code: str = answers[0].json()["code"]
        assert page["state"] == {"package-expired": "expired", "package-canceled": "canceled"}.get(code, "changed")
        return code

    def test_it_expires(self, api: Client, token: str, reader: Client) -> None:
        body = link(api, token)
        Package.objects.update(created=timezone.now() - timedelta(hours=24))
        assert self.gone(reader, body) == "package-expired"

    def test_each_byte_that_is_sent_lets_it_live_on(self, api: Client, token: str, reader: Client) -> None:
        body = link(api, token)
        Package.objects.update(created=timezone.now() - timedelta(hours=23))
        octets(reader.get(body["content"], headers={"range": "bytes=0-0"}))
        Package.objects.update(created=timezone.now() - timedelta(hours=25))
        assert reader.head(body["content"]).status_code == 200

    def test_what_was_denied_since_is_not_sent(self, copy: Copy, api: Client, token: str, reader: Client, tmp_path: Path) -> None:
        body = link(api, token)
        octets(reader.get(body["content"]))
        (tmp_path / "denied").write_text("rutgers-lib:5678/PDF-1\n", encoding="utf-8")
        assert self.gone(reader, body) == "package-closed"
        (tmp_path / "denied").write_text("rutgers-lib:1234\n", encoding="utf-8")
        octets(reader.get(body["content"]))

    def test_what_is_no_longer_active_is_not_sent(self, copy: Copy, api: Client, token: str, reader: Client) -> None:
        body = link(api, token, "rutgers-lib:1234/MODS")
        octets(reader.get(body["content"]))
        copy.edit("rutgers-lib:1234", lambda text: text.replace('VALUE="Active"', 'VALUE="Inactive"', 1))
        assert self.gone(reader, body) == "package-changed"

    def test_a_new_version_is_another_content(self, copy: Copy, api: Client, token: str, reader: Client) -> None:
        body = link(api, token)
        copy.edit("rutgers-lib:5678", lambda text: text.replace("PDF-1.0", "PDF-1.7"))
        assert self.gone(reader, body) == "package-changed"

    def test_a_file_that_was_replaced_removed_or_written_to_is_another_content(
        self, copy: Copy, api: Client, token: str, reader: Client
    ) -> None:
        path = copy.files("rutgers-lib:5678", "PDF-1", "PDF-1.0")
        before = path.read_bytes()
        spoil: list[Callable[[], object]] = [
            lambda: path.write_bytes(before[:-1]),
            lambda: os.utime(path, ns=(1, 1)),
            lambda: (shutil.copy2(path, path.with_name("other")), path.with_name("other").replace(path)),
            path.unlink,
        ]
        for change in spoil:
            body = link(api, token)
            octets(reader.get(body["content"]))
            change()
            assert self.gone(reader, body) == "package-changed"
            path.write_bytes(before)

    def test_inline_xml_that_was_edited_is_another_content(self, copy: Copy, api: Client, token: str, reader: Client) -> None:
        body = link(api, token, "rutgers-lib:5678/DC")
        record = next(each for each in registry().describe("rutgers-lib:5678").datastreams if each.dsid == "DC")
        assert record.control_group is ControlGroup.INLINE
        octets(reader.get(body["content"]))
        copy.edit("rutgers-lib:5678", lambda text: text.replace("Report on the heights", "Report on the depths"))
        assert self.gone(reader, body) == "package-changed"

    def test_a_repository_that_does_not_answer_is_worth_waiting_for(
        self, api: Client, token: str, reader: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body = link(api, token)
        source = registry().by_name("demonstration")

        def unavailable(pid: str) -> None:
            raise SourceUnavailable("demonstration")

        with monkeypatch.context() as patched:
            patched.setattr(source, "describe", unavailable)
            for address in (body["content"], body["content"].removesuffix("/content")):
                answer = reader.get(address, headers=JSON)
                assert (answer.status_code, answer["Retry-After"]) == (503, "30")
        octets(reader.get(body["content"]))

    def test_another_encoder_s_plan_is_not_sent(self, api: Client, token: str, reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        body = link(api, token)
        monkeypatch.setattr(packages, "_recent", LayoutCache())  # the service was started again, as another version
        monkeypatch.setattr("getapi.core.plancodec.ENCODER", 99)
        assert self.gone(reader, body) == "package-outdated"

    @pytest.mark.parametrize("change", [{"size": 1}, {"plan": b"?"}, {"etag": '"x"'}])
    def test_a_row_that_was_tampered_with_is_not_sent(
        self, api: Client, token: str, reader: Client, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
    ) -> None:
        body = link(api, token)
        Package.objects.update(**change)
        monkeypatch.setattr(packages, "_recent", LayoutCache())
        assert self.gone(reader, body) == "package-outdated"

    def test_a_revoked_key_ends_no_package_that_was_made_with_it(self, api: Client, token: str, reader: Client) -> None:
        body = link(api, token)
        keys.revoke_key("application", timezone.now())
        octets(reader.get(body["content"]))
        Key.objects.all().delete()
        octets(reader.get(body["content"]))


def test_a_private_repository_s_package_asks_for_nothing_but_its_id(db: None, serve: Serve, reader: Client) -> None:
    serve(repository="public = false")
    application = Client(REMOTE_ADDR=APPLICATION)
    body = link(application, get_token(application, keys.create_key("private", [APPLICATION])))
    assert reader.get("/api/get/rutgers-lib:5678").status_code == 403
    octets(reader.get(body["content"]))


def test_an_expired_package_is_purged_and_then_unknown(api: Client, token: str, reader: Client) -> None:
    body = link(api, token)
    Package.objects.update(created=timezone.now() - timedelta(hours=24))
    out = io.StringIO()
    call_command("purge_expired", stdout=out)
    assert out.getvalue() == "deleted: 1 packages, 0 downloads, 0 deliveries, 0 files of the stage\n"
    assert reader.get(body["content"], headers=JSON).json()["code"] == "package-not-found"


def scan() -> None:
    """Reads the whole demonstration repository into the ledger; some of it is damaged on purpose."""
    with pytest.raises(CommandError):
        call_command("fixity_scan", stdout=io.StringIO(), stderr=io.StringIO())


def test_what_was_found_damaged_since_is_not_sent(api: Client, token: str, reader: Client) -> None:
    body = link(api, token, "rutgers-lib:5002/TXT-2")
    assert reader.head(body["content"]).status_code == 200
    scan()
    answer = reader.get(body["content"], headers=JSON)
    assert (answer.status_code, answer.json()["code"], answer.json()["dsid"]) == (410, "package-changed", "TXT-2")


def test_digests_that_were_learned_meanwhile_change_neither_bytes_nor_tag(api: Client, token: str, reader: Client) -> None:
    body = link(api, token, "rutgers-lib:1234")
    before = reader.get(body["content"])
    whole = octets(before)
    assert body["tagmanifest_sha256"] is None
    scan()
    place = body["content"].removesuffix("/content")
    assert reader.get(place, headers=JSON).json()["tagmanifest_sha256"]
    after = reader.get(body["content"])
    assert (octets(after), after["ETag"]) == (whole, before["ETag"])
