"""The sample of a resumable download of Orthanc's studies, call by call, and each of its defects absent (peers.md 1C)."""

import hashlib
import io
import re
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from django.test import Client

from fixtures.orthanc import PROGRAM, PYTHON_PLUGIN, OrthancServer, Study, free_port, make_study, orthanc
from getapi import conf
from getapi.models import Package
from tests.conftest import Configure
from tests.web.conftest import APPLICATION, get_token, octets
from tests.web.database import TOP
from tests.web.server import serving

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Orthanc is not installed")

VIEWER = "192.0.2.77"
"""A reader in the hospital's network."""


def toml(url: str, *, networks: str = f'["{VIEWER}", "192.0.2.78"]', more: str = "") -> str:
    return f"""
[compat.orthanc]
repository = "pacs"
[[repositories]]
name = "pacs"
type = "orthanc"
url = "{url}"
allow_private = true
networks = {networks}
{more}"""


def tar(url: str) -> str:
    return toml(url, networks='["127.0.0.1"]').replace('repository = "pacs"', 'repository = "pacs"\nformat = "tar"')


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


@pytest.fixture
def study(server: OrthancServer) -> str:
    """One of its own for each test."""
    name = str(time.monotonic_ns())[-12:]
    return server.fill(make_study(Study(accession=name)))[0]["ParentStudy"]


@pytest.fixture
def viewer(db: None, configure: Configure, server: OrthancServer) -> Client:
    configure(toml(server.url))
    return Client(REMOTE_ADDR=VIEWER)


def content_of(client: Client, told: dict[str, Any], **headers: str) -> Any:
    return client.get(told["download-url"].removeprefix("http://testserver"), headers=headers)


