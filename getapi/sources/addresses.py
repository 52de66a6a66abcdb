"""Addresses that may be connected to, and connections to exactly those."""

import ipaddress
import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool

from getapi.sources.line import pool_classes

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


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


def is_reachable(address: str, *, private: bool) -> bool:
    """Whether an address may be connected to. ``private``: also loopback and private ones, for a peer whose place an administrator named;
    never link-local ones, at which clouds keep their machines' credentials."""
    if is_public(address):
        return True
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(known, ipaddress.IPv6Address):
        known = _embedded(known) or known
    inside = known.is_loopback or (known.is_private and not (known.is_link_local or known.is_unspecified or known.is_reserved))
    return private and inside and not known.is_multicast


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to (RFC 4291 2.5.5.2, RFC 3056, RFC 4380, RFC 6052)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


class PinnedAdapter(HTTPAdapter):
    """Connects to the address that was checked, whatever the host's name means by then; TLS still verifies the name."""

    def __init__(self, host: str, address: str, *, kept: int = 1) -> None:
        """``kept``: idle connections that are kept for the next exchange at most."""
        super().__init__(max_retries=0, pool_connections=1, pool_maxsize=kept)
        self.poolmanager.pool_classes_by_scheme = pool_classes()
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
