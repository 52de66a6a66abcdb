"""Turns what a layout had to leave open into octets, once the payload's digests and CRC-32s are known."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from getapi.core import bag
from getapi.core.errors import DeliveryError
from getapi.core.plan import Entry, Plan
from getapi.core.segment import Deferred, Extent, Gap

CHECKSUM_LENGTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What the bytes that left, or were read ahead, have told: by an entry's path, its hex digest and its CRC-32. It goes over the plan."""

    digests: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, int] = field(default_factory=dict)


def resolve(deferred: Deferred, plan: Plan, learned: Learned) -> bytes:
    """The octets of a deferred segment, ``deferred.length`` of them.

    Raises DeliveryError where a digest or a CRC-32 that they hold is not known, or a digest is not of the plan's algorithm.
    """
    if deferred.kind in bag.RENDERERS:
        return bag.RENDERERS[deferred.kind](plan, learned.digests)[deferred.start : deferred.stop]
    octets = bytearray(deferred.blank)
    for gap in _gaps(deferred):
        octets[gap.position : gap.position + CHECKSUM_LENGTH] = _checksum(gap, plan, learned).to_bytes(CHECKSUM_LENGTH, "little")
    return bytes(octets[deferred.start : deferred.stop])


def needs(deferred: Deferred, plan: Plan, learned: Learned) -> tuple[Entry, ...]:
    """The entries that must still be read before ``resolve`` can answer, each once, in the package's order."""
    gaps = list(_gaps(deferred))
    # All manifests wait for all digests, and so does the CRC-32 of one.
    if deferred.kind in bag.RENDERERS or any(isinstance(gap.body, Deferred) for gap in gaps):
        wanted = {entry.path for entry in plan.entries if bag.known_digest(entry, plan, learned.digests) is None}
        wanted.update(entry.path for entry in _unsummed(gaps, learned))
        return tuple(entry for entry in plan.entries if entry.path in wanted)
    return tuple(_unsummed(gaps, learned))


def _gaps(deferred: Deferred) -> Iterator[Gap]:
    """Those of which the segment, which may be clipped, has any octet."""
    return (gap for gap in deferred.gaps if deferred.start - CHECKSUM_LENGTH < gap.position < deferred.stop)


def _unsummed(gaps: list[Gap], learned: Learned) -> Iterator[Entry]:
    bodies = (gap.body for gap in gaps)
    return (body.entry for body in bodies if isinstance(body, Extent) and _known_checksum(body.entry, learned) is None)


def _checksum(gap: Gap, plan: Plan, learned: Learned) -> int:
    if isinstance(gap.body, Deferred):
        return zlib.crc32(resolve(gap.body, plan, learned))
    checksum = _known_checksum(gap.body.entry, learned)
    if checksum is None:
        raise DeliveryError("A ZIP's header cannot be written before the CRC-32 is known")
    return checksum


def _known_checksum(entry: Entry, learned: Learned) -> int | None:
    if entry.size == 0:
        return zlib.crc32(b"")
    checksum = learned.checksums.get(entry.path, entry.checksum)
    return checksum if checksum is not None and 0 <= checksum < 2**32 else None
