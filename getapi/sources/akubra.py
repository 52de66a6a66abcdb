"""Akubra's file-system blob store: names and folders computed from a blob's URI (``HashPathIdMapper``)."""

import hashlib
import re
from dataclasses import dataclass, field
from itertools import accumulate, pairwise, starmap
from urllib.parse import quote_plus, unquote, unquote_plus

from getapi.core.reference import MAX_PID, parse_pid

MAX_DIGITS = 32

_SCHEME = "info:fedora/"
_ESCAPED = re.compile(rb"[^a-zA-Z0-9\-=()\[\];.]")
_UNENCODED = re.compile(r"[a-zA-Z0-9.*_-]+")
_USUAL = re.compile(r"[a-zA-Z0-9\-=()\[\];.:/]*[a-zA-Z0-9]")
"""URIs in which colons and slashes alone are escaped, which is most of them and takes a fifth of the time."""
_TOKEN = re.compile(r"[a-zA-Z0-9.-]+:[a-zA-Z0-9.-]*[a-zA-Z0-9-](?:\+[a-zA-Z0-9.-]+\+[a-zA-Z0-9.-]*[a-zA-Z0-9-])?")
"""Tokens in which nothing is escaped but colons and slashes either."""
_PATTERN = re.compile(r"(?:#+(?:/#+)*)?")


def check_pattern(pattern: str) -> None:
    """Raises ValueError unless it is ``#`` in groups parted by single slashes, at most 32 in all, or empty."""
    if not _PATTERN.fullmatch(pattern) or pattern.count("#") > MAX_DIGITS:
        raise ValueError(f"A hash pattern is up to {MAX_DIGITS} # in groups parted by /, not {pattern!r}")


def blob_uri(token: str) -> str | None:
    """``info:fedora/PID`` or ``info:fedora/PID/DSID/VERSION``; None for what is no token."""
    parts = token.split("+")
    pid = parse_pid(parts[0])
    if pid is None or len(parts) not in {1, 3} or not all(parts):
        return None
    if len(parts) == 1:
        return _SCHEME + pid
    return f"{_SCHEME}{parts[0]}/{_encode(parts[1])}/{_encode(parts[2])}"


def _encode(text: str) -> str:
    """java.net.URLEncoder, which differs from Python's in two characters."""
    if _UNENCODED.fullmatch(text):
        return text
    return quote_plus(text, safe="*", errors="replace").replace("~", "%7E")


def blob_name(uri: str) -> str:
    """The file's name. It is literal: nothing decodes it on the way to the disk."""
    if _USUAL.fullmatch(uri):
        return uri.replace(":", "%3A").replace("/", "%2F")
    name = _ESCAPED.sub(lambda match: b"%%%02X" % match[0][0], uri.encode()).decode("ascii")
    return f"{name[:-1]}%2E" if name.endswith(".") else name


@dataclass(frozen=True, slots=True, kw_only=True)
class AkubraLayout:
    """``pattern`` is the store's own: ``##`` by default, "" for all files in the root. Raises ValueError for one that is none."""

    pattern: str = "##"
    _groups: tuple[slice, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_pattern(self.pattern)
        stops = list(accumulate(map(len, self.pattern.split("/"))))
        object.__setattr__(self, "_groups", tuple(starmap(slice, pairwise((0, *stops)))))

    def path(self, token: str) -> str | None:
        """Where the token's blob lies below the store's root; None for what is no token."""
        if len(token) <= MAX_PID and _TOKEN.fullmatch(token):
            uri = _SCHEME + token.replace("+", "/")
            name = uri.replace(":", "%3A").replace("/", "%2F")
        else:
            known = blob_uri(token)
            if known is None:
                return None
            uri, name = known, blob_name(known)
        digits = hashlib.md5(uri.encode(), usedforsecurity=False).hexdigest()
        folder = digits[self._groups[0]] if len(self._groups) == 1 else "/".join([digits[group] for group in self._groups])
        return f"{folder}/{name}" if folder else name

    def token(self, name: str) -> str | None:
        """The token that a file is named for; None for the ``new`` and ``old`` that safe overwriting leaves, and for any other file."""
        scheme, slash, rest = unquote(name).partition("/")
        if scheme + slash != _SCHEME:
            return None
        pid, *parts = rest.split("/")
        token = "+".join((pid, *map(unquote_plus, parts)))
        uri = blob_uri(token)
        return token if uri is not None and blob_name(uri) == name else None
