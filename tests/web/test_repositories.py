"""Several repositories behind one real server: a package out of an OCFL store, one out of two repositories, and one that is away."""

import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError

import bagit
import pytest

from fixtures.fedora6 import Binary, archival_group, grant
from fixtures.ocfl import OcflStore
from tests.sources.stores import BuiltStore
from tests.web.resume.asking import Application, Reply, get, manage
from tests.web.resume.material import Part, put_object, some
from tests.web.server import Server, serving

ARK, ARK_PID = "ark:/12345/bcd987", "ark:%2F12345%2Fbcd987"
FILES = {"image.tiff": some(300_001, "image"), "letters/May 1900.txt": "Dear Sir; été".encode(), "empty": b""}
GROUP, CLOSED = "info:fedora/demo:5", "info:fedora/demo:6"
BINARIES = {"OBJ": Binary(octets=some(70_001, "OBJ"), mime="image/jp2"), "pages/1.xml": Binary(octets=b"<page/>", mime="text/xml")}


@dataclass(frozen=True, kw_only=True)
class Site:
    server: Server
    application: Application
    ocfl: OcflStore
    fedora3: BuiltStore

    def package(self, *files: str) -> Reply:
        return self.application.package(";".join(files), "tar")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("repositories")
    ocfl, private = OcflStore(root=folder / "ocfl"), OcflStore(root=folder / "private", layout=None, place=lambda _: "some/where")
    ocfl.put(ARK, {"image.tiff": b"old"}, FILES, fixity=["sha256", "md5"])
    ocfl.put(GROUP, archival_group(GROUP, BINARIES))
    ocfl.put(CLOSED, archival_group(CLOSED, BINARIES, acl=grant(CLOSED, agent="http://example.org/staff")))
    rotten = ocfl.put("demo:rotten", {"a.bin": some(100_000, "a"), "b.txt": b"sound"})
    (rotten / "v1" / "content" / "a.bin").write_bytes(some(100_000, "b"))
    private.put("private:1", {"a.txt": b"not for everybody"})
    fedora3 = BuiltStore(root=folder / "fedora3")
    put_object(fedora3, "rutgers-lib:1", Part(dsid="JPEG-1", octets=some(90_001, "JPEG"), declares="sha256"))
    toml = f"""
[[repositories]]
name = "ocfl"
type = "ocfl"
root = "{ocfl.root}"
namespaces = ["ark", "demo"]

[[repositories]]
name = "fedora"
type = "fedora3"
objects = "{fedora3.objects}"
datastreams = "{fedora3.datastreams}"
namespaces = ["rutgers-lib"]

[[repositories]]
name = "private"
type = "ocfl"
root = "{private.root}"
layout = "index"
public = false
namespaces = ["private"]
"""
    (folder / "server").mkdir()
    with serving(folder / "server", toml=toml) as server:
        yield Site(server=server, application=Application.at(server), ocfl=ocfl, fedora3=fedora3)


def payload(answer: Reply, folder: Path) -> Mapping[str, bytes]:
    """The payload of a package that another one's reader of bags finds valid."""
    assert answer.status == 200, answer.body
    assert answer.is_whole
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as package:
        package.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    bag = bagit.Bag(str(top))
    bag.validate()
    return {name.removeprefix("data/"): (top / name).read_bytes() for name in bag.payload_files()}


def notices(answer: Reply) -> list[list[str]]:
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as package:
        file = package.extractfile(next(member for member in package if member.name.endswith("/notices.txt")))
        assert file is not None
        return [line.split("\t") for line in file.read().decode().splitlines() if "\t" in line]


def test_an_object_of_an_ocfl_store_is_a_valid_package(site: Site, tmp_path: Path) -> None:
    told = payload(site.package(ARK_PID), tmp_path)
    assert sorted(told.values()) == sorted(FILES.values())
    assert told["ark-_2F12345_2Fbcd987_image.tiff"] == FILES["image.tiff"]


def test_one_file_of_it_is_asked_for_by_its_encoded_path(site: Site, tmp_path: Path) -> None:
    told = payload(site.package(f"{ARK_PID}/letters%2FMay 1900.txt", f"{ARK_PID}/IMAGE.TIFF"), tmp_path)
    assert sorted(told.values()) == sorted([FILES["letters/May 1900.txt"], FILES["image.tiff"]])


def test_repositories_share_a_package(site: Site, tmp_path: Path) -> None:
    answer = site.package("rutgers-lib:1", "demo:5", f"{ARK_PID}/image.tiff")
    told = payload(answer, tmp_path)
    assert told["demo-5_OBJ.jp2"] == BINARIES["OBJ"].octets
    assert told["rutgers-lib-1_JPEG-1.txt"] == some(90_001, "JPEG")
    assert told["ark-_2F12345_2Fbcd987_image.tiff"] == FILES["image.tiff"]
    names = [
        "rutgers-lib-1_DC.txt",
        "rutgers-lib-1_JPEG-1.txt",
        "demo-5_OBJ.jp2",
        "demo-5_pages_2F1.xml",
        "ark-_2F12345_2Fbcd987_image.tiff",
    ]
    assert sorted(told) == sorted(names)
    # A slash and a percent sign can be in no file's name: that is the only thing to be told.
    assert [line[:2] for line in notices(answer)] == [["demo:5/pages%2F1.xml", "renamed"], [f"{ARK_PID}/image.tiff", "renamed"]]


