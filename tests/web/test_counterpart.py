"""``POST /api/get/packages/{id}``: the same package in the other format, and its end, for pages without scripts."""

import hashlib
import io
import tarfile
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from getapi.models import Key, Package
from tests.web.conftest import Serve, octets

ADDRESS = "/api/get/PACKAGE"
FILES = "rutgers-lib:1234;rutgers-lib:5678/PDF-1;nobody:1"
JSON = {"accept": "application/json"}


@pytest.fixture
def reader(api: Client) -> Client:
    """Who has nothing but the page's address."""
    return Client(REMOTE_ADDR="198.51.100.7")


@pytest.fixture
def place(api: Client, token: str) -> str:
    return str(api.post(ADDRESS, {"token": token, "files": FILES, "delivery": "link"}, headers=JSON)["Location"])


def other(reader: Client, place: str, kind: str = "zip") -> str:
    answer = reader.post(place, {"format": kind})
    assert (answer.status_code, answer.content) == (303, b"")
    found, _, wish = answer["Location"].partition("#")
    assert wish == "now"
    return str(found)


def contents(body: bytes) -> dict[str, str]:
    """Digests by path."""
    if body[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(body)) as package:
            found = {info.filename: package.read(info) for info in package.infolist() if not info.is_dir()}
    else:
        with tarfile.open(fileobj=io.BytesIO(body)) as package:
            found = {info.name: package.extractfile(info).read() for info in package if info.isfile()}  # type: ignore[union-attr]
    return {path: hashlib.sha256(inner).hexdigest() for path, inner in found.items()}


def test_it_holds_the_very_same_files_and_tag_files(reader: Client, place: str) -> None:
    zipped = other(reader, place)
    first, second = octets(reader.get(f"{place}/content")), octets(reader.get(f"{zipped}/content"))
    assert (first[:2] == b"PK", second[:2] == b"PK") == (False, True)
    assert contents(first) == contents(second)
    told = reader.get(zipped, headers=JSON).json()
    assert (told["format"], told["size"]) == ("zip", len(second))


def test_there_is_one_however_often_it_is_asked_for_and_the_way_back_leads_back(reader: Client, place: str) -> None:
    zipped = other(reader, place)
    assert {other(reader, place), other(reader, place, " ZIP "), other(reader, zipped)} == {zipped}
    assert {other(reader, place, "tar"), other(reader, zipped, "tar")} == {place}
    assert Package.objects.count() == 2


def test_going_to_and_fro_prolongs_nothing(reader: Client, place: str) -> None:
    begun = timezone.now() - timedelta(hours=20)
    Package.objects.update(created=begun)
    first, second = (reader.get(each, headers=JSON).json() for each in (place, other(reader, place)))
    assert (first["created"], first["expires"]) == (second["created"], second["expires"])


def test_of_what_was_prepared_lately_the_other_format_lives_as_long(reader: Client, place: str) -> None:
    Package.objects.update(created=timezone.now() - timedelta(hours=30), prepared=timezone.now() - timedelta(hours=1))
    zipped = other(reader, place)
    first, second = (reader.get(each, headers=JSON).json() for each in (place, zipped))
    assert (second["state"], second["expires"]) == ("ready", first["expires"])
    assert reader.head(f"{zipped}/content").status_code == 200


def test_it_counts_for_the_same_key(serve: Serve, reader: Client, place: str) -> None:
    serve("limits.packages = 1")
    assert reader.post(place, {"format": "zip"}, headers=JSON).json()["code"] == "too-many-packages"
    serve()
    other(reader, place)
    assert set(Package.objects.values_list("key", flat=True)) == {Key.objects.get().pk}


def test_access_is_decided_again(reader: Client, place: str, serve: Serve, tmp_path: Path) -> None:
    denied = tmp_path / "denied"
    denied.write_text("rutgers-lib:5678\n")
    serve(f'access.deny_list = "{denied}"')
    answer = reader.post(place, {"format": "zip"}, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (410, "package-closed")
    assert Package.objects.count() == 1


def test_what_is_over_has_no_other_format_and_a_cancelled_one_gets_no_second(reader: Client, place: str) -> None:
    zipped = other(reader, place)
    assert reader.post(zipped, {"cancel": "yes"}).status_code == 303
    assert other(reader, place) == zipped
    assert reader.get(zipped, headers=JSON).json()["state"] == "canceled"
    reader.delete(place)
    assert reader.post(place, {"format": "zip"}).status_code == 410
    assert Package.objects.count() == 2


def test_cancelling_leads_to_the_page_that_says_so(reader: Client, place: str) -> None:
    answer = reader.post(place, {"cancel": "yes"})
    assert (answer.status_code, answer["Location"]) == (303, place)
    assert "This package was cancelled" in reader.get(place, headers={"accept": "text/html"}).content.decode()


@pytest.mark.parametrize(
    ("fields", "code"),
    [({}, "missing-parameter"), ({"cancel": "no"}, "missing-parameter"), ({"format": "7z"}, "malformed-parameter")],
)
def test_anything_else_is_refused(reader: Client, place: str, fields: dict[str, str], code: str) -> None:
    answer = reader.post(place, fields, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_an_unknown_package_is_404(api: Client) -> None:
    assert api.post(f"/api/get/packages/{'0' * 32}", {"format": "zip"}).status_code == 404
    assert api.post(f"/api/get/packages/{'0' * 32}", {"cancel": "yes"}).status_code == 404
