"""A disk that fails: what the service calls to read a file, with a fault at one octet of one file that a test has named.

The fault is told in a file (``FAULT_FILE``), since it happens in the processes of a service. That it happened is told by another one.
"""

import errno
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.web.sending.faults import grow, replace, shrink, vanish

VARIABLE = "FAULT_FILE"
DELAY = 0.02
"""Seconds for each read of a slow disk."""

OVERWRITTEN = b"overwritten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``name`` happens to ``victim`` when ``calls`` read the octet ``at`` of the file ``inode``. ``splices``: sendfile works at all."""

    name: str
    calls: Sequence[str]
    inode: int
    at: int
    victim: str
    splices: bool = True

    def arm(self, file: Path) -> None:
        fresh = file.with_suffix(".fresh")
        fresh.write_text(json.dumps(asdict(self)), encoding="utf-8")
        fresh.rename(file)


def happened(file: Path) -> bool:
    return file.with_suffix(".happened").exists()


def disarm(file: Path) -> None:
    for each in (file, file.with_suffix(".happened")):
        each.unlink(missing_ok=True)


def overwrite(file: Path, at: int) -> None:
    """Other octets in their place, as many as before."""
    with file.open("r+b") as handle:
        handle.seek(at)
        handle.write(OVERWRITTEN)


CHANGES: Mapping[str, Callable[[Path], None]] = {"grow": grow, "shrink": shrink, "vanish": vanish, "replace": replace}
"""Those that befall the file; each happens once."""


class FailingDisk:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._sendfile, self._pread, self._preadv = os.sendfile, os.pread, os.preadv

    def sendfile(self, out: int, source: int, offset: int, count: int) -> int:
        fault = self._fault()
        if fault is not None and not fault.splices:
            raise OSError(errno.EINVAL, "Invalid argument")
        most = self._befall(fault, "sendfile", source, offset, count)
        return self._sendfile(out, source, offset, most) if most else 0

    def pread(self, source: int, count: int, offset: int) -> bytes:
        return self._pread(source, self._befall(self._fault(), "pread", source, offset, count), offset)

    def preadv(self, source: int, buffers: Any, offset: int) -> int:
        (buffer,) = buffers
        most = self._befall(self._fault(), "preadv", source, offset, len(buffer))
        return self._preadv(source, [memoryview(buffer)[:most]], offset) if most else 0

    def _fault(self) -> Fault | None:
        try:
            return Fault(**json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def _befall(self, fault: Fault | None, call: str, source: int, offset: int, count: int) -> int:
        """How many octets are to be read instead of ``count``."""
        is_meant = fault is not None and call in fault.calls and offset <= fault.at < offset + count
        if fault is None or not is_meant or os.fstat(source).st_ino != fault.inode:
            return count
        happened_file = self._file.with_suffix(".happened")
        if fault.name in CHANGES or fault.name == "overwrite":
            self._change(fault, happened_file)
            return count
        happened_file.touch()
        return self._read_badly(fault, count)

    def _change(self, fault: Fault, happened_file: Path) -> None:
        try:
            os.close(os.open(happened_file, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        if fault.name == "overwrite":
            victim = Path(fault.victim)
            overwrite(victim, fault.at if victim.stat().st_ino == fault.inode else 0)
        else:
            CHANGES[fault.name](Path(fault.victim))

    def _read_badly(self, fault: Fault, count: int) -> int:
        match fault.name:
            case "eio":
                raise OSError(errno.EIO, "Input/output error")
            case "end":
                return 0
            case "short":
                return max(count // 3, 1)
            case "slow":
                time.sleep(DELAY)
                return count
        raise ValueError(fault.name)


def install() -> None:
    """Every process of a service under test goes through it from now on."""
    disk = FailingDisk(Path(os.environ[VARIABLE]))
    os.sendfile, os.pread, os.preadv = disk.sendfile, disk.pread, disk.preadv  # type: ignore[assignment] # as they are called here
