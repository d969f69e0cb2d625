"""Reading in a session that a script may be changing: folder by folder, and never through a link."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from dynamic_api.errors import Absent, Forbidden, Refusal
from dynamic_api.sandbox.base import FilePart, FileRow
from dynamic_api.sandbox.paths import ROOTS, parts_of

MOST_ROWS = 10_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened(root: int, path: str, flags: int) -> Iterator[int]:
    """A descriptor of what is at `path`. Raises Absent and Forbidden."""
    *folders, last = parts_of(path)
    folder = os.dup(root)
    try:
        for name in folders:
            inner = os.open(name, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        descriptor = os.open(last, flags, dir_fd=folder)
    except OSError as error:
        raise _refusal(error, path) from error
    finally:
        os.close(folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _refusal(error: OSError, path: str) -> Refusal:
    if error.errno in {errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM}:
        return Forbidden("not_a_file", "only regular files are read, and no links are followed", place=path)
    return Absent("file_not_found", "there is no such file in this session", place=path)


@contextmanager
def _regular(root: int, path: str) -> Iterator[int]:
    with opened(root, path, _FILE) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Forbidden(
                "not_a_file", "only regular files are read, and no links are followed", place=path
            )
        yield descriptor


def read(root: int, path: str, offset: int, size: int) -> FilePart:
    """Bytes of a regular file."""
    with _regular(root, path) as descriptor:
        return FilePart(os.pread(descriptor, size, offset), offset, os.fstat(descriptor).st_size)


def read_lines(root: int, path: str, first: int, count: int, most: int) -> bytes:
    """`count` lines from line `first`, counted from 1; at most `most` bytes."""
    with _regular(root, path) as descriptor, open(os.dup(descriptor), "rb") as file:
        lines = itertools.islice(file, first - 1, first - 1 + count)
        found = bytearray()
        for line in lines:
            found += line[: most - len(found)]
            if len(found) >= most:
                break
        return bytes(found)


def rows(root: int, path: str) -> list[FileRow]:
    """What is directly in a folder, sorted by name; at most MOST_ROWS."""
    with opened(root, path, _FOLDER) as folder, os.scandir(folder) as entries:
        found = [_row(path, entry) for entry in itertools.islice(entries, MOST_ROWS)]
    return sorted((row for row in found if row is not None), key=lambda row: row.path)


def _row(folder: str, entry: os.DirEntry[str]) -> FileRow | None:
    try:
        facts = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    path = f"{folder.rstrip('/')}/{os.fsencode(entry.name).decode('utf-8', 'replace')}"
    if stat.S_ISDIR(facts.st_mode):
        return FileRow(path, "folder", 0, facts.st_mtime)
    if stat.S_ISREG(facts.st_mode):
        return FileRow(path, "file", facts.st_size, facts.st_mtime)
    return FileRow(path, "other", 0, facts.st_mtime)


def largest(root: int) -> int:
    """The size of the largest file directly in /work or /tmp: shows whether one stopped at a limit."""
    return max((row.size for name in ROOTS for row in rows(root, f"/{name}")), default=0)


def free_bytes(root: int) -> int:
    """What is left of the session's disk; 0 as well when no more files can be made."""
    facts = os.fstatvfs(root)
    return facts.f_bavail * facts.f_frsize if facts.f_favail else 0
