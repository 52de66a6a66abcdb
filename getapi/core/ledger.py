"""What is remembered of bytes that were read whole: their checksums, and whether they were those that the repository declares."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from getapi.core.source import DatastreamRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One reading of all of a datastream's bytes.

    ``identity`` and ``size`` (octets) are those of the record that was opened, ``digests`` hex by hashlib's name of the algorithm.
    ``mismatch`` is the algorithm whose declared digest the bytes do not have, "" where they have all that are declared. ``wavered``: they
    seemed not to have it until they were read a second time; who was sent them in between may have the wrong ones. ``part`` is the SHA-256
    of a part of them, where one was asked for.
    """

    identity: str
    size: int
    digests: Mapping[str, str] = field(default_factory=dict)
    crc32: int | None = None
    verified: datetime
    mismatch: str = ""
    wavered: bool = False
    part: str = ""

    def vouches_for(self, datastream: DatastreamRecord) -> bool:
        """Whether these are the record's bytes, found sound by every digest that the record declares, now as then."""
        if self.mismatch or self.identity != datastream.identity:
            return False
        for digest in datastream.digests:  # noqa: SIM110 # asked of thousands at once, as sources.fedora3 asks its witnesses
            if self.digests.get(digest.algorithm) != digest.value:
                return False
        return True


class Ledger(Protocol):
    """The fixity ledger, as planning asks it."""

    def look_up(self, repository: str, datastreams: Iterable[DatastreamRecord]) -> Mapping[tuple[str, str], Examination]:
        """By PID and DSID, what counts of these very bytes: a mismatch always, a sound reading while it is recent and vouches for them."""
