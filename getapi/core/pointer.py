"""From what a structural map writes in a pointer to the object or datastream that it means (fedora.md 5.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote

from getapi.core.division import Pointer
from getapi.core.reference import is_dsid, parse_pid, shown
from getapi.core.source import DatastreamRecord

__all__ = ["Pointer", "Surroundings", "fit_to_tell", "resolve"]

_MAX_ADDRESS = 2048
_FEDORA = "info:fedora/"
_SCHEMES = frozenset(
    ["ark", "data", "doi", "file", "ftp", "handle", "hdl", "http", "https", "info", "isbn", "issn", "mailto", "purl", "tel", "urn", "uri"]
)
"""What stands before a colon without being a namespace of PIDs, unless the map's own object has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The object that a map belongs to, by which names that stand alone are understood."""

    pid: str
    names: dict[str, str]
    """DSIDs and alternate ids -> DSID, the first that has it."""
    folded: dict[str, set[str]]
    """Folded DSID -> the DSIDs that are alike but for case."""

    @classmethod
    def of(cls, pid: str, datastreams: Sequence[DatastreamRecord]) -> Self:
        names: dict[str, str] = {each.dsid: each.dsid for each in datastreams}
        folded: dict[str, set[str]] = {}
        for each in datastreams:
            folded.setdefault(each.dsid.casefold(), set()).add(each.dsid)
            for name in each.alternate_ids:
                names.setdefault(name, each.dsid)
        return cls(pid=pid, names=names, folded=folded)

    def find(self, name: str) -> str | None:
        """The DSID here that a name means: exactly, else by an alternate id, else the only one alike without regard to case."""
        alike = self.folded.get(name.casefold(), set())
        return self.names.get(name) or (min(alike) if len(alike) == 1 else None)


def resolve(name: str, here: Surroundings) -> Pointer | None:
    """What a pointer's text means, or None for what is no address of an object or datastream."""
    name = name.strip()
    if len(name) > _MAX_ADDRESS:
        return None
    local = here.find(name) or here.find(unquote(name.removeprefix("#")))
    if local is not None:
        return Pointer(pid=here.pid, dsid=local)
    if name.startswith(_FEDORA):
        pid, dsid, *_ = [*name.removeprefix(_FEDORA).split("/"), "", ""]
        return _point(pid, dsid, here)
    return _resolve_pair(name, here) or _resolve_path(name, here)


def fit_to_tell(name: str) -> str:
    """A pointer's text for a notice: of an address only its last part, since the rest may be a machine's path or name a host."""
    if ":/" in name or "\\" in name or name.startswith(("/", "file:")):
        name = name.partition("?")[0].replace("\\", "/").rstrip("/").rpartition("/")[2]
    return shown(name)


def _resolve_pair(name: str, here: Surroundings) -> Pointer | None:
    """PID or PID/DSID."""
    pid, _, dsid = name.removesuffix("/").partition("/")
    scheme = pid.partition(":")[0].lower()
    if "/" in dsid or (scheme in _SCHEMES and scheme != here.pid.partition(":")[0].lower()):
        return None
    return _point(pid, dsid, here)


def _resolve_path(name: str, here: Surroundings) -> Pointer | None:
    """Fedora's REST addresses ``.../objects/PID[/datastreams/DSID/...]`` and ``.../get/PID[/DSID]``, and Islandora's."""
    parts = name.partition("?")[0].partition("#")[0].rstrip("/").split("/")
    for place, part in enumerate(parts[:-1]):
        pid, *rest = [*parts[place + 1 : place + 4], "", ""][:3]
        if part == "get":
            found = _point(unquote(pid), rest[0], here)
        elif part in {"objects", "object"} and (rest[0] in {"datastreams", "datastream"} or not rest[0]):
            found = _point(unquote(pid), rest[1], here)
        else:
            continue
        if found is not None:
            return found
    return None


def _point(name: str, dsid: str, here: Surroundings) -> Pointer | None:
    # A colon is never in a DSID (FOXML's schematron): PID/PID/method is a dissemination.
    pid, dsid = parse_pid(name), unquote(dsid)
    if pid is None or (dsid and (":" in dsid or not is_dsid(dsid))):
        return None
    if pid == here.pid:
        return Pointer(pid=here.pid, dsid=here.find(dsid) or dsid or None)
    return Pointer(pid=pid, dsid=dsid or None)
