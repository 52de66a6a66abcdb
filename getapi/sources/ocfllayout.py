"""Where in an OCFL storage root an object lies, by its id: the layout extensions 0002, 0003, 0004, 0006 and 0007 of OCFL/extensions."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

NAMES = {
    "0002": "0002-flat-direct-storage-layout",
    "0003": "0003-hash-and-id-n-tuple-storage-layout",
    "0004": "0004-hashed-n-tuple-storage-layout",
    "0006": "0006-flat-omit-prefix-storage-layout",
    "0007": "0007-n-tuple-omit-prefix-storage-layout",
}
"""The layouts that are known, by the numbers of their extensions."""

_ALGORITHMS = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "sha512": "sha512", "blake2b-512": "blake2b"}
_MAX_NAME = 255
_MAX_TUPLES = 32
_LONGEST_ID = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OcflLayout:
    """``exact``: no two ids lie in the same folder, so that another id there is a fault."""

    name: str
    exact: bool
    map: Callable[[str], tuple[str, ...]]

    def path(self, identifier: str) -> str | None:
        """The object's folder relative to the storage root, or None where an object of that id cannot lie: never out of the root."""
        try:
            parts = self.map(identifier)
            fits = all(len(part.encode()) <= _MAX_NAME for part in parts)
        except UnicodeEncodeError:
            return None
        if not fits or any(part in {"", ".", ".."} or "/" in part or "\0" in part for part in parts):
            return None
        return "/".join(parts)


def read_layout(number: str, config: Mapping[str, object]) -> OcflLayout:
    """The layout of that number with the parameters of its ``config.json``. Raises ValueError, with a sentence, for what it is none."""
    settings = _Settings(config)
    if number == "0002":
        return OcflLayout(name=NAMES[number], exact=True, map=lambda identifier: (identifier,))
    if number in {"0003", "0004"}:
        return _hashed(number, settings)
    if number == "0006":
        return OcflLayout(name=NAMES[number], exact=False, map=partial(_omit, settings.delimiter()))
    if number == "0007":
        return OcflLayout(name=NAMES[number], exact=False, map=_tuples_without_prefix(settings))
    raise ValueError(f"{number} is none of {', '.join(NAMES)}")


@dataclass(frozen=True, slots=True)
class _Settings:
    config: Mapping[str, object]

    def count(self, name: str, usual: int = 3) -> int:
        value = self.config.get(name, usual)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_TUPLES:
            raise ValueError(f"{name} is no number from 0 to {_MAX_TUPLES}")
        return value

    def flag(self, name: str) -> bool:
        value = self.config.get(name, False)
        if not isinstance(value, bool):
            raise ValueError(f"{name} is neither true nor false")  # noqa: TRY004 # one kind of error for whatever is wrong in a file
        return value

    def choice(self, name: str, usual: str, choices: tuple[str, ...]) -> str:
        value = self.config.get(name, usual)
        if value not in choices:
            raise ValueError(f"{name} is none of {', '.join(choices)}")
        return str(value)

    def delimiter(self) -> str:
        value = self.config.get("delimiter")
        if not isinstance(value, str) or not value:
            raise ValueError("delimiter is missing")
        return value


def _hashed(number: str, settings: _Settings) -> OcflLayout:
    algorithm = _ALGORITHMS[settings.choice("digestAlgorithm", "sha256", tuple(_ALGORITHMS))]
    size, count = settings.count("tupleSize"), settings.count("numberOfTuples")
    digits = 2 * hashlib.new(algorithm, usedforsecurity=False).digest_size
    if size * count > digits or (size == 0) != (count == 0):
        raise ValueError(f"{count} tuples of {size} digits do not fit a digest of {digits}")
    short = settings.flag("shortObjectRoot") if number == "0004" else False
    if short and size * count == digits:
        raise ValueError("shortObjectRoot leaves no digit for the object's folder")

    def find(identifier: str) -> tuple[str, ...]:
        digest = hashlib.new(algorithm, identifier.encode(), usedforsecurity=False).hexdigest()
        tuples = [digest[start : start + size] for start in range(0, size * count, size or 1)]
        if number == "0003":
            return *tuples, _encapsulate(identifier, digest)
        return *tuples, digest[size * count :] if short else digest

    return OcflLayout(name=NAMES[number], exact=True, map=find)


def _encapsulate(identifier: str, digest: str) -> str:
    """0003's folder name: all but letters, digits, ``-`` and ``_`` percent-encoded in lower-case hex, at most 100 and the digest."""
    encoded = quote(identifier, safe="").replace(".", "%2E").replace("~", "%7E")
    name = re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), encoded)
    return name if len(name) <= _LONGEST_ID else f"{name[:_LONGEST_ID]}-{digest}"


def _omit(delimiter: str, identifier: str) -> tuple[str]:
    """What follows the last delimiter, which is compared without regard to case; the whole id where there is none."""
    found = identifier.lower().rfind(delimiter.lower())
    return (identifier if found < 0 else identifier[found + len(delimiter) :],)


def _tuples_without_prefix(settings: _Settings) -> Callable[[str], tuple[str, ...]]:
    delimiter = settings.delimiter()
    size, count = settings.count("tupleSize"), settings.count("numberOfTuples")
    left = settings.choice("zeroPadding", "left", ("left", "right")) == "left"
    reverse = settings.flag("reverseObjectRoot")
    if not size or not count:
        raise ValueError("tupleSize and numberOfTuples are at least 1")

    def find(identifier: str) -> tuple[str, ...]:
        (name,) = _omit(delimiter, identifier)
        padded = name.rjust(size * count, "0") if left else name.ljust(size * count, "0")
        digits = padded[::-1] if reverse else padded
        return *(digits[start : start + size] for start in range(0, size * count, size)), name

    return find
