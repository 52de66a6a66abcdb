"""Questions to other servers: which may be asked, at which addresses, how many at once, for how long, and with whose name."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from getapi.core.errors import SourceUnavailable
from getapi.sources.addresses import PinnedAdapter, is_reachable, resolve
from getapi.sources.gate import Gate
from getapi.sources.line import Line
from getapi.sources.pool import Pool
from getapi.sources.standing import Standing
from getapi.sources.unanswered import DocumentTooLarge, ServerLate, ServerUnreached, kind_of, was_reached
from getapi.sources.waiting import waiting

logger = logging.getLogger("getapi.sources")
# Its debug lines hold whole URLs, in whose queries some repositories want their credentials.
logging.getLogger("urllib3").setLevel(logging.INFO)

CONNECTING = 10.0
"""Seconds until connected at most, and never more than are left for the whole question."""

LEAST = 0.5
"""Seconds; with fewer left nobody is asked any more."""

MAX_REDIRECTS = 5
PAUSES = (0.1, 0.5)
"""Seconds before each further attempt. All questions are GET or HEAD, and no octet of an answer was passed on yet."""

BUSY = frozenset({502, 503, 504})
"""Answers for which it is worth asking again."""

_PORTS = {"http": 80, "https": 443}
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "packaging-service"}


class UrlRefused(Exception):
    """A URL that may not be asked: of another host than those allowed, at an address that may not be, or no URL at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A header for one origin (``scheme://host:port``), and for no other, wherever a redirect leads."""

    origin: str
    value: str = field(repr=False)
    name: str = "Authorization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An answer whose body is not read yet. Must be closed."""

    url: str
    response: requests.Response
    line: Line
    let_go: Callable[[], None]

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    def drain(self) -> None:
        """For an answer to HEAD, which has no body: its connection can be kept."""
        self.response.raw.read(1, decode_content=False)

    def close(self) -> None:
        """The connection is kept for others where all of the body was read."""
        self.response.close()
        self.line.close()
        self.let_go()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An answer that was read whole."""

    status: int
    headers: Mapping[str, str]
    octets: bytes


def origin(url: str) -> str:
    """``scheme://host:port``, folded. Raises ValueError."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{(parts.hostname or '').removesuffix('.')}:{parts.port or _PORTS.get(parts.scheme, 0)}"


class HttpClient:
    """Asks ``hosts`` alone: ``name`` for the usual ports, or ``name:port``. Safe for threads.

    ``connections``: exchanges at the same time at most, whose connections are kept for the next ones; None: no bound, and nothing is kept.
    A quarter of them is for what is read at once (``brief``), the others for content, which may take as long as its reader does.
    ``authorities``: a PEM file of the certificate authorities that its servers' certificates may be from, instead of the usual ones.
    ``private``: those hosts may be at private addresses and on this machine. Redirects are followed to allowed hosts, and each is checked.
    """

    def __init__(
        self,
        hosts: frozenset[str],
        *,
        repository: str,
        private: bool = False,
        credentials: Credentials | None = None,
        connections: int | None = None,
        authorities: Path | None = None,
        resolver: Callable[[str, int], Sequence[str]] = resolve,
        adapter: Callable[[str, str], HTTPAdapter] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.repository = repository
        self.clock = clock
        self._hosts = frozenset(host.lower() for host in hosts)
        self._private = private
        self._credentials = credentials
        self._resolver = resolver
        # Descriptions have places of their own: however many slow readers there are, a package can be planned.
        self._brief = None if connections is None else Gate(max(1, connections // 4))
        self.gate = None if connections is None or self._brief is None else Gate(max(1, connections - self._brief.places))
        self._verify: str | bool = True if authorities is None else str(authorities)
        self._pool = Pool(adapter or partial(PinnedAdapter, kept=connections or 1), keeps=connections is not None)
        self._standings: dict[str, Standing] = {}  # of its hosts alone, which are few

    def ask(
        self,
        url: str,
        *,
        deadline: float,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        follows: bool = True,
        brief: bool = False,
    ) -> Exchange:
        """The answer after all redirects; ``deadline`` is when by our clock its head must have come, however it drips.

        Raises UrlRefused, SourceUnavailable.
        """
        for _ in range(MAX_REDIRECTS + 1):
            with waiting(self.repository):
                exchange = self._insist(url, deadline, method, headers or {}, self._brief if brief else self.gate)
            target = exchange.headers.get("Location")
            if not follows or not exchange.response.is_redirect or target is None:
                return exchange
            exchange.close()
            try:
                url = urljoin(url, target)
            except ValueError:
                raise UrlRefused from None
        raise self._unavailable("too many redirects")

    def fetch(self, url: str, *, patience: float, limit: int, headers: Mapping[str, str] | None = None) -> Document:
        """All of an answer of at most ``limit`` octets, which has come after ``patience`` seconds. Raises as ``ask`` does."""
        with waiting(self.repository):
            return self._fetch(url, self.clock() + patience, limit, headers)

    def _fetch(self, url: str, deadline: float, limit: int, headers: Mapping[str, str] | None) -> Document:
        for attempt in range(2):
            exchange = self.ask(url, deadline=deadline, headers=headers, brief=True)
            try:
                return self._read(exchange, max(deadline - self.clock(), 0.0), limit)
            except (HTTPError, OSError, ValueError) as error:  # ValueError: the standard library's of a chunk that is shorter than nothing
                if attempt or exchange.line.overdue:
                    raise self._unavailable(type(error).__name__) from None
            finally:
                exchange.close()
        raise AssertionError  # the second attempt returns or raises

    def _read(self, exchange: Exchange, seconds: float, limit: int) -> Document:
        if exchange.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self._unavailable("another encoding than was asked for")
        pieces, left = [], limit
        with exchange.line.within(seconds):
            while piece := exchange.response.raw.read(min(left + 1, 1 << 20), decode_content=False):
                left -= len(piece)
                if left < 0:
                    raise self._unavailable("a document that is too large", DocumentTooLarge)
                pieces.append(piece)
        if exchange.line.overdue:
            raise TimeoutError
        return Document(status=exchange.status, headers=exchange.headers, octets=b"".join(pieces))

    def _insist(self, url: str, deadline: float, method: str, headers: Mapping[str, str], gate: Gate | None) -> Exchange:
        """Where the peer fails it is asked again for as long as there is time."""
        standing = self._standing(self._admit(url)[2])
        if standing.is_away:
            raise (ServerLate if standing.is_late else SourceUnavailable)(self.repository)
        for pause in PAUSES if gate is not None else ():
            try:
                exchange = self._once(url, deadline, method, headers, gate)
                if exchange.status not in BUSY:
                    return exchange
                exchange.close()
            except SourceUnavailable as error:
                if self.clock() + pause + LEAST > deadline or isinstance(error, ServerUnreached):
                    raise
            time.sleep(pause)
        return self._once(url, deadline, method, headers, gate)

    def _once(self, url: str, deadline: float, method: str, headers: Mapping[str, str], gate: Gate | None) -> Exchange:
        host, port, netloc = self._admit(url)
        address, left = self._address(host, port, netloc), deadline - self.clock()
        if left < LEAST:
            raise self._unavailable("no time left")
        try:
            asked = requests.Request(method, url, headers={**_HEADERS, **self._own(url), **headers, "Host": netloc}).prepare()
        except (requests.RequestException, ValueError):
            raise UrlRefused from None
        if gate is not None and not gate.enter(left):
            raise self._unavailable("all connections are in use")
        adapter, line = self._pool.take(host, address), Line()
        with ExitStack() as held:
            held.callback(self._let_go, gate, adapter, line)
            try:
                # By an adapter alone: a session would add cookies, the environment's proxies and .netrc.
                with line.opening(left):
                    response = adapter.send(asked, stream=True, timeout=(min(CONNECTING, left), left), verify=self._verify)
            except (requests.RequestException, HTTPError, OSError) as error:
                kind = kind_of(error, overdue=line.overdue)
                self._note(netloc, error, kind)
                raise self._unavailable(type(error).__name__, kind) from None  # its text holds the URL
            self._standing(netloc).answered()
            return Exchange(url=url, response=response, line=line, let_go=held.pop_all().close)

    def _note(self, netloc: str, error: Exception, kind: type[SourceUnavailable]) -> None:
        """A host that is no repository's own counts as away for its silence alone: who refuses at once keeps nobody waiting."""
        is_reached = was_reached(error)
        if self.gate is not None or isinstance(error, requests.ConnectTimeout) or is_reached:
            self._standing(netloc).failed(reached=self.gate is None or is_reached, late=kind is ServerLate)

    def _standing(self, place: str) -> Standing:
        return self._standings.get(place) or self._standings.setdefault(place, Standing(self.clock))

    def _own(self, url: str) -> dict[str, str]:
        """What only the origin that the credentials are for is told."""
        given = self._credentials
        secret = {given.name: given.value} if given is not None and origin(url) == given.origin else {}
        return secret if self.gate is not None else {**secret, "Connection": "close"}

    def _let_go(self, gate: Gate | None, adapter: HTTPAdapter, line: Line) -> None:
        line.close()
        self._pool.give_back(adapter)
        if gate is not None:
            gate.leave()

    def _unavailable(self, why: str, kind: type[SourceUnavailable] = SourceUnavailable) -> SourceUnavailable:
        logger.warning("a repository's server failed", extra={"repository": self.repository, "why": why})
        return kind(self.repository)

    def _admit(self, url: str) -> tuple[str, int, str]:
        """Host, port and what the Host header says. Raises UrlRefused."""
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            raise UrlRefused from None
        host = (parts.hostname or "").removesuffix(".")
        if parts.scheme not in _PORTS or parts.username is not None or not host.isascii():
            raise UrlRefused
        name = f"[{host}]" if ":" in host else host
        if f"{name}:{port}" not in self._hosts and (name not in self._hosts or port != _PORTS[parts.scheme]):
            raise UrlRefused
        return host, port, name if port == _PORTS[parts.scheme] else f"{name}:{port}"

    def _address(self, host: str, port: int, netloc: str) -> str:
        """The address to connect to. One that may not be among a host's addresses denies the host."""
        try:
            addresses = self._resolver(host, port)
        except UnicodeError:
            raise UrlRefused from None
        except OSError:
            self._standing(netloc).failed(reached=self.gate is None)
            raise self._unavailable("its name cannot be resolved") from None
        if not addresses:
            self._standing(netloc).failed(reached=self.gate is None)
            raise self._unavailable("its name has no address")
        if not all(is_reachable(address, private=self._private) for address in addresses):
            raise UrlRefused
        return addresses[0]
