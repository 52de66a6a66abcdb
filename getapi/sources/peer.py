"""A repository's own server: where it is, and how it is asked."""

import base64
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

from requests.adapters import HTTPAdapter

from getapi.core.errors import ObjectUnreadable, SourceUnavailable
from getapi.sources.addresses import resolve
from getapi.sources.http import Credentials, Document, Exchange, HttpClient, UrlRefused, origin
from getapi.sources.remotefile import SILENCE, RemoteFiles
from getapi.sources.unanswered import DocumentTooLarge

logger = logging.getLogger("getapi.sources")

ANSWERED = frozenset({200, 401, 403, 404, 410})
"""What says something of the thing that was asked for; all else is a server that does not answer now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """With what a repository's server knows us; ``token`` comes before user and password."""

    user: str = ""
    password: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return "Login()"

    def header(self) -> str | None:
        if self.token:
            return f"Bearer {self.token}"
        if self.user:
            return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server at ``base``, an address without a slash at its end. ``patience``: seconds for one question, its answer included."""

    client: HttpClient
    base: str
    patience: float
    files: RemoteFiles

    @classmethod
    def at(
        cls,
        url: str,
        *,
        repository: str,
        login: Login | None = None,
        private: bool = False,
        hosts: Sequence[str] = (),
        connections: int = 32,
        authorities: Path | None = None,
        patience: float = 30.0,
        silence: float = SILENCE,
        resolver: Callable[[str, int], Sequence[str]] = resolve,
        adapter: Callable[[str, str], HTTPAdapter] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """``hosts`` are others to which it may redirect (``name`` or ``name:port``). Raises ValueError for what is no URL."""
        home = origin(url)
        header = None if login is None else login.header()
        client = HttpClient(
            frozenset({home.partition("://")[2], *hosts}),
            repository=repository,
            private=private,
            credentials=None if header is None else Credentials(origin=home, value=header),
            connections=connections,
            authorities=authorities,
            resolver=resolver,
            adapter=adapter,
            clock=clock,
        )
        files = RemoteFiles(client=client, patience=patience, silence=silence, is_kept=True)
        return cls(client=client, base=url.rstrip("/"), patience=patience, files=files)

    @property
    def host(self) -> str:
        """For the administrator's eyes alone."""
        return urlsplit(self.base).netloc

    def url(self, *parts: str, query: Mapping[str, str] | None = None) -> str:
        path = "/".join(quote(part, safe="") for part in parts)
        return f"{self.base}/{path}{f'?{urlencode(query)}' if query else ''}"

    def fetch(self, url: str, *, limit: int, headers: Mapping[str, str] | None = None, pid: str = "") -> Document:
        """An answer of at most ``limit`` octets, whose status is one of ANSWERED. Raises SourceUnavailable for all else.

        ``pid``: the object that it describes; a longer description than that is ObjectUnreadable.
        """
        try:
            found = self.client.fetch(url, patience=self.patience, limit=limit, headers=headers)
        except UrlRefused:
            raise self._refused() from None
        except DocumentTooLarge:
            if not pid:
                raise
            raise ObjectUnreadable(pid, f"it is larger than {limit} octets") from None
        if found.status not in ANSWERED:
            logger.warning("a repository's server failed", extra={"repository": self.client.repository, "why": f"status {found.status}"})
            raise SourceUnavailable(self.client.repository)
        return found

    def head(self, url: str, *, follows: bool = True) -> Exchange:
        """An answer without a body, already closed. Raises SourceUnavailable."""
        try:
            exchange = self.client.ask(url, deadline=self.client.clock() + self.patience, method="HEAD", follows=follows, brief=True)
        except UrlRefused:
            raise self._refused() from None
        exchange.drain()
        exchange.close()
        return exchange

    def _refused(self) -> SourceUnavailable:
        why = "its address, or where it redirects to, is not one that may be asked"
        logger.warning("a repository's server failed", extra={"repository": self.client.repository, "why": why})
        return SourceUnavailable(self.client.repository)
