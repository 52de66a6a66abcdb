"""The API's own description: whole, valid, and browsable without the internet."""

import json
import re
from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from drf_spectacular.validation import validate_schema
from lxml import html

from getapi.views.schema import DOCS_POLICY
from tests.web.conftest import Serve, Spoken

FORMATS = {"application/xml", "application/json", "text/html"}
PROBLEMS = {"application/xml", "application/problem+json", "text/html"}
BODIES = {"application/x-www-form-urlencoded", "multipart/form-data", "application/json"}


@pytest.fixture
def client(db: None, serve: Serve) -> Client:
    serve()
    return Client()


@pytest.fixture
def schema(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/schema", headers={"accept": "application/json"}).json()
    return found


def operations(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By their names, but for HEAD's, which are GET's without bodies."""
    told = [(method, operation) for methods in schema["paths"].values() for method, operation in methods.items()]
    return {operation["operationId"]: operation for method, operation in told if method != "head"}


def test_it_is_made_without_a_warning_and_is_valid(capfd: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())
    assert capfd.readouterr().err == ""


def test_its_paths_are_those_of_the_contract(schema: dict[str, Any]) -> None:
    assert {(path, method) for path, methods in schema["paths"].items() for method in methods if method != "head"} == {
        ("/api/get/getToken", "post"),
        ("/api/get/PACKAGE", "post"),
        ("/api/get/ESTIMATE", "post"),
        ("/api/get/packages/{package_id}", "get"),
        ("/api/get/packages/{package_id}", "post"),
        ("/api/get/packages/{package_id}", "delete"),
        ("/api/get/packages/{package_id}/content", "get"),
        ("/api/get/{pid}", "get"),
        ("/api/get/{pid}/{dsid}", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    }


def test_whatever_can_be_got_has_a_head_with_the_same_statuses_and_headers_and_no_body(schema: dict[str, Any]) -> None:
    for methods in schema["paths"].values():
        assert ("get" in methods) == ("head" in methods)
        if "get" in methods:
            got, head = methods["get"]["responses"], methods["head"]["responses"]
            assert {status: answer["headers"] for status, answer in got.items()} == {
                status: answer["headers"] for status, answer in head.items()
            }
            assert not any("content" in answer for answer in head.values())


def test_every_answer_has_the_request_s_name(schema: dict[str, Any]) -> None:
    answers = [
        answer for methods in schema["paths"].values() for operation in methods.values() for answer in operation["responses"].values()
    ]
    assert all("X-Request-Id" in answer["headers"] for answer in answers)


def test_operations_have_plain_names_and_say_what_they_do(schema: dict[str, Any]) -> None:
    found = operations(schema)
    packages = {"PACKAGE", "ESTIMATE", "getPackage", "getPackageContent", "cancelPackage", "changePackage"}
    assert set(found) == {"getToken", *packages, "getObject", "getDatastream", "healthz", "readyz", "metrics"}
    assert all(operation["summary"] and operation["tags"] for operation in found.values())


def test_every_refusal_is_told_in_the_three_formats(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema).items():
        for status, answer in operation["responses"].items():
            assert answer["description"]
            if int(status) >= 400 and status not in {"412", "416"} and name != "readyz":
                assert set(answer["content"]) == PROBLEMS, (name, status)
                assert answer["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert answer["content"]["application/xml"]["schema"]["xml"] == {"name": "error"}


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("getToken", "200 400 403 408 413 415 429 500 503"),
        ("PACKAGE", "200 201 202 303 400 403 408 413 415 429 500 503"),
        ("getPackage", "200 404 429 500 503"),
        ("getPackageContent", "200 206 304 404 409 410 412 416 429 500 502 503"),
        ("cancelPackage", "204 404 500 503"),
        ("changePackage", "303 400 404 408 410 413 415 429 500 503"),
        ("getObject", "200 403 404 429 500 502 503"),
        ("getDatastream", "200 206 304 403 404 409 412 416 429 500 502 503"),
    ],
)
def test_every_status_is_told(schema: dict[str, Any], name: str, statuses: str) -> None:
    assert sorted(operations(schema)[name]["responses"]) == statuses.split()


@pytest.mark.parametrize("name", ["getToken", "PACKAGE"])
def test_requests_come_in_three_ways_with_the_same_parameters(schema: dict[str, Any], name: str) -> None:
    content = operations(schema)[name]["requestBody"]["content"]
    assert set(content) == BODIES
    assert len({json.dumps(each["schema"]) for each in content.values()}) == 1


def test_parameters_are_those_of_the_contract(schema: dict[str, Any]) -> None:
    components = schema["components"]["schemas"]
    assert set(components["TokenRequest"]["properties"]) == {"key", "client"}
    assert set(components["PackageRequest"]["properties"]) == {"token", "files", "map", "format", "delivery", "name"}
    assert components["PackageRequest"]["required"] == ["token"]
    assert set(components["ListedObject"]["properties"]) == {"pid", "label", "datastreams"}
    assert set(components["ListedDatastream"]["properties"]) == {"dsid", "label", "mime", "size"}
    words = (
        "id, state, format, name, size, files, sent, rate, progress, problem, created, expires, content, checksum, "
        "tagmanifest_sha256, datastreams, notices"
    )
    assert ", ".join(components["KeptPackage"]["properties"]) == words
    assert set(components["PackagedDatastream"]["properties"]) == {"pid", "dsid", "path", "size"}
    assert set(components["Notice"]["properties"]) == {"pid", "dsid", "code", "text"}
    named = {(each["in"], each["name"]) for each in operations(schema)["getDatastream"]["parameters"]}
    assert {("path", "pid"), ("path", "dsid"), ("query", "token"), ("header", "Range"), ("header", "If-Range")} <= named
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert operations(schema)["getDatastream"]["security"] == [{}, {"token": []}]


def test_answers_are_what_they_are_said_to_be(client: Client, schema: dict[str, Any]) -> None:
    told = operations(schema)["getObject"]["responses"]
    for accept in FORMATS:
        answer = client.get("/api/get/rutgers-lib:5678", headers={"accept": accept})
        assert answer["Content-Type"].partition(";")[0] in told["200"]["content"]
        missing = client.get("/api/get/nobody:1", headers={"accept": accept})
        assert missing["Content-Type"].partition(";")[0] in told["404"]["content"]
    listed = client.get("/api/get/rutgers-lib:5678", headers={"accept": "application/json"}).json()
    assert set(listed) == set(schema["components"]["schemas"]["ListedObject"]["required"])


@pytest.mark.parametrize("accept", ["", "*/*", "text/html", "application/yaml", "application/vnd.oai.openapi", "image/png", "\xff"])
def test_it_is_yaml_unless_json_is_named_and_never_406(client: Client, accept: str) -> None:
    answer = client.get("/api/schema", HTTP_ACCEPT=accept)
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, "application/vnd.oai.openapi")
    validate_schema(yaml.safe_load(answer.content))  # type: ignore[no-untyped-call] # drf-spectacular's own


@pytest.mark.parametrize("accept", ["application/json", "application/json, */*", "application/vnd.oai.openapi+json"])
def test_it_is_json_to_who_names_that(client: Client, accept: str) -> None:
    answer = client.get("/api/schema/?format=yaml&lang=xx&version=9", HTTP_ACCEPT=accept)
    assert answer["Content-Type"] == "application/json"
    validate_schema(answer.json())  # type: ignore[no-untyped-call] # drf-spectacular's own


def test_the_docs_come_from_this_site_alone_and_say_nothing_in_the_log(
    client: Client, spoken: Spoken, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = client.get("/api/docs", headers={"accept": "text/html"})
    assert (answer.status_code, answer["Content-Security-Policy"]) == (200, DOCS_POLICY)
    page: Any = html.document_fromstring(answer.content)
    parts = [str(each) for each in page.xpath("//script/@src | //link/@href | //@data-schema")]
    assert len(parts) == 5
    for address in parts:
        assert re.fullmatch("/[^/].*", address)
        assert client.head(address).status_code == 200
    assert not page.xpath("//script[not(@src)]")
    assert "unsafe" not in DOCS_POLICY.partition("script-src")[2].partition(";")[0]
    assert {record.name for record in spoken.records} <= {"getapi.requests", "django.db.backends"}
    assert {record.levelname for record in spoken.records} <= {"INFO", "DEBUG"}


def test_without_javascript_the_docs_lead_to_the_description(client: Client) -> None:
    page: Any = html.document_fromstring(client.get("/api/docs/").content)
    assert page.xpath("//noscript//a/@href") == ["/api/schema"]
