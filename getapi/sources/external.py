"""External datastreams (control group E) of hosts that the administrator allows, and of no others, whatever they redirect to."""

import ipaddress
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool

from getapi.core.errors import ContentChanged, ContentMissing, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.sources.remotecontent import RemoteContent
from getapi.sources.unsizedcontent import UnsizedContent

OPENING = 60.0
"""Seconds for a datastream to be opened, all redirects together: a thread that plans waits for it. What is left of them when the last
server is asked is also how long that one may fall silent while it sends."""

CONNECTING = 10.0
"""Seconds until connected; with less left nobody is asked any more."""

MAX_REDIRECTS = 5

_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LENGTH = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18})")
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "packaging-service", "Connection": "close"}


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host. Raises OSError, UnicodeError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet: not loopback, private, link-local, multicast or reserved, nor a cloak of those."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(known, ipaddress.IPv6Address):
        known = _embedded(known) or known
    return known.is_global and not known.is_multicast and not known.is_reserved


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to (RFC 4291 2.5.5.2, RFC 3056, RFC 4380, RFC 6052)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


class PinnedAdapter(HTTPAdapter):
    """Connects to the address that was checked, whatever the host's name means by then; TLS still verifies the name."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(max_retries=0)
        self._host = host
        self._address = address

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: Any,  # requests keeps its own types for this and the next two private
        proxies: Any = None,  # noqa: ARG002 # none are used
        cert: Any = None,
    ) -> HTTPConnectionPool:
        host, pool = self.build_connection_pool_key_attributes(request, verify, cert)
        names = {"server_hostname": self._host, "assert_hostname": self._host} if host["scheme"] == "https" else {}
        pinned: HTTPConnectionPool = self.poolmanager.connection_from_host(
            self._address, host["port"], host["scheme"], pool_kwargs={**pool, **names}
        )
        return pinned


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A response whose body is not read yet, with the adapter that holds its connection."""

    adapter: HTTPAdapter
    response: requests.Response

    def close(self) -> None:
        self.response.close()
        self.adapter.close()


