"""The canonical zip: equal folders give equal bytes, for ever. `docs/artifact.md` has it byte by byte."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from registry_builder.core.artifact import zip_format
from registry_builder.core.artifact.paths import Flaw, clash_of, flaw_of, is_plain
from registry_builder.core.errors import Unfit
from registry_builder.core.folder import File
from registry_builder.core.shown import shown

PROFILE = 1
"""The number of this profile. Any change of a byte is a new profile, and this one stays."""

MOST_MEMBERS = 0xFFFF
MOST_BYTES = 0xFFFF_FFFE  # 0xFFFFFFFF in a field of 32 bits means: look at zip64

_VERSION = 20
_DATE = 0x0021  # 1980-01-01, the first day that DOS knows
_CENTRAL = zip_format.CENTRAL + bytes((_VERSION, zip_format.UNIX))
# No comment, disk 0, no internal attributes; then the external ones.
_REGULAR = bytes(6) + (0o100644 << 16).to_bytes(4, "little")
_EXECUTABLE = bytes(6) + (0o100755 << 16).to_bytes(4, "little")

_MENDS = {
    "path-not-utf8": "rename the file in UTF-8",
    "path-not-nfc": "rename the file to the NFC form of its name",
    "path-too-long": "shorten the path",
    "path-unsafe": "rename the file",
    "path-duplicate": "keep one of the files, or rename it",
    "path-clash": "rename the file or the folder",
    "zip-too-big": "make the folder smaller",
    "zip-too-many-files": "split the folder",
    "zip-two-ends": "keep the file compressed, or outside the folder",
}


class Member(NamedTuple):
    """One file, checked and summed once, ready for any number of zips."""

    name: bytes
    path: str
    common: bytes
    tail: bytes
    data: bytes


def pack(files: Sequence[File]) -> bytes:
    """The canonical zip of `files`, in any order. Raises Unfit."""
    return assemble([member(file) for file in files])


def member(file: File) -> Member:
    """`file` as a part of a zip. Raises Unfit for a path that no artifact may hold."""
    if not is_plain(file.path):
        check_path(file.path)
    name = file.path.encode()
    size = len(file.data)
    if size > MOST_BYTES:
        raise _unfit("zip-too-big", f"the file has {size} bytes, a zip holds {MOST_BYTES}", file.path)
    common = zip_format.COMMON.pack(
        _VERSION,
        zip_format.UTF8,
        zip_format.STORED,
        0,
        _DATE,
        zlib.crc32(file.data),
        size,
        size,
        len(name),
        0,
    )
    return Member(name, file.path, common, _EXECUTABLE if file.executable else _REGULAR, file.data)


def assemble(members: Iterable[Member]) -> bytes:
    """The canonical zip of `members`, in any order. Raises Unfit when they do not fit together."""
    ordered = sorted(members)
    _check_count(ordered)
    local: list[bytes] = []
    central: list[bytes] = []
    offset = 0
    for name, _, common, tail, data in ordered:
        local += (zip_format.LOCAL, common, name, data)
        # An offset that does not fit in 4 bytes is refused below, when the sum is known.
        central += (_CENTRAL, common, tail, offset.to_bytes(8, "little")[:4], name)
        offset += zip_format.LOCAL_SIZE + len(name) + len(data)
    size = sum(map(len, central))
    if offset + size + zip_format.END_SIZE > MOST_BYTES:
        raise _unfit("zip-too-big", f"the zip would have more than {MOST_BYTES} bytes")
    count = len(ordered)
    end = zip_format.END_RECORD.pack(zip_format.END, 0, 0, count, count, size, offset, 0)
    archive = b"".join([*local, *central, end])
    if len(zip_format.ends_of(archive)) > 1:
        raise _unfit(
            "zip-two-ends", "a file holds bytes that some programs would take for the end of the zip"
        )
    return archive


def check_path(path: str) -> None:
    """Raise Unfit for a path that no artifact may hold."""
    if flaw := flaw_of(path):
        raise _unfit_path(flaw)
    if not unicodedata.is_normalized("NFC", path):
        raise _unfit("path-not-nfc", "the name is not in Unicode form NFC", path)


def check_clash(paths: Sequence[str]) -> None:
    """Raise Unfit when two of `paths` cannot be in one folder on every system."""
    if flaw := clash_of(paths):
        raise _unfit_path(flaw)


def _check_count(members: Sequence[Member]) -> None:
    if len(members) > MOST_MEMBERS:
        raise _unfit("zip-too-many-files", f"the folder has {len(members)} files, a zip holds {MOST_MEMBERS}")
    check_clash([member.path for member in members])


def _unfit_path(flaw: Flaw) -> Unfit:
    return _unfit(flaw.code, flaw.message, flaw.path)


def _unfit(code: str, message: str, path: str = "") -> Unfit:
    return Unfit(code, message, place=shown(path), mend=_MENDS[code])
