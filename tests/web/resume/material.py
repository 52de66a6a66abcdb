"""Objects that differ in what the repository says of their bytes, and where the members of a finished package lie."""

import hashlib
import io
import struct
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from getapi.services.packages import MEDIA_TYPES
from tests.sources.stores import DC, BuiltStore, datastream, digest, foxml, inline, location, version

FORMATS = sorted(MEDIA_TYPES)
"""What the service offers, and no list of our own: a format that it learns is tested from then on."""

DECLARED = {"": "", "md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"}
"""FOXML's names by hashlib's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A managed datastream: the algorithm of the digest that the repository declares, if any; ``rotten``: the file's octets are others."""

    dsid: str
    octets: bytes = field(repr=False)
    declares: str = ""
    rotten: bytes = field(repr=False, default=b"")

    @property
    def declaration(self) -> str:
        """In capitals, as some repositories write it."""
        if not self.declares:
            return ""
        return digest(DECLARED[self.declares], hashlib.new(self.declares, self.octets).hexdigest().upper())


def some(size: int, seed: str) -> bytes:
    return Random(seed).randbytes(size)


def put_object(store: BuiltStore, pid: str, *parts: Part, smap: str = "") -> None:
    """``smap``: the divisions of a presentation map."""
    listed = [datastream("DC", "X", version("DC.0", inline(DC)))]
    if smap:
        mets = f'<mets xmlns="http://www.loc.gov/METS/"><structMap>{smap}</structMap></mets>'
        listed.append(datastream("SMAP-PRES", "X", version("SMAP-PRES.0", inline(mets))))
    for part in parts:
        content = part.declaration + location(_token(pid, part.dsid))
        listed.append(datastream(part.dsid, "M", version(f"{part.dsid}.0", content)))
        store.put(_token(pid, part.dsid), part.rotten or part.octets)
    store.put(pid, foxml(pid, *listed))


def file_of(store: BuiltStore, pid: str, dsid: str) -> Path:
    return store.path(_token(pid, dsid))


def _token(pid: str, dsid: str) -> str:
    return f"{pid}+{dsid}+{dsid}.0"


def configuration(store: BuiltStore, *tables: str) -> str:
    """TOML: that store is the repository."""
    return f"""
[[repositories]]
name = "store"
type = "fedora3"
objects = "{store.objects}"
datastreams = "{store.datastreams}"
{"".join(tables)}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Octets of a package: its header from ``header`` to ``start``, its content from there to ``stop`` (not included)."""

    name: str
    header: int
    start: int
    stop: int


def members(whole: bytes, kind: str) -> list[Member]:
    """The files in a package of that format, in order, as a reader of others finds them."""
    if kind == "zip":
        with zipfile.ZipFile(io.BytesIO(whole)) as package:
            return [_zipped(whole, info) for info in package.infolist() if not info.is_dir()]
    with tarfile.open(fileobj=io.BytesIO(whole)) as package:
        return [
            Member(name=info.name, header=info.offset, start=info.offset_data, stop=info.offset_data + info.size)
            for info in package
            if info.isfile()
        ]


def _zipped(whole: bytes, info: zipfile.ZipInfo) -> Member:
    """The local header's own lengths count (APPNOTE 4.3.7), which may be others than the central directory's."""
    name, extra = struct.unpack_from("<HH", whole, info.header_offset + 26)
    start = info.header_offset + 30 + name + extra
    return Member(name=info.filename, header=info.header_offset, start=start, stop=start + info.file_size)


def member_of(whole: bytes, kind: str, dsid: str) -> Member:
    """The only member that has ``_DSID`` in its name."""
    (found,) = (member for member in members(whole, kind) if f"_{dsid}" in member.name)
    return found
