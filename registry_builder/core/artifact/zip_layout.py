"""Where the entries of a zip are: local headers repeat the directory, and all together leave no gap."""

from __future__ import annotations

from collections.abc import Sequence

from registry_builder.core.artifact import zip_format
from registry_builder.core.artifact.bad_archive import refuse
from registry_builder.core.artifact.zip_records import End, Entry
from registry_builder.core.artifact.zip_rules import check_extra


def body_starts(data: bytes, entries: Sequence[Entry], end: End) -> list[int]:
    """Where the packed bytes of each of `entries` start. Raises BadArchive for any gap or overlap."""
    starts = [0] * len(entries)
    expected = 0
    for index in sorted(range(len(entries)), key=lambda index: entries[index].offset):
        entry = entries[index]
        if entry.offset + zip_format.LOCAL_SIZE > end.directory:
            raise refuse("zip-outside", "the entry lies beyond the central directory", entry.label)
        _check_offset(entry, expected)
        starts[index] = _body_start(data, entry, end)
        expected = starts[index] + entry.packed
        if expected > end.directory:
            raise refuse("zip-outside", "the entry reaches into the central directory", entry.label)
    if expected != end.directory:
        code = "zip-gap" if entries else "zip-leading-bytes"
        raise refuse(code, "bytes that belong to no entry stand before the central directory")
    return starts


def _check_offset(entry: Entry, expected: int) -> None:
    if entry.offset < expected:
        raise refuse("zip-overlap", "the entry overlaps another one", entry.label)
    if entry.offset > expected:
        code = "zip-gap" if expected else "zip-leading-bytes"
        raise refuse(code, "bytes that belong to no entry stand before it", entry.label)


def _body_start(data: bytes, entry: Entry, end: End) -> int:
    at = entry.offset
    if data[at : at + 4] != zip_format.LOCAL:
        raise refuse("zip-no-header", "there is no local header where the directory says", entry.label)
    common: tuple[int, ...] = zip_format.COMMON.unpack_from(data, at + 4)
    _, flags, method, _, _, crc, packed, size, name, extra = common
    name_end = at + zip_format.LOCAL_SIZE + name
    start = name_end + extra
    if start > end.directory:
        raise refuse("zip-outside", "the local header reaches into the central directory", entry.label)
    check_extra(entry, data[name_end:start])
    local = (data[at + zip_format.LOCAL_SIZE : name_end], flags, method, crc, packed, size)
    central = (entry.name, entry.flags, entry.method, entry.crc, entry.packed, entry.size)
    for what, here, there in zip(
        ("name", "flags", "method", "CRC", "packed size", "size"), local, central, strict=True
    ):
        if here != there:
            raise refuse(
                "zip-disagrees", f"the local header and the directory give another {what}", entry.label
            )
    return start
