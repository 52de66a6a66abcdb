"""A canvas, and what is painted on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from getapi.core.errors import ObjectUnreadable
from getapi.core.iiif.image import Candidate, ImageService
from getapi.core.jsontext import LONGEST

MAX_CANVASES = 10_000
MAX_CONTENTS = 20
"""Of one canvas; what is more is left out of the object, as a canvas with that much is a collage and no page."""

PICTURE = "Image"
_KINDS = {
    "image": PICTURE, "dctypes:image": PICTURE, "dcterms:image": PICTURE,
    "video": "Video", "dctypes:movingimage": "Video", "sound": "Sound", "audio": "Sound", "dctypes:sound": "Sound",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``dsid`` is ``page-N``, and from the second on the same canvas ``page-N.M``; ``kind`` is Image, Video or Sound.

    ``candidates`` are where it can be had, best first: a picture from its image service in full, then as the manifest shows it.
    """

    dsid: str
    kind: str
    label: str
    mime: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """``id`` is its address, by which ranges name it."""

    id: str
    label: str
    contents: tuple[Content, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What an annotation paints, as its manifest says it."""

    url: str
    type: str
    mime: str
    service: ImageService | None = None


def make_canvas(number: int, identifier: str, label: str, bodies: Iterator[Body]) -> Canvas:
    """The canvas of that number, from 1, with those of its bodies that are files."""
    contents: list[Content] = []
    for body in bodies:
        if len(contents) >= MAX_CONTENTS:
            break
        kind, found = _KINDS.get(body.type.lower()), _candidates(body)
        if kind is not None and found:
            place = f"page-{number}" if not contents else f"page-{number}.{len(contents) + 1}"
            contents.append(Content(dsid=place, kind=kind, label=label, mime=found[0].mime, candidates=found))
    return Canvas(id=identifier, label=label, contents=tuple(contents))


def bounded(found: list[object], pid: str) -> list[object]:
    """Raises ObjectUnreadable for more canvases than are read."""
    if len(found) > MAX_CANVASES:
        raise ObjectUnreadable(pid, f"it has more than {MAX_CANVASES} canvases")
    return found


def _candidates(body: Body) -> tuple[Candidate, ...]:
    served = body.service.candidates if body.service is not None and _KINDS.get(body.type.lower()) == PICTURE else ()
    shown = (Candidate(url=body.url, mime=_mime(body)),) if _is_address(body.url) else ()
    return (*served, *(each for each in shown if each.url not in {candidate.url for candidate in served}))


def _mime(body: Body) -> str:
    kind = body.mime.partition(";")[0].strip().lower()
    return kind if kind.isascii() and kind.count("/") == 1 else "image/jpeg" if _KINDS.get(body.type.lower()) == PICTURE else ""


def _is_address(url: str) -> bool:
    if len(url) > LONGEST or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
