"""ZIP archives of any members, right or wrong, for the tests of those who read them."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from getapi.core.zip import CENTRAL, CENTRAL_SIGNATURE, END, END_SIGNATURE, LOCAL, LOCAL_SIGNATURE, MARK_32, ZIP64_EXTRA

LOCAL_FIELDS = ("signature", "version", "flags", "method", "time", "date", "checksum", "compressed", "size", "name_length", "extra_length")
CENTRAL_FIELDS = (
    *("signature", "made_by", "version", "flags", "method", "time", "date", "checksum", "compressed", "size"),
    *("name_length", "extra_length", "comment_length", "disk", "internal", "external", "offset"),
)
END_FIELDS = ("signature", "disk", "first_disk", "here", "count", "length", "start", "comment_length")
UTF8, DESCRIBED = 0x0800, 0x0008
MARKED = {"size": MARK_32, "compressed": MARK_32}
"""What is said of sizes where ZIP64 says them."""


def extra_field(kind: int, content: bytes) -> bytes:
    return struct.pack("<2H", kind, len(content)) + content


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


@dataclass(frozen=True, kw_only=True)
class Member:
    """``local`` and ``central`` are what their headers say instead of the truth, by field; ``behind`` follows the octets."""

    name: bytes
    octets: bytes
    facts: Mapping[str, Any]
    local: Mapping[str, Any] = field(default_factory=dict)
    central: Mapping[str, Any] = field(default_factory=dict)
    local_extra: bytes = b""
    central_extra: bytes = b""
    behind: bytes = b""

    def lying(self, *, local: Mapping[str, Any] | None = None, central: Mapping[str, Any] | None = None) -> Self:
        return replace(self, local={**self.local, **(local or {})}, central={**self.central, **(central or {})})

    def first(self) -> bytes:
        told = {"extra_length": len(self.local_extra), **self.facts, **self.local, "signature": LOCAL_SIGNATURE}
        name: bytes = told.get("name", self.name)
        told.setdefault("name_length", len(name))
        return LOCAL.pack(*(told[each] for each in LOCAL_FIELDS)) + name + self.local_extra + self.octets + self.behind

    def second(self, offset: int) -> bytes:
        told = {
            "made_by": 0x314, "comment_length": 0, "disk": 0, "internal": 0, "external": 0, "offset": offset,
            "extra_length": len(self.central_extra), **self.facts, **self.central, "signature": CENTRAL_SIGNATURE,
        }  # fmt: skip
        name: bytes = told.get("name", self.name)
        told.setdefault("name_length", len(name))
        return CENTRAL.pack(*(told[each] for each in CENTRAL_FIELDS)) + name + self.central_extra + bytes(told["comment_length"])


def file(path: str, data: bytes = b"", *, deflate: bool = False, flags: int = UTF8, **more: Any) -> Member:
    octets = deflated(data) if deflate else data
    facts = {
        "version": 20, "flags": flags, "method": 8 if deflate else 0, "time": 0, "date": 0x21,
        "checksum": zlib.crc32(data), "compressed": len(octets), "size": len(data),
    }  # fmt: skip
    return Member(name=path.encode(), octets=octets, facts=facts, **more)


def directory(path: str) -> Member:
    return file(f"{path}/")


def described(member: Member, *, wide: bool = False) -> Member:
    """The same, written by someone who did not know CRC-32 and sizes before."""
    facts = member.facts
    numbers = struct.pack("<I2Q" if wide else "<3I", facts["checksum"], facts["compressed"], facts["size"])
    nothing = {"checksum": 0, "compressed": 0, "size": 0}
    return replace(
        member, facts={**facts, "flags": facts["flags"] | DESCRIBED}, local={**nothing, **member.local}, behind=b"PK\x07\x08" + numbers
    )


def widened(member: Member, *, local: bytes, central: bytes, told: Mapping[str, int]) -> Member:
    """The same with what stands in its ZIP64 fields (no field for none), and what both headers say instead of the truth."""
    fields = [extra_field(ZIP64_EXTRA, content) if content else b"" for content in (local, central)]
    return replace(member.lying(local=told, central=told), local_extra=fields[0], central_extra=fields[1])


def archive(*members: Member, end: Mapping[str, Any] | None = None, comment: bytes = b"", zip64: bytes = b"") -> bytes:
    """``end``: what the end says instead of the truth; ``zip64`` goes before it."""
    body, second = b"", b""
    for member in members:
        second += member.second(len(body))
        body += member.first()
    told = {
        "signature": END_SIGNATURE, "disk": 0, "first_disk": 0, "here": len(members), "count": len(members),
        "length": len(second), "start": len(body), "comment_length": len(comment), **(end or {}),
    }  # fmt: skip
    return body + second + zip64 + END.pack(*(told[each] for each in END_FIELDS)) + comment


def bag_of(files: Mapping[str, bytes], *, top: str = "bag") -> bytes:
    """An archive of just these files of a bag, and its two directories."""
    return archive(directory(top), directory(f"{top}/data"), *(file(f"{top}/{path}", data) for path, data in files.items()))
