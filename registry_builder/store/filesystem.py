"""A bucket in a folder: one file a key, each replaced whole, one writer by a lock on the folder itself."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from registry_builder.core.errors import Busy, Foreign, Missing, Misuse, Trouble
from registry_builder.store.base import Listed, Tag

TEMPORARY = ".tmp"
POINTER = "release.json"
REVOKED = "revoked.json"
_SEGMENTS = frozenset(("", ".", ".."))


class FilesystemStore:
    """`root` as a bucket. Reading needs nothing; writing needs the store entered as a context.

    A file is written beside and renamed, so that a reader or a kill sees the old bytes or the new ones.
    What a killed writer left in `.tmp` goes when the next one enters.
    """

    exclusive = True
    parallel = 1
    conditional = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self._base = f"{root}/"
        self._lock: int | None = None
        self._folders: set[str] = set()
        self._count = count(1)
        self._umask = 0

    def __enter__(self) -> Self:
        """Take the folder. Raises Foreign when it holds something else, Busy when another run writes."""
        try:
            self._refuse_foreign()
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._unlock()
            raise Busy(
                "locked", "another run is writing this folder", place=str(self.root), mend="wait for it"
            ) from error
        except OSError as error:
            self._unlock()
            raise _trouble(error, str(self.root)) from error
        shutil.rmtree(self.root / TEMPORARY, ignore_errors=True)
        self._folders.clear()
        self._umask = os.umask(0o022)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.umask(self._umask)
        shutil.rmtree(self.root / TEMPORARY, ignore_errors=True)
        if self.root.is_dir() and not any(self.root.iterdir()):
            self.root.rmdir()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _refuse_foreign(self) -> None:
        if not self.root.exists():
            return
        if not self.root.is_dir():
            raise Foreign("not-ours", "is not a folder", place=str(self.root), mend="choose another target")
        # An import writes what is revoked before anything else, and may be killed right after it.
        names = {path.name for path in self.root.iterdir()} - {TEMPORARY, REVOKED}
        if names and POINTER not in names:
            raise Foreign(
                "not-ours",
                "the folder is not empty and has no release.json, so it is not a registry",
                place=str(self.root),
                mend="choose an empty or a new folder",
            )

    def _path(self, key: str) -> str:
        if not key or "\0" in key or not _SEGMENTS.isdisjoint(key.split("/")):
            raise Misuse("bad-key", "not a key", place=key)
        return f"{self._base}{key}"

    def get(self, key: str) -> bytes:
        try:
            with open(self._path(key), "rb", buffering=0) as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise Missing("no-key", "no such key", place=key) from None
        except OSError as error:
            raise _trouble(error, key) from error

    def list(self, prefix: str = "") -> Iterator[Listed]:
        found = []
        for folder, folders, files in os.walk(self.root):
            if Path(folder) == self.root and TEMPORARY in folders:
                folders.remove(TEMPORARY)
            for name in files:
                path = Path(folder, name)
                key = path.relative_to(self.root).as_posix()
                if key.startswith(prefix):
                    found.append(Listed(key, path.stat().st_size))
        yield from sorted(found, key=lambda listed: listed.key)

    def put(self, key: str, body: bytes, *, expect: str | None = None) -> str:
        if self._lock is None:
            raise AssertionError("a store is entered before it is written")
        path = self._path(key)
        try:
            if expect is not None and expect != _tag(path):
                raise Busy("changed", "somebody else changed it", place=key, mend="run again")
            self._replace(path, body)
            return _tag(path)
        except OSError as error:
            raise _trouble(error, key) from error

    def _replace(self, path: str, body: bytes) -> None:
        self._make(path.rpartition("/")[0])
        self._make(self._base + TEMPORARY)
        beside = f"{self._base}{TEMPORARY}/{next(self._count)}"
        try:
            _write_whole(beside, body, synced=path.endswith(POINTER))
            os.replace(beside, path)  # noqa: PTH105 - a Path for each of 100,000 keys is a third of a build
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise

    def _make(self, folder: str) -> None:
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as above
            self._folders.add(folder)

    def delete(self, key: str) -> None:
        try:
            Path(self._path(key)).unlink(missing_ok=True)
        except OSError as error:
            raise _trouble(error, key) from error

    def tag(self, key: str) -> Tag | None:
        try:
            value = _tag(self._path(key))
        except OSError as error:
            raise _trouble(error, key) from error
        return Tag(value, None) if value else None

    def prepare(self) -> None:
        """Nothing to find out: the lock on the folder is the promise."""


def _tag(path: str) -> str:
    """What the file system changes whenever a file is written or another takes its place; "" for none.

    Every key of a build asks for it, and a look at the inode costs a fifth of a digest of the bytes.
    """
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if not stat.S_ISREG(found.st_mode):
        return ""
    return f"{found.st_ino}.{found.st_ctime_ns}.{found.st_size}"


def _write_whole(path: str, body: bytes, *, synced: bool) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(file, rest) :]
        if synced:
            os.fsync(file)
    finally:
        os.close(file)


def _trouble(error: OSError, place: str) -> Trouble:
    code, mend = {
        errno.ENOSPC: ("disk-full", "make room and run again: nothing that is served was harmed"),
        errno.EDQUOT: ("disk-full", "raise the quota and run again: nothing that is served was harmed"),
        errno.EACCES: ("no-permission", "give this user the right to write there"),
        errno.EPERM: ("no-permission", "give this user the right to write there"),
        errno.EROFS: ("no-permission", "the file system is read-only"),
    }.get(error.errno or 0, ("io-error", "look at the file system, then run again"))
    return Trouble(code, error.strerror or str(error), place=place, mend=mend)
