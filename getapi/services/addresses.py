"""From where a request comes, and whether two addresses are one reader's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from getapi import conf
from getapi.models import ForwardingSighting

Address = IPv4Address | IPv6Address

NOWHERE = "0.0.0.0"  # noqa: S104 # RFC 1122 3.2.1.3: no host has it; nothing is bound here
"""Stands for a peer without an IP address (a UNIX socket): in no network, paired with no key."""

_FORWARDING = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")
_READER_BITS = 64  # what one IPv6 household or machine is given, and changes within (RFC 8981)
_TRUNCATED_BITS = {4: 24, 6: 48}
_SIGHTING = 1  # the one row's key
_SIGHTING_PAUSE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAddress:
    """``address`` in its one spelling, IPv4-mapped ones as IPv4.

    ``forwarded_untrusted``: a forwarding header was there that did not count, so the address may be an unnamed proxy's, and all its
    clients look like one. ``is_proxy``: it is a trusted proxy's own, which named nobody behind it.
    """

    address: str
    forwarded_untrusted: bool = False
    is_proxy: bool = False

    def within(self, networks: Iterable[conf.Network]) -> bool:
        """Whether it certainly comes from one of the networks: never what an unnamed proxy may have passed on from elsewhere."""
        return not self.forwarded_untrusted and is_within(self.address, networks)


def read(meta: Mapping[str, Any]) -> ClientAddress:
    """The client of a WSGI environment: the peer, or, from right to left, who the trusted proxies say is behind them.

    X-Forwarded-For counts only as far as ``trusted_proxies`` wrote it; a malformed hop ends the walk at the proxy that named it.
    """
    proxies = conf.current().trusted_proxies
    peer = parse(str(meta.get("REMOTE_ADDR", "")))
    if peer is None or not is_within(str(peer), proxies):
        return ClientAddress(
            address=NOWHERE if peer is None else str(peer), forwarded_untrusted=any(meta.get(name) for name in _FORWARDING)
        )
    client, hops = peer, str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while is_within(str(client), proxies) and any(hops):
        behind = parse(hops.pop())
        if behind is None:
            return ClientAddress(address=str(client), forwarded_untrusted=True, is_proxy=True)
        client = behind
    unnamed = client is peer and any(meta.get(name) for name in _FORWARDING)
    return ClientAddress(address=str(client), forwarded_untrusted=unnamed, is_proxy=is_within(str(client), proxies))


def is_from_proxy(meta: Mapping[str, Any]) -> bool:
    """Whether a trusted proxy passes the request on, so that headers of its own making count."""
    return is_within(str(meta.get("REMOTE_ADDR", "")), conf.current().trusted_proxies)


def parse(text: str) -> Address | None:
    """An address, None for what is none. A port, brackets and an IPv6 zone are forgiven; IPv4-mapped is IPv4 (RFC 4291 2.5.5.2)."""
    host = text.strip()[:100]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def is_within(address: str, networks: Iterable[conf.Network]) -> bool:
    found = parse(address)
    return found is not None and any(found in network for network in networks)


def reader(address: str) -> str:
    """What one reader's addresses have in common: an IPv4 address itself, the /64 of an IPv6 address. Raises ValueError."""
    return str(ip_network(f"{address}/{_READER_BITS}", strict=False).network_address) if ":" in address else str(IPv4Address(address))


def same_reader(one: str, other: str) -> bool:
    """Equal IPv4 addresses, or IPv6 addresses of the same /64; False where either is no address."""
    first, second = parse(one), parse(other)
    return first is not None and second is not None and reader(str(first)) == reader(str(second))


def truncated(address: str) -> str:
    """The address with its last part zeroed: /24 of IPv4, /48 of IPv6; empty for what is no address."""
    found = parse(address)
    return "" if found is None else str(ip_network(f"{found}/{_TRUNCATED_BITS[found.version]}", strict=False).network_address)


def note_forwarding(client: ClientAddress, now: datetime) -> None:
    """Remembers, at most every ten minutes, that a forwarding header did not count: ``check --deploy`` warns of it."""
    rows = ForwardingSighting.objects.filter(pk=_SIGHTING)
    if client.forwarded_untrusted and not rows.filter(seen__gt=now - _SIGHTING_PAUSE).exists():
        ForwardingSighting.objects.update_or_create(pk=_SIGHTING, defaults={"address": client.address, "seen": now})


def forwarding_seen() -> tuple[str, datetime] | None:
    """The peer that last sent a forwarding header which did not count, and when."""
    sighting = ForwardingSighting.objects.filter(pk=_SIGHTING).first()
    return None if sighting is None else (sighting.address, sighting.seen)
