"""The borders between the rooms: import-linter's contracts hold, and whoever crosses one is named."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache', '--no-logo'])"
CROSSINGS = [
    ("getapi/core/limits.py", "import os", "Core is pure"),
    ("getapi/core/plan.py", "from getapi.core import planner", "Core imports one way only"),
    ("getapi/core/novelty.py", "", "Core imports one way only"),
    ("getapi/novelty.py", "", "The rooms of getapi import downwards only"),
    ("getapi/core/names.py", "from getapi import models", "The rooms of getapi import downwards only"),
    ("getapi/sources/registry.py", "from getapi.sources import fedora3", "One adapter never imports another"),
    ("getapi/transport/reading.py", "import django", "know no Django"),
    ("getapi/views/health.py", "from getapi.sources import registry", "The shell touches neither"),
    ("getapi/apps.py", "import packaging_service", "The project is wiring only"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_contracts_hold() -> None:
    done = lint(TOP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(("module", "line", "contract"), CROSSINGS)
def test_a_border_that_is_crossed_is_told(module: str, line: str, contract: str, tmp_path: Path) -> None:
    for name in ("getapi", "packaging_service"):
        shutil.copytree(TOP / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [said for said in done.stdout.splitlines() if said.endswith("BROKEN")]
    assert any(contract in said for said in broken), done.stdout
