"""A datastream's bytes at a URL: how many, from where on, and whether they are still those that were planned."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from getapi.core.errors import ContentChanged, ContentMissing, PackagingError, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.sources.blame import Blame
from getapi.sources.http import Exchange, HttpClient, UrlRefused
from getapi.sources.remotecontent import RemoteContent, TimedBody
from getapi.sources.unsizedcontent import UnsizedContent

SILENCE = 30.0
"""Seconds within which each block of 256 KiB must come: no slower than 9 KB/s, however it drips."""

GATHERED = 64 << 10
"""A datastream of so few octets is read at once, so that no connection waits for a slow reader."""

_LENGTH = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18})")
_PAGES = frozenset({"text/html", "application/xhtml+xml"})

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFiles:
    """Opens what ``client`` may ask for.

    ``patience``: seconds for a datastream to be opened, all redirects together: a thread that plans waits for it. ``silence`` as SILENCE.
    ``is_kept``: of a repository's own server, which is asked often: small datastreams are read at once, and one whose connection breaks off
    goes on where it stopped. ``blame`` keeps what was not as long as its server had said.
    """

    client: HttpClient
    patience: float
    silence: float = SILENCE
    is_kept: bool = False
    blame: Blame = field(default_factory=Blame)

    def open(
        self, datastream: DatastreamRecord, url: str, start: int = 0, *, is_same: Callable[[Headers], bool] | None = None
    ) -> RemoteContent | UnsizedContent:
        """The datastream at ``url``; ``is_same`` says by an answer's head whether it is the one planned.

        Its size is what its server names, None where neither GET nor HEAD does. Raises ContentMissing where the URL may not be asked or
        its server has nothing there, ContentChanged where it is another or its size is not the record's, SourceUnavailable for all else,
        also where a part or a size was expected and no size is named.
        """
        content = self._open(datastream, url, start, is_same or (lambda _: True))
        try:
            if self.is_kept and isinstance(content, RemoteContent):
                content.gather(GATHERED)
            if self.client.gate is not None and isinstance(content, RemoteContent):
                self.client.gate.hold(content)
        except PackagingError:  # TooManyPlans and PreparationStopped too, of who may not wait any longer
            content.close()
            raise
        return content

    def size(self, datastream: DatastreamRecord, url: str) -> int:
        """What HEAD says. Raises as ``open`` does."""
        size = self._ask_size(datastream, url, self.client.clock() + self.patience)
        if size is None:
            raise SourceUnavailable(self.client.repository)
        return size

    def _open(
        self, datastream: DatastreamRecord, url: str, start: int, is_same: Callable[[Headers], bool]
    ) -> RemoteContent | UnsizedContent:
        deadline = self.client.clock() + self.patience
        exchange = self._ask(datastream, url, deadline, {"Range": f"bytes={start}-"} if start else {})
        try:
            size, skipped = self._measure(datastream, url, exchange, start, deadline)
            self._compare(datastream, exchange, size, is_same)
            if size is None:
                return self._unsized(datastream, url, exchange, start)
        except PackagingError:  # as above
            exchange.close()
            raise
        return RemoteContent(
            TimedBody(exchange.response.raw, exchange.line, self.silence),
            datastream,
            repository=self.client.repository,
            size=size,
            start=start,
            skip=skipped,
            release=exchange.close,
            resume=self._resume(datastream, url, exchange.headers, is_same),
            blame=lambda: self.blame.put(datastream),
            mark=identity_of(exchange.headers),
        )

    def _resume(
        self, datastream: DatastreamRecord, url: str, first: Headers, is_same: Callable[[Headers], bool]
    ) -> Callable[[int], RemoteContent] | None:
        """Goes on where the server's validators say that it is the same representation still (RFC 9110 13.1.5: a weak one does not)."""
        tag, date = first.get("ETag", ""), first.get("Last-Modified", "")
        if not self.is_kept or not (tag or date) or tag.startswith("W/"):
            return None

        def is_unchanged(headers: Headers) -> bool:
            return (headers.get("ETag", ""), headers.get("Last-Modified", "")) == (tag, date) and is_same(headers)

        def go_on(position: int) -> RemoteContent:
            content = self._open(datastream, url, position, is_unchanged)
            if isinstance(content, RemoteContent):
                return content
            content.close()
            raise SourceUnavailable(self.client.repository)

        return go_on

    def _unsized(self, datastream: DatastreamRecord, url: str, exchange: Exchange, start: int) -> UnsizedContent:
        """A body without a length ends in chunks, or with the connection: then only another reading shows whether it broke off, or a
        digest that is declared and that its reader compares."""
        if start or datastream.size is not None:
            raise SourceUnavailable(self.client.repository)
        is_chunked = "chunked" in exchange.headers.get("Transfer-Encoding", "").lower()
        again = None if is_chunked or datastream.digests else lambda: self._once_more(datastream, url)
        return self._body(datastream, exchange, again)

    def _once_more(self, datastream: DatastreamRecord, url: str) -> UnsizedContent:
        """The same body for comparison, whatever its end."""
        exchange = self._ask(datastream, url, self.client.clock() + self.patience, {})
        if exchange.status != 200:
            exchange.close()
            raise SourceUnavailable(self.client.repository)
        return self._body(datastream, exchange, None)

    def _body(self, datastream: DatastreamRecord, exchange: Exchange, again: Callable[[], UnsizedContent] | None) -> UnsizedContent:
        body = TimedBody(exchange.response.raw, exchange.line, self.silence)
        return UnsizedContent(body, datastream, repository=self.client.repository, again=again, release=exchange.close)

    def _ask(self, datastream: DatastreamRecord, url: str, deadline: float, headers: Headers, method: str = "GET") -> Exchange:
        try:
            return self.client.ask(url, deadline=deadline, headers=headers, method=method, brief=method == "HEAD")
        except UrlRefused:
            raise ContentMissing(datastream.pid, datastream.dsid) from None

    def _compare(self, datastream: DatastreamRecord, exchange: Exchange, size: int | None, is_same: Callable[[Headers], bool]) -> None:
        if (size is not None and datastream.size not in {None, size}) or not is_same(exchange.headers):
            raise ContentChanged(datastream.pid, datastream.dsid)
        # A form to log in at, or an apology, with status 200.
        if _kind(exchange.headers.get("Content-Type", "")) in _PAGES and _kind(datastream.mime) not in {*_PAGES, ""}:
            raise SourceUnavailable(self.client.repository)

    def _measure(self, datastream: DatastreamRecord, url: str, exchange: Exchange, start: int, deadline: float) -> tuple[int | None, int]:
        """Octets of the whole, None where nobody says, and how many come before ``start`` because the server ignored the range."""
        if exchange.status in {404, 410}:
            raise ContentMissing(datastream.pid, datastream.dsid)
        if exchange.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise SourceUnavailable(self.client.repository)
        if exchange.status == 200:
            length = told_length(exchange.headers)
            return (self._ask_size(datastream, url, deadline) if length is None else length), start
        match = _RANGE.fullmatch(exchange.headers.get("Content-Range", ""))
        if match and start and (exchange.status, match[1] or match[2]) in {(206, str(start)), (416, str(start))}:
            return int(match[2]), 0
        raise SourceUnavailable(self.client.repository)

    def _ask_size(self, datastream: DatastreamRecord, url: str, deadline: float) -> int | None:
        """What HEAD says, where the answer itself does not."""
        exchange = self._ask(datastream, url, deadline, {}, "HEAD")
        exchange.drain()
        exchange.close()
        if exchange.status in {404, 410}:
            raise ContentMissing(datastream.pid, datastream.dsid)
        return told_length(exchange.headers) if exchange.status == 200 else None


def told_length(headers: Headers) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if _LENGTH.fullmatch(text) else None


def mark(headers: Headers) -> str:
    """What tells versions apart; a weak tag is no promise about octets, but changes with the thing (RFC 9110 8.8.1)."""
    return "|".join(filter(None, (headers.get("ETag", "")[:80], headers.get("Last-Modified", "")[:40])))


def identity_of(headers: Headers) -> str:
    """A datastream's identity of that mark alone, which begins as no other one does; "" for none."""
    told = mark(headers)
    return f"http:{told}" if told else ""


def is_same_mark(before: str, now: str) -> bool:
    """One who says nothing of the version is taken as saying that it is the same."""
    return not before or not now or before == now


def _kind(mime: str) -> str:
    return mime.partition(";")[0].strip().lower()
