"""Which process sends something, so that another one of the same machine can tell at once that it is dead."""

import os
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_EXITING = 0x4
"""PF_EXITING (linux/sched.h): set in all threads of a process before its connections are closed."""


def identity() -> str:
    """``machine/pid/start``: of this boot and these process numbers (a container has its own), by Linux's /proc; elsewhere without them."""
    return _identity(os.getpid())


def is_dead(text: str) -> bool:
    """Whether the process of that identity has certainly ended; one of another machine, or of before a boot, never has."""
    return _is_here(text) and not _is_running(text)


def is_alive(text: str) -> bool:
    """Whether the process of that identity is certainly there, and has not begun to end."""
    return _is_here(text) and _is_running(text)


def _is_here(text: str) -> bool:
    machine = text.partition("/")[0]
    return machine != "" and machine == _machine()


def _is_running(text: str) -> bool:
    pid, _, began = text.partition("/")[2].partition("/")
    return began != "" and _start(pid) == began


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
    """When it began, in clock ticks since boot (proc(5), ``starttime``); empty for one that ends or has ended, as a zombie has too.

    Whoever saw its connections break finds it ended here: ``flags`` say so before they are closed.
    """
    try:
        fields = (_PROC / pid / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} or int(fields[6]) & _EXITING else fields[19]