class TestTheSamplesFlow:
    def test_its_page_waits_until_the_status_begins_with_ready(self, viewer: Client, study: str) -> None:
        told = viewer.get(f"/api/studies/{study}/archive").json()
        assert set(told) == {"studyId", "job", "download-url", "status"}
        assert (told["studyId"], set(told["job"])) == (study, {"ID", "Path"})
        assert told["status"].startswith("ready")
        answer = content_of(viewer, told)
        body = octets(answer)
        assert (answer.status_code, answer["Content-Type"], int(answer["Content-Length"])) == (200, "application/zip", len(body))
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert archive.testzip() is None
            assert sum(name.endswith(".dcm") for name in archive.namelist()) == 7

    def test_the_page_is_the_packages_own(self, viewer: Client, study: str) -> None:
        answer = viewer.get(f"/studies/{study}/archive", headers={"accept": "text/html"})
        assert answer.status_code == 303
        page = viewer.get(answer["Location"], headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "Knee" in page.content.decode()

    def test_it_is_had_in_parts_without_a_stored_copy(self, viewer: Client, study: str, settings: Any) -> None:
        told = viewer.get(f"/api/studies/{study}/archive").json()
        whole = octets(content_of(viewer, told))
        etag = content_of(viewer, told)["ETag"]
        for start in (1, 700, len(whole) // 2, len(whole) - 10):
            part = content_of(viewer, told, range=f"bytes={start}-", if_range=etag)
            assert (part.status_code, octets(part)) == (206, whole[start:])
        assert sum(len(row.plan) for row in Package.objects.all()) < len(whole) / 5


class TestItsDefectsAreAbsent:
    def test_what_cannot_be_made_ends_the_waiting(self, viewer: Client, server: OrthancServer) -> None:
        unknown = "-".join(["00000000"] * 5)
        answer = viewer.get(f"/api/studies/{unknown}/archive")
        told = answer.json()
        assert (answer.status_code, told["job"], told["download-url"], told["studyId"]) == (404, None, None, unknown)
        assert told["status"].startswith("error - ")
        assert told["code"] == "object-not-found"

    def test_an_orthanc_that_is_away_ends_it_too(self, db: None, configure: Configure, study: str) -> None:
        configure(toml(f"http://127.0.0.1:{free_port()}"))
        answer = Client(REMOTE_ADDR=VIEWER).get(f"/api/studies/{study}/archive")
        assert (answer.status_code, answer.json()["code"]) == (503, "source-unavailable")
        assert answer.json()["status"].startswith("error - ")
        assert int(answer["Retry-After"]) > 0

    def test_polling_makes_nothing_anew(self, viewer: Client, study: str) -> None:
        told = [viewer.get(f"/api/studies/{study}/archive").json() for _ in range(5)]
        assert all(each == told[0] for each in told)
        assert Package.objects.count() == 1

    def test_a_study_that_changed_is_another_package_and_the_old_one_is_no_more(
        self, viewer: Client, server: OrthancServer, study: str
    ) -> None:
        first = viewer.get(f"/api/studies/{study}/archive").json()
        tags = server.get(f"/studies/{study}")["MainDicomTags"]
        server.fill(make_study(Study(accession=tags["AccessionNumber"], series=(("Axial", 5), ("Sagittal", 3)))))
        second = viewer.get(f"/api/studies/{study}/archive").json()
        assert second["download-url"] != first["download-url"]
        with zipfile.ZipFile(io.BytesIO(octets(content_of(viewer, second)))) as archive:
            assert sum(name.endswith(".dcm") for name in archive.namelist()) == 8
        server.delete(f"/studies/{study}")
        gone = content_of(viewer, first)
        assert gone.status_code == 410

    def test_its_address_cannot_be_guessed_and_is_not_for_everybody(self, viewer: Client, study: str) -> None:
        told = viewer.get(f"/api/studies/{study}/archive").json()
        assert re.fullmatch(r"[0-9a-f]{32}", told["job"]["ID"])
        assert study not in told["download-url"]
        outside = Client(REMOTE_ADDR="203.0.113.9")
        for path in (f"/api/studies/{study}/archive", f"/studies/{study}/archive", f"/api/get/orthanc:{study}"):
            assert outside.get(path).status_code == 403
        assert Package.objects.count() == 1

    def test_it_opens_no_other_repository(self, db: None, configure: Configure, server: OrthancServer, study: str) -> None:
        closed = f"""
[[repositories]]
name = "closed"
type = "orthanc"
url = "{server.url}"
allow_private = true
namespaces = ["closed"]"""
        configure(toml(server.url, more=closed))
        viewer = Client(REMOTE_ADDR=VIEWER)
        assert viewer.get(f"/api/get/closed:{study}").status_code == 403
        for name in (f"x;closed:{study}", f"{study};closed:{study}", f" ; closed:{study}", f"{study}\nclosed:{study}"):
            answer = viewer.get(f"/api/studies/{quote(name)}/archive")
            assert (answer.status_code, answer.json()["code"]) == (404, "object-not-found"), name
        assert not Package.objects.exists()

    def test_each_reader_has_a_package_of_their_own(self, viewer: Client, study: str) -> None:
        other = Client(REMOTE_ADDR="192.0.2.78")
        mine, theirs = (each.get(f"/api/studies/{study}/archive").json() for each in (viewer, other))
        assert mine["download-url"] != theirs["download-url"]

    def test_a_token_opens_it_from_anywhere(self, viewer: Client, study: str, db: None) -> None:
        from getapi.services import keys

        application = Client(REMOTE_ADDR=APPLICATION)
        token = get_token(application, keys.create_key("viewer", [APPLICATION]))
        answer = Client(REMOTE_ADDR="203.0.113.9").get(f"/api/studies/{study}/archive", {"token": token})
        assert answer.json()["status"].startswith("ready")
        assert Package.objects.get().key is not None

    def test_nothing_is_made_by_another_method(self, viewer: Client, study: str) -> None:
        for method in (viewer.post, viewer.head, viewer.delete):
            assert method(f"/api/studies/{study}/archive").status_code == 405
            assert method(f"/studies/{study}/archive").status_code == 405
        assert not Package.objects.exists()


def test_without_the_setting_these_addresses_are_not_there(db: None, configure: Configure, server: OrthancServer, study: str) -> None:
    configure(toml(server.url).replace("[compat.orthanc]\nrepository", "[packages]\nsource_organization"))
    assert Client(REMOTE_ADDR=VIEWER).get(f"/api/studies/{study}/archive").status_code == 404


def test_the_setting_must_name_an_orthanc(tmp_path: Path) -> None:
    path = tmp_path / "packaging.toml"
    path.write_text('[compat.orthanc]\nrepository = "pacs"', encoding="utf-8")
    with pytest.raises(conf.ConfigurationError, match=r"compat\.orthanc\.repository: is no repository of the type orthanc"):
        conf.load(path, {"PACKAGING_SECRET_KEY": "k" * 40})


@pytest.mark.skipif(PYTHON_PLUGIN is None, reason="Orthanc's Python plugin is not installed")
def test_the_plugin_sends_readers_on_and_leaves_jobs_to_orthanc(tmp_path: Path) -> None:
    settings = {
        "Plugins": [str(PYTHON_PLUGIN)],
        "PythonScript": str(TOP / "docs" / "deploy" / "orthanc-plugin.py"),
        "PackagingService": "https://packages.library.example/",
    }
    with orthanc(tmp_path, settings=settings) as server:
        study = server.fill(make_study(Study()))[0]["ParentStudy"]
        answer = requests.get(f"{server.url}/studies/{study}/archive", allow_redirects=False, timeout=30)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"https://packages.library.example/studies/{study}/archive")
        job = requests.post(f"{server.url}/studies/{study}/archive", json={"Asynchronous": True}, timeout=30)
        assert set(job.json()) == {"ID", "Path"}
        assert requests.delete(f"{server.url}/studies/{study}/archive", timeout=30).status_code == 405


INSTANCES = 200
SIDE = 512
"""A quarter of a megabyte each: 50 MB in all."""


class TestTwoHundredInstances:
    """Out of a real Orthanc, through a real service."""

    @pytest.fixture(scope="class")
    @classmethod
    def place(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("large")

    @pytest.fixture(scope="class")
    @classmethod
    def large(cls, place: Path) -> tuple[str, int]:
        """The study, and the port at which its Orthanc is started again."""
        port = free_port()
        with orthanc(place, port=port) as server:
            told = server.fill(make_study(Study(series=(("Axial", INSTANCES // 2), ("Sagittal", INSTANCES // 2)), side=SIDE)))
        return told[0]["ParentStudy"], port

    def take(self, url: str, start: int = 0, stop: int | None = None) -> bytes:
        """From ``start``; cut after ``stop`` octets."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        with requests.get(url, headers=headers, stream=True, timeout=60) as answer:
            assert answer.status_code == (206 if start else 200)
            pieces, left = [], stop
            for piece in answer.iter_content(1 << 16):
                pieces.append(piece)
                left = None if left is None else left - len(piece)
                if left is not None and left <= 0:
                    break
            return b"".join(pieces)

    def ask(self, url: str, study: str) -> str:
        told = requests.get(f"{url}/api/studies/{study}/archive", timeout=60).json()
        return str(told["download-url"])

    def test_it_is_resumed_after_a_restart_of_both_and_its_md5s_are_orthancs(
        self, large: tuple[str, int], place: Path, tmp_path: Path
    ) -> None:
        study, port = large
        settings = tar(f"http://127.0.0.1:{port}")
        with orthanc(place, port=port), serving(tmp_path, toml=settings) as service:
            address = self.ask(service.url, study)
            first = self.take(address, stop=20_000_000)
            service_port = service.port
        with orthanc(place, port=port) as server, serving(tmp_path, toml=settings, port=service_port):
            body = first + self.take(address, start=len(first))
            md5s = {
                requests.get(f"{server.url}/instances/{each}/attachments/dicom/md5", timeout=30).text
                for each in server.get(f"/studies/{study}")["Series"]
                for each in server.get(f"/series/{each}")["Instances"]
            }
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            members = {each.name: archive.extractfile(each) for each in archive if each.isfile()}
            found = {name.partition("/")[2]: each.read() for name, each in members.items() if each}
        pictures = [content for name, content in found.items() if name.endswith(".dcm")]
        assert len(pictures) == INSTANCES
        assert {hashlib.md5(each, usedforsecurity=False).hexdigest() for each in pictures} == md5s
        manifest = {
            name: digest for digest, _, name in (line.partition("  ") for line in found["manifest-sha256.txt"].decode().splitlines())
        }
        assert manifest == {name: hashlib.sha256(content).hexdigest() for name, content in found.items() if name.startswith("data/")}

    def test_it_comes_faster_than_orthancs_own_archive(self, large: tuple[str, int], place: Path, tmp_path: Path) -> None:
        study, port = large

        def seconds(take: Callable[[], bytes]) -> float:
            began = time.monotonic()
            assert len(take()) > 10_000_000
            return time.monotonic() - began

        with orthanc(place, port=port) as server, serving(tmp_path, toml=tar(server.url)) as service:
            rounds = [
                (
                    seconds(lambda: self.take(self.ask(service.url, study))),
                    seconds(lambda: self.take(f"{server.url}/studies/{study}/archive")),
                )
                for _ in range(4)
            ]
        ours, theirs = (min(each) for each in zip(*rounds, strict=True))
        assert ours < theirs, (ours, theirs)
        print(f"{INSTANCES} instances: {ours:.2f} s, Orthanc's own archive {theirs:.2f} s")
