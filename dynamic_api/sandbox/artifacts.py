"""Unpacked skills, each in a folder named by the digest of its zip, so that what a run sees never changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dynamic_api.errors import Unavailable
from registry_builder.core.artifact import read
from registry_builder.core.folder import File


def unpack(skills: Path, data: bytes, sha256: str) -> Path:
    """The folder of the zip `data` below `skills`, made once. Raises Unavailable and BadArchive.

    The zip is checked against its digest, so that bytes changed in a store are never run.
    """
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Unavailable("artifact_changed", "the bytes of this version are not those that were published")
    folder = skills / sha256
    if not folder.is_dir():
        _place(skills, folder, read(data))
    return folder


def _place(skills: Path, folder: Path, files: Sequence[File]) -> None:
    """Write beside, then rename: a folder is there whole or not at all."""
    beside = Path(tempfile.mkdtemp(prefix=".new-", dir=skills))
    try:
        for file in files:
            path = beside / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
            path.chmod(0o555 if file.executable else 0o444)
        for top, _folders, _files in os.walk(beside):
            Path(top).chmod(0o755)
        put_in_place(beside, folder)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside)


def put_in_place(beside: Path, folder: Path) -> None:
    """Rename; a folder that another process or thread put there meanwhile is as good."""
    try:
        beside.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def forget(skills: Path, sha256: str) -> None:
    """Remove what was unpacked, after the version was taken back; runs that began keep what they have."""
    shutil.rmtree(skills / sha256, ignore_errors=True)
