"""How OCFL's object ids and logical paths, which may be any text, are named in requests: as PIDs and DSIDs, and back.

A PID has one colon and no slash, so what it cannot hold is percent-encoded (RFC 3986 2.1), and ``%`` itself with it:

    info:fedora/demo:5      demo:5              Fedora 6's own prefix is left out, as with Fedora 3
    info:fedora/a/b         fedora:a%2Fb        without a colon behind it the namespace is ``fedora``
    ark:/12345/bcd987       ark:%2F12345%2Fbcd987
    object-01               ocfl:object-01      where no scheme can be a namespace it is ``ocfl``

Two ids have the same PID only where they differ by ``info:fedora/`` and nothing else.
"""

import hashlib
import re
from urllib.parse import quote, unquote

from getapi.core.reference import MAX_DSID, is_dsid, parse_pid

FEDORA = "info:fedora/"
ROOT = "info:fedora"
"""The id of a Fedora 6 repository's own root."""

_PLAIN, _OF_FEDORA = "ocfl", "fedora"
_SCHEME = re.compile(r"[A-Za-z0-9.-]+")
_KEPT = "~._-"
# What separates entries and names, what would be stripped at an end, and what cannot be shown (core.reference).
_FOREIGN = re.compile(r"[%/;\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]|\A\s|\s\Z")
_DIGITS = 16


def spell_pid(identifier: str) -> str | None:
    """The PID of an object id; None where that would be too long, or the id is no text that UTF-8 can write."""
    name = identifier.removeprefix(FEDORA)
    scheme, _, rest = name.partition(":")
    try:
        if rest and _SCHEME.fullmatch(scheme) and scheme.lower() not in {_PLAIN, _OF_FEDORA}:
            pid = f"{scheme}:{quote(rest, safe=_KEPT)}"
        elif name and name != identifier:
            pid = f"{_OF_FEDORA}:{quote(name, safe=_KEPT)}"
        else:
            pid = f"{_PLAIN}:{quote(identifier, safe=_KEPT)}"
    except UnicodeEncodeError:
        return None
    return parse_pid(pid)


def object_ids(pid: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The object ids that have exactly this normalised PID, and others that it may mean: any id behind ``ocfl:``, an id that was not
    encoded, and one in whose own namespace we put others."""
    namespace, _, rest = pid.partition(":")
    meant = [f"{FEDORA}{pid}", pid]
    try:
        plain = unquote(rest, errors="strict")
    except UnicodeDecodeError:
        return (), tuple(meant)
    own = {_PLAIN: [plain], _OF_FEDORA: [f"{FEDORA}{plain}"]}
    ids = dict.fromkeys([*own.get(namespace, []), f"{FEDORA}{namespace}:{plain}", f"{namespace}:{plain}", *meant])
    exact = tuple(each for each in ids if spell_pid(each) == pid)
    return exact, tuple(each for each in ids if each not in exact)


def spell_dsid(path: str) -> str:
    """The DSID of a logical path: ``/`` is ``%2F``, ``;`` is ``%3B``; one of more than 255 characters is cut and ends in a digest."""
    dsid = _FOREIGN.sub(lambda found: quote(found[0], safe=""), path)
    if is_dsid(dsid):
        return dsid
    digest = hashlib.sha256(path.encode()).hexdigest()[:_DIGITS]
    return f"{dsid[: MAX_DSID - _DIGITS - 1]}~{digest}"
