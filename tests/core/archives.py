"""TAR archives of any members, right or wrong, for the tests of those who read them."""

import hashlib
from collections.abc import Mapping

from getapi.core import tar
from getapi.core.bag import DECLARATION


def file(path: str, data: bytes = b"") -> bytes:
    return tar.file_header(path, size=len(data), mtime=0) + data + tar.padding(len(data))


def directory(path: str) -> bytes:
    return tar.directory_header(path, mtime=0)


def archive(*members: bytes) -> bytes:
    body = b"".join(members)
    return body + tar.end(len(body))


def bag_of(files: Mapping[str, bytes], *, top: str = "bag") -> bytes:
    """An archive of just these files of a bag, and its two directories."""
    return archive(directory(top), directory(f"{top}/data"), *(file(f"{top}/{path}", data) for path, data in files.items()))


def listing(files: Mapping[str, bytes], *, algorithm: str = "sha256") -> bytes:
    return "".join(f"{hashlib.new(algorithm, data).hexdigest()}  {path}\n" for path, data in files.items()).encode()


def complete(payload: Mapping[str, bytes], tags: Mapping[str, bytes] | None = None, *, algorithm: str = "sha256") -> dict[str, bytes]:
    """The files of a valid bag; ``tags`` replace or follow the usual ones before the tag manifest is written."""
    files = {"bagit.txt": DECLARATION, f"manifest-{algorithm}.txt": listing(payload, algorithm=algorithm), **(tags or {})}
    return {**files, **payload, f"tagmanifest-{algorithm}.txt": listing(files, algorithm=algorithm)}


def patched(block: bytes, offset: int, octets: bytes) -> bytes:
    """A member whose header (its first block) says something else at ``offset``, with the checksum made right."""
    header = bytearray(block[:512])
    header[offset : offset + len(octets)] = octets
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + block[512:]


def pax(records: bytes) -> bytes:
    """A pax extended header of raw records, to go before a member."""
    return patched(file("././@PaxHeader", records), 156, b"x")


class Pieces:
    """A stream that gives at most ``most`` octets a call, as a pipe does, and counts what it gave."""

    def __init__(self, data: bytes, most: int = 700) -> None:
        self.data, self.most, self.given = data, most, 0

    def read(self, count: int, /) -> bytes:
        piece = self.data[self.given : self.given + min(count, self.most)]
        self.given += len(piece)
        return piece
