"""What a script asks of its proxy: CONNECT, or one request with a whole http address (RFC 9110, RFC 9112).

Read strictly, since a stranger wrote it; what is passed on is written anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address

HEAD_BYTES = 16 * 1024
_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]+) HTTP/1\.[01]")
_PLACE = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?")
_TARGET = re.compile(r"http://([^/?#]*)(/?[^#]*)", re.IGNORECASE)
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_HOP = {
    "connection",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",  # codespell:ignore te
    "upgrade",
}


class Refused(Exception):  # noqa: N818 - it becomes the answer of the proxy
    """A status and a reason, short enough for a status line: many programs show nothing else."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """Where to, and what to send there first: nothing for CONNECT."""

    host: str
    port: int
    head: bytes

    @property
    def pair(self) -> str:
        """As it stands in an allow-list."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(data: bytes) -> Asked:
    """`data` ends with the empty line. Raises Refused."""
    first, *lines = data.decode("latin-1")[:-4].split("\r\n")
    found = _LINE.fullmatch(first)
    if found is None:
        raise Refused(400, "no request of HTTP/1.1")
    method, target = found.groups()
    if method == "CONNECT":
        host, port = _place(target, None)
        return Asked(host, port, b"")
    address = _TARGET.fullmatch(target)
    if address is None:
        raise Refused(400, "a proxy takes CONNECT, or a whole address that begins with http://")
    host, port = _place(address[1], 80)
    return Asked(host, port, _head(method, address, host, port, lines))


def outbound_pair(text: str) -> str:
    """`host:port` in the one spelling that is compared. Raises ValueError."""
    try:
        host, port = _place(text, None)
    except Refused as error:
        raise ValueError(f"{text!r} is no host:port such as api.example.com:443") from error
    return Asked(host, port, b"").pair


def _place(text: str, port: int | None) -> tuple[str, int]:
    found = _PLACE.fullmatch(text)
    if found is None:
        raise Refused(400, "no host and port such as api.example.com:443")
    v6, name, digits = found.groups()
    number = int(digits) if digits else port
    host = _v6(v6) if v6 else name.lower().rstrip(".")
    if not host or number is None or not 0 < number < 65_536:
        raise Refused(400, "no host and port such as api.example.com:443")
    return host, number


def _v6(text: str) -> str:
    try:
        return IPv6Address(text).compressed
    except ValueError as error:
        raise Refused(400, "no address of IPv6") from error


def _head(method: str, address: re.Match[str], host: str, port: int, lines: list[str]) -> bytes:
    """One request and no more: the other side is told to close after it."""
    fields = []
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise Refused(400, "a header that is none")
        fields.append((field[1], field[2]))
    named = {
        word.strip().lower()
        for name, value in fields
        if name.lower() == "connection"
        for word in value.split(",")
    }
    dropped = _HOP | (named - {"content-length", "transfer-encoding"})
    path = address[2] if address[2].startswith("/") else f"/{address[2]}"
    asked = Asked(host, port, b"")
    kept = [
        f"{method} {path} HTTP/1.1",
        f"Host: {asked.pair.removesuffix(':80')}",
        *(f"{name}: {value}" for name, value in fields if name.lower() not in dropped),
        "Connection: close",
    ]
    return "\r\n".join([*kept, "", ""]).encode("latin-1")
