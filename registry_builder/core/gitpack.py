"""Git packs and their indexes, both of version 2, written so that no compressor decides a byte.

Every object stands whole (no deltas) in a zlib stream of stored blocks, sorted by its id.
Source: gitformat-pack(5); RFC 1950 and 1951.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry_builder.core.git_object import GitObject

LIMIT = 16 * 2**20
"""A pack is closed when it has this many bytes; only one object more can make it larger."""

_KINDS = {"commit": 1, "tree": 2, "blob": 3}
_STORED_BYTES = 0xFFFF
_ZLIB_HEADER = b"\x78\x01"
_HEAD, _SHA1 = 12, 20
_MAGIC = b"\xfftOc\0\0\0\2"
_FANOUT = len(_MAGIC)
_IDS = _FANOUT + 256 * 4
_MOST_BYTES = 2**31

Packed = tuple[bytes, bytes]
"""An object's id, and its bytes as a pack holds them."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack and its index; `name` is the SHA-1 at the end of the pack, as Git itself names them."""

    name: str
    body: bytes
    index: bytes


class Index:
    """The ids that a pack holds and where, read out of its index."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.count = self._fanout(255)

    def __contains__(self, id_: bytes) -> bool:
        first = self._fanout(id_[0] - 1) if id_[0] else 0
        end = self._fanout(id_[0])
        place = bisect_left(range(end), id_, lo=first, key=self._id)
        return place < end and self._id(place) == id_

    def entries(self, pack: bytes) -> Iterator[Packed]:
        """What `pack`, which this is the index of, holds, in its order."""
        start = _IDS + self.count * (_SHA1 + 4)
        offsets = struct.unpack_from(f">{self.count}I", self._body, start)
        places = sorted(zip(offsets, range(self.count), strict=True))
        ends = [offset for offset, _ in places[1:]] + [len(pack) - _SHA1]
        for (offset, place), end in zip(places, ends, strict=True):
            yield self._id(place), pack[offset:end]

    def _fanout(self, byte: int) -> int:
        return int.from_bytes(self._body[_FANOUT + 4 * byte : _FANOUT + 4 * byte + 4], "big")

    def _id(self, place: int) -> bytes:
        return self._body[_IDS + _SHA1 * place : _IDS + _SHA1 * (place + 1)]


def packed(item: GitObject) -> Packed:
    """`item` as a pack holds it: type and size, seven bits a byte from the fifth bit on, then the stream."""
    size = len(item.body)
    head = bytearray([_KINDS[item.kind] << 4 | size & 0x0F])
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return item.id, bytes(head) + _zlib(item.body)


def write_packs(entries: Iterable[Packed], known: Sequence[Index] = (), limit: int = LIMIT) -> Iterator[Pack]:
    """Packs of those `entries` that are in none of `known`, each once; few are in memory at a time."""
    indexes, waiting, size = list(known), dict[bytes, bytes](), 0
    for id_, body in entries:
        if id_ in waiting or any(id_ in index for index in indexes):
            continue
        waiting[id_] = body
        size += len(body)
        if size >= limit:
            pack = write_pack(waiting)
            indexes.append(Index(pack.index))
            waiting, size = {}, 0
            yield pack
    if waiting:
        yield write_pack(waiting)


def write_pack(entries: Mapping[bytes, bytes]) -> Pack:
    """The pack of `entries`, an id → the bytes that a pack holds for it."""
    ids = sorted(entries)
    offsets, end = [], _HEAD
    for id_ in ids:
        offsets.append(end)
        end += len(entries[id_])
    if end >= _MOST_BYTES:
        raise AssertionError("the limit keeps offsets within 31 bits")
    parts = [b"PACK", struct.pack(">II", 2, len(ids)), *(entries[id_] for id_ in ids)]
    checksum = _sha1(*parts)
    fanout, count = [], 0
    for byte in range(256):
        count = bisect_left(ids, bytes([byte, *b"\xff" * _SHA1]), lo=count)
        fanout.append(count)
    index = b"".join(
        [
            _MAGIC,
            struct.pack(">256I", *fanout),
            *ids,
            struct.pack(f">{len(ids)}I", *(zlib.crc32(entries[id_]) for id_ in ids)),
            struct.pack(f">{len(ids)}I", *offsets),
            checksum,
        ]
    )
    return Pack(checksum.hex(), b"".join([*parts, checksum]), index + _sha1(index))


def _zlib(data: bytes) -> bytes:
    """`data` as zlib of stored blocks, each but the last of 65,535 bytes."""
    parts = [_ZLIB_HEADER]
    for start in range(0, len(data) or 1, _STORED_BYTES):
        block = data[start : start + _STORED_BYTES]
        is_last = start + _STORED_BYTES >= len(data)
        parts += (struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF), block)
    return b"".join([*parts, struct.pack(">I", zlib.adler32(data))])


def _sha1(*parts: bytes) -> bytes:
    found = hashlib.sha1(usedforsecurity=False)
    for part in parts:
        found.update(part)
    return found.digest()
