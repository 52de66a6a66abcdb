"""Which of XML, JSON and HTML answers: XML unless ``Accept`` prefers another, and never 406 (SPEC 1)."""

from collections.abc import Iterable, Mapping

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

_FORMATS = {
    "application/xml": "xml",
    "text/xml": "xml",
    "application/json": "json",
    "application/problem+json": "json",
    "text/html": "html",
}


def preferred_format(accept: str) -> str:
    """``xml``, ``json`` or ``html``: the highest quality wins, then the first named; a wildcard stands for XML, behind what is named.

    RFC 9110 12.5.1, read leniently: a malformed quality counts as 0, an unknown type as not named.
    """
    best, choice = 0.0, "xml"
    for wanted, quality in _ranges(accept):
        if wanted in _FORMATS and quality > best:
            best, choice = quality, _FORMATS[wanted]
    wildcard = max((quality for wanted, quality in _ranges(accept) if wanted in {"*/*", "application/*"}), default=0.0)
    return "xml" if wildcard > best else choice


def prefers_async(prefer: str) -> bool:
    """Whether ``Prefer`` (RFC 7240 2, 4.1) wants an answer before the work is done; whatever else it says is not for us."""
    return any(name == "respond-async" for name, _ in _preferences(prefer))


def prefers_minimal(prefer: str) -> bool:
    """Whether ``Prefer`` (RFC 7240 2, 4.2) wants no more than it takes; of two words on that the first counts."""
    return next((value for name, value in _preferences(prefer) if name == "return"), "").lower() == "minimal"


def _preferences(prefer: str) -> list[tuple[str, str]]:
    """Names in small letters, with their values; parameters are nothing to us."""
    pairs = (part.partition(";")[0].partition("=") for part in prefer.split(","))
    return [(name.strip().lower(), value.strip().strip('"')) for name, _, value in pairs]


def choose_named(accept: str, types: Mapping[str, str]) -> str | None:
    """The word of the media type that is named itself with the highest quality, None where none is: a wildcard names nothing."""
    named = [(quality, types[wanted]) for wanted, quality in _ranges(accept) if wanted in types and quality > 0]
    return max(named, key=lambda pair: pair[0])[1] if named else None


def _ranges(accept: str) -> list[tuple[str, float]]:
    ranges = []
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        qualities = [parameter.removeprefix("q=") for parameter in parameters if parameter.startswith("q=")]
        ranges.append((media_type, _quality(qualities[0]) if qualities else 1.0))
    return ranges


def _quality(text: str) -> float:
    whole, _, fraction = text.partition(".")
    if whole not in {"0", "1"} or len(fraction) > 3 or (fraction and not fraction.isascii()) or (fraction and not fraction.isdigit()):
        return 0.0
    return min(float(text), 1.0)


class PreferredNegotiation(BaseContentNegotiation):
    """DRF's negotiation with our preference and without its 406."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        content_type = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        del format_suffix  # DRF's own ?format= stands for the package's format here
        wanted = preferred_format(request.META.get("HTTP_ACCEPT", ""))
        first, *others = renderers
        renderer = next((renderer for renderer in (first, *others) if renderer.format == wanted), first)
        return renderer, renderer.media_type or ""
