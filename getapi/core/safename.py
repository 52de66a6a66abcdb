"""One segment of a path, safe on every common system and valid to every known BagIt reader."""

import hashlib
import re
import unicodedata

MAX_OCTETS = 100
"""What a ustar header's name field holds."""
MAX_DIGEST = 8
_LONGEST = 1000
_TAIL = 500

# RFC 8493 2.1.3 readers disagree on %, CR and LF; Windows forbids * ? " < > | : and both slashes; XML 1.0 has no U+FFFE, U+FFFF.
_FORBIDDEN = re.compile(
    r'[\x00-\x1f\x7f-\x9f\u2028\u2029\\/*?"<>|%\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]'
)
_SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))
_EXTENSION = re.compile(r"(?<=.)\.[A-Za-z0-9]{1,10}\Z", re.DOTALL)
_PLAIN = re.compile(r"(?!(?i:con|prn|aux|nul|clock|com|lpt))[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}(?<!\.)")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])[ .]*(?:\..*)?", re.IGNORECASE | re.DOTALL)


def plain_segment(text: str) -> str | None:
    """What ``safe_segment`` gives a name that is safe but for colons, as most are; None for any other. It takes a tenth of the time."""
    return text.replace(":", "-") if _PLAIN.fullmatch(text) else None


def safe_segment(text: str, *, directory: bool = False) -> str:
    """``text`` as the name of a file or a directory: NFC, at most 100 octets of UTF-8, never empty; a safe name stays as it is.

    ``:`` becomes ``-``; what some system or some reader of bags cannot take becomes ``_``. A name that is cut keeps its extension and
    gets a digest of the whole text, so that two long names stay apart.
    """
    name = unicodedata.normalize("NFC", _bounded(text)).replace(":", "-")
    name = _FORBIDDEN.sub("_", name).lstrip(_SPACES).rstrip(_SPACES + ".")
    # Ruby's bagit skips dotfiles; a name of dots alone is empty by now.
    if not name or name.startswith(".") or is_reserved(name):
        name = f"_{name}"
    # Two Java validators take any path that holds "~/" for an attack.
    if directory and name.endswith("~"):
        name += "_"
    return name if len(name.encode()) <= MAX_OCTETS else shorten(name, MAX_OCTETS, directory=directory, whole=text)


def shorten(name: str, octets: int, *, directory: bool = False, whole: str | None = None) -> str:
    """A safe segment in at most ``octets``, at least 1, of UTF-8; a digest of ``whole`` (else ``name``) stands for what is cut away."""
    if len(name.encode()) <= octets:
        return name
    digest = hashlib.sha256((name if whole is None else whole).encode("utf-8", "surrogatepass")).hexdigest()[:MAX_DIGEST]
    stem, extension = split_extension(name, directory=directory)
    room = octets - len(extension) - len(digest) - 1
    if room < 1:
        return digest[:octets]
    return f"{stem.encode()[:room].decode(errors='ignore')}_{digest}{extension}"


def split_extension(name: str, *, directory: bool = False) -> tuple[str, str]:
    """Stem and extension with its dot; a directory has none, nor has what looks like one but is long or not ASCII."""
    match = None if directory else _EXTENSION.search(name)
    return (name[: match.start()], match[0]) if match else (name, "")


def same_name(original: str, given: str) -> bool:
    """Whether a reader would call it no renaming: the two differ at most by ``:`` as ``-`` and Unicode NFC (SPEC 5)."""
    return len(original) <= _LONGEST and unicodedata.normalize("NFC", original).replace(":", "-") == given


def fold_name(name: str) -> str:
    """Equal for names that some file system takes for one: canonical caseless matching (Unicode 3.13, D145)."""
    if name.isascii():
        return name.lower()
    for _ in range(2):
        name = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFC", name)


def is_reserved(name: str) -> bool:
    """Whether Windows takes the name for a device, whatever its extension."""
    return _RESERVED.fullmatch(name) is not None


def _bounded(text: str) -> str:
    # Normalisation sorts combining characters in quadratic time: a label of a megabyte must not reach it.
    return text if len(text) <= _LONGEST else text[:_TAIL] + text[-_TAIL:]
