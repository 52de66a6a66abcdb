"""The deny list: read again when it changes, and closed while it cannot be read."""

import errno
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from getapi.core.errors import SourceUnavailable
from getapi.services import denylist
from getapi.services.denylist import DenyList, DenyListUnusable, denied


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deny.txt"


def write(path: Path, text: str | bytes) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_entries_are_pids_and_datastreams_without_case(path: Path) -> None:
    write(path, "test:1\n  Test:2/PDF-1  \n\n# nothing here\ntest:3 # because\n")
    assert DenyList(path).entries() == {"test:1", "test:2/pdf-1", "test:3"}


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("info:fedora/test:1", "test:1"),
        ("info:fedora/test:1/PDF", "test:1/pdf"),
        ("test%3A1", "test:1"),
        ("test:1/", "test:1"),
        ("demo:a%7eb", "demo:a%7eb"),
        ("\ufefftest:1", "test:1"),
        ("test:1\r", "test:1"),
    ],
)
def test_every_spelling_that_a_request_may_have_is_understood(path: Path, line: str, entry: str) -> None:
    write(path, line)
    assert DenyList(path).entries() == {entry}


def test_an_empty_list_denies_nothing(path: Path) -> None:
    write(path, "\n# all is well\n")
    assert DenyList(path).entries() == frozenset()


@pytest.mark.parametrize(
    "line", ["test", "test:1 test:2", "test:1/PDF test:2", "test:1/a/b", ":1", "test:", "/PDF", "info:fedora/test", "test:1,test:2"]
)
def test_a_line_that_is_no_entry_closes_everything_and_is_named(path: Path, line: str, caplog: pytest.LogCaptureFixture) -> None:
    write(path, f"test:9\n{line}\n")
    with caplog.at_level(logging.ERROR), pytest.raises(DenyListUnusable):
        DenyList(path).entries()
    assert "line 2" in caplog.text


@pytest.mark.parametrize("text", [b"test:1\n\xff\n", b"test:1\n" + "ns:ü".encode("latin-1")])
def test_a_list_that_is_not_utf_8_closes_everything(path: Path, text: bytes) -> None:
    write(path, text)
    with pytest.raises(DenyListUnusable):
        DenyList(path).entries()


def test_a_list_that_is_missing_a_directory_a_pipe_or_too_large_closes_everything(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DenyListUnusable):
        DenyList(path).entries()
    with pytest.raises(DenyListUnusable):
        DenyList(path.parent).entries()
    os.mkfifo(path)
    with pytest.raises(DenyListUnusable):
        DenyList(path).entries()
    path.unlink()
    write(path, "test:1\n")
    monkeypatch.setattr(denylist, "MAX_OCTETS", 6)
    with pytest.raises(DenyListUnusable):
        DenyList(path).entries()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE])
def test_a_list_that_cannot_be_opened_closes_everything(path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Told by an error instead of the file's mode, which keeps nothing from root."""
    write(path, "test:1\n")
    listed = DenyList(path)
    assert listed.entries() == {"test:1"}
    write(path, "test:1\ntest:2\n")

    def refuse(path: Path, mode: str) -> None:
        raise OSError(number, os.strerror(number), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        with pytest.raises(DenyListUnusable):
            listed.entries()
    assert listed.entries() == {"test:1", "test:2"}


def test_a_list_that_leads_nowhere_or_in_circles_closes_everything(path: Path) -> None:
    path.symlink_to(path)
    with pytest.raises(DenyListUnusable):
        DenyList(path).entries()
    write(path.with_suffix(".file"), "")
    with pytest.raises(DenyListUnusable):
        DenyList(path.with_suffix(".file") / "deny.txt").entries()


def test_the_readers_sentence_names_neither_path_nor_line(path: Path) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        DenyList(path).entries()
    assert str(path) not in caught.value.sentence
    assert caught.value.facts == {}
    assert caught.value.code == "source-unavailable"


def test_a_changed_list_is_read_again_and_an_unchanged_one_is_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[Path] = []
    read = denylist._read

    def counted(path: Path, found: os.stat_result) -> tuple[tuple[int, int, int], bytes]:
        readings.append(path)
        return read(path, found)

    monkeypatch.setattr(denylist, "_read", counted)
    write(path, "test:1\n")
    listed = DenyList(path)
    assert [listed.entries() for _ in range(3)] == [{"test:1"}] * 3
    assert len(readings) == 1
    replacement = path.with_suffix(".new")
    write(replacement, "test:2\n")
    stamp = path.stat().st_mtime_ns
    os.utime(replacement, ns=(stamp, stamp))
    replacement.rename(path)
    assert listed.entries() == {"test:2"}
    assert len(readings) == 2


def test_a_list_that_grows_in_place_is_read_again(path: Path) -> None:
    write(path, "test:1\n")
    listed = DenyList(path)
    assert listed.entries() == {"test:1"}
    with path.open("a") as file:
        file.write("test:2\n")
    assert listed.entries() == {"test:1", "test:2"}


def test_a_list_that_goes_away_closes_and_opens_again_when_it_is_back(path: Path) -> None:
    write(path, "test:1\n")
    listed = DenyList(path)
    assert listed.entries() == {"test:1"}
    aside = path.rename(path.with_suffix(".old"))
    with pytest.raises(DenyListUnusable):
        listed.entries()
    aside.rename(path)
    assert listed.entries() == {"test:1"}
    write(path, "no entry\n")
    for _ in range(2):
        with pytest.raises(DenyListUnusable):
            listed.entries()


def test_a_list_that_changes_while_it_is_read_is_not_believed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, "test:1\n")
    real = os.fstat

    def growing(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        with path.open("a") as file:
            file.write("test:2\n")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", growing)
        with pytest.raises(DenyListUnusable):
            DenyList(path).entries()


def test_the_log_says_why_once_until_it_changes(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    listed = DenyList(path)

    def ask() -> int:
        with pytest.raises(DenyListUnusable):
            listed.entries()
        return len(caplog.records)

    assert [ask(), ask()] == [1, 1]
    write(path, "no entry\n")
    assert ask() == 2
    write(path, "test:1\n")
    assert listed.entries() == {"test:1"}
    path.unlink()
    assert ask() == 3


def test_threads_see_one_whole_list_or_the_other(path: Path) -> None:
    lists = [frozenset(f"test:{number}" for number in range(start, start + 500)) for start in (0, 1000)]
    write(path, "\n".join(lists[0]))
    listed = DenyList(path)

    def swap(turn: int) -> None:
        replacement = path.with_suffix(f".{turn}")
        write(replacement, "\n".join(lists[turn % 2]))
        replacement.rename(path)

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(listed.entries) if turn % 4 else pool.submit(swap, turn // 4) for turn in range(200)]
        seen = {result for result in (job.result() for job in asked) if result is not None}
    assert seen <= set(lists)


def test_no_list_denies_nothing_and_a_configured_one_is_kept(path: Path) -> None:
    assert denied(None) == frozenset()
    write(path, "test:1\n")
    assert denied(path) == {"test:1"}
    assert denied(path) is denied(Path(str(path)))
