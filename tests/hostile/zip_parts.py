"""Zips written byte by byte, so that each field can lie."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

UTF8 = 0x0800
LINK = 0o120777 << 16


@dataclass(frozen=True)
class Part:
    """One entry as an attacker writes it: `local` overrides what the local header says, by field name."""

    name: bytes
    data: bytes = b"hello\n"
    method: int = 0
    packed: bytes | None = None
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    needed: int = 20
    system: int = 3
    attributes: int = 0o100644 << 16
    disk: int = 0
    offset: int | None = None
    extra: bytes = b""
    local_extra: bytes = b""
    comment: bytes = b""
    after: bytes = b""
    local: dict[str, int | bytes] = field(default_factory=dict)

    def body(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflated(self.data) if self.method == 8 else self.data

    def fields(self, **changes: int | bytes) -> bytes:
        """What both headers say, up to the length of the extra field."""
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        said: dict[str, int | bytes] = {
            "name": self.name,
            "flags": self.flags,
            "method": self.method,
            "crc": crc,
            "packed_size": len(self.body()) if self.packed_size is None else self.packed_size,
            "size": len(self.data) if self.size is None else self.size,
            "extra": self.extra,
            **changes,
        }
        name, extra = said["name"], said["extra"]
        assert isinstance(name, bytes)
        assert isinstance(extra, bytes)
        numbers = (said["flags"], said["method"], 0, 0x21, said["crc"], said["packed_size"], said["size"])
        return struct.pack("<HHHHHIIIHH", self.needed, *numbers, len(name), len(extra))

    def local_header(self) -> bytes:
        extra, name = self.local_extra, self.local.get("name", self.name)
        assert isinstance(name, bytes)
        return b"PK\3\4" + self.fields(**{**self.local, "extra": extra}) + name + extra

    def central_header(self, offset: int) -> bytes:
        at = offset if self.offset is None else self.offset
        tail = struct.pack("<HHHII", len(self.comment), self.disk, 0, self.attributes, at)
        head = b"PK\1\2" + bytes((20, self.system)) + self.fields() + tail
        return head + self.name + self.extra + self.comment


def archive(
    *parts: Part, lead: bytes = b"", gap: bytes = b"", tail: bytes = b"", comment: bytes = b"", **end: int
) -> bytes:
    """The zip of `parts`; `end` overrides disk, start, here, count, size, offset, comment of its end."""
    body = lead
    directory = b""
    for part in parts:
        directory += part.central_header(len(body))
        body += part.local_header() + part.body() + part.after
    body += gap
    said = {
        "disk": 0,
        "start": 0,
        "here": len(parts),
        "count": len(parts),
        "size": len(directory),
        "offset": len(body),
    }
    said |= {"comment": len(comment), **end}
    return body + directory + b"PK\5\6" + struct.pack("<HHHHIIH", *said.values()) + comment + tail


def deflated(data: bytes) -> bytes:
    """`data` as a raw deflate stream."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush()


def extra(identity: int, body: bytes) -> bytes:
    """One extra field."""
    return struct.pack("<HH", identity, len(body)) + body


def unicode_path(name: bytes, other: bytes) -> bytes:
    """Info-ZIP's extra field that gives the entry `name` the name `other`."""
    return extra(0x7075, b"\1" + struct.pack("<I", zlib.crc32(name)) + other)
