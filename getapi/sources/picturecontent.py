"""A rendition that nobody could tell the size of: read to its end, and held to be what it should be."""

from getapi.core.errors import ContentChanged, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.sources.unsizedcontent import UnsizedContent
from getapi.sources.wrapped import WrappedContent

_BEGINNINGS = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
_ENDINGS = {"image/jpeg": b"\xff\xd9", "image/png": b"IEND\xaeB`\x82"}
_ANY = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Servers that do not know what they give say so, or say nothing."""

_LONGEST = 16


def is_another_kind(content_type: str, mime: str) -> bool:
    """Whether an answer says that it is something else than it should be: a page in the place of a picture."""
    told, wanted = (each.partition(";")[0].strip().lower() for each in (content_type, mime))
    return told not in _ANY and bool(wanted) and told.partition("/")[0] != wanted.partition("/")[0]


class PictureContent(WrappedContent):
    """``content``'s octets. A JPEG or a PNG begins and ends as its format says: a server that gives up in the middle ends its answer as if
    it were whole."""

    def __init__(self, content: UnsizedContent, datastream: DatastreamRecord, *, repository: str) -> None:
        super().__init__(content)
        self._datastream = datastream
        self._repository = repository
        self._first = self._last = b""

    def read(self, count: int) -> bytes:
        """Raises SourceUnavailable for what begins as no such picture, ContentChanged for what does not end as one, and what
        ``UnsizedContent.read`` raises."""
        octets = super().read(count)
        beginning = _BEGINNINGS.get(self._datastream.mime, b"")
        if len(self._first) < len(beginning):
            self._first += octets[: len(beginning) - len(self._first)]
            is_short = not octets and count > 0
            if not beginning.startswith(self._first) or (is_short and self._first != beginning):
                raise SourceUnavailable(self._repository)
        self._last = (self._last + octets)[-_LONGEST:] if len(octets) < _LONGEST else octets[-_LONGEST:]
        if not octets and count > 0 and not self._last.endswith(_ENDINGS.get(self._datastream.mime, b"")):
            raise ContentChanged(self._datastream.pid, self._datastream.dsid)
        return octets
