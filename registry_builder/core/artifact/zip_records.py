"""The end record and the central directory of a zip, read literally; `zip_rules` judges the entries."""

from __future__ import annotations

from dataclasses import dataclass

from registry_builder.core.artifact import zip_format
from registry_builder.core.artifact.bad_archive import refuse


@dataclass(frozen=True, slots=True)
class End:
    """The end record: where the central directory is and how many entries it has."""

    count: int
    directory: int
    offset: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One central header. `packed` and `size` are bytes, `offset` is where the local header should be."""

    name: bytes
    system: int
    needed: int
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    disk: int
    attributes: int
    offset: int
    extra: bytes

    @property
    def label(self) -> str:
        """The name for messages only."""
        return self.name.decode("utf-8", "surrogateescape")

    @property
    def is_folder(self) -> bool:
        """Whether the name ends in a slash: what every reader goes by."""
        return self.name.endswith(b"/")


def find_end(data: bytes) -> End:
    """The one end record of `data`, which the directory reaches and nothing follows. Raises BadArchive."""
    at = _end_offset(data)
    _, disk, start_disk, here, count, size, offset, _ = zip_format.END_RECORD.unpack_from(data, at)
    locator = max(0, at - 20)
    if data[locator : locator + 4] == zip_format.ZIP64_LOCATOR or 0xFFFF_FFFF in {size, offset}:
        raise refuse("zip-zip64", "the zip has zip64 records")
    if here != count:
        raise refuse("zip-count", f"the end record counts {here} entries, and {count} as well")
    if disk or start_disk:
        raise refuse("zip-many-disks", "the zip is one part of several")
    if offset + size != at:
        raise refuse("zip-directory", "the central directory does not end where the end record begins")
    return End(count, offset, at)


def read_directory(data: bytes, end: End) -> list[Entry]:
    """All central headers, in their order. Raises BadArchive."""
    entries: list[Entry] = []
    at = end.directory
    while at < end.offset:
        if data[at : at + 4] != zip_format.CENTRAL or at + zip_format.CENTRAL_SIZE > end.offset:
            raise refuse("zip-directory", "the central directory holds something that is not an entry")
        if len(entries) == end.count:
            raise refuse("zip-count", f"the end record counts {end.count} entries, there are more")
        entry, at = _entry(data, at)
        if at > end.offset:
            raise refuse("zip-directory", "an entry reaches beyond the central directory", entry.label)
        entries.append(entry)
    if len(entries) != end.count:
        raise refuse("zip-count", f"the end record counts {end.count} entries, there are {len(entries)}")
    return entries


def _end_offset(data: bytes) -> int:
    ends = zip_format.ends_of(data)
    last = data.rfind(zip_format.END, max(0, len(data) - zip_format.END_SIZE - zip_format.LONGEST_COMMENT))
    if not ends:
        if 0 <= last <= len(data) - zip_format.END_SIZE and _comment_end(data, last) < len(data):
            raise refuse("zip-trailing-bytes", "bytes follow after the end of the zip")
        raise refuse("zip-no-end", "this is not a zip, or it is cut off")
    if len(ends) > 1 or last != ends[0]:
        raise refuse("zip-two-ends", "the zip has more than one end, so programs differ on what it holds")
    return last


def _comment_end(data: bytes, at: int) -> int:
    return at + zip_format.END_SIZE + int.from_bytes(data[at + 20 : at + 22], "little")


def _entry(data: bytes, at: int) -> tuple[Entry, int]:
    made_by = int.from_bytes(data[at + 4 : at + 6], "little")
    needed, flags, method, _, _, crc, packed, size, name, extra = zip_format.COMMON.unpack_from(data, at + 6)
    comment, disk, _, attributes, offset = zip_format.CENTRAL_TAIL.unpack_from(data, at + 32)
    name_end = at + zip_format.CENTRAL_SIZE + name
    extra_end = name_end + extra
    entry = Entry(
        name=data[at + zip_format.CENTRAL_SIZE : name_end],
        system=made_by >> 8,
        needed=needed,
        flags=flags,
        method=method,
        crc=crc,
        packed=packed,
        size=size,
        disk=disk,
        attributes=attributes,
        offset=offset,
        extra=data[name_end:extra_end],
    )
    return entry, extra_end + comment