def test_what_an_access_list_closes_is_told_and_does_not_leave(site: Site, tmp_path: Path) -> None:
    answer = site.package("demo:6", "demo:5/OBJ")
    assert list(payload(answer, tmp_path)) == ["demo-5_OBJ.jp2"]
    assert [line[:2] for line in notices(answer)] == [["demo:6/OBJ", "restricted"], ["demo:6/pages%2F1.xml", "restricted"]]
    assert get(site.server, "/api/get/demo:6/OBJ").status == 403
    assert get(site.server, "/api/get/demo:6/OBJ~fcr-acl.nt").status == 404


def test_wrong_bytes_never_leave_whole(site: Site, tmp_path: Path) -> None:
    answer = site.package("demo:rotten/a.bin")
    assert not answer.is_whole
    site.server.wait_for_rows("SELECT dsid FROM getapi_fixity WHERE pid = 'demo:rotten' AND verdict = 'mismatch'")  # within a second
    answer = site.package("demo:rotten")
    assert list(payload(answer, tmp_path)) == ["demo-rotten_b.txt"]
    assert [line[:2] for line in notices(answer)] == [["demo:rotten/a.bin", "fixity"]]


def test_single_datastreams_and_lists_have_the_same_names(site: Site) -> None:
    address = "/api/get/ark:%252F12345%252Fbcd987"
    answer = get(site.server, address, accept="application/json")
    told = json.loads(answer.body)
    assert told["pid"] == ARK_PID
    assert [each["dsid"] for each in told["datastreams"]] == ["empty", "image.tiff", "letters%2FMay 1900.txt"]
    answer = get(site.server, f"{address}/letters%252FMay%201900.txt")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, FILES["letters/May 1900.txt"], "text/plain")
    answer = get(site.server, f"{address}/image.tiff", range="bytes=300000-")
    assert (answer.status, answer.body) == (206, FILES["image.tiff"][300_000:])


@pytest.mark.parametrize("away", ["ocfl", "fedora"])
def test_a_repository_that_is_away_costs_its_own_members_a_notice(site: Site, tmp_path: Path, away: str) -> None:
    root, gone, there = {
        "ocfl": (site.ocfl.root, "demo:5/OBJ", "rutgers-lib:1/JPEG-1"),
        "fedora": (site.fedora3.root, "rutgers-lib:1/JPEG-1", "demo:5/OBJ"),
    }[away]
    root.rename(root.with_name("away"))
    try:
        answer = site.package(gone, there)
        ready = get(site.server, "/readyz")
        alone = site.package(gone)
    finally:
        root.with_name("away").rename(root)
    (name,) = payload(answer, tmp_path)
    assert name.startswith(there.replace(":", "-").replace("/", "_"))
    assert [line[:2] for line in notices(answer)] == [[gone.partition("/")[0], "source-unavailable"]]
    assert ready.status == 503
    assert alone.status == 503
    assert site.package(gone, there).is_whole


def test_an_index_finds_what_no_layout_tells_and_only_those_who_may_ask_are_told(site: Site, tmp_path: Path) -> None:
    assert "private: " in manage(site.server, "index_sources", "private")
    assert get(site.server, "/api/get/private:1/a.txt").status == 403
    answer = get(site.server, "/api/get/private:1/a.txt", authorization=f"Bearer {site.application.token}")
    assert (answer.status, answer.body) == (200, b"not for everybody")
    assert list(payload(site.package("private:1"), tmp_path).values()) == [b"not for everybody"]


def test_check_sources_and_index_sources_know_every_type_of_repository(site: Site) -> None:
    told = manage(site.server, "check_sources")
    assert f"ocfl: root: 4 objects looked at, all where they should be ({site.ocfl.root})" in told
    assert "fedora: objects: 1 files looked at" in told
    manage(site.server, "index_sources")
    rows = site.server.rows("SELECT token, path FROM getapi_indexedpath WHERE repository = 'ocfl' ORDER BY token")
    places = {ARK_PID: ARK, "demo:5": GROUP, "demo:6": CLOSED, "demo:rotten": "demo:rotten"}
    assert rows == [(pid, site.ocfl.place(identifier)) for pid, identifier in sorted(places.items())]
    assert get(site.server, "/api/get/ARK:%252F12345%252FBCD987/image.tiff").status == 200


def test_fixity_scan_reads_all_that_is_managed(site: Site) -> None:
    with pytest.raises(CalledProcessError) as caught:
        manage(site.server, "fixity_scan", "--repository", "ocfl", "--algorithm", "sha512")
    told = caught.value.stdout.splitlines()
    assert [line.split("\t")[:3] for line in told if "\t" in line] == [["mismatch", "ocfl", "demo:rotten/a.bin"]]
    # Closed or not, it is looked at: 3 files of the first object, 2 binaries of each of Fedora's, 2 files of the rotten one.
    right, known, wrong, unread = map(int, re.findall(r"([0-9]+) [a-z]", told[-1].partition(";")[0]))
    assert (right + known, wrong, unread) == (8, 1, 0)
