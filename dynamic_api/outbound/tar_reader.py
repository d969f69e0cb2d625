"""A strict reader for the gzipped tar that a Git host makes of a commit: plain files out, bounded all along.

Sources: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format"; git-archive(1), which
writes the commit's id as the comment of a global header.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from dynamic_api.errors import Upstream

_BLOCK = 512
_CHUNK = 64 * 1024
_PAX_BYTES = 64 * 1024
_FILE, _LINK, _FOLDER, _PAX, _GLOBAL = b"0", b"2", b"5", b"x", b"g"


@dataclass(frozen=True, slots=True)
class TarLimits:
    """What an archive may unpack to, and how many entries it may have."""

    unpacked_bytes: int = 512 * 1024 * 1024
    entries: int = 100_000


TAR = TarLimits()


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A file, or a link if `target` is a text. `path` is as it stands, without the archive's top folder."""

    path: str
    data: bytes
    executable: bool
    target: str | None = None


@dataclass(slots=True)
class Archive:
    """`comment` is that of the archive's global header, once an entry was read."""

    comment: str | None = None


class _Unpacked:
    """The bytes inside of a gzip, read in order and counted."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._left = most
        self._ready = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises Upstream."""
        parts = []
        while size:
            if self._at == len(self._ready):
                self._ready, self._at = self._more(), 0
            part = self._ready[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            parts.append(part)
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Read over `size` bytes without keeping them."""
        while size:
            size -= len(self.read(min(size, _CHUNK)))

    def _more(self) -> bytes:
        while True:
            packed = self._stream.unconsumed_tail or self._file.read(_CHUNK)
            if not packed or self._stream.eof:
                raise _bad("it is cut off")
            try:
                found = self._stream.decompress(packed, _CHUNK)
            except zlib.error as error:
                raise _bad("its compressed bytes are damaged") from error
            self._left -= len(found)
            if self._left < 0:
                raise _bad("it unpacks to more than is read")
            if found:
                return found


def read_tar(
    file: IO[bytes], wanted: Callable[[str, int], bool], limits: TarLimits, archive: Archive
) -> Iterator[TarEntry]:
    """The files and links for which `wanted(path, size)` holds, in the archive's order. Raises Upstream."""
    unpacked = _Unpacked(file, limits.unpacked_bytes)
    extended: dict[str, str] = {}
    for _ in range(limits.entries):
        header = unpacked.read(_BLOCK)
        if not any(header):
            return
        size = _header_size(header)
        if header[156:157] in (_PAX, _GLOBAL):
            fields = _pax(unpacked, size)
            unpacked.skip(-size % _BLOCK)
            if header[156:157] == _GLOBAL:
                archive.comment = fields.get("comment")
            else:
                extended = fields
            continue
        entry = _entry(unpacked, header, _size(extended.get("size"), size), extended, wanted)
        extended = {}
        if entry is not None:
            yield entry
    raise _bad("it has more entries than are read")


def _entry(
    unpacked: _Unpacked,
    header: bytes,
    size: int,
    extended: Mapping[str, str],
    wanted: Callable[[str, int], bool],
) -> TarEntry | None:
    """What follows `header`, or None if that is a folder or nobody wants it."""
    kind = header[156:157]
    path = _inside(extended.get("path") or _name(header))
    if kind not in (_FILE, b"\0", _LINK, _FOLDER) or (size and kind in (_LINK, _FOLDER)):
        raise _bad("it holds something else than files, folders and links")
    padding = -size % _BLOCK
    if kind == _FOLDER or path is None or not wanted(path, size):
        unpacked.skip(size + padding)
        return None
    data = unpacked.read(size)
    unpacked.skip(padding)
    target = (extended.get("linkpath") or _text(header[157:257])) if kind == _LINK else None
    return TarEntry(path, data, bool(_octal(header[100:108]) & 0o100), target)


def _header_size(header: bytes) -> int:
    """The size that a header gives, after its sum was checked."""
    size = _octal(header[124:136])
    # The sum counts its own field as eight spaces.
    if sum(header) - sum(header[148:156]) + 8 * 0x20 != _octal(header[148:156]):
        raise _bad("a header is damaged")
    return size


def _octal(field: bytes) -> int:
    digits = field.strip(b"\0 ") or b"0"
    if not digits.isdigit() or max(digits) > ord("7"):
        raise _bad("a header is damaged")
    return int(digits, 8)


def _size(text: str | None, size: int) -> int:
    """`size`, or what an extended header says instead."""
    if text is None:
        return size
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise _bad("a header is damaged")
    return int(text)


def _pax(unpacked: _Unpacked, size: int) -> dict[str, str]:
    """The records `<length> <key>=<value>\\n` of an extended header; the length counts the whole record."""
    if size > _PAX_BYTES:
        raise _bad("a header is too long")
    data = unpacked.read(size)
    fields: dict[str, str] = {}
    at = 0
    while at < size:
        length, space, _ = data[at : at + 8].partition(b" ")
        end = at + int(length) if space and length.isdigit() else 0
        if not at < end <= size or data[end - 1 : end] != b"\n":
            raise _bad("a header is damaged")
        key, _, value = data[at + len(length) + 1 : end - 1].partition(b"=")
        fields[_text(key)] = _text(value)
        at = end
    return fields


def _name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500]) if header[257:262] == b"ustar" else ""
    return f"{prefix}/{name}" if prefix else name


def _inside(path: str) -> str | None:
    """`path` below the one top folder of the archive; None for that folder itself."""
    return path.partition("/")[2].rstrip("/") or None


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _bad(why: str) -> Upstream:
    return Upstream("bad_archive", f"the archive cannot be read: {why}", mend="try again later")
