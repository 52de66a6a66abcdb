"""``POST /api/get/PACKAGE`` as a reader, and as an attacker, sees it (SPEC 1-4, 6)."""

import io
import json
import tarfile
import zipfile
from http import HTTPStatus
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient, Client

from getapi.models import Delivery, Download
from getapi.services import keys
from getapi.services.watcher import watcher
from tests.web.conftest import APPLICATION, Serve, get_token, leave, octets

ADDRESS = "/api/get/PACKAGE"
REFUSAL = b"<error>A valid token is required</error>"


def body_of(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    body = octets(answer)
    assert len(body) == int(answer["Content-Length"])
    return body


def members(answer: Any) -> dict[str, bytes]:
    """Each file's octets by its path below the top directory."""
    with tarfile.open(fileobj=io.BytesIO(body_of(answer))) as package:
        files = [member for member in package if member.isfile()]
        return {member.name.partition("/")[2]: package.extractfile(member).read() for member in files}  # type: ignore[union-attr] # files


def test_a_package_is_sent_whole_with_its_length_name_and_tag(api: Client, token: str) -> None:
    answer = api.post(ADDRESS, {"token": token, "files": "rutgers-lib:5678"})
    assert answer["Content-Type"] == "application/x-tar"
    assert answer["Content-Disposition"] == "attachment; filename=\"rutgers-lib-5678.tar\"; filename*=UTF-8''rutgers-lib-5678.tar"
    assert answer["X-Accel-Buffering"] == "no"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["ETag"].startswith('"')
    found = members(answer)
    assert {path for path in found if path.startswith("data/rutgers-lib-5678_PDF-1")}
    assert not [path for path in found if "ARCH" in path]


@pytest.mark.parametrize("name", ["PACKAGE", "package", "Package", "pAcKaGe", "package/", "PACKAGE/"])
def test_the_method_s_name_matches_in_any_case_with_or_without_a_slash(api: Client, token: str, name: str) -> None:
    assert members(api.post(f"/api/get/{name}", {"token": token, "files": "rutgers-lib:5678/PDF-1"}))


def multipart(**fields: str) -> str:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    return f"{''.join(parts)}--b--\r\n"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", "token={}&files=rutgers-lib:5678/PDF-1;rutgers-lib:5678/JPEG-1"),
        ("application/x-www-form-urlencoded", "files=rutgers-lib%3A5678%2FPDF-1&files=info:fedora/rutgers-lib%253A5678/jpeg-1&token={}"),
        ("application/json", '{{"token": "{}", "files": "rutgers-lib:5678/PDF-1;rutgers-lib:5678/JPEG-1"}}'),
        (
            "application/json; charset=utf-8",
            '{{"token": "{}", "files": ["rutgers-lib:5678/PDF-1", "rutgers-lib:5678/JPEG-1"], "map": null}}',
        ),
        ("multipart/form-data; boundary=b", multipart(token="{}", files="rutgers-lib:5678/PDF-1;\r\n rutgers-lib:5678/jpeg-1")),
    ],
)
def test_parameters_come_urlencoded_multipart_or_as_a_json_object(api: Client, token: str, content_type: str, body: str) -> None:
    found = members(api.generic("POST", ADDRESS, body.format(token), content_type))
    assert {path for path in found if path.startswith("data/")} == {"data/rutgers-lib-5678_PDF-1.pdf", "data/rutgers-lib-5678_JPEG-1.jpg"}


def test_the_query_string_of_a_post_says_nothing(api: Client, token: str) -> None:
    assert api.post(f"{ADDRESS}?token={token}", {"files": "rutgers-lib:5678"}).status_code == 403
    assert api.post(f"{ADDRESS}?files=rutgers-lib:5678", {"token": token}).status_code == 400
    found = members(api.post(f"{ADDRESS}?files=rutgers-lib:1234&name=x&format=zip", {"token": token, "files": "rutgers-lib:5678/PDF-1"}))
    assert [path for path in found if path.startswith("data/")] == ["data/rutgers-lib-5678_PDF-1.pdf"]


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_only_post_is_answered(api: Client, token: str, method: str) -> None:
    answer = getattr(api, method)(f"{ADDRESS}?token={token}&files=rutgers-lib:5678")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