class ExternalHosts:
    """Reads datastreams from ``hosts``: ``name`` for the usual ports, or ``name:port``. None by default."""

    def __init__(
        self,
        hosts: frozenset[str],
        *,
        repository: str,
        resolver: Callable[[str, int], Sequence[str]] = resolve,
        adapter: Callable[[str, str], HTTPAdapter] = PinnedAdapter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._repository = repository
        self._resolver = resolver
        self._adapter = adapter
        self._clock = clock

    def open(self, datastream: DatastreamRecord, start: int = 0) -> RemoteContent | UnsizedContent:
        """The datastream at its URL; its size is what its server names, None where neither GET nor HEAD does.

        Raises ContentMissing where the URL may not be asked or its server has nothing there, ContentChanged where the size is not the
        record's, SourceUnavailable for all else, also where a part or a size was expected and no size is named.
        """
        deadline = self._clock() + OPENING
        exchange = self._fetch(datastream, {"Range": f"bytes={start}-"} if start else {}, deadline)
        try:
            size, skipped = self._size(datastream, exchange, start, deadline)
            if size is None and not start and datastream.size is None:
                return self._unsized(datastream, exchange)
            if size is None:
                raise SourceUnavailable(self._repository)
            if datastream.size not in {None, size}:
                raise ContentChanged(datastream.pid, datastream.dsid)
        except (ContentMissing, ContentChanged, SourceUnavailable):
            exchange.close()
            raise
        return RemoteContent(
            exchange.response.raw, datastream, repository=self._repository, size=size, start=start, skip=skipped, release=exchange.close
        )

    def _unsized(self, datastream: DatastreamRecord, exchange: _Exchange) -> UnsizedContent:
        """A body without a length ends in chunks, or with the connection: then only another reading shows whether it broke off, or a
        digest that is declared and that its reader compares."""
        is_chunked = "chunked" in exchange.response.headers.get("Transfer-Encoding", "").lower()
        return UnsizedContent(
            exchange.response.raw,
            datastream,
            repository=self._repository,
            again=None if is_chunked or datastream.digests else lambda: self._once_more(datastream),
            release=exchange.close,
        )

    def _once_more(self, datastream: DatastreamRecord) -> UnsizedContent:
        """The same body for comparison, whatever its end."""
        exchange = self._fetch(datastream, {}, self._clock() + OPENING)
        if exchange.response.status_code != 200:
            exchange.close()
            raise SourceUnavailable(self._repository)
        return UnsizedContent(exchange.response.raw, datastream, repository=self._repository, again=None, release=exchange.close)

    def _fetch(self, datastream: DatastreamRecord, headers: dict[str, str], deadline: float, method: str = "GET") -> _Exchange:
        """The answer after all redirects, each of them checked like the first; ``deadline`` is when by our clock it must have come."""
        url = datastream.location
        for _ in range(MAX_REDIRECTS + 1):
            exchange = self._exchange(datastream, url, headers, deadline, method)
            target = exchange.response.headers.get("Location")
            if not exchange.response.is_redirect or target is None:
                return exchange
            exchange.close()
            try:
                url = urljoin(url, target)
            except ValueError:
                raise ContentMissing(datastream.pid, datastream.dsid) from None
        raise SourceUnavailable(self._repository)

    def _exchange(self, datastream: DatastreamRecord, url: str, headers: dict[str, str], deadline: float, method: str) -> _Exchange:
        """One question to one address, by an adapter alone: a session would add cookies, the environment's proxies and .netrc."""
        host, port, netloc = self._admit(datastream, url)
        try:
            address, left = self._address(datastream, host, port), deadline - self._clock()
            if left < CONNECTING:
                raise SourceUnavailable(self._repository)
            adapter = self._adapter(host, address)
            asked = requests.Request(method, url, headers={**_HEADERS, **headers, "Host": netloc}).prepare()
            return _Exchange(adapter, adapter.send(asked, stream=True, timeout=(CONNECTING, left)))
        except (requests.RequestException, OSError) as error:
            raise SourceUnavailable(self._repository) from error

    def _admit(self, datastream: DatastreamRecord, url: str) -> tuple[str, int, str]:
        """Host, port and what the Host header says. Raises ContentMissing for a URL that may not be asked."""
        refused = ContentMissing(datastream.pid, datastream.dsid)
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            raise refused from None
        host = (parts.hostname or "").removesuffix(".")
        if parts.scheme not in _PORTS or parts.username is not None or not host.isascii():
            raise refused
        name = f"[{host}]" if ":" in host else host
        if f"{name}:{port}" not in self._hosts and (name not in self._hosts or port != _PORTS[parts.scheme]):
            raise refused
        return host, port, name if port == _PORTS[parts.scheme] else f"{name}:{port}"

    def _address(self, datastream: DatastreamRecord, host: str, port: int) -> str:
        """The address to connect to. One that is not public among a host's addresses denies the host."""
        try:
            addresses = self._resolver(host, port)
        except UnicodeError:
            raise ContentMissing(datastream.pid, datastream.dsid) from None
        if not addresses:
            raise SourceUnavailable(self._repository)
        if not all(map(is_public, addresses)):
            raise ContentMissing(datastream.pid, datastream.dsid)
        return addresses[0]

    def _size(self, datastream: DatastreamRecord, exchange: _Exchange, start: int, deadline: float) -> tuple[int | None, int]:
        """Octets of the whole, None where nobody says, and how many come before ``start`` because the server ignored the range."""
        response = exchange.response
        if response.status_code in {404, 410}:
            raise ContentMissing(datastream.pid, datastream.dsid)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise SourceUnavailable(self._repository)
        if response.status_code == 200:
            length = self._length(response)
            return (self._ask_size(datastream, deadline) if length is None else length), start
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match and start and (response.status_code, match[1] or match[2]) in {(206, str(start)), (416, str(start))}:
            return int(match[2]), 0
        raise SourceUnavailable(self._repository)

    def _length(self, response: requests.Response) -> int | None:
        text = response.headers.get("Content-Length", "")
        return int(text) if _LENGTH.fullmatch(text) else None

    def _ask_size(self, datastream: DatastreamRecord, deadline: float) -> int | None:
        """What HEAD says, where the answer itself does not."""
        exchange = self._fetch(datastream, {}, deadline, "HEAD")
        exchange.close()
        return self._length(exchange.response) if exchange.response.status_code == 200 else None
