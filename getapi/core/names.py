"""What a package and the files in it are called (SPEC 5)."""

import re
import unicodedata
from collections.abc import Sequence

from getapi.core.mime import with_extension
from getapi.core.paths import Folder, Leaf, Placed, assign_paths
from getapi.core.safename import is_reserved, plain_segment, safe_segment, same_name
from getapi.core.source import DatastreamRecord

__all__ = [
    "Folder",
    "Leaf",
    "Placed",
    "assign_paths",
    "bag_name",
    "file_name",
    "flat_name",
    "package_name",
    "plain_segment",
    "safe_segment",
    "same_name",
]

_MAX_NAME = 100
_LONGEST = 1000
_UNNAMED = "package"
_FINGERPRINT_DIGITS = 12
_FOREIGN = re.compile(r"[^A-Za-z0-9._-]+")
_SERIALIZATION = re.compile(r"\.(?:tar|zip)?\Z", re.IGNORECASE)


def bag_name(text: str) -> str:
    """``text`` as a bag's top directory and, with the format's extension, a download's name: 1 to 100 of ``A-Za-z0-9._-``.

    Accents are dropped, ``:`` becomes ``-``, an extension that the format adds again is taken off; "package" where nothing is left.
    """
    return _made_safe(text) or _UNNAMED


def package_name(pids: Sequence[str], fingerprint: str, wanted: str | None) -> str:
    """The name that was wished if any of it can be used, else the only PID, else one made of the request's fingerprint (hex)."""
    choices = [wanted or "", *(pids if len(pids) == 1 else ())]
    return next(filter(None, map(_made_safe, choices)), f"{_UNNAMED}-{fingerprint[:_FINGERPRINT_DIGITS]}")


def flat_name(pid: str, dsid: str, mime: str) -> str:
    """``{pid}_{dsid}{extension}``, not yet made safe; no second extension where the DSID carries its type's own."""
    return with_extension(f"{pid}_{dsid}", mime)


def file_name(datastream: DatastreamRecord) -> str:
    """What a datastream's file is called, not yet made safe: its repository's own word, else its flat name."""
    return datastream.name or flat_name(datastream.pid, datastream.dsid, datastream.mime)


def _made_safe(text: str) -> str:
    """As ``bag_name``, but "" where no letter and no digit is left."""
    plain = unicodedata.normalize("NFKD", text[:_LONGEST]).replace(":", "-")
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    name = _FOREIGN.sub("_", plain.strip()).lstrip("-.")
    if is_reserved(name):
        name = f"_{name}"
    name = _trim(_trim(name)[:_MAX_NAME])
    return name if any(map(str.isalnum, name)) else ""


def _trim(name: str) -> str:
    """Without a final dot (Windows drops it) and without the extensions that come behind the name anyway."""
    while (shorter := _SERIALIZATION.sub("", name)) != name:
        name = shorter
    return name
