"""Services on a disk that fails when they are told so, and the packages that they had sent before."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.sources.stores import BuiltStore
from tests.web.resume.asking import Application, manage
from tests.web.resume.failing import VARIABLE, Fault, disarm, happened
from tests.web.resume.kept import Kept
from tests.web.resume.material import FORMATS, Part, configuration, file_of, put_object, some
from tests.web.server import Server, serving

PID = "faulty:1"
SIZES = {"A": 1_400_000, "B": 40_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A service on a disk that fails, and the packages that it sent before."""

    server: Server
    store: BuiltStore
    folder: Path
    application: Application
    packages: dict[str, Kept] = field(repr=False)

    def file(self, dsid: str) -> Path:
        return file_of(self.store, PID, dsid)

    @contextmanager
    def in_chunks(self) -> Iterator[None]:
        """Until its end the service's file system cannot splice."""
        told = self.folder / "fault"
        Fault(name="none", calls=(), inode=0, at=0, victim="", splices=False).arm(told)
        try:
            yield
        finally:
            disarm(told)

    @contextmanager
    def fault(self, name: str, *, calls: Sequence[str], splices: bool, read: str, at: int, victim: str) -> Iterator[Callable[[], bool]]:
        """``name`` befalls the datastream ``victim`` when ``calls`` read the octet ``at`` of ``read``; gives whether it has happened.

        At the end the files are as they were, down to the ledger's idea of them.
        """
        told, befallen = self.folder / "fault", self.file(victim)
        keep, status, octets = self.folder / "kept", befallen.stat(), befallen.read_bytes()
        keep.hardlink_to(befallen)
        inode = self.file(read).stat().st_ino
        Fault(name=name, calls=calls, inode=inode, at=at, victim=str(befallen), splices=splices).arm(told)
        try:
            yield lambda: happened(told)
        finally:
            disarm(told)
            keep.write_bytes(octets)
            os.utime(keep, ns=(status.st_atime_ns, status.st_mtime_ns))
            befallen.unlink(missing_ok=True)  # two names of one file cannot be renamed over each other
            keep.rename(befallen)


@contextmanager
def running(folder: Path, *, verified: bool) -> Iterator[Site]:
    """``verified``: the ledger has seen all; else it is never believed."""
    store = BuiltStore(root=folder / "store")
    put_object(store, PID, *(Part(dsid=dsid, octets=some(size, dsid), declares="sha256") for dsid, size in SIZES.items()))
    toml = configuration(store, "" if verified else '[fixity]\nmax_age = "0"\n')
    with serving(folder, settings="tests.web.resume.faulty", toml=toml, environ={VARIABLE: str(folder / "fault")}) as server:
        if verified:
            manage(server, "fixity_scan")
        application = Application.at(server)
        packages = {kind: Kept(application.package(PID, kind), kind) for kind in FORMATS}
        yield Site(server=server, store=store, folder=folder, application=application, packages=packages)
