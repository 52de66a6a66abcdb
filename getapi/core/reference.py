"""What names an object or a datastream in a request, a map or a rule: PID or PID/DSID, as Fedora 3 spells them."""

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_PID = 255
"""Fedora 3 itself allows 64; ids of other repositories are longer, more so when they are percent-encoded."""
MAX_DSID = 255
_SHOWN = 80

# org.fcrepo.common.PID: the delimiter may be escaped, other escapes belong to the name.
_PID = re.compile(r"([A-Za-z0-9.-]+)(?::|%3[Aa])((?:[A-Za-z0-9.~_-]|%[0-9A-Fa-f]{2})+)")
_ESCAPE = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)
_URI_PREFIX = re.compile(r"info(?::|%3a)fedora/", re.IGNORECASE)
# Controls, line separators, direction controls, lone surrogates, and what XML 1.0 has no character for.
_UNSHOWABLE = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff"
_HIDDEN = re.compile(f"[{_UNSHOWABLE}]+")
_DSID = re.compile(f"[^/{_UNSHOWABLE}]{{1,{MAX_DSID}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An object, or one of its datastreams where ``dsid`` is given. Both as they were written, but for Fedora's PID normalisation."""

    pid: str
    dsid: str | None = None


def parse_pid(text: str) -> str | None:
    """The normalised PID (``%3A`` read as ``:``, other escapes in upper case, nothing else changed), or None for what is no PID."""
    return _parse_pid(text) if len(text) <= MAX_PID + 2 else None


@lru_cache(maxsize=4096)
def _parse_pid(text: str) -> str | None:
    # An object's PID is read again for each of its datastreams.
    match = _PID.fullmatch(text)
    if match is None:
        return None
    pid = f"{match[1]}:{_ESCAPE.sub(lambda escape: escape[0].upper(), match[2])}"
    return pid if len(pid) <= MAX_PID else None


def spellings(pid: str) -> list[str]:
    """Other spellings of a normalised PID: with its namespace, and with the whole in lower case (SPEC 3)."""
    namespace, _, name = pid.partition(":")
    forms = dict.fromkeys((f"{namespace.lower()}:{name}", parse_pid(pid.lower())))
    return [form for form in forms if form and form != pid]


def is_dsid(text: str) -> bool:
    """Whether a datastream could have that id: looser than FOXML's schema, as real repositories are."""
    return _DSID.fullmatch(text) is not None


def parse_reference(text: str) -> Reference | None:
    """PID or PID/DSID; white space around it, ``info:fedora/`` before it and one ``/`` after it are forgiven. None for anything else."""
    text = text.strip()
    prefix = _URI_PREFIX.match(text)
    name, slash, dsid = text[prefix.end() if prefix else 0 :].removesuffix("/").partition("/")
    pid = parse_pid(name)
    if pid is None or (slash and not is_dsid(dsid)):
        return None
    return Reference(pid=pid, dsid=dsid if slash else None)


def shown(text: str) -> str:
    """A text that somebody else wrote, fit for a line of notices: bounded, and what does not print replaced by U+FFFD."""
    visible = _HIDDEN.sub("\ufffd", text[: _SHOWN + 1])
    return visible if len(visible) <= _SHOWN else f"{visible[:_SHOWN]}…"
