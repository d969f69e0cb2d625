"""The strict reader: a zip is read in the one way that all programs agree on, or refused."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from registry_builder.core.artifact import zip_format
from registry_builder.core.artifact.bad_archive import refuse
from registry_builder.core.artifact.paths import clash_of
from registry_builder.core.artifact.zip_layout import body_starts
from registry_builder.core.artifact.zip_records import Entry, find_end, read_directory
from registry_builder.core.artifact.zip_rules import check_entry, is_executable
from registry_builder.core.folder import File, sorted_files


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a zip may hold; sizes are bytes. The defaults are for uploads.

    `files` counts files, and folders apart; `ratio` is all unpacked bytes over the bytes of the zip.
    """

    archive_bytes: int = 10 * 1024 * 1024
    unpacked_bytes: int = 25 * 1024 * 1024
    files: int = 1_000
    ratio: int = 100


OWN = Limits(archive_bytes=0xFFFF_FFFF, unpacked_bytes=0xFFFF_FFFF, files=0xFFFF, ratio=1)
"""For artifacts that we packed: whatever `pack` can make. Stored bytes never unpack to more."""


def read(data: bytes, limits: Limits = Limits()) -> tuple[File, ...]:
    """The regular files of the zip `data`, sorted by path; folder entries are dropped. Raises BadArchive."""
    if len(data) > limits.archive_bytes:
        raise refuse("zip-too-big", f"the zip has {len(data)} bytes, {limits.archive_bytes} are allowed")
    end = find_end(data)
    _check_count(end.count, 2 * limits.files)
    entries = read_directory(data, end)
    _check_amount(entries, len(data), limits)
    paths = [check_entry(entry) for entry in entries]
    _check_names(entries, paths)
    starts = body_starts(data, entries, end)
    files = [
        File(path, _unpacked(entry, data[start : start + entry.packed]), is_executable(entry))
        for entry, path, start in zip(entries, paths, starts, strict=True)
    ]
    return sorted_files(file for entry, file in zip(entries, files, strict=True) if not entry.is_folder)


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise refuse("zip-too-many-files", f"the zip has {count} entries, {most} are allowed")


def _check_amount(entries: Sequence[Entry], packed: int, limits: Limits) -> None:
    folders = sum(entry.is_folder for entry in entries)
    _check_count(len(entries) - folders, limits.files)
    _check_count(folders, limits.files)
    # `_inflated` stops one byte after the size that an entry declares, so this bounds the memory.
    size = sum(entry.size for entry in entries if entry.size != 0xFFFF_FFFF)
    if size > limits.unpacked_bytes:
        raise refuse(
            "zip-unpacked-too-big", f"the zip unpacks to {size} bytes, {limits.unpacked_bytes} are allowed"
        )
    if size > limits.ratio * packed:
        raise refuse("zip-ratio", f"the zip unpacks to more than {limits.ratio} times its size")


def _check_names(entries: Sequence[Entry], paths: Sequence[str]) -> None:
    files = [path for entry, path in zip(entries, paths, strict=True) if not entry.is_folder]
    folders = sorted(path for entry, path in zip(entries, paths, strict=True) if entry.is_folder)
    for path, following in pairwise(folders):
        if path == following:
            raise refuse("path-duplicate", "the folder is there twice", path)
    if flaw := clash_of(files, folders):
        raise refuse(flaw.code, flaw.message, flaw.path)


def _unpacked(entry: Entry, packed: bytes) -> bytes:
    data = _inflated(entry, packed) if entry.method == zip_format.DEFLATED else packed
    if len(data) != entry.size:
        raise refuse("zip-size", f"the entry unpacks to another size than {entry.size} bytes", entry.label)
    if zlib.crc32(data) != entry.crc:
        raise refuse("zip-crc", "the content of the entry does not match its CRC", entry.label)
    return data


def _inflated(entry: Entry, packed: bytes) -> bytes:
    """At most one byte more than the size that `entry` declares."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(packed, entry.size + 1)
    except zlib.error as error:
        raise refuse("zip-deflate", "the compressed bytes of the entry are damaged", entry.label) from error
    if len(data) > entry.size:
        return data
    if not stream.eof:
        raise refuse("zip-deflate", "the compressed bytes of the entry are cut off", entry.label)
    if stream.unused_data:
        raise refuse("zip-deflate", "bytes follow after the compressed bytes of the entry", entry.label)
    return data
