"""A datastream whose size nobody knows, read to its end into the stage: how large it is shows then, and what its digests are."""

import hashlib
import queue
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from getapi.core.errors import ContentChanged, FixityMismatch, PackagingError, SourceUnavailable, TooManyBytes
from getapi.core.plan import staged_identity
from getapi.core.source import Content, DatastreamRecord, Digest, Source
from getapi.services.draft import Draft
from getapi.services.rounds import close_databases

BLOCK = 256 << 10
"""Octets that are asked of a source at once."""

AHEAD = 8
"""Blocks that are read before they are written."""

PAUSE = 0.25
"""Seconds after which who waits for the next octets looks whether it is still to go on."""

PACE = 64 << 10
PATIENCE = 120.0
"""At least so many octets must come within so many seconds: a source that drips is one that does not answer."""

_Item = bytes | PackagingError | None
"""A block, why there is none, or the end."""


class Supply:
    """The octets of a content, read by a thread of its own: whoever takes them can stop at any moment, wherever the thread hangs."""

    def __init__(self, opener: Callable[[], Content], repository: str) -> None:
        self._opener = opener
        self._repository = repository
        self._items: queue.Queue[_Item] = queue.Queue(AHEAD)
        self._abandoned = threading.Event()
        threading.Thread(target=self._run, name="intake", daemon=True).start()

    def blocks(self, look: Callable[[], None], *, clock: Callable[[], float] = time.monotonic) -> Iterator[bytes]:
        """``look`` is called again and again and may raise. Raises what ``Source.open`` and ``Content.read`` raise."""
        since, come = clock(), 0
        while True:
            look()
            try:
                item = self._items.get(timeout=PAUSE)
            except queue.Empty:
                item = b""
            if item is None:
                return
            if isinstance(item, PackagingError):
                raise item
            come += len(item)
            if come >= PACE:
                since, come = clock(), 0
            elif clock() - since > PATIENCE:
                raise SourceUnavailable(self._repository)
            if item:
                yield item

    def close(self) -> None:
        """The thread ends as soon as what it waits for comes or fails."""
        self._abandoned.set()

    def _run(self) -> None:
        try:
            self._read()
        except PackagingError as error:
            self._put(error)
        except Exception:  # noqa: BLE001 # the edge of a thread: whatever an adapter lets through, its repository could not be read
            self._put(SourceUnavailable(self._repository))
        finally:
            close_databases()

    def _read(self) -> None:
        with self._opener() as content:
            while block := content.read(BLOCK):
                if not self._put(block):
                    return
            content.confirm()
        self._put(None)

    def _put(self, item: _Item) -> bool:
        """Whether anybody will take it."""
        while not self._abandoned.is_set():
            try:
                self._items.put(item, timeout=PAUSE)
            except queue.Full:
                continue
            return True
        return False


MEMBERS = 8
"""Members that are read at the same time: what a server takes to make one is not waited for one after the other."""


class Supplies:
    """A supply for each of ``openers`` (with its repository's name), in their order; the next ones fill before their turn comes, with AHEAD
    blocks each. Must be closed."""

    def __init__(self, openers: Iterable[tuple[str, Callable[[], Content]]]) -> None:
        self._openers = iter(openers)
        self._running: deque[Supply] = deque()

    def next(self) -> "Supply":
        """Whoever takes it closes it."""
        for repository, opener in islice(self._openers, MEMBERS - len(self._running)):
            self._running.append(Supply(opener, repository))
        return self._running.popleft()

    def close(self) -> None:
        while self._running:
            self._running.popleft().close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What a datastream was when it was read: ``digests`` are hex by algorithm, SHA-256 always among them."""

    size: int
    digests: Mapping[str, str]
    crc32: int


def read_through(
    source: Source,
    datastream: DatastreamRecord,
    *,
    algorithm: str,
    most: int,
    look: Callable[[int], None],
    write: Callable[[bytes], object],
    supply: Supply | None = None,
) -> Intake:
    """Reads all of the datastream and hands it to ``write``, block by block; ``look`` is told the octets so far and may raise.

    ``supply`` is the datastream's own, where that began already.
    ``algorithm`` is the package's, ``most`` the octets that the package may hold at all. Raises FixityMismatch where a declared digest is
    another, TooManyBytes, and what ``Source.open``, ``Content.read``, ``look`` and ``write`` raise.
    """
    supply = supply or Supply(lambda: source.open(datastream), source.name)
    names = {"sha256", algorithm, *(digest.algorithm for digest in datastream.digests)}
    hashes, crc32, size = {name: hashlib.new(name, usedforsecurity=False) for name in sorted(names)}, 0, 0

    def report() -> None:
        look(size)

    try:
        for block in supply.blocks(report):
            size += len(block)
            if size > most:
                raise TooManyBytes(limit=most, count=size)
            for running in hashes.values():
                running.update(block)
            crc32 = zlib.crc32(block, crc32)
            write(block)
    finally:
        supply.close()
    digests = {name: running.hexdigest() for name, running in hashes.items()}
    _compare(datastream, digests, size)
    return Intake(size=size, digests=digests, crc32=crc32)


def take_in(
    package_id: str,
    source: Source,
    datastream: DatastreamRecord,
    *,
    algorithm: str,
    most: int,
    look: Callable[[int], None],
    supply: Supply | None = None,
) -> None:
    """Puts all of the datastream into the package's stage. Raises what ``read_through`` does, StageTooSmall, StageBusy, StageUnusable,
    PreparationStopped."""
    with Draft(package_id, source.name, datastream) as draft:
        found = read_through(source, datastream, algorithm=algorithm, most=most, look=look, write=draft.write, supply=supply)
        draft.keep(digests=found.digests, crc32=found.crc32)


def _compare(datastream: DatastreamRecord, digests: Mapping[str, str], size: int) -> None:
    if datastream.size not in {None, size}:
        raise ContentChanged(datastream.pid, datastream.dsid)
    for declared in datastream.digests:
        if digests[declared.algorithm] != declared.value:
            raise FixityMismatch(datastream.pid, datastream.dsid, declared.algorithm)


def as_record(datastream: DatastreamRecord, size: int, digests: Mapping[str, str], algorithm: str) -> DatastreamRecord:
    """The record as planning wants it: size, an identity that stands for the very bytes, the manifest's digest. It is a file's now."""
    known = datastream.digests
    if datastream.digest(algorithm) is None:
        known = (*known, Digest(algorithm=algorithm, value=digests[algorithm]))
    return replace(
        datastream, size=size, digests=known, identity=staged_identity(digests["sha256"], datastream.identity), remote=False, unsized=False
    )
