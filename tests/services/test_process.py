import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from getapi.services import process

IDENTITY = "from getapi.services import process; print(process.identity(), flush=True); input()"


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    process._machine.cache_clear()
    process._identity.cache_clear()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="without /proc nobody can tell")
def test_a_process_of_this_machine_is_known_to_be_dead_as_soon_as_it_is_killed() -> None:
    command = [sys.executable, "-c", IDENTITY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        text = other.stdout.readline().strip()
        assert process.is_alive(text)
        assert not process.is_dead(text)
        other.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        assert process.is_dead(text)  # nobody has asked for its end yet
        other.wait()
        assert process.is_dead(text)


def test_this_process_is_alive_and_another_one_with_its_number_is_dead() -> None:
    own = process.identity()
    assert process.is_alive(own)
    assert not process.is_dead(own)
    assert process.is_dead(own.rpartition("/")[0] + "/1")
    assert not process.is_alive(own.rpartition("/")[0] + "/1")


def test_one_that_has_begun_to_end_is_dead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its connections are still open, or just closed: whoever lost one of them may be quicker than its end."""
    own = process.identity()
    _, pid, began = own.split("/")
    (tmp_path / pid).mkdir()
    monkeypatch.setattr(process, "_PROC", tmp_path)
    for flags, alive in ((0x400040, True), (0x400040 | 0x4, False)):
        fields = ["S", "1", "1", "1", "0", "-1", str(flags), *["0"] * 12, began]
        (tmp_path / pid / "stat").write_text(f"{pid} (a name) with) {' '.join(fields)} 0 0", encoding="utf-8")
        assert (process.is_alive(own), process.is_dead(own)) == (alive, not alive)


@pytest.mark.parametrize("text", ["", "elsewhere/1/2", "/1/2"])
def test_of_another_machine_nothing_is_certain(text: str) -> None:
    assert not process.is_dead(text)
    assert not process.is_alive(text)


def test_where_there_is_no_proc_nothing_is_certain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process, "_PROC", tmp_path)
    assert process.identity() == f"/{os.getpid()}/"
    assert not process.is_dead(f"/{2**30}/5")
