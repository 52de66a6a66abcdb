"""``manage.py`` itself: what no command expects, and an administrator meets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from getapi.conf import tables
from tests.test_checks import manage

DAYS = ("--from", "2026-01-01", "--to", "2026-12-31")


@pytest.mark.parametrize("words", [("list_keys",), ("create_key", "x"), ("purge_expired",), ("export_statistics", *DAYS)], ids=" ".join)
def test_a_database_that_was_never_made_is_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    found = manage(tmp_path, "", *words)
    assert found.returncode == 1
    assert found.stderr.startswith("CommandError: The database cannot be used: no such table: getapi_")
    assert found.stderr.endswith(". Run 'manage.py migrate' first.\n")
    assert "Traceback" in manage(tmp_path, "", *words, "--traceback").stderr


def test_a_database_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "rows.sqlite3").mkdir()
    found = manage(tmp_path, "", "migrate")
    assert found.returncode == 1
    assert found.stderr.startswith("CommandError: The database cannot be used: unable to open database file. Commands need the rights of")


def test_who_stops_reading_ends_a_command_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "packaging.toml").write_text("")
    environ = os.environ | {"PACKAGING_CONFIG": str(tmp_path / "packaging.toml")}
    read, written = os.pipe()
    os.close(read)
    with os.fdopen(written, "wb") as gone:
        found = subprocess.run(
            [sys.executable, "manage.py", "help"], cwd=tables.ROOT, env=environ, stdout=gone, stderr=subprocess.PIPE, check=False
        )
    assert (found.returncode, found.stderr) == (1, b"")


def test_ctrl_c_ends_a_command_without_a_word() -> None:
    interrupted = "import manage\ndef end(_): raise KeyboardInterrupt\nmanage.execute_from_command_line = end\nmanage.main()"
    found = subprocess.run([sys.executable, "-c", interrupted], cwd=tables.ROOT, capture_output=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (130, b"", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [("help",), ("export_statistics", *DAYS)], ids=" ".join)
def test_an_output_that_is_full_is_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    manage(tmp_path, "", "migrate", "--verbosity", "0")
    environ = {"PACKAGING_CONFIG": str(tmp_path / "packaging.toml"), "PACKAGING_SECRET_KEY": "s3cret-" * 8, "PATH": "/usr/bin:/bin"}
    environ |= {"PACKAGING_DATABASE": f"sqlite:///{tmp_path}/rows.sqlite3"}
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "manage.py", *words]
        found = subprocess.run(command, cwd=tables.ROOT, env=environ, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (found.returncode, found.stderr) == (1, b"CommandError: No space left on device\n")


def test_what_the_system_refuses_is_one_sentence_that_names_the_file() -> None:
    refused = "import manage\ndef refuse(_): open('/nowhere/at/all')\nmanage.execute_from_command_line = refuse\nmanage.main()"
    found = subprocess.run([sys.executable, "-c", refused], cwd=tables.ROOT, capture_output=True, check=False)
    assert (found.returncode, found.stderr) == (1, b"CommandError: /nowhere/at/all: No such file or directory\n")
