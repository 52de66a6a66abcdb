"""Networks in CIDR notation; an IPv4-mapped IPv6 network is the IPv4 network that it maps (RFC 4291 2.5.5.2)."""

from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network

Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_MAPPED = IPv6Network("::ffff:0:0/96")


def read_network(text: str) -> Network:
    """``192.0.2.0/24``, ``2001:db8::/64`` or a single address. Raises ValueError in plain words."""
    wanted = text.strip()
    try:
        network = ip_network(wanted)
    except ValueError:
        raise ValueError(_why(wanted)) from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def _why(text: str) -> str:
    shown = text[:60]
    try:
        return f"{shown} is an address inside a network; the network is written {ip_interface(text).network}"
    except ValueError:
        return f"{shown} is not an address or network, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/64"
