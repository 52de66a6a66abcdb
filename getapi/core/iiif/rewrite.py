"""Another address for the same pictures: a server within the house, in the place of the public one."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

_PORTS = {"http": 80, "https": 443}


def rewrite(url: str, rules: Mapping[str, str]) -> str | None:
    """The address to ask: that of the longest rule whose key it begins with, else the same; None for one that may not be asked.

    Keys and values end with a slash. What follows a key must not climb out of it again: a server below the value would give what it
    gives to nobody else.
    """
    folded = _fold(url)
    if folded is None:
        return None
    for key in sorted(rules, key=len, reverse=True):
        start = _fold(key)
        if start is not None and folded.startswith(start):
            rest = folded[len(start) :]
            return None if _climbs(rest) else rules[key] + rest
    return url


def _fold(url: str) -> str | None:
    """With scheme and host in small letters and without the usual port; None for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or "\\" in url:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port in {None, _PORTS[parts.scheme]} else f"{host}:{port}"
    return parts._replace(netloc=place).geturl()


def _climbs(rest: str) -> bool:
    """Whether there is a segment that goes up, however often its dots are escaped."""
    path = rest.partition("?")[0]
    for _ in range(3):
        path = unquote(path)
    return "\\" in path or any(segment in {".", ".."} for segment in path.split("/"))
