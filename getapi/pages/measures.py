"""Sizes as people read them. Units count in thousands, as disks and the service's limits do (GB = 10^9)."""

from django.utils.translation import gettext, ngettext

_STEP = 1000


def human(octets: int | None) -> str:
    """``1.23 MB``: three digits that count. Empty for a size that nobody knows."""
    if octets is None:
        return ""
    if octets < _STEP:
        return ngettext("%(number)s byte", "%(number)s bytes", octets) % {"number": octets}
    size, words = float(octets), (gettext("%(number)s kB"), gettext("%(number)s MB"), gettext("%(number)s GB"), gettext("%(number)s TB"))
    for word in words:
        size /= _STEP
        if round(size) < _STEP or word is words[-1]:
            return word % {"number": _three(size)}
    raise AssertionError("unreachable")


def exact(octets: int | None) -> str:
    """``1,234,567 bytes``. Empty for a size that nobody knows."""
    return "" if octets is None else ngettext("%(number)s byte", "%(number)s bytes", octets) % {"number": f"{octets:,}"}


def _three(size: float) -> str:
    digits = 2 if round(size, 2) < 10 else 1 if round(size, 1) < 100 else 0
    text = f"{size:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
