"""Opened files and held bytes."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from getapi.core.errors import ContentChanged, ContentMissing, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.sources.content import BytesContent, FileContent, identity

OCTETS = bytes(range(256)) * 40
ITSELF = DatastreamRecord(pid="demo:5", dsid="IMG", version="IMG.0")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(OCTETS)
    return path


def plan(path: Path) -> DatastreamRecord:
    return replace(ITSELF, size=path.stat().st_size, identity=identity(path.stat()))


def opened(path: Path, datastream: DatastreamRecord | None = None, start: int = 0) -> FileContent:
    return FileContent(path, datastream or plan(path), repository="main", start=start)


def rest(content: FileContent | BytesContent) -> bytes:
    return b"".join(iter(lambda: content.read(1000), b""))


def test_an_identity_is_size_time_and_inode(path: Path) -> None:
    status = path.stat()
    assert identity(status) == f"{len(OCTETS)}-{status.st_mtime_ns}-{status.st_ino}"


def test_reading_leaves_the_descriptors_own_offset_alone(path: Path) -> None:
    with opened(path, start=100) as content:
        assert rest(content) == OCTETS[100:]
        descriptor = content.descriptor()
        assert descriptor is not None
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0
        assert not os.get_inheritable(descriptor)


def test_a_start_beyond_the_end_reads_nothing(path: Path) -> None:
    with opened(path, start=len(OCTETS) + 5) as content:
        assert content.read(10) == b""


def test_an_unlinked_file_goes_on(path: Path) -> None:
    with opened(path) as content:
        path.unlink()
        assert rest(content) == OCTETS
        content.confirm()


def test_a_file_renamed_over_goes_on(path: Path) -> None:
    with opened(path) as content:
        other = path.with_name("other")
        other.write_bytes(b"other")
        other.rename(path)
        assert rest(content) == OCTETS
        content.confirm()


def test_a_file_cut_short_meanwhile_has_changed(path: Path) -> None:
    with opened(path) as content:
        content.read(10)
        os.truncate(path, 50)
        with pytest.raises(ContentChanged):
            rest(content)
        with pytest.raises(ContentChanged):
            content.confirm()


def test_a_file_that_grew_gives_no_more_than_was_planned_and_is_not_confirmed(path: Path) -> None:
    with opened(path) as content:
        with path.open("ab") as file:
            file.write(b"more")
        assert rest(content) == OCTETS
        with pytest.raises(ContentChanged):
            content.confirm()


def test_a_file_overwritten_in_place_is_not_confirmed(path: Path) -> None:
    planned = plan(path)
    with opened(path, planned) as content:
        path.write_bytes(OCTETS[::-1])
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
        with pytest.raises(ContentChanged):
            content.confirm()
    with pytest.raises(ContentChanged):
        opened(path, planned)


def test_a_file_that_is_gone_is_missing(path: Path) -> None:
    planned = plan(path)
    path.unlink()
    with pytest.raises(ContentMissing):
        opened(path, planned)
    with pytest.raises(ContentMissing):
        opened(path / "below", planned)


def test_links_and_other_kinds_of_files_are_not_followed(path: Path, tmp_path: Path) -> None:
    planned = plan(path)
    link, fifo = tmp_path / "link", tmp_path / "fifo"
    link.symlink_to(path)
    os.mkfifo(fifo)
    for other in (link, fifo, tmp_path):
        with pytest.raises(ContentChanged):
            opened(other, planned)


def test_a_disk_that_fails_is_the_repositorys_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with opened(path) as content, monkeypatch.context() as patched:
        patched.setattr(os, "pread", fail)
        patched.setattr(os, "fstat", fail)
        with pytest.raises(SourceUnavailable):
            content.read(1)
        with pytest.raises(SourceUnavailable):
            content.confirm()
        with pytest.raises(SourceUnavailable):
            opened(path, ITSELF)


def test_held_bytes_are_those_that_were_planned() -> None:
    planned = replace(ITSELF, identity=f"sha256:{hashlib.sha256(OCTETS).hexdigest()}")
    with BytesContent(OCTETS, planned, start=9) as content:
        assert content.size == len(OCTETS)
        assert content.descriptor() is None
        assert rest(content) == OCTETS[9:]
        content.confirm()
    with pytest.raises(ContentChanged):
        BytesContent(OCTETS[1:], planned)
