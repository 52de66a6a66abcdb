"""``GET /api/get/{pid}`` and ``GET /api/get/{pid}/{dsid}`` as readers and guessers see them (SPEC 1, 4)."""

from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from fixtures.repository import Repository
from getapi.core.source import ControlGroup
from getapi.models import Delivery, Download
from getapi.services import keys
from getapi.services.repositories import registry
from getapi.views.sending import attachment
from tests.web.conftest import APPLICATION, Serve, get_token, leave, octets

PDF = "/api/get/rutgers-lib:5678/PDF-1"
INSIDER = "203.0.113.5"


@pytest.fixture
def reader(db: None, serve: Serve) -> Client:
    serve()
    return Client(REMOTE_ADDR="198.51.100.7")


def whole_of(answer: Any) -> bytes:
    body = octets(answer)
    assert len(body) == int(answer["Content-Length"])
    return body


class TestObject:
    def test_it_lists_its_public_datastreams_in_every_dress(self, reader: Client) -> None:
        as_json = reader.get("/api/get/rutgers-lib:5678", headers={"accept": "application/json"})
        assert list(as_json.json()) == ["pid", "label", "datastreams"]
        assert all(list(datastream) == ["dsid", "label", "mime", "size"] for datastream in as_json.json()["datastreams"])
        names = [datastream["dsid"] for datastream in as_json.json()["datastreams"]]
        assert {"PDF-1", "JPEG-1", "MODS", "DC"} <= set(names)
        assert not set(names) & {"ARCH1", "RELS-EXT", "AUDIT", "POLICY"}
        as_xml = reader.get("/api/get/rutgers-lib:5678")
        root = etree.fromstring(as_xml.content)
        assert (root.tag, [element.tag for element in root]) == ("object", ["pid", "label", "datastreams"])
        assert [element.text for element in root.iterfind("datastreams/datastream/dsid")] == names
        as_html = reader.get("/api/get/rutgers-lib:5678", headers={"accept": "text/html"})
        assert all(f">{name}</a>" in as_html.content.decode() for name in names)

    @pytest.mark.parametrize("spelling", ["rutgers-lib:5678/", "RUTGERS-LIB:5678", "rutgers-lib%3A5678", "Rutgers-Lib:5678/"])
    def test_other_spellings_find_it(self, reader: Client, spelling: str) -> None:
        answer = reader.get(f"/api/get/{spelling}", headers={"accept": "application/json"})
        assert answer.json()["pid"] == "rutgers-lib:5678"

    @pytest.mark.parametrize("pid", ["rutgers-lib:999999", "rutgers-lib:4001", "rutgers-lib:4002", "nobody:1", "twin:POEM.1", "a:b:c"])
    def test_unknown_inactive_deleted_and_ambiguous_ones_are_alike(self, reader: Client, pid: str) -> None:
        answer = reader.get(f"/api/get/{pid}")
        assert (answer.status_code, answer.content) == (404, b"<error>No such object</error>")
        problem = reader.get(f"/api/get/{pid}", headers={"accept": "application/json"}).json()
        assert problem == {
            "type": "about:blank", "title": "Not Found", "status": 404, "detail": "No such object", "code": "object-not-found", "pid": pid,
        }  # fmt: skip

    def test_head_has_the_headers_of_get_and_nothing_else(self, reader: Client) -> None:
        whole, head = reader.get("/api/get/rutgers-lib:5678"), reader.head("/api/get/rutgers-lib:5678")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers == whole.headers
        missing = reader.head("/api/get/rutgers-lib:999999")
        assert (missing.status_code, missing.content) == (404, b"")
        assert int(missing["Content-Length"]) > 0

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
    @pytest.mark.parametrize("address", ["/api/get/rutgers-lib:5678", PDF, "/api/schema", "/api/docs", "/healthz", "/readyz"])
    def test_it_is_only_read(self, reader: Client, address: str, method: str) -> None:
        answer = getattr(reader, method)(address)
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
        assert answer.content == b"<error>This address does not answer that method</error>"

    @pytest.mark.parametrize(
        "path", ["/", "/api", "/api/get", "/api/get/", "/api/get/nothing", "/api/get/a:b/c/d", "/api/get//a:b", "/\0", "/é"]
    )
    def test_where_nothing_is_xml_says_so(self, reader: Client, path: str) -> None:
        answer = reader.get(path)
        assert (answer.status_code, answer.content) == (404, b"<error>There is nothing at this address</error>")
        assert answer["Cache-Control"] == "no-store"


