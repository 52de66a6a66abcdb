"""Turns what a layout had to leave open into octets, once the payload's digests are known."""

from collections.abc import Mapping

from getapi.core import bag
from getapi.core.plan import Entry, Plan
from getapi.core.segment import Deferred


def resolve(deferred: Deferred, plan: Plan, digests: Mapping[str, str]) -> bytes:
    """The octets of a deferred segment, ``deferred.length`` of them.

    ``digests`` maps an entry's path to its hex digest as learned from the bytes that left; it goes over what the plan says. Raises
    DeliveryError where an entry's digest is not known, or is not of the plan's algorithm.
    """
    return bag.RENDERERS[deferred.kind](plan, digests)[deferred.start : deferred.stop]


def unlearned(plan: Plan, digests: Mapping[str, str]) -> tuple[Entry, ...]:
    """The entries that must still be read before ``resolve`` can answer."""
    return tuple(entry for entry in plan.entries if not (digests.get(entry.path) or entry.digest))
