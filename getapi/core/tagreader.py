"""Reads the tag files of a bag that somebody else may have written (RFC 8493 2.1.3, 2.2.1, 2.2.2)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

DIGEST_LENGTHS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
"""Hex digits of a digest, by the algorithm's name in a manifest's file name, which is hashlib's too."""

_MANIFEST_NAME = re.compile(r"(tag)?manifest-([a-z0-9]+)\.txt")
_MANIFEST_LINE = re.compile(r"([0-9A-Fa-f]+)[ \t]++(.+)", re.DOTALL)
_ELEMENT = re.compile(r"([^:\s](?:[^:]*[^:\s])?):[ \t](.*)", re.DOTALL)
_LINE_END = re.compile(r"\r\n|\r|\n")
_ENCODED = {"%0A": "\n", "%0D": "\r", "%25": "%"}
_OXUM = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")


class TagFileRefused(Exception):
    """A tag file is not what its standard asks for; ``sentence`` says where."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestName:
    """What the name of a manifest says: whether it lists tag files, and its algorithm."""

    of_tags: bool
    algorithm: str


def read_manifest_name(name: str) -> ManifestName | None:
    """None for a file that is no manifest."""
    match = _MANIFEST_NAME.fullmatch(name)
    return ManifestName(of_tags=match[1] is not None, algorithm=match[2]) if match else None


def read_manifest(text: bytes, *, algorithm: str) -> dict[str, str]:
    """Path to lower-case hex digest. Raises TagFileRefused for a line that is none, and for a path listed twice."""
    listed: dict[str, str] = {}
    for number, line in enumerate(_lines(text), 1):
        match = _MANIFEST_LINE.fullmatch(line)
        if match is None or len(match[1]) != DIGEST_LENGTHS[algorithm]:
            raise TagFileRefused(f"Line {number} is not a {algorithm} digest and a path")
        path = re.sub("%0A|%0D|%25", lambda code: _ENCODED[code[0].upper()], match[2], flags=re.IGNORECASE)
        if path in listed:
            raise TagFileRefused(f"Line {number} lists a path a second time")
        listed[path] = match[1].lower()
    return listed


def read_payload_oxum(text: bytes) -> tuple[int, int] | None:
    """Octets and files as bag-info.txt's Payload-Oxum says, None if it doesn't.

    Raises TagFileRefused for a line that is neither ``label: value`` nor its continuation, and for a malformed or repeated Payload-Oxum.
    """
    values: list[str] = []
    label = None
    for number, line in enumerate(_lines(text), 1):
        match = _ELEMENT.fullmatch(line)
        if match is None and (label is None or not line.startswith((" ", "\t"))):
            raise TagFileRefused(f"Line {number} is not a label and a value")
        label = match[1].lower() if match else label
        if match and label == "payload-oxum":
            values.append(match[2].strip())
    if not values:
        return None
    oxum = _OXUM.fullmatch(values[0])
    if oxum is None or len(values) > 1:
        raise TagFileRefused("Payload-Oxum is not one pair of numbers")
    return int(oxum[1]), int(oxum[2])


def _lines(text: bytes) -> Iterator[str]:
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise TagFileRefused("It is not UTF-8") from None
    if decoded.startswith("\ufeff"):
        raise TagFileRefused("It begins with a byte order mark")
    # Not splitlines: a name may hold what Unicode takes for the end of a line. No list: millions of empty lines cost nothing.
    start = 0
    for end in _LINE_END.finditer(decoded):
        yield decoded[start : end.start()]
        start = end.end()
    if start < len(decoded):
        yield decoded[start:]
