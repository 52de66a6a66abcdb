"""Stores of datastreams with declared digests, one to an object, and nothing else."""

import hashlib
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.sources.stores import BuiltStore, datastream, digest, foxml, location, version

_BLOCK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """``files`` are the managed datastreams' files, ``octets`` in all; ``request`` is what ``files=`` says."""

    store: BuiltStore
    files: tuple[Path, ...]
    octets: int
    request: str


def build(folder: Path, *, count: int, octets: int, kind: str = "SHA-256", sparse: bool = False) -> Material:
    """``count`` objects with one datastream each; ``kind`` is the declared digest's FOXML name (``SHA-256``, ``MD5``).

    Sparse files are zeros that take no room on the disk; all others are in page cache afterwards.
    """
    store, size, algorithm = BuiltStore(root=folder), octets // count, kind.replace("-", "").lower()
    files = []
    for number in range(count):
        pid = f"bench:{number}"
        token = f"{pid}+BLOB+BLOB.0"
        path = store.path(token)
        path.parent.mkdir(parents=True, exist_ok=True)
        value = _leave_empty(path, size, algorithm) if sparse else _fill(path, size, seed=number, algorithm=algorithm)
        current = version("BLOB.0", digest(kind, value) + location(token), MIMETYPE="application/octet-stream")
        store.put(pid, foxml(pid, datastream("BLOB", "M", current)))
        files.append(path)
    return Material(store=store, files=tuple(files), octets=size * count, request=";".join(f"bench:{number}" for number in range(count)))


def _fill(path: Path, size: int, *, seed: int, algorithm: str) -> str:
    block = random.Random(seed).randbytes(min(size, _BLOCK))
    hashed = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("wb") as stream:
        for start in range(0, size, _BLOCK):
            piece = block[: size - start]
            stream.write(piece)
            hashed.update(piece)
    return hashed.hexdigest()


def _leave_empty(path: Path, size: int, algorithm: str) -> str:
    with path.open("wb") as stream:
        stream.truncate(size)
    return _of_zeros(size, algorithm)


@cache
def _of_zeros(size: int, algorithm: str) -> str:
    hashed, zeros = hashlib.new(algorithm, usedforsecurity=False), bytes(_BLOCK)
    for start in range(0, size, _BLOCK):
        hashed.update(zeros[: size - start])
    return hashed.hexdigest()
