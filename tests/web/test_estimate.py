"""``POST /api/get/ESTIMATE``: what PACKAGE would send, and nothing of it (SPEC 1)."""

import io
import tarfile

import pytest
from django.test import Client
from lxml import etree

from getapi.models import Delivery, Download, Package
from tests.web.conftest import Serve, octets

ADDRESS = "/api/get/ESTIMATE"
FILES = "rutgers-lib:5678/PDF-1;rutgers-lib:5678/JPEG-1;rutgers-etd:100/PDF;nobody:1"
JSON = {"accept": "application/json"}


def test_it_is_what_package_sends_to_the_byte(api: Client, token: str) -> None:
    told = api.post(ADDRESS, {"token": token, "files": FILES}, headers=JSON).json()
    body = octets(api.post("/api/get/PACKAGE", {"token": token, "files": FILES}))
    with tarfile.open(fileobj=io.BytesIO(body)) as package:
        sizes = {member.name: member.size for member in package if member.isfile()}
    assert (told["size"], told["files"]) == (len(body), 2)
    assert {f"{told['name']}/{each['path']}": each["size"] for each in told["datastreams"]}.items() <= sizes.items()
    assert {each["pid"]: each["code"] for each in told["notices"]} == {"rutgers-etd:100": "embargoed", "nobody:1": "object-not-found"}


def test_nothing_is_sent_kept_or_counted(api: Client, token: str) -> None:
    for _ in range(2):
        api.post(ADDRESS, {"token": token, "files": FILES, "delivery": "link"})
    assert [model.objects.count() for model in (Package, Delivery, Download)] == [0, 0, 0]


@pytest.mark.parametrize("serialization", ["tar", "zip"])
def test_each_format_has_its_own_size(api: Client, token: str, serialization: str) -> None:
    asked = {"token": token, "files": FILES, "format": serialization}
    told = api.post(ADDRESS, asked, headers=JSON).json()
    assert (told["format"], told["size"]) == (serialization, len(octets(api.post("/api/get/PACKAGE", asked))))


def test_in_xml_it_says_the_same(api: Client, token: str) -> None:
    root = etree.fromstring(api.post(ADDRESS, {"token": token, "files": FILES}).content)
    assert (root.tag, [each.tag for each in root]) == ("package", ["format", "name", "size", "files", "datastreams", "notices"])


def test_as_a_page_it_says_that_nothing_was_made(api: Client, token: str) -> None:
    page = api.post(ADDRESS, {"token": token, "files": FILES}, headers={"accept": "text/html"}).content.decode()
    assert "nothing was made yet" in page
    assert "download=" not in page


def test_the_method_s_name_matches_in_any_case_with_or_without_a_slash(api: Client, token: str) -> None:
    for name in ("estimate", "Estimate/", "ESTIMATE/"):
        assert api.post(f"/api/get/{name}", {"token": token, "files": FILES}).status_code == 200


def test_it_is_refused_as_package_is(serve: Serve, api: Client, token: str) -> None:
    def status(**parameters: str) -> tuple[int, str]:
        answer = api.post(ADDRESS, parameters, headers=JSON)
        return answer.status_code, answer.json()["code"]

    assert status(files=FILES) == (403, "token-refused")
    assert status(token="none", files=FILES) == (403, "token-refused")
    assert status(token=token) == (400, "missing-parameter")
    assert status(token=token, files=FILES, delivery="mail") == (400, "malformed-parameter")
    serve("limits.bytes = 1000")
    assert status(token=token, files=FILES) == (413, "too-many-bytes")
    assert api.get(ADDRESS).status_code == 405