class TestOrderOfRefusals:
    """Token first (403), then parameters (400), then limits (413)."""

    @pytest.mark.parametrize(
        "parameters", [{}, {"files": ""}, {"files": 7}, {"format": "rar"}, {"files": "a:b;" * 400_000}, {"delivery": "mail"}]
    )
    def test_without_a_token_nothing_else_is_told(self, api: Client, parameters: dict[str, object]) -> None:
        answer = api.post(ADDRESS, json.dumps(parameters), "application/json")
        assert (answer.status_code, answer.content) == (403, REFUSAL)

    @pytest.mark.parametrize(
        ("parameters", "code"),
        [
            ({}, "missing-parameter"),
            ({"files": " ;; ;", "map": ";"}, "missing-parameter"),
            ({"files": 7}, "malformed-parameter"),
            ({"files": {"a": "b"}}, "malformed-parameter"),
            ({"map": [["x"]]}, "malformed-parameter"),
            ({"files": "a:b", "name": 7}, "malformed-parameter"),
            ({"files": "a:b", "format": "rar"}, "malformed-parameter"),
            ({"files": "a:b", "format": ["tar", "zip"]}, "malformed-parameter"),
            ({"files": "a:b", "delivery": "mail"}, "malformed-parameter"),
        ],
    )
    def test_then_come_parameters(self, api: Client, token: str, parameters: dict[str, object], code: str) -> None:
        answer = api.post(ADDRESS, json.dumps({"token": token, **parameters}), "application/json", headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert answer["Content-Type"] == "application/problem+json"

    def test_then_come_limits_with_the_limit_and_the_count(self, db: None, serve: Serve, key: str) -> None:
        serve("[limits]\nfiles = 2\nbytes = 1000")
        api = Client(REMOTE_ADDR=APPLICATION, headers={"accept": "application/json"})
        token = api.post("/api/get/getToken", {"key": key}).json()["token"]
        many = api.post(ADDRESS, {"token": token, "files": "a:1;a:2;a:3"}).json()
        assert many == {
            "type": "about:blank", "title": HTTPStatus(413).phrase, "status": 413, "code": "too-many-files", "limit": 2, "count": 3,
            "detail": "Too much is asked for: 3 files, the limit is 2",
        }  # fmt: skip
        within = api.post(ADDRESS, {"token": token, "files": "rutgers-lib:1234"}).json()
        assert (within["code"], within["limit"]) == ("too-many-files", 2)
        large = api.post(ADDRESS, {"token": token, "files": "rutgers-lib:5678/PDF-1"}).json()
        assert (large["code"], large["limit"]) == ("too-many-bytes", 1000)
        assert large["count"] > 1000
        assert Delivery.objects.count() == Download.objects.count() == 0


class TestAttack:
    def test_a_megabyte_of_semicolons_is_nothing(self, api: Client, token: str) -> None:
        answer = api.post(ADDRESS, f"token={token}&files={';' * 2**20}", "application/x-www-form-urlencoded")
        assert (answer.status_code, answer.content) == (400, b"<error>Missing parameter: files or map</error>")

    def test_more_than_a_megabyte_of_text_is_too_much(self, api: Client, token: str) -> None:
        answer = api.post(ADDRESS, {"token": token, "files": ";" * (2**20 + 1)}, headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "request-too-long", 2**20)

    def test_a_megabyte_of_one_entry_is_one_entry(self, api: Client, token: str) -> None:
        found = members(api.post(ADDRESS, {"token": token, "files": "a:b;" * 2**18}))
        assert found["notices.txt"].count(b"object-not-found") == 2  # its count and its line

    def test_a_megabyte_of_entries_is_refused_before_any_look(self, api: Client, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("getapi.services.packages.plan_package", lambda *_, **__: pytest.fail("it was planned"))
        answer = api.post(ADDRESS, {"token": token, "files": ";".join(f"a:{number}" for number in range(120_000))})
        assert answer.status_code == 413

    @pytest.mark.parametrize(
        "letter", ["\0", "\r\n", "\x1b[31m", "\u2028", "\u202e", "\ufeff", "\x7f", "\x85", "\ud800", "🦊", "<b>", "&amp;", "%00", "../"]
    )
    @pytest.mark.parametrize("place", ["a{}:b", "rutgers-lib:5678/{}", "rutgers-lib:5678/PDF{}-1", "{}", "{}rutgers-lib:5678/PDF-1{}"])
    def test_strange_characters_in_entries_are_told_as_such(self, api: Client, token: str, place: str, letter: str) -> None:
        entry = place.format(letter, letter)
        for name in ("files", "map"):
            answer = api.post(ADDRESS, json.dumps({"token": token, name: entry}), "application/json")
            if answer.status_code == 200:
                notices = members(answer)["notices.txt"].decode()
                assert not set(notices) & set("\0\x1b\u2028\u202e\ufeff\x7f\x85\ud800")
            else:
                assert (answer.status_code, answer.content) == (400, b"<error>Missing parameter: files or map</error>")

    @pytest.mark.parametrize(
        "name",
        [
            "\0",
            "a\r\nSet-Cookie: x=1",
            "..",
            "../../etc/passwd",
            "C:\\x",
            '";evil="',
            "é" * 300,
            "\ud800",
            "\u202etxt",
            " ",
            ".",
            "CON",
            "-rf",
        ],
    )
    def test_a_strange_name_is_made_safe(self, api: Client, token: str, name: str) -> None:
        answer = api.post(ADDRESS, json.dumps({"token": token, "files": "rutgers-lib:5678/PDF-1", "name": name}), "application/json")
        field = answer["Content-Disposition"]
        assert field.isascii()
        assert field.isprintable()
        assert len(field) < 2000
        with tarfile.open(fileobj=io.BytesIO(body_of(answer))) as package:
            tops = {member.name.partition("/")[0] for member in package}
        assert len(tops) == 1
        assert not tops & {"", ".", ".."}

    @pytest.mark.parametrize(
        "accept", ["\0", "a" * 8000, ",;q=,;;;" * 1000, "*/*;q=9", "text/html;q=1e9", "\xff/\xfe", "application/json;q=0.0001"]
    )
    def test_a_strange_accept_gets_xml(self, api: Client, accept: str) -> None:
        answer = api.post(ADDRESS, {}, HTTP_ACCEPT=accept)
        assert answer["Content-Type"] == "application/xml; charset=utf-8"

    def test_cr_and_lf_in_a_boundary_or_a_type_are_no_header(self, api: Client) -> None:
        assert api.generic("POST", ADDRESS, b"x", "multipart/form-data; boundary=\r\nX: y").status_code in {400, 403, 415}


class TestFormat:
    @pytest.mark.parametrize(
        "accept", ["", "*/*", "application/x-tar", "application/zip;q=0", "application/zip;q=0.5, application/x-tar", "text/html"]
    )
    def test_tar_is_sent_to_who_does_not_ask_for_another(self, api: Client, token: str, accept: str) -> None:
        answer = api.post(ADDRESS, {"token": token, "files": "rutgers-lib:5678/PDF-1"}, HTTP_ACCEPT=accept)
        assert members(answer)

    @pytest.mark.parametrize("parameters", [{"format": "tar"}, {"format": "TAR "}, {"format": ""}])
    def test_the_parameter_says_it_before_accept(self, api: Client, token: str, parameters: dict[str, str]) -> None:
        answer = api.post(ADDRESS, {"token": token, "files": "rutgers-lib:5678/PDF-1", **parameters}, HTTP_ACCEPT="application/zip")
        assert members(answer)

    def test_what_is_not_offered_is_a_bad_parameter_and_never_406(self, api: Client, token: str) -> None:
        parameters = {"token": token, "files": "rutgers-lib:5678/PDF-1"}
        for word in ("rar", "7z", "tar.gz", "\0"):
            answer = api.post(ADDRESS, {**parameters, "format": word}, headers={"accept": "application/json"})
            assert (answer.status_code, answer.json()["parameter"]) == (400, "format")
        answer = api.post(ADDRESS, parameters, headers={"accept": "application/x-7z-compressed"})
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-tar")
        leave(answer)

    @pytest.mark.parametrize(
        ("parameters", "accept"),
        [
            ({"format": "zip"}, "*/*"),
            ({"format": " Zip"}, "application/x-tar"),
            ({}, "application/zip"),
            ({}, "text/html, application/zip;q=0.1"),
        ],
    )
    def test_zip_is_sent_to_who_asks_for_it(self, api: Client, token: str, parameters: dict[str, str], accept: str) -> None:
        asked = {"token": token, "files": "rutgers-lib:5678/PDF-1", "name": "high-water", **parameters}
        answer = api.post(ADDRESS, asked, HTTP_ACCEPT=accept)
        body = octets(answer)
        assert (answer["Content-Type"], len(body)) == ("application/zip", int(answer["Content-Length"]))
        assert 'filename="high-water.zip"' in answer["Content-Disposition"]
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert archive.testzip() is None
            assert "high-water/data/rutgers-lib-5678_PDF-1.pdf" in archive.namelist()

    def test_format_in_the_query_string_is_not_drf_s(self, api: Client, token: str) -> None:
        assert members(api.post(f"{ADDRESS}?format=zip", {"token": token, "files": "rutgers-lib:5678/PDF-1"}))
        assert api.get("/api/get/rutgers-lib:5678?format=zip").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_when_the_first_byte_leaves(serve: Serve) -> None:
    serve()
    api = Client(REMOTE_ADDR=APPLICATION)
    token = get_token(api, keys.create_key("application", [APPLICATION]))
    answer: Any = api.post(ADDRESS, {"token": token, "files": "rutgers-lib:5678"})
    assert connection.connection is not None
    content = iter(answer.streaming_content)
    first = next(content)
    assert connection.connection is None
    body = first + b"".join(content)
    assert len(body) == int(answer["Content-Length"])
    assert connection.connection is None
    assert Delivery.objects.get().outcome == Delivery.Outcome.DONE
    assert Download.objects.filter(pid="rutgers-lib:5678").count() > 1


def test_a_server_that_would_gather_a_package_in_memory_is_told_so(api: Client, token: str) -> None:
    """Django does that under ASGI."""
    answer = async_to_sync(AsyncClient().post)(ADDRESS, {"token": token, "files": "rutgers-lib:5678"})
    assert answer.status_code == 500
    assert answer.content.startswith(b"<error>Packages can be sent by a WSGI server only")


def test_a_delivery_that_nobody_takes_gives_its_place_back(api: Client, token: str) -> None:
    before = len(watcher._transfers)
    answer = api.post(ADDRESS, {"token": token, "files": "rutgers-lib:5678"})
    assert len(watcher._transfers) == before + 1
    leave(answer)
    assert len(watcher._transfers) == before
