"""What one entry may be: a plain file or a folder, with one name, in a form that all readers agree on."""

from __future__ import annotations

import zlib

from registry_builder.core.artifact import zip_format
from registry_builder.core.artifact.bad_archive import refuse
from registry_builder.core.artifact.paths import flaw_of
from registry_builder.core.artifact.zip_records import Entry

_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
_DESCRIPTOR = 1 << 3
_KNOWN_FLAGS = 0b110 | zip_format.UTF8  # bits 1 and 2 say how hard deflate tried
_NEWEST_VERSION = 63

_ZIP64 = 0x0001
_AES = 0x9901
_STRONG = 0x0017
_UNICODE_PATH = 0x7075
_ASI_UNIX = 0x756E  # holds a mode of its own, and the target of a link

_KIND = 0o170000
_REGULAR = 0o100000
_FOLDER = 0o040000
_PRIVILEGE = 0o7000
_ANY_EXECUTE = 0o111
_DOS_FOLDER = 0x10
_DOS_NO_FILE = 0x08 | 0x400  # volume label, reparse point


def check_entry(entry: Entry) -> str:
    """The path of `entry`, of a folder without the slash. Raises BadArchive."""
    _check_flags(entry)
    _check_method(entry)
    _check_sizes(entry)
    path = _path(entry)
    check_extra(entry, entry.extra)
    _check_kind(entry)
    return path


def is_executable(entry: Entry) -> bool:
    """Whether anybody may execute it; only systems with Unix modes can say so."""
    return entry.system in {zip_format.UNIX, zip_format.MACOS} and bool(entry.attributes >> 16 & _ANY_EXECUTE)


def check_extra(entry: Entry, extra: bytes) -> None:
    """Refuse extra fields, of either header, that change what `entry` is. Raises BadArchive."""
    at = 0
    while at < len(extra):
        identity = int.from_bytes(extra[at : at + 2], "little")
        start = at + 4
        at = start + int.from_bytes(extra[at + 2 : start], "little")
        if start > len(extra) or at > len(extra):
            raise refuse("zip-extra", "an extra field is cut off", entry.label)
        _check_field(entry, identity, extra[start:at])


def _check_field(entry: Entry, identity: int, body: bytes) -> None:
    if identity == _ZIP64:
        raise refuse("zip-zip64", "the entry has a zip64 field", entry.label)
    if identity in {_AES, _STRONG}:
        raise refuse("zip-encrypted", "the entry is encrypted", entry.label)
    if identity == _ASI_UNIX:
        raise refuse("zip-special", "an extra field gives the entry another mode", entry.label)
    # Info-ZIP's field: version 1, the CRC-32 of the name in the header, the name in UTF-8.
    if (
        identity == _UNICODE_PATH
        and body != b"\x01" + zlib.crc32(entry.name).to_bytes(4, "little") + entry.name
    ):
        raise refuse("zip-disagrees", "an extra field gives the entry another name", entry.label)


def _check_flags(entry: Entry) -> None:
    if entry.flags & _ENCRYPTED or entry.method == 99:
        raise refuse("zip-encrypted", "the entry is encrypted", entry.label)
    if entry.flags & _DESCRIPTOR:
        raise refuse("zip-descriptor", "the sizes of the entry follow in a data descriptor", entry.label)
    if entry.flags & ~_KNOWN_FLAGS:
        raise refuse("zip-flags", f"the entry has unknown flags: {entry.flags:#06x}", entry.label)


def _check_method(entry: Entry) -> None:
    if entry.method not in {zip_format.STORED, zip_format.DEFLATED}:
        raise refuse("zip-method", f"the entry is compressed by method {entry.method}", entry.label)
    if entry.needed & 0xFF > _NEWEST_VERSION:
        raise refuse(
            "zip-version", f"the entry needs version {entry.needed & 0xFF} of the format", entry.label
        )


def _check_sizes(entry: Entry) -> None:
    if 0xFFFF_FFFF in {entry.packed, entry.size, entry.offset} or entry.disk == 0xFFFF:
        raise refuse("zip-zip64", "the entry has its sizes in a zip64 field", entry.label)
    if entry.disk:
        raise refuse("zip-many-disks", "the entry is on another disk", entry.label)
    if entry.method == zip_format.STORED and entry.packed != entry.size:
        raise refuse("zip-size", "the entry is stored, but has two sizes", entry.label)
    if entry.is_folder and (entry.size or entry.crc):
        raise refuse("zip-kind", "the entry is a folder, but has content", entry.label)


def _path(entry: Entry) -> str:
    encoding = "utf-8" if entry.flags & zip_format.UTF8 else "ascii"
    try:
        path = entry.name.decode(encoding)
    except UnicodeDecodeError as error:
        raise refuse("path-not-utf8", "the name is not UTF-8, or not marked as such", entry.label) from error
    path = path.removesuffix("/")
    if flaw := flaw_of(path):
        raise refuse(flaw.code, flaw.message, entry.label)
    return path


def _check_kind(entry: Entry) -> None:
    # Some programs read the mode whatever system is named, so it is checked whatever system is named.
    mode = entry.attributes >> 16
    kind = mode & _KIND
    if kind not in {0, _REGULAR, _FOLDER} or entry.attributes & _DOS_NO_FILE:
        raise refuse("zip-special", "the entry is a link or a special file", entry.label)
    if not entry.is_folder and mode & _PRIVILEGE:
        raise refuse("zip-special", "the entry has a setuid, setgid or sticky bit", entry.label)
    is_marked = kind == _FOLDER or bool(entry.attributes & _DOS_FOLDER)
    if (is_marked and not entry.is_folder) or (kind == _REGULAR and entry.is_folder):
        raise refuse("zip-kind", "programs differ on whether the entry is a file or a folder", entry.label)
