"""Omeka S's REST API, asked with a key or without (peers.md 1B)."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

from getapi.core.errors import SourceUnavailable
from getapi.core.omeka import Item, Media, read_item, read_media, read_media_list
from getapi.sources.peer import Peer
from getapi.sources.waiting import waiting

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
    """``peer`` is the Omeka alone: a query with a key in it must not be redirected anywhere else.
    ``at_once``: how many questions at a time."""

    def __init__(self, peer: Peer, *, repository: str, key: ApiKey | None = None, at_once: int = 8) -> None:
        self._peer = peer
        self._at_once = at_once
        self._repository = repository
        self._secret = {} if key is None else {"key_identity": key.identity, "key_credential": key.credential}

    @property
    def knows_us(self) -> bool:
        return bool(self._secret)

    def item(self, number: int, pid: str) -> Item | None:
        """None for one that is not there, or not shown to us. Raises SourceUnavailable, ObjectUnreadable."""
        octets = self._ask("items", str(number), pid=pid)
        return None if octets is None else read_item(octets, pid)

    def media(self, number: int, pid: str) -> Media | None:
        """As ``item``."""
        octets = self._ask("media", str(number), pid=pid)
        return None if octets is None else read_media(octets, pid)

    def media_of(self, item: Item, pid: str) -> list[Media]:
        """All media of an item that are shown to us, by their ids; several pages of them are asked for at once. Raises as ``item`` does."""
        pages = range(1, -(-len(item.media) // PAGE) + 1)
        if len(pages) < 2:
            told = [self._page(item.id, pid, page) for page in pages]
        else:
            with waiting(self._repository), ThreadPoolExecutor(min(self._at_once, len(pages)), thread_name_prefix="media") as pool:
                told = list(pool.map(lambda page: self._page(item.id, pid, page), pages))
        found = {media.id: media for page in told for media in page if media.item == item.id}
        return [found[each] for each in sorted(found)]

    def _page(self, number: int, pid: str, page: int) -> list[Media]:
        query = {"item_id": str(number), "sort_by": "id", "sort_order": "asc", "per_page": str(PAGE), "page": str(page)}
        octets = self._ask("media", query=query, pid=pid)
        return [] if octets is None else read_media_list(octets, pid)

    def status(self) -> int:
        """What the API says at its top, with our key. Raises SourceUnavailable."""
        return self._peer.fetch(self._url(("items",), {"per_page": "1"}), limit=MAX_OCTETS).status

    def _ask(self, *path: str, pid: str, query: Mapping[str, str] | None = None) -> bytes | None:
        answer = self._peer.fetch(self._url(path, query or {}), limit=MAX_OCTETS, pid=pid)
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
