"""What a package is asked to hold: the parameters ``files`` and ``map``, read (SPEC 3)."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass

from getapi.core.errors import MalformedParameter, MissingParameter, RequestTooLong, TooManyFiles
from getapi.core.reference import Reference, parse_reference, shown

__all__ = ["PackageRequest", "Reference", "parse_reference", "parse_request"]

DEFAULT_FORMAT = "tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRequest:
    """``references`` stand by object, objects in the order first named, nothing twice and nothing that a bare PID covers.

    ``maps`` always have a DSID. ``malformed`` are the entries that could not be read, fit to be shown. ``name`` is the download's name
    as it was wished, not yet made safe.
    """

    references: tuple[Reference, ...]
    maps: tuple[Reference, ...]
    malformed: tuple[str, ...]
    format: str = DEFAULT_FORMAT
    name: str | None = None

    @property
    def fingerprint(self) -> str:
        """64 hex digits, equal for equal requests in every process and on every machine."""
        references = [[[each.pid, each.dsid] for each in group] for group in (self.references, self.maps)]
        canonical = json.dumps([*references, self.malformed, self.format, self.name], separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def parse_request(
    *,
    files: str | None,
    maps: str | None,
    format: str = DEFAULT_FORMAT,  # noqa: A002 - the parameter's name in the contract
    name: str | None = None,
    max_text: int,
    max_entries: int,
    formats: Collection[str] = frozenset({DEFAULT_FORMAT}),
) -> PackageRequest:
    """The request that the parameters make; an entry that cannot be read is collected, never an error.

    ``max_text`` bounds the octets of all texts together, ``max_entries`` the distinct entries as they were named, malformed and
    covered ones included. Raises MalformedParameter (``format``), RequestTooLong, MissingParameter, TooManyFiles.
    """
    serialization = _choose_format(format, formats)
    _check_length(max_text, files, maps, name)
    wanted, placed = _split(files), _split(maps)
    if not wanted and not placed:
        raise MissingParameter("files", "map")
    references, drawn, malformed = _read(wanted, placed, max_entries)
    return PackageRequest(
        references=_gather(references),
        maps=tuple(drawn),
        malformed=tuple(dict.fromkeys(map(shown, malformed))),
        format=serialization,
        name=(name or "").strip() or None,
    )


def _check_length(limit: int, *texts: str | None) -> None:
    # JSON can carry lone surrogates, which plain UTF-8 cannot count.
    octets = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts if text)
    if octets > limit:
        raise RequestTooLong(limit=limit, count=octets)


def _split(text: str | None) -> list[str]:
    """The distinct entries in order, as written; a megabyte of separators or of one entry costs one pass."""
    entries = dict.fromkeys(map(str.strip, (text or "").split(";")))
    entries.pop("", None)
    return list(entries)


def _read(wanted: list[str], placed: list[str], limit: int) -> tuple[list[Reference], list[Reference], list[str]]:
    references: dict[Reference, None] = {}
    maps: dict[Reference, None] = {}
    malformed: dict[str, None] = {}
    for text, found in [*((text, references) for text in wanted), *((text, maps) for text in placed)]:
        reference = parse_reference(text)
        if reference is None or (found is maps and reference.dsid is None):
            malformed[text] = None
        else:
            found[reference] = None
        if len(references) + len(maps) + len(malformed) > limit:
            raise TooManyFiles(limit=limit, count=len(wanted) + len(placed))
    return list(references), list(maps), list(malformed)


def _gather(references: list[Reference]) -> tuple[Reference, ...]:
    """By object; a bare PID takes the place of the object's own entries."""
    objects: dict[str, list[Reference]] = {}
    for reference in references:
        objects.setdefault(reference.pid, []).append(reference)
    return tuple(each for named in objects.values() for each in _absorb(named))


def _absorb(named: list[Reference]) -> list[Reference]:
    return [each for each in named if each.dsid is None] or named


def _choose_format(text: str, formats: Collection[str]) -> str:
    chosen = text.strip().lower() or DEFAULT_FORMAT
    if chosen not in formats:
        raise MalformedParameter("format", f"it must be one of {', '.join(sorted(formats))}")
    return chosen
