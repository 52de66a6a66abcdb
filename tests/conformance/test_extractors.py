"""Packages come out of every common program as they went in."""

import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize

import pytest

from getapi.core.tarreader import TarReader
from tests.conformance.foreign import program, run
from tests.conformance.samples import DECOMPOSED, SAMPLES, Sample
from tests.core.archives import Pieces

Extract = Callable[[Path, Path], None]


def _tar(*names: str, applet: tuple[str, ...] = ()) -> tuple[Extract, Extract]:
    """From a file, and from a pipe in which nothing can be skipped."""

    def from_file(archive: Path, target: Path) -> None:
        run([program(*names), *applet, "-xf", str(archive), "-C", str(target)], home=target.parent)

    def from_pipe(archive: Path, target: Path) -> None:
        run([program(*names), *applet, "-xf", "-", "-C", str(target)], home=target.parent, stdin=archive.read_bytes())

    return from_file, from_pipe


def _sevenzip(archive: Path, target: Path) -> None:
    run([program("7zz", "7z"), "x", "-y", f"-o{target}", str(archive)], home=target.parent)


def _python(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")


def _python_from_pipe(archive: Path, target: Path) -> None:
    code = "import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode='r|').extractall(sys.argv[1], filter='data')"
    run([sys.executable, "-c", code, str(target)], home=target.parent, stdin=archive.read_bytes())


GNU, BSD, BUSYBOX = _tar("tar"), _tar("bsdtar"), _tar("busybox", applet=("tar",))
EXTRACTORS: dict[str, Extract] = {
    "GNU tar": GNU[0],
    "GNU tar from a pipe": GNU[1],
    "bsdtar": BSD[0],
    "bsdtar from a pipe": BSD[1],
    "busybox": BUSYBOX[0],
    "busybox from a pipe": BUSYBOX[1],
    "7-Zip": _sevenzip,
    "Python": _python,
    "Python from a pipe": _python_from_pipe,
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_what_comes_out_is_what_went_in(extractor: str, name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    target = _extract(extractor, sample, tmp_path)
    assert _files(target) == _expected(sample)
    assert (target / "bag" / "data").is_dir()
    assert [path.name for path in target.iterdir()] == ["bag"]


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_a_decomposed_name_comes_out_as_it_was_or_composed(extractor: str, tmp_path: Path) -> None:
    found = _files(_extract(extractor, DECOMPOSED, tmp_path))
    assert {normalize("NFD", path): data for path, data in found.items()} == _expected(DECOMPOSED)


def test_times_and_modes_come_out_too(tmp_path: Path) -> None:
    archive = tmp_path / "bag.tar"
    archive.write_bytes(SAMPLES["small"].write())
    _python(archive, tmp_path)
    assert int((tmp_path / "bag/data/a.txt").stat().st_mtime) == 1_400_000_000
    assert (tmp_path / "bag/data/a.txt").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "bag/bagit.txt").stat().st_mtime == 1772323200


def _extract(extractor: str, sample: Sample, folder: Path) -> Path:
    archive, target = folder / "bag.tar", folder / "out"
    archive.write_bytes(sample.write())
    target.mkdir()
    EXTRACTORS[extractor](archive, target)
    return target


def _files(target: Path) -> dict[str, bytes]:
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def _expected(sample: Sample) -> dict[str, bytes]:
    """Payload as the sample has it, tag files as our own strict reader finds them."""
    reader = TarReader(Pieces(sample.write()))
    found = {member.path: b"".join(reader.content()) for member in reader if not member.directory}
    payload = {f"bag/{path}": data for path, data in sample.files.items()}
    assert {path: data for path, data in found.items() if path.startswith("bag/data/")} == payload
    return found
