"""Writing into a session that a script may be changing at the same time."""

from __future__ import annotations

import contextlib
import os

CHUNK = 1 << 20


def put(root: int, parts: list[str], source: int, *, partial: bool) -> None:
    """Copy `source` to the file at `parts`, never by a link; whole or not at all, unless `partial`."""
    folder = _enter(root, parts[:-1])
    temporary = ".put-" + os.urandom(8).hex()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        if partial:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(parts[-1], dir_fd=folder)
        target = os.open(temporary, flags, 0o644, dir_fd=folder)
        try:
            try:
                _copy(source, target)
            except OSError:
                if not partial:
                    raise
                os.rename(temporary, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
                raise
            os.rename(temporary, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            raise
        finally:
            os.close(target)
    finally:
        os.close(folder)


def _enter(root: int, parts: list[str]) -> int:
    """The folder at `parts` below `root`, made where it is missing; no link is followed on the way."""
    folder = os.dup(root)
    for name in parts:
        if name in {"", ".", ".."} or "/" in name:
            raise OSError(22, "no name of a file")
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=folder)
        try:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


def _copy(source: int, target: int) -> None:
    offset = 0
    while sent := os.sendfile(target, source, offset, CHUNK):
        offset += sent
