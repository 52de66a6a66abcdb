"""Which process sends something, so that another one of the same machine can tell at once that it is dead."""

import os
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


def identity() -> str:
    """``machine/pid/start``: of this boot and these process numbers (a container has its own), by Linux's /proc; elsewhere without them."""
    return _identity(os.getpid())


def is_dead(text: str) -> bool:
    """Whether the process of that identity has certainly ended; one of another machine, or of before a boot, never has."""
    machine, _, rest = text.partition("/")
    pid, _, began = rest.partition("/")
    return machine != "" and machine == _machine() and _start(pid) != began


@cache
def _identity(pid: int) -> str:
    return f"{_machine()}/{pid}/{_start(str(pid))}"


@cache
def _machine() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _start(pid: str) -> str:
    """When it began, in clock ticks since boot (proc(5), ``starttime``); empty for one that has ended, as a zombie has too."""
    try:
        fields = (_PROC / pid / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]
