"""The npm tarball: plain ustar inside a gzip of stored blocks, so its bytes depend on no compressor."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from registry_builder.core.artifact.zip_writer import check_clash, check_path
from registry_builder.core.errors import Unfit
from registry_builder.core.folder import File, sorted_files
from registry_builder.core.shown import shown

TGZ_PROFILE = 1
"""The number of this profile. Any change of a byte is a new profile, and this one stays."""

MTIME = 499_162_500
"""1985-10-26T08:15:00Z: the time that `npm pack` gives every file."""

_BLOCK = 512
_NAME_BYTES = 100
_PREFIX_BYTES = 155
_MOST_BYTES = 0o77777777777
_STORED_BYTES = 0xFFFF
_GZIP_HEADER = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"


def pack_tgz(files: Sequence[File], prefix: str = "package/") -> bytes:
    """The tarball of `files`, in any order, each below `prefix`. Raises Unfit."""
    for file in files:
        _split(_raw(prefix + file.path))
        check_path(prefix + file.path)
    check_clash([file.path for file in files])
    parts: list[bytes] = []
    for file in sorted_files(files):
        parts += (_header(file, prefix), file.data, bytes(-len(file.data) % _BLOCK))
    return _gzip(b"".join([*parts, bytes(2 * _BLOCK)]))


def _header(file: File, prefix: str) -> bytes:
    """One ustar header. Source: POSIX.1-2017, pax, "ustar Interchange Format"."""
    folder, name = _split(_raw(prefix + file.path))
    size = len(file.data)
    if size > _MOST_BYTES:
        raise Unfit(
            "npm-file-too-big", f"the file has {size} bytes", place=shown(file.path), mend="make it smaller"
        )
    head = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.ljust(_NAME_BYTES, b"\0"), 0o755 if file.executable else 0o644, 0, 0, size, MTIME
    )  # fmt: skip
    tail = (
        b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"%07o\0%07o\0" % (0, 0) + folder.ljust(167, b"\0")
    )
    # The sum counts its own field as eight spaces.
    checksum = sum(head) + 8 * 0x20 + sum(tail)
    return head + b"%06o\0 " % checksum + tail


def _raw(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")  # `check_path` says it better when this is no UTF-8


def _split(path: bytes) -> tuple[bytes, bytes]:
    """The fields prefix and name of `path`: no prefix, or else the shortest one that will do."""
    if len(path) <= _NAME_BYTES:
        return b"", path
    slash = path.find(b"/", len(path) - _NAME_BYTES - 1)
    if slash < 0 or slash > _PREFIX_BYTES:
        raise Unfit(
            "npm-path-too-long",
            f"tar has {_NAME_BYTES} bytes for a name and {_PREFIX_BYTES} for its folder, cut at a slash",
            place=shown(path.decode("utf-8", "replace")),
            mend="shorten the path",
        )
    return path[:slash], path[slash + 1 :]


def _gzip(data: bytes) -> bytes:
    """`data` as gzip (RFC 1952) of stored blocks (RFC 1951, 3.2.4), each but the last of 65,535 bytes."""
    parts = [_GZIP_HEADER]
    for start in range(0, len(data), _STORED_BYTES):
        block = data[start : start + _STORED_BYTES]
        is_last = start + _STORED_BYTES >= len(data)
        parts += (struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF), block)
    return b"".join([*parts, struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)])
