"""What the kernel says of a server's processes: CPU seconds and resident memory, of the first one and all its children."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")

CLIENT = max(os.sched_getaffinity(0))
"""The core that clients are bound to, and servers kept from while their CPU seconds are counted.

Where the scheduler puts client and server on one core the kernel charges the loopback's work to the client: nginx then seems to need a
fifth of the CPU that it needs when they are apart.
"""


def family(pid: int) -> list[int]:
    """The process and all below it."""
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return [pid, *(member for child in children for member in family(child))]


def processor(pid: int) -> float:
    """CPU seconds that a process and its children have used."""
    spent = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        spent += int(fields[11]) + int(fields[12])
    return spent / _TICK


def resident(pid: int) -> int:
    """Octets of memory now, of a process and its children."""
    return sum(_octets(member, "VmRSS") for member in family(pid))


def peak(pid: int) -> int:
    """Octets at most since ``forget_peak``, each process's own peak."""
    return sum(_octets(member, "VmHWM") for member in family(pid))


def forget_peak(pid: int) -> None:
    """From now on the peaks are new ones (proc(5), clear_refs)."""
    for member in family(pid):
        Path(f"/proc/{member}/clear_refs").write_text("5", encoding="ascii")


@contextmanager
def held_apart(pid: int) -> Iterator[None]:
    """A server's processes leave the client's core to the client."""
    allowed = os.sched_getaffinity(0)
    _bind(pid, allowed - {CLIENT} or allowed)
    try:
        yield
    finally:
        _bind(pid, allowed)


@contextmanager
def bound_to(core: int) -> Iterator[None]:
    """What is started meanwhile stays on that core."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _bind(pid: int, cores: set[int]) -> None:
    for member in family(pid):
        for task in Path(f"/proc/{member}/task").iterdir():
            with suppress(ProcessLookupError):  # threads end when they like
                os.sched_setaffinity(int(task.name), cores)


def _octets(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(f"{name}:"))
