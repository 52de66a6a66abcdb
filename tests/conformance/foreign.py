"""Programs of others, by which our octets are judged."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

LOCALE = "C.UTF-8"
ZONE = "UTC"


def program(*names: str) -> str:
    """The first of these that is installed; else the test is skipped, by name."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"{' or '.join(names)} is not installed")
    return found


def run(command: Sequence[str], *, home: Path, stdin: bytes | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Ends with an error that shows what the program said. ``home`` is where it may keep its own files."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": LOCALE, "HOME": str(home), "TZ": ZONE}
    done = subprocess.run(command, input=stdin, cwd=cwd, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return done


def run_python(code: str, *arguments: str, home: Path) -> None:
    """A program of a Python package, apart from this process: some change its working directory, its logging or its warnings."""
    run([sys.executable, "-W", "ignore", "-c", code, *arguments], home=home)
