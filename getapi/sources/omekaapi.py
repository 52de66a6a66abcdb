"""Omeka S's REST API, asked with a key or without (peers.md 1B)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from getapi.core.errors import SourceUnavailable
from getapi.core.omeka import MAX_MEDIA, Item, Media, read_item, read_media, read_media_list
from getapi.sources.peer import Peer

logger = logging.getLogger("getapi.sources")

MAX_OCTETS = 16 * 2**20
"""Of one answer: a page of media holds the info.json of each."""

PAGE = 100
_REFUSED = frozenset({401, 403, 404, 410})
"""Of what is private Omeka says 403 or 404, as the mood takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """With what Omeka knows us. Both go in the query, and so into no log, no error and no record of ours."""

    identity: str
    credential: str

    def __repr__(self) -> str:
        return "ApiKey()"


class OmekaApi:
    """``peer`` is the Omeka alone: a query with a key in it must not be redirected anywhere else."""

    def __init__(self, peer: Peer, *, repository: str, key: ApiKey | None = None) -> None:
        self._peer = peer
        self._repository = repository
        self._secret = {} if key is None else {"key_identity": key.identity, "key_credential": key.credential}

    @property
    def knows_us(self) -> bool:
        return bool(self._secret)

    def item(self, number: int, pid: str) -> Item | None:
        """None for one that is not there, or not shown to us. Raises SourceUnavailable, ObjectUnreadable."""
        octets = self._ask("items", str(number))
        return None if octets is None else read_item(octets, pid)

    def media(self, number: int, pid: str) -> Media | None:
        """As ``item``."""
        octets = self._ask("media", str(number))
        return None if octets is None else read_media(octets, pid)

    def media_of(self, number: int, pid: str) -> list[Media]:
        """All media of an item that are shown to us, by their ids. Raises as ``item`` does."""
        found: dict[int, Media] = {}
        for page in range(1, MAX_MEDIA // PAGE + 2):
            query = {"item_id": str(number), "sort_by": "id", "sort_order": "asc", "per_page": str(PAGE), "page": str(page)}
            octets = self._ask("media", query=query)
            told = [] if octets is None else read_media_list(octets, pid)
            fresh = {media.id: media for media in told if media.id not in found and media.item == number}
            found |= fresh
            if len(told) < PAGE or not fresh:
                break
        return [found[each] for each in sorted(found)]

    def status(self) -> int:
        """What the API says at its top, with our key. Raises SourceUnavailable."""
        return self._peer.fetch(self._url(("items",), {"per_page": "1"}), limit=MAX_OCTETS).status

    def _ask(self, *path: str, query: Mapping[str, str] | None = None) -> bytes | None:
        answer = self._peer.fetch(self._url(path, query or {}), limit=MAX_OCTETS)
        if answer.status in _REFUSED:
            return None
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if answer.status != 200 or not (kind.endswith(("/json", "+json")) or not kind):
            logger.warning("an Omeka does not answer as one", extra={"repository": self._repository, "why": f"{answer.status} {kind[:40]}"})
            raise SourceUnavailable(self._repository)
        return answer.octets

    def _url(self, path: tuple[str, ...], query: Mapping[str, str]) -> str:
        asked = {**query, **self._secret}
        return f"{self._peer.url('api', *path)}{f'?{urlencode(asked)}' if asked else ''}"
