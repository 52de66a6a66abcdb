"""A repository whose structural maps are made to exhaust who reads them (SPEC 3, 6)."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from fixtures.foxml import DigitalObject, managed, token, write_foxml
from fixtures.store import Store
from tests.conftest import Configure
from tests.web.conftest import APPLICATION, octets

ADDRESS = "/api/get/PACKAGE"
CREATED = "2020-01-01T00:00:00.000Z"
HEAD = '<mets xmlns="http://www.loc.gov/METS/" xmlns:xlink="http://www.w3.org/1999/xlink"><structMap>'
FOOT = "</structMap></mets>"


def point(href: str) -> str:
    return f'<mptr LOCTYPE="URL" xlink:href="info:fedora/{href}"/>'


Ask = Callable[[str, dict[str, str]], tuple[int, dict[str, object], bytes]]


@pytest.fixture
def ask(db: None, configure: Configure, tmp_path: Path, key: str) -> Ask:
    """``ask(map, parameters)``: status, problem and notices of a request to a repository where ``evil:1/SMAP1`` is that document."""

    def answer(document: str, parameters: dict[str, str]) -> tuple[int, dict[str, object], bytes]:
        content = document.encode()
        thing = DigitalObject(
            pid="evil:1",
            label="Evil",
            created=CREATED,
            datastreams=(managed("SMAP1", "Map", "text/xml", content, CREATED), managed("TXT", "Text", "text/plain", b"harmless", CREATED)),
        )
        stores = {name: Store(root=tmp_path / name, layout="akubra", pattern="##") for name in ("objects", "datastreams")}
        stores["objects"].put(thing.pid, write_foxml(thing), created=CREATED)
        for datastream in thing.datastreams:
            (version,) = datastream.versions
            stores["datastreams"].put(token(thing.pid, datastream, version), version.content or b"", created=CREATED)
        configure(
            f'[[repositories]]\nname = "evil"\ntype = "fedora3"\nobjects = "{tmp_path}/objects"\ndatastreams = "{tmp_path}/datastreams"'
        )
        api = Client(REMOTE_ADDR=APPLICATION, headers={"accept": "application/json"})
        given = api.post("/api/get/getToken", {"key": key}).json()["token"]
        found = api.post(ADDRESS, {"token": given, **parameters})
        if found.status_code != 200:
            return found.status_code, found.json(), b""
        with tarfile.open(fileobj=io.BytesIO(octets(found))) as package:
            members = {member.name.partition("/")[2]: member for member in package}
            file = package.extractfile(members["notices.txt"])
            assert file is not None
            return 200, {path: member.size for path, member in members.items()}, file.read()

    return answer


@pytest.mark.parametrize("depth", [33, 200, 255, 300, 10_000, 100_000])
def test_divisions_deeper_than_the_limit_are_too_much(ask: Ask, depth: int) -> None:
    document = HEAD + "<div>" * depth + point("evil:1/TXT") + "</div>" * depth + FOOT
    status, problem, _ = ask(document, {"map": "evil:1/SMAP1"})
    assert (status, problem["code"]) == (413, "map-too-deep")
    assert isinstance(problem["limit"], int)


def test_divisions_that_never_end_are_no_map(ask: Ask) -> None:
    status, _, notices = ask(HEAD + "<div>" * 200, {"map": "evil:1/SMAP1"})
    assert (status, notices.count(b"map-unusable")) == (200, 2)


def test_more_divisions_than_the_limit_are_too_much(ask: Ask) -> None:
    status, problem, _ = ask(HEAD + "<div>" + "<div/>" * 100_001 + "</div>" + FOOT, {"map": "evil:1/SMAP1"})
    assert (status, problem["code"], problem["limit"]) == (413, "map-too-large", 100_000)


@pytest.mark.parametrize("targets", [["evil:1/SMAP1"] * 50_000, ["evil:1"] * 10_000, ["evil:1/SMAP1", "evil:1", "EVIL:1", "evil:1/TXT"]])
def test_a_map_that_points_at_itself_ends(ask: Ask, targets: list[str]) -> None:
    status, members, _ = ask(f"{HEAD}<div>{''.join(map(point, targets))}</div>{FOOT}", {"map": "evil:1/SMAP1"})
    assert status == 200
    assert len([path for path in members if path.startswith("data/") and path != "data/"]) <= 2


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + HEAD + '<div LABEL="&b;"/>' + FOOT,
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + HEAD + "<div>&a;</div>" + FOOT,
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + HEAD + "<div/>" + FOOT,
        "",
        "\0",
        "<a/>" * 1000,
    ],
)
def test_a_map_that_is_none_is_told_and_nothing_of_it_is_resolved(ask: Ask, document: str) -> None:
    status, members, notices = ask(document, {"map": "evil:1/SMAP1"})
    assert (status, notices.count(b"map-unusable")) == (200, 2)
    assert b"root:" not in notices
    status, members, notices = ask(document, {"files": "evil:1"})
    assert status == 200
    assert any("TXT" in path for path in members)


def test_labels_are_no_paths(ask: Ask) -> None:
    labels = ["../../etc", "/", "&#x9;&#xA;", "C:\\", "a" * 5000, "&#x202e;", "..", "CON"]
    divisions = "".join(f'<div LABEL="{label}">{point("evil:1/TXT")}</div>' for label in labels)
    status, members, _ = ask(f"{HEAD}<div>{divisions}</div>{FOOT}", {"map": "evil:1/SMAP1"})
    assert status == 200
    assert not [path for path in members if ".." in path.split("/")]
