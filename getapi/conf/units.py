"""Durations and sizes with their units written out, as an administrator writes them: ``"30 min"``, ``"100 GB"``, ``"1 MiB"``."""

import re
from decimal import Decimal

_SECONDS = {
    "s": 1,
    "min": 60,
    "h": 3600,
    "d": 86_400,
    "second": 1,
    "seconds": 1,
    "minute": 60,
    "minutes": 60,
    "hour": 3600,
    "hours": 3600,
    "day": 86_400,
    "days": 86_400,
    "week": 604_800,
    "weeks": 604_800,
    "year": 31_536_000,
    "years": 31_536_000,
}
"""A year is 365 days; months are left out because they have no one length."""

_OCTETS = {"B": 1, "bytes": 1} | {
    f"{prefix}{kind}": base ** (power + 1)
    for kind, base in (("B", 1000), ("iB", 1024))
    for power, prefix in enumerate(("K", "M", "G", "T", "P"))
}
_OCTETS["kB"] = 1000

_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)[ \t]*([A-Za-z]+)?", re.ASCII)
_MOST_SECONDS = 100 * 31_536_000
_MOST_OCTETS = 2**63 - 1
"""What a database's integer column holds."""


def seconds(value: object) -> float:
    """Seconds of a text such as ``"30 min"`` or of a plain number (of seconds). Raises ValueError in plain words."""
    amount = _amount(value, _SECONDS, example='"90 s", "30 min", "24 h" or "30 d"')
    if amount > _MOST_SECONDS:
        raise ValueError("must be at most 100 years")
    return float(amount)


def octets(value: object) -> int:
    """Octets of a text such as ``"100 GB"`` (10^9) or ``"1 MiB"`` (2^20), or of a plain whole number. Raises ValueError in plain words."""
    amount = _amount(value, _OCTETS, example='"500 MB", "100 GB" or "1 MiB"')
    if amount != int(amount):
        raise ValueError("must come to whole bytes")
    if amount > _MOST_OCTETS:
        raise ValueError("must be at most 9 EB")
    return int(amount)


def _amount(value: object, units: dict[str, int], *, example: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"must be a number with its unit, such as {example}")  # noqa: TRY004 # pydantic collects ValueErrors
    # repr() of a float is its shortest exact text; inf, nan and negative numbers do not match below.
    found = _QUANTITY.fullmatch(value.strip() if isinstance(value, str) else f"{value!r}")
    if found is None:
        raise ValueError(f"must be a number that is not negative, with its unit, such as {example}")
    unit = found[2]
    if unit is not None and unit not in units:
        raise ValueError(f"has the unknown unit {unit}; write for example {example}")
    return Decimal(found[1]) * (1 if unit is None else units[unit])
