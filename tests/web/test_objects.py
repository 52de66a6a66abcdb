"""``GET /api/get/{pid}`` and ``GET /api/get/{pid}/{dsid}`` as readers and guessers see them (SPEC 1, 4)."""

from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fixtures.repository import Repository
from getapi.core.source import ControlGroup
from getapi.models import Delivery, Download
from getapi.services import keys
from getapi.services.repositories import registry
from getapi.views.sending import attachment
from tests.web.conftest import APPLICATION, Serve, get_token, octets

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
        "path", ["/api", "/api/get", "/api/get/", "/api/get/nothing", "/api/get/a:b/c/d", "/api/get//a:b", "/\0", "/é"]
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
        facts = reader.get(f"/api/get/{path}", headers={"accept": "application/json"}).json()
        assert facts.get("until") == (sentence.removeprefix("Closed until ") if "2099" in sentence else None)

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
