"""``Prefer: return=minimal``: how a package stands, for pages that ask again and again (RFC 7240 4.2)."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from lxml import etree

from getapi.models import Package
from getapi.services import packages
from getapi.services.glances import Glances
from tests.conftest import Configure
from tests.sources.stores import BuiltStore
from tests.web.conftest import APPLICATION, get_token, octets
from tests.web.resume.material import Part, configuration, file_of, put_object

JSON = {"accept": "application/json"}
MINIMAL = {**JSON, "prefer": "return=minimal"}
OUTLINE = ["id", "state", "format", "name", "size", "files", "sent", "rate", "progress", "problem", "created", "expires", "content"]
CONTENTS = ["checksum", "tagmanifest_sha256", "datastreams", "notices"]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(packages, "_glances", Glances(pause=packages.GLANCE, clock=made))
    return made


@pytest.fixture
def store(tmp_path: Path, configure: Configure) -> BuiltStore:
    made = BuiltStore(root=tmp_path / "store")
    for number in range(40):
        put_object(made, f"map:{number}", Part(dsid="TIFF", octets=b"sheet %d" % number, declares="sha256"))
    configure(configuration(made))
    return made


@pytest.fixture
def ask(db: None, store: BuiltStore, key: str) -> Callable[..., str]:
    """``ask(40)``: the address of a package of so many files."""
    application = Client(REMOTE_ADDR=APPLICATION)
    token = get_token(application, key)

    def made(count: int) -> str:
        files = ";".join(f"map:{number}/TIFF" for number in range(count))
        return str(application.post("/api/get/PACKAGE", {"token": token, "files": files, "delivery": "link"}, headers=JSON)["Location"])

    return made


def test_it_tells_all_but_what_is_in_the_package_in_the_same_words(ask: Callable[..., str]) -> None:
    place, reader = ask(3), Client()
    whole, brief = reader.get(place, headers=JSON), reader.get(place, headers=MINIMAL)
    assert list(whole.json()) == [*OUTLINE, *CONTENTS]
    assert brief.json() == {name: whole.json()[name] for name in OUTLINE}
    assert brief["Preference-Applied"] == "return=minimal"
    assert "Preference-Applied" not in whole
    assert (
        {"Accept", "Prefer"} <= {each.strip() for each in whole["Vary"].split(",")} == {each.strip() for each in brief["Vary"].split(",")}
    )
    root = etree.fromstring(reader.get(place, headers={"prefer": "return=minimal"}).content)
    assert [each.tag for each in root] == OUTLINE


def test_a_page_for_people_is_always_whole(ask: Callable[..., str]) -> None:
    page = Client().get(ask(3), headers={"accept": "text/html", "prefer": "return=minimal"})
    assert b"map-2_TIFF" in page.content
    assert "Preference-Applied" not in page


def test_it_costs_the_same_however_much_is_in_the_package(ask: Callable[..., str], clock: Clock) -> None:
    costs = []
    for count in (1, 40):
        place = ask(count)
        Client().get(place, headers=MINIMAL)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = Client().get(place, headers=MINIMAL)
        costs.append((len(queries), len(answer.content)))
        assert not any('"plan"' in query["sql"] for query in queries)
    assert costs[0][0] == costs[1][0]
    assert max(octets for _, octets in costs) < 400


@pytest.mark.parametrize("headers", [JSON, {"accept": "text/html"}])
def test_what_the_repository_says_is_told_a_little_later_and_to_who_asks_for_all_at_once(
    ask: Callable[..., str], store: BuiltStore, clock: Clock, headers: dict[str, str]
) -> None:
    place, reader = ask(3), Client()
    assert reader.get(place, headers=MINIMAL).json()["state"] == "ready"
    file_of(store, "map:1", "TIFF").write_bytes(b"another sheet")
    clock.now += packages.GLANCE - 0.1
    assert reader.get(place, headers=MINIMAL).json()["state"] == "ready"
    clock.now += 0.2
    assert [reader.get(place, headers=MINIMAL).json()["state"] for _ in range(2)] == ["changed", "changed"]
    assert b"changed" in reader.get(place, headers=headers).content


def test_no_byte_leaves_by_what_was_remembered(ask: Callable[..., str], store: BuiltStore, clock: Clock) -> None:
    place, reader = ask(3), Client()
    assert reader.get(place, headers=MINIMAL).json()["state"] == "ready"
    file_of(store, "map:1", "TIFF").write_bytes(b"another sheet")
    assert reader.get(f"{place}/content", headers=JSON).json()["code"] == "package-changed"
    assert [reader.get(place, headers=each).json()["state"] for each in (MINIMAL, JSON)] == ["changed", "changed"]


def test_what_the_service_itself_knows_is_told_at_once(ask: Callable[..., str], clock: Clock) -> None:
    place, reader = ask(3), Client()
    octets(reader.get(f"{place}/content"))
    assert reader.get(place, headers=MINIMAL).json()["state"] == "done"
    reader.delete(place)
    ended = reader.get(place, headers=MINIMAL).json()
    assert (ended["state"], list(ended)) == ("canceled", OUTLINE)
    Package.objects.all().delete()
    gone = reader.get(place, headers=MINIMAL)
    assert (gone.status_code, json.loads(gone.content)["code"]) == (404, "package-not-found")


def test_the_lines_to_verify_name_the_manifest_that_is_in_the_package_whatever_is_configured_since(
    ask: Callable[..., str], store: BuiltStore, configure: Configure
) -> None:
    place, reader = ask(3), Client()
    configure('packages.checksum = "sha512"\n' + configuration(store))
    page = reader.get(place, headers={"accept": "text/html"}).content.decode()
    assert "sha256sum -c manifest-sha256.txt" in page
    assert "shasum -a 256 -c manifest-sha256.txt" in page
    assert "Get-Content manifest-sha256.txt" in page
    assert "sha256sum tagmanifest-sha256.txt" in page
    assert "sha512" not in page
    assert reader.get(place, headers=JSON).json()["checksum"] == "sha256"
    later = reader.get(ask(2), headers=JSON).json()
    assert later["checksum"] == "sha512"
