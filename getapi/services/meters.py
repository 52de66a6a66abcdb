"""What the processes of a node count for their operator (``services.metrics`` tells it); each costs a microsecond."""

from collections.abc import Mapping

from getapi.tally import tally

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds until an answer begins. What is sent afterwards may take hours, and is told as deliveries."""

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "requests": ("Requests that were answered", ("view", "method", "status")),
    "deliveries": ("Responses that carried a package or a datastream and have ended, by how", ("outcome",)),
    "delivered_bytes": ("Octets of packages and datastreams that were acknowledged", ()),
    "datastreams": ("Datastreams that were counted as delivered whole", ("robot",)),
    "datastreams_bytes": ("Octets of the datastreams that were counted as delivered whole", ("robot",)),
    "verification_readings": ("Datastreams that were read to be verified", ()),
    "verification_read_bytes": ("Octets that were read to be verified", ()),
    "verification_mismatches": ("Readings that found another digest than the declared one", ()),
    "database_failures": ("Rounds in which the database did not answer", ()),
    "purged_rows": ("Rows that were deleted because their time is over", ("kind",)),
}
"""By their names without prefix and ``_total``: what they are, and their labels."""

METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})


def count(name: str, *labels: str, amount: float = 1.0) -> None:
    """One more of COUNTERS, or ``amount``, in this process."""
    tally.add(name, *labels, amount=amount)


def count_request(*, view: str, method: str, status: int, seconds: float) -> None:
    """``seconds`` until the answer began. What a client may invent is not told apart: names are kept for ever."""
    tally.add("requests", view, method if method in METHODS else "other", str(status))
    tally.add("request_seconds", view, next((str(bound) for bound in BUCKETS if seconds <= bound), "+Inf"))
    tally.add("request_seconds_sum", view, amount=seconds)


def count_reading(octets: int, *, is_right: bool) -> None:
    count("verification_readings")
    count("verification_read_bytes", amount=octets)
    if not is_right:
        count("verification_mismatches")
