"""``make``: what it says that it can do, and that it is never silent for a minute."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.foreign import program

TOP = Path(__file__).resolve().parents[1]

PYTHON = """#!/bin/sh
# Stands for Python: makes an environment whose Python installs nothing, and says what it was asked.
[ "$2" = venv ] && mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
echo "asked: $*"
"""


def make(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [program("make"), "-C", folder, "--no-print-directory", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_alone_it_names_each_of_its_targets_with_what_it_does() -> None:
    (targets,) = re.findall(r"^\.PHONY: (.*)$", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    told = dict(re.findall(r"^make (\S+) {2,}(\S.*)$", make(TOP), re.MULTILINE))
    assert sorted(told) == sorted(set(targets.split()) - {"help"})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(TOP / name, tmp_path)
    (tmp_path / "python").write_text(PYTHON, encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def test_before_each_long_step_of_the_installation_it_says_what_it_does(place: Path) -> None:
    told = make(place, "install", f"PYTHON={place}/python").splitlines()
    assert [line.partition(" ")[0] for line in told] == ["Making", "asked:", "Fetching", "asked:", "Installed."]
    assert "-m venv .venv" in told[1]
    assert "-m pip install" in told[3]
    again = make(place, "install", f"PYTHON={place}/python")
    assert "asked:" not in again
