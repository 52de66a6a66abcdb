"""What Omeka S says of an item and of its media over its REST API (JSON-LD, as Omeka S 3 and 4 write it)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from getapi.core.errors import ObjectUnreadable
from getapi.core.iiif.image import ImageService, base_of, read_service
from getapi.core.jsontext import mapping, members, number, read_json, text, whole

MAX_MEDIA = 10_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """``media`` are the ids of those that it shows us, in their order; ``modified`` is Omeka's own word for when."""

    id: int
    title: str
    is_public: bool
    modified: str
    media: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One media and where its bytes may be.

    ``item`` is the id of the item that it belongs to, 0 where it names none. ``size`` in octets and ``sha256`` (hex) are of the original;
    ``original`` and ``large`` are addresses, "" where there is none. ``service`` is its image service where it is a picture of one.
    """

    id: int
    item: int
    title: str
    is_public: bool
    modified: str
    source: str
    mime: str
    sha256: str
    size: int | None
    stored: str
    original: str
    large: str
    service: ImageService | None


def read_item(octets: bytes, pid: str) -> Item:
    """Raises ObjectUnreadable."""
    facts = mapping(read_json(octets, pid))
    identifier = number(facts.get("o:id"))
    if identifier is None:
        raise ObjectUnreadable(pid, "it is no item of Omeka S")
    listed = members(facts.get("o:media"))
    if len(listed) > MAX_MEDIA:
        raise ObjectUnreadable(pid, f"it has more than {MAX_MEDIA} media")
    ids = (number(mapping(each).get("o:id")) for each in listed)
    return Item(
        id=identifier,
        title=" ".join(text(facts.get("o:title")).split()),
        is_public=facts.get("o:is_public") is True,
        modified=_modified(facts),
        media=tuple(dict.fromkeys(each for each in ids if each is not None)),
    )


def read_media_list(octets: bytes, pid: str) -> list[Media]:
    """A page of ``/api/media``. Raises ObjectUnreadable."""
    found = read_json(octets, pid)
    if not isinstance(found, list) or len(found) > MAX_MEDIA:
        raise ObjectUnreadable(pid, "its media are no list")
    return [media for each in found if (media := _media(mapping(each))) is not None]


def read_media(octets: bytes, pid: str) -> Media:
    """One media. Raises ObjectUnreadable."""
    found = _media(mapping(read_json(octets, pid)))
    if found is None:
        raise ObjectUnreadable(pid, "it is no media of Omeka S")
    return found


def _media(facts: Mapping[str, Any]) -> Media | None:
    identifier = number(facts.get("o:id"))
    if identifier is None:
        return None
    digest = text(facts.get("o:sha256")).lower()
    return Media(
        id=identifier,
        item=number(mapping(facts.get("o:item")).get("o:id")) or 0,
        title=" ".join(text(facts.get("o:title")).split()),
        is_public=facts.get("o:is_public") is True,
        modified=_modified(facts),
        source=text(facts.get("o:source")),
        mime=text(facts.get("o:media_type")),
        sha256=digest if _SHA256.fullmatch(digest) else "",
        size=whole(facts.get("o:size")),
        stored=text(facts.get("o:filename")),
        original=text(facts.get("o:original_url")),
        large=text(mapping(facts.get("o:thumbnail_urls")).get("large")),
        service=_service(facts),
    )


def _service(facts: Mapping[str, Any]) -> ImageService | None:
    """Of a picture that Omeka only points at: ``o:source`` is the address of its info.json, and ``data`` what it said (ingester iiif)."""
    if "iiif" not in {facts.get("o:ingester"), facts.get("o:renderer")}:
        return None
    told = read_service(facts.get("data"))
    base = base_of(text(facts.get("o:source")))
    if base is None:
        return told
    return ImageService(base=base, version=told.version if told is not None else 0)


def _modified(facts: Mapping[str, Any]) -> str:
    """When it was last changed, else when it was made."""
    moments = (text(mapping(facts.get(name)).get("@value")) for name in ("o:modified", "o:created"))
    return next((moment[:40] for moment in moments if moment), "")
