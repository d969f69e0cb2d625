"""Every reason for which the strict reader refuses a zip, with its mend. `docs/artifact.md` explains each."""

from __future__ import annotations

from collections.abc import Mapping

from registry_builder.core.errors import BadArchive
from registry_builder.core.shown import shown

_REPACK = "pack the folder again with an ordinary zip program"
_RENAME = "rename the file and pack the folder again"
_SHRINK = "leave out what the skill does not need"
_SEEKABLE = "pack to a file on disk, not to a stream: zip -r skill.zip folder"

MENDS: Mapping[str, str] = {
    "zip-too-big": _SHRINK,
    "zip-unpacked-too-big": _SHRINK,
    "zip-too-many-files": _SHRINK,
    "zip-ratio": "leave out files of endless repetition, or store them without compression",
    "zip-no-end": "send a whole zip file",
    "zip-trailing-bytes": _REPACK,
    "zip-two-ends": _REPACK,
    "zip-leading-bytes": _REPACK,
    "zip-gap": _REPACK,
    "zip-overlap": _REPACK,
    "zip-outside": _REPACK,
    "zip-many-disks": "pack it as one file, not split",
    "zip-zip64": "pack it without zip64; a skill needs none: pack to a file on disk, not to a stream",
    "zip-count": _REPACK,
    "zip-directory": _REPACK,
    "zip-no-header": _REPACK,
    "zip-disagrees": _REPACK,
    "zip-encrypted": "pack it without a password",
    "zip-descriptor": _SEEKABLE,
    "zip-flags": _REPACK,
    "zip-version": _REPACK,
    "zip-method": "use deflate, or no compression",
    "zip-extra": _REPACK,
    "zip-special": "replace links and special files by regular files, without setuid, setgid or sticky bits",
    "zip-kind": _REPACK,
    "zip-size": _REPACK,
    "zip-crc": "send the file again; if that does not help, pack it again",
    "zip-deflate": _REPACK,
    "path-not-utf8": "use ASCII names, or a zip program that marks names as UTF-8 (Info-ZIP: zip -UN=UTF8)",
    "path-too-long": "shorten the path",
    "path-unsafe": _RENAME,
    "path-duplicate": "keep one of the files, or rename it",
    "path-clash": _RENAME,
}


def refuse(code: str, message: str, place: str = "") -> BadArchive:
    """The refusal with the mend of `code`; `place` is the entry, and made fit to be printed."""
    return BadArchive(code, message, place=shown(place), mend=MENDS[code])
