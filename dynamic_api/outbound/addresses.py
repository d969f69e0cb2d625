"""Which IP addresses a stranger may send us to: those of the public Internet, and nothing else.

Sources: IANA's IPv4 and IPv6 Special-Purpose Address Registries; RFC 4291, 2.5.5 (IPv4 inside IPv6);
RFC 6052, 2.1 and RFC 8215 (NAT64).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_V4 = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a provider"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's metadata"),  # Azure's; the other clouds' are link-local or private
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a tunnel"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_V6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("2001::/32", "a tunnel"),  # Teredo
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a tunnel"),  # 6to4
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)
_PUBLIC = IPv6Network("2000::/3")
# Both carry an IPv4 address in the last 32 bits: the first by the system, the second by a gateway.
_CARRIERS = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


def kind_of(address: str) -> str | None:
    """What keeps `address` from being reached, such as "loopback"; None for one of the public Internet."""
    try:
        ip = ip_address(address)
    except ValueError:
        return "no address"
    if isinstance(ip, IPv4Address):
        return _kind_of_v4(ip)
    if ip.scope_id is not None:
        return "link-local"
    return _kind_of_v6(ip)


def _kind_of_v4(ip: IPv4Address) -> str | None:
    return next((kind for network, kind in _V4 if ip in network), None)


def _kind_of_v6(ip: IPv6Address) -> str | None:
    if any(ip in carrier for carrier in _CARRIERS):
        return _kind_of_v4(IPv4Address(int(ip) & 0xFFFF_FFFF))
    found = next((kind for network, kind in _V6 if ip in network), None)
    return found or (None if ip in _PUBLIC else "reserved")
