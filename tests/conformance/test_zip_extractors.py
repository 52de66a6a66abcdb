"""ZIP packages come out of every common program as they went in, Java's stream among them, which is the strictest."""

import io
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from getapi.core.zipreader import ZipReader
from tests.conformance.foreign import program, run, run_python
from tests.conformance.samples import SAMPLES, Sample
from tests.conformance.test_validators import VALIDATORS

Extract = Callable[[Path, Path], None]

JAVA = """
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.zip.*;

public class Unpack {
    public static void main(String[] arguments) throws IOException {
        DataOutputStream told = new DataOutputStream(new BufferedOutputStream(System.out));
        try (ZipInputStream members = new ZipInputStream(System.in)) {
            for (ZipEntry member = members.getNextEntry(); member != null; member = members.getNextEntry()) {
                byte[] name = member.getName().getBytes(StandardCharsets.UTF_8);
                byte[] octets = members.readAllBytes();
                told.writeInt(name.length);
                told.write(name);
                told.writeInt(octets.length);
                told.write(octets);
            }
        }
        told.flush();
    }
}
"""
"""Tells each member's name and octets, each after its length: what a file system would make of the names is not its matter."""


def _unzip(archive: Path, target: Path) -> None:
    run([program("unzip"), "-q", str(archive), "-d", str(target)], home=target.parent)


def _bsdtar(archive: Path, target: Path) -> None:
    run([program("bsdtar"), "-xf", str(archive), "-C", str(target)], home=target.parent)


def _bsdtar_from_pipe(archive: Path, target: Path) -> None:
    run([program("bsdtar"), "-xf", "-", "-C", str(target)], home=target.parent, stdin=archive.read_bytes())


def _busybox(archive: Path, target: Path) -> None:
    run([program("busybox"), "unzip", "-q", str(archive), "-d", str(target)], home=target.parent)


def _sevenzip(archive: Path, target: Path) -> None:
    run([program("7zz", "7z"), "x", "-y", f"-o{target}", str(archive)], home=target.parent)


def _python(archive: Path, target: Path) -> None:
    run([sys.executable, "-m", "zipfile", "-e", str(archive), str(target)], home=target.parent)


EXTRACTORS: dict[str, Extract] = {
    "unzip": _unzip,
    "bsdtar": _bsdtar,
    "bsdtar from a pipe": _bsdtar_from_pipe,
    "busybox": _busybox,
    "7-Zip": _sevenzip,
    "Python": _python,
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_what_comes_out_is_what_went_in(extractor: str, name: str, tmp_path: Path) -> None:
    target = _extract(extractor, SAMPLES[name], tmp_path)
    assert {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()} == _expected(SAMPLES[name])
    assert (target / "bag" / "data").is_dir()
    assert [path.name for path in target.iterdir()] == ["bag"]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("validator", VALIDATORS)
def test_the_bag_is_valid_for_others(validator: str, name: str, tmp_path: Path) -> None:
    run_python(VALIDATORS[validator], str(_extract("Python", SAMPLES[name], tmp_path) / "bag"), home=tmp_path)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_program_that_tests_archives_finds_anything_wrong(name: str, tmp_path: Path) -> None:
    archive = tmp_path / "bag.zip"
    archive.write_bytes(SAMPLES[name].write("zip"))
    for command in (
        [program("unzip"), "-tqq"],
        [program("zipinfo"), "-v"],
        [program("7zz", "7z"), "t"],
        [sys.executable, "-m", "zipfile", "-t"],
    ):
        said = run([*command, str(archive)], home=tmp_path)
        assert b"arning" not in said.stdout + said.stderr.replace(b"Warnings: 0", b"")


@pytest.fixture(scope="module")
def unpacker(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs our own few lines of Java."""
    folder = tmp_path_factory.mktemp("java")
    source = folder / "Unpack.java"
    source.write_text(JAVA, encoding="utf-8")
    run([program("javac"), "-d", str(folder), str(source)], home=folder)
    return [program("java"), "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", str(folder), "Unpack"]


@pytest.mark.parametrize("name", SAMPLES)
def test_javas_stream_reads_every_member(name: str, unpacker: list[str], tmp_path: Path) -> None:
    told = io.BytesIO(run(unpacker, home=tmp_path, stdin=SAMPLES[name].write("zip")).stdout)
    found = {}
    while length := told.read(4):
        path = told.read(*struct.unpack(">i", length)).decode()
        found[path] = told.read(*struct.unpack(">i", told.read(4)))
    assert {path: octets for path, octets in found.items() if not path.endswith("/")} == _expected(SAMPLES[name])
    assert {path: octets for path, octets in found.items() if path.endswith("/")} == {"bag/": b"", "bag/data/": b""}


@pytest.mark.parametrize("extractor", ["unzip", "bsdtar", "7-Zip"])
def test_times_and_modes_come_out_too_to_the_second_in_any_zone(extractor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conformance.foreign.ZONE", "America/New_York")
    bag = _extract(extractor, SAMPLES["small"], tmp_path) / "bag"
    assert int((bag / "data/a.txt").stat().st_mtime) == 1_400_000_000
    assert int((bag / "bagit.txt").stat().st_mtime) == 1772323200
    assert (bag / "data/a.txt").stat().st_mode & 0o777 == 0o644
    assert (bag / "data").stat().st_mode & 0o777 == 0o755


def _extract(extractor: str, sample: Sample, folder: Path) -> Path:
    archive, target = folder / "bag.zip", folder / "out"
    archive.write_bytes(sample.write("zip"))
    target.mkdir()
    EXTRACTORS[extractor](archive, target)
    return target


def _expected(sample: Sample) -> dict[str, bytes]:
    """Payload as the sample has it, tag files as our own strict reader finds them."""
    reader = ZipReader(io.BytesIO(sample.write("zip")))
    found = {member.path: b"".join(reader.content()) for member in reader if not member.directory}
    payload = {f"bag/{path}": data for path, data in sample.files.items()}
    assert {path: data for path, data in found.items() if path.startswith("bag/data/")} == payload
    with zipfile.ZipFile(io.BytesIO(sample.write("zip"))) as archive:
        assert {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")} == found
    return found
