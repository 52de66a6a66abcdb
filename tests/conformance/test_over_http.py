"""Packages as they come over HTTP, in two parts, are opened by programs of others, and the bags in them believed."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.repository import build
from getapi.services.packages import MEDIA_TYPES
from tests.conformance import test_extractors, test_zip_extractors
from tests.conformance.foreign import program, run_python
from tests.conformance.test_validators import VALIDATORS
from tests.web.resume.asking import Application, curl, manage
from tests.web.server import Server, serving

FILES = "rutgers-lib:1234;rutgers-lib:5678;rutgers-lib:2001;nobody:1"
"""A book with its structural map, objects without one, and one that does not exist; with each kind of digest, inline and managed."""

EXTRACTORS = {"tar": test_extractors.EXTRACTORS, "zip": test_zip_extractors.EXTRACTORS}
EVERY = [(kind, name) for kind in MEDIA_TYPES for name in EXTRACTORS[kind]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    server: Server
    folder: Path
    kind: str

    @property
    def file(self) -> Path:
        return self.folder / f"package.{self.kind}"

    def extracted(self, extractor: str, home: Path) -> Path:
        """The bag's own folder."""
        (home / "out").mkdir()
        EXTRACTORS[self.kind][extractor](self.file, home / "out")
        (bag,) = (home / "out").iterdir()
        return bag


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Download]]:
    """One in each format: its first half, then the rest."""
    folder = tmp_path_factory.mktemp("served")
    stores = build(folder / "repository")
    toml = f'[[repositories]]\nname = "r"\ntype = "fedora3"\nobjects = "{stores.objects}"\ndatastreams = "{stores.datastreams}"\n'
    with serving(folder, toml=toml) as server:
        application = Application.at(server)
        found = {kind: Download(server=server, folder=folder, kind=kind) for kind in MEDIA_TYPES}
        for kind, download in found.items():
            url = server.url + application.link(FILES, kind)
            subprocess.run([program("curl"), "-sS", "-r", "0-99999", "-o", str(download.file), url], check=True, timeout=60)
            assert download.file.stat().st_size == 100_000
            assert curl(url, download.file) == 0
        yield found


@pytest.mark.parametrize(("kind", "extractor"), EVERY)
def test_every_program_finds_the_same_files(downloads: dict[str, Download], kind: str, extractor: str, tmp_path: Path) -> None:
    bag = downloads[kind].extracted(extractor, tmp_path)
    names = [line.split("  ", 1)[1] for line in (bag / "manifest-sha256.txt").read_text(encoding="utf-8").splitlines()]
    assert len(names) > 5
    assert sorted(names) == sorted(str(path.relative_to(bag)) for path in (bag / "data").rglob("*") if path.is_file())
    assert "nobody:1\tobject-not-found\t" in (bag / "notices.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("validator", VALIDATORS)
@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_the_bag_is_valid_for_others(downloads: dict[str, Download], kind: str, validator: str, tmp_path: Path) -> None:
    run_python(VALIDATORS[validator], str(downloads[kind].extracted("Python", tmp_path)), home=tmp_path)


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_our_own_judge_agrees_without_unpacking(downloads: dict[str, Download], kind: str) -> None:
    manage(downloads[kind].server, "verify_package", str(downloads[kind].file))


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_a_second_request_on_the_same_day_gives_the_same_octets(downloads: dict[str, Download], kind: str) -> None:
    """Now that all digests and checksums are known, which they were not when the first was sent."""
    download = downloads[kind]
    first, second = download.file.read_bytes(), Application.at(download.server).package(FILES, kind).body
    if bagging_date(first) == bagging_date(second):  # no midnight between them
        assert first == second


def bagging_date(package: bytes) -> bytes:
    return package.partition(b"Bagging-Date: ")[2][:10]