class TestDatastream:
    def test_it_is_sent_whole_and_counted(self, reader: Client) -> None:
        answer = reader.get(PDF)
        body = whole_of(answer)
        assert body.startswith(b"%PDF")
        assert (answer["Content-Type"], answer["Accept-Ranges"]) == ("application/pdf", "bytes")
        assert answer["Last-Modified"].endswith("GMT")
        row = Download.objects.get()
        assert (row.pid, row.dsid, row.bytes, row.package, row.key) == ("rutgers-lib:5678", "PDF-1", len(body), "", None)
        assert row.address == "198.51.100.0"

    @pytest.mark.parametrize("spelling", ["PDF-1/", "pdf-1", "Pdf-1", "PDF%2D1"])
    def test_other_spellings_find_it(self, reader: Client, spelling: str) -> None:
        assert whole_of(reader.get(f"/api/get/rutgers-lib:5678/{spelling}")) == whole_of(reader.get(PDF))

    def test_a_head_has_the_headers_of_get_and_nothing_else(self, reader: Client) -> None:
        whole, head = reader.get(PDF), reader.head(PDF, headers={"range": "bytes=0-9"})
        whole_of(whole)
        assert (head.status_code, head.content, head.streaming) == (200, b"", False)
        assert head.headers == whole.headers
        assert Delivery.objects.count() == 1

    @pytest.mark.parametrize("dsid", ["NOTHING", "ARCH1", "arch1", "RELS-EXT", "AUDIT", "POLICY", "FESLPOLICY", "JPEG-2", "NOTES-1"])
    @pytest.mark.parametrize("accept", ["application/xml", "application/json", "text/html"])
    def test_unknown_reserved_inactive_and_deleted_ones_are_alike(self, reader: Client, dsid: str, accept: str) -> None:
        answer = reader.get(f"/api/get/rutgers-lib:1234/{dsid}", headers={"accept": accept})
        unknown = reader.get("/api/get/rutgers-lib:1234/UNKNOWN", headers={"accept": accept})
        assert answer.status_code == unknown.status_code == 404
        assert answer.content.replace(dsid.encode(), b"?") == unknown.content.replace(b"UNKNOWN", b"?")
        assert {name: answer[name] for name in answer.headers if name != "Content-Length"} == {
            name: unknown[name] for name in unknown.headers if name != "Content-Length"
        }

    @pytest.mark.parametrize("pid", ["rutgers-lib:4001", "rutgers-lib:4002", "rutgers-lib:999999"])
    def test_those_of_unknown_inactive_and_deleted_objects_are_alike(self, reader: Client, pid: str) -> None:
        answer = reader.get(f"/api/get/{pid}/DC")
        assert (answer.status_code, answer.content) == (404, b"<error>No such object</error>")

    @pytest.mark.parametrize(
        ("path", "sentence"),
        [
            ("rutgers-etd:100/PDF", "Closed until 2099-12-31T05:00:00Z"),
            ("rutgers-etd:101/PDF", "Closed until 2099-12-31T05:00:00Z"),
            ("hydra:embargoed/deliverableImage", "Closed until 2099-12-31"),
            ("rutgers-etd:103/PDF", "Closed until further notice"),
        ],
    )
    def test_an_embargoed_one_is_refused_with_its_date(self, reader: Client, path: str, sentence: str) -> None:
        for method in (reader.get, reader.head):
            answer = method(f"/api/get/{path}", headers={"range": "bytes=0-0"})
            assert answer.status_code == 403
            assert answer.content in {f"<error>{sentence}</error>".encode(), b""}

    @pytest.mark.parametrize(
        "path", ["rutgers-etd:104/PDF", "hydra:campus/deliverableImage", "islandora:viewers/OBJ", "islandora:policy-cut-short/OBJ"]
    )
    def test_one_closed_by_policy_or_read_group_is_refused(self, reader: Client, path: str) -> None:
        assert reader.get(f"/api/get/{path}").status_code == 403

    def test_one_that_the_deny_list_names_is_refused(self, db: None, serve: Serve, tmp_path: Any) -> None:
        (tmp_path / "denied").write_text("rutgers-lib:5678/PDF-1\nrutgers-lib:1235\n", encoding="utf-8")
        serve('[access]\ndeny_list = "denied"')
        assert Client().get(PDF).status_code == 403
        assert Client().get("/api/get/rutgers-lib:5678").status_code == 200
        assert Client().get("/api/get/rutgers-lib:1235").status_code == 403

    def test_content_that_the_store_lost_is_not_found(self, reader: Client) -> None:
        answer = reader.get("/api/get/rutgers-lib:5003/TXT-2", headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (404, "content-missing")

    @pytest.mark.parametrize(
        "dsid", ["EXT-1", "RED-1", "x", "\0", "..", "%2e%2e", "a" * 5000, "é", "\u202e", "<script>", "%F0%9F%A6%8A", "%FF"]
    )
    def test_strange_names_are_not_found(self, reader: Client, dsid: str) -> None:
        assert reader.get(f"/api/get/rutgers-lib:5678/{dsid}").status_code == 404

    def test_elsewhere_kept_ones_are_refused(self, reader: Client) -> None:
        listed = reader.get("/api/get/rutgers-lib:4003", headers={"accept": "application/json"}).json()["datastreams"]
        assert {datastream["dsid"] for datastream in listed} >= {"DC"}
        kept = [
            each.dsid
            for each in registry().describe("rutgers-lib:4003").datastreams
            if each.control_group in {ControlGroup.EXTERNAL, ControlGroup.REDIRECT}
        ]
        assert kept
        for dsid in kept:
            assert reader.get(f"/api/get/rutgers-lib:4003/{dsid}").status_code in {403, 404}


class TestRange:
    @pytest.fixture
    def whole(self, reader: Client) -> bytes:
        return whole_of(reader.get(PDF))

    @pytest.mark.parametrize(
        ("field", "start", "stop"),
        [
            ("bytes=0-0", 0, 1),
            ("bytes=0-", 0, None),
            ("bytes=5-9", 5, 10),
            ("bytes=-7", -7, None),
            ("bytes=3-99999999999", 3, None),
            ("BYTES=1-1", 1, 2),
        ],
    )
    def test_a_part_is_sent_as_such(self, reader: Client, whole: bytes, field: str, start: int, stop: int | None) -> None:
        answer = reader.get(PDF, headers={"range": field})
        body = whole_of(answer)
        assert (answer.status_code, body) == (206, whole[start:stop])
        first = start % len(whole)
        assert answer["Content-Range"] == f"bytes {first}-{first + len(body) - 1}/{len(whole)}"
        assert answer["ETag"]

    @pytest.mark.parametrize(
        "field",
        [
            "bytes=0-1,3-4",
            "bytes=0-0,",
            "bytes=5-2",
            "lines=0-1",
            "bytes=",
            "bytes=a-b",
            "bytes=--1",
            "0-1",
            "\0",
            "bytes=1-2-3",
            "bytes=٣-٤",
            "a" * 8000,
        ],
    )
    def test_several_malformed_and_unknown_ones_are_answered_by_the_whole(self, reader: Client, whole: bytes, field: str) -> None:
        answer = reader.get(PDF, HTTP_RANGE=field)
        body = whole_of(answer)
        if field == "bytes=0-0,":  # an empty list element is forgiven
            assert (answer.status_code, body) == (206, whole[:1])
        else:
            assert (answer.status_code, body) == (200, whole)
            assert "Content-Range" not in answer

    @pytest.mark.parametrize("field", ["bytes=99999999-", "bytes=-0", f"bytes={'9' * 3000}-"])
    def test_one_beyond_the_end_is_told_without_a_body(self, reader: Client, whole: bytes, field: str) -> None:
        answer = reader.get(PDF, headers={"range": field})
        assert (answer.status_code, answer.content, answer["Content-Range"]) == (416, b"", f"bytes */{len(whole)}")
        assert answer["Content-Length"] == "0"
        assert "Content-Type" not in answer

    def test_what_the_reader_has_already_is_not_sent_again(self, reader: Client, whole: bytes) -> None:
        first = reader.head(PDF)
        for condition in ({"if-none-match": first["ETag"]}, {"if-none-match": "*"}, {"if-modified-since": first["Last-Modified"]}):
            answer = reader.get(PDF, headers=condition)
            assert (answer.status_code, answer.content) == (304, b"")
            assert {name: answer[name] for name in ("ETag", "Last-Modified", "Cache-Control")} == {
                name: first[name] for name in ("ETag", "Last-Modified", "Cache-Control")
            }
            assert not {"Content-Length", "Content-Type"} & set(answer.headers)
        assert whole_of(reader.get(PDF, headers={"if-none-match": '"other"'})) == whole

    def test_preconditions_that_fail_end_it(self, reader: Client) -> None:
        etag = reader.head(PDF)["ETag"]
        for condition in ({"if-match": '"other"'}, {"if-match": f"W/{etag}"}, {"if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}):
            answer = reader.get(PDF, headers=condition)
            assert (answer.status_code, answer.content) == (412, b"")

    def test_a_resumed_download_gets_the_rest_only_of_the_same_bytes(self, reader: Client, whole: bytes) -> None:
        head = reader.head(PDF)
        for condition in (head["ETag"], head["Last-Modified"]):
            answer = reader.get(PDF, headers={"range": "bytes=100-", "if-range": condition})
            assert (answer.status_code, whole_of(answer)) == (206, whole[100:])
        for condition in ('"other"', f"W/{head['ETag']}", "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense", ""):
            answer = reader.get(PDF, headers={"range": "bytes=100-", "if-range": condition})
            assert (answer.status_code, whole_of(answer)) == (200, whole)

    def test_a_part_is_no_whole_in_the_statistics(self, reader: Client) -> None:
        whole_of(reader.get(PDF, headers={"range": "bytes=1-"}))
        assert (Delivery.objects.count(), Download.objects.count()) == (1, 0)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(field=st.text(st.characters(codec="latin-1")) | st.from_regex(r"bytes=[0-9]{0,3}-[0-9]{0,3}(, ?[0-9]*-[0-9]*)*", fullmatch=True))
    def test_whatever_is_asked_what_comes_is_what_its_headers_say(self, reader: Client, whole: bytes, field: str) -> None:
        answer = reader.get(PDF, HTTP_RANGE=field)
        assert answer.status_code in {200, 206, 416}
        body = whole_of(answer)
        if answer.status_code == 206:
            first, _, last = answer["Content-Range"].removeprefix("bytes ").partition("/")[0].partition("-")
            assert body == whole[int(first) : int(last) + 1]
        elif answer.status_code == 200:
            assert body == whole

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        name=st.sampled_from(["if-match", "if-none-match", "if-range", "if-modified-since", "if-unmodified-since"]),
        field=st.text(st.characters(codec="latin-1")),
    )
    def test_no_condition_is_a_fault(self, reader: Client, name: str, field: str) -> None:
        answer = reader.get(PDF, headers={"range": "bytes=0-3", name: field})
        assert answer.status_code in {200, 206, 304, 412}
        leave(answer)


class TestPrivateRepository:
    @pytest.fixture(autouse=True)
    def private(self, db: None, serve: Serve) -> None:
        serve(repository=f'public = false\nnetworks = ["{INSIDER}"]')

    @pytest.mark.parametrize("address", ["/api/get/rutgers-lib:5678", PDF])
    def test_it_answers_a_token_or_its_networks(self, address: str, key: str) -> None:
        stranger, application, insider = Client(REMOTE_ADDR="198.51.100.7"), Client(REMOTE_ADDR=APPLICATION), Client(REMOTE_ADDR=INSIDER)
        refusal = stranger.get(address)
        assert (refusal.status_code, refusal.content) == (403, b"<error>This repository does not answer here without a token</error>")
        assert insider.get(address).status_code == 200
        token = get_token(application, key)
        for scheme in ("Bearer", "bearer", "BEARER "):
            assert stranger.get(address, headers={"authorization": f"{scheme} {token}"}).status_code == 200
        assert stranger.get(f"{address}?token={token}").status_code == 200
        for wrong in (f"Bearer {token[:-1]}", "Bearer", "Bearer x", f"Basic {token}", token, "\xff", "Bearer \0"):
            assert stranger.get(address, HTTP_AUTHORIZATION=wrong).status_code == 403, wrong
        assert stranger.get(f"{address}?token=").status_code == 403
        assert stranger.get(address, headers={"x-forwarded-for": INSIDER}).status_code == 403
        assert insider.get(address, headers={"x-forwarded-for": INSIDER}).status_code == 403

    @pytest.mark.parametrize(
        "path", ["rutgers-lib:5678", "rutgers-lib:999999", "rutgers-lib:4002", "twin:POEM.1", "rutgers-etd:100/PDF", "nobody:1/X"]
    )
    def test_to_strangers_it_does_not_even_tell_what_it_has(self, path: str) -> None:
        answer = Client(REMOTE_ADDR="198.51.100.7").get(f"/api/get/{path}")
        assert (answer.status_code, answer.content) == (403, b"<error>This repository does not answer here without a token</error>")

    def test_a_token_opens_nothing_that_is_closed(self, key: str) -> None:
        token = get_token(Client(REMOTE_ADDR=APPLICATION), key)
        for path, status in {"rutgers-lib:5678/ARCH1": 404, "rutgers-etd:100/PDF": 403, "rutgers-lib:4002": 404}.items():
            assert Client().get(f"/api/get/{path}", headers={"authorization": f"Bearer {token}"}).status_code == status

    def test_a_bound_token_works_for_its_reader_alone(self, key: str) -> None:
        token = get_token(Client(REMOTE_ADDR=APPLICATION), key, client="198.51.100.7")
        header = {"authorization": f"Bearer {token}"}
        assert Client(REMOTE_ADDR="198.51.100.7").get(PDF, headers=header).status_code == 200
        assert Client(REMOTE_ADDR="198.51.100.8").get(PDF, headers=header).status_code == 403

    def test_a_package_needs_its_token_alone(self, key: str) -> None:
        application = Client(REMOTE_ADDR=APPLICATION)
        answer = application.post("/api/get/PACKAGE", {"token": get_token(application, key), "files": "rutgers-lib:5678"})
        assert b"PDF-1" in whole_of(answer)


def test_nothing_that_is_sent_can_run(demonstration: Repository, reader: Client) -> None:
    for pid in demonstration.pids:
        listed = reader.get(f"/api/get/{pid}", headers={"accept": "application/json"})
        for datastream in listed.json().get("datastreams", []):
            answer = reader.head(f"/api/get/{pid}/{datastream['dsid']}")
            assert answer.status_code == 200, (pid, datastream)
            assert int(answer["Content-Length"]) == datastream["size"] or datastream["size"] is None
            assert answer["Content-Disposition"].startswith("attachment; ")
            assert answer["X-Content-Type-Options"] == "nosniff"
            assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


@given(name=st.text())
def test_any_file_name_makes_a_header(name: str) -> None:
    field = attachment(name)["Content-Disposition"]
    assert field.isascii()
    assert field.isprintable()
    plain = field.removeprefix('attachment; filename="').partition('"; ')[0]
    assert '"' not in plain
    assert "\\" not in plain


def test_keys_are_never_part_of_an_address(reader: Client) -> None:
    key = keys.create_key("application", [APPLICATION])
    assert reader.get(f"{PDF}?key={key}").status_code == 200
