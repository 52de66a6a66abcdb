"""Pictures of an image service: under which addresses a whole one can be had (IIIF Image API 1.1, 2.1, 3.0)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from getapi.core.jsontext import mapping, members, text

INFO = "/info.json"

_VERSION = re.compile(r"(?:api/image/|image-api/|ImageService)([123])")
_BASE = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_JPEG, _PNG = ("jpg", "image/jpeg"), ("png", "image/png")
_MAX, _FULL, _NATIVE = "full/max/0/default", "full/full/0/default", "full/full/0/native"
_FORMS: dict[int, tuple[tuple[str, tuple[str, str]], ...]] = {
    0: ((_MAX, _JPEG), (_FULL, _JPEG), (_NATIVE, _JPEG), (_MAX, _PNG)),
    1: ((_NATIVE, _JPEG),),
    2: ((_MAX, _JPEG), (_FULL, _JPEG), (_MAX, _PNG)),
    3: ((_MAX, _JPEG), (_MAX, _PNG)),
}
"""By the service's version, what to ask for, best first. ``max`` is known from 2.1 on, ``full`` as a size is gone in 3.0, and ``default``
was ``native`` before 2.0. The region comes first: ``/max/full/...`` is answered 400 by servers that read what they are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An address at which a rendition may be, and the MIME type that it would have there."""

    url: str
    mime: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageService:
    """``base`` is its address without a slash at the end; ``version`` that of its Image API, 0 where nobody says."""

    base: str
    version: int = 0

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Where the whole picture may be had, best first."""
        return tuple(Candidate(url=f"{self.base}/{form}.{ending}", mime=mime) for form, (ending, mime) in _FORMS[self.version])


def find_service(value: object) -> ImageService | None:
    """The image service among those that a resource names: not its logins, not its search."""
    found = (read_service(each) for each in members(value)[:20])
    return next((service for service in found if service is not None), None)


def read_service(value: object) -> ImageService | None:
    """One service, or an info.json, as a manifest or the server itself tells it; None for what is no image service."""
    facts = mapping(value)
    said = " ".join(_texts(facts.get(name) for name in ("@context", "context", "type", "@type", "profile", "dcterms:conformsTo")))
    version = _VERSION.search(said)
    base = base_of(text(facts.get("id")) or text(facts.get("@id")))
    if base is None or (said and version is None):
        return None
    return ImageService(base=base, version=int(version[1]) if version else 0)


def base_of(address: str) -> str | None:
    """The base of an address of an image service, which may end in its info.json; None for what cannot be one."""
    base = address.removesuffix(INFO).rstrip("/")
    if _BASE.fullmatch(base) is None or set(base) & set("\\?#@"):
        return None
    try:
        return base if urlsplit(base).hostname else None
    except ValueError:
        return None


def _texts(values: Iterable[object]) -> Iterable[str]:
    """Those among the values and one list deep in them: a profile is a list whose first member is its level."""
    for value in values:
        yield from (each for each in members(value)[:20] if isinstance(each, str) and len(each) <= 500)
