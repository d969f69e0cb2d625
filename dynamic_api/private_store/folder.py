"""A private store in a folder that only its owner can enter: a file for each key, replaced whole."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dynamic_api.private_store.base import CHUNK, Summed, absent, check_key, checked, unavailable

TEMPORARY = ".tmp"


class FolderPrivateStore:
    """`root`, made with mode 0700 if it is not there yet.

    A root that goes away later is not made again: what was in it would look as if it had never been there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with _translated():
            root.mkdir(0o700, parents=True, exist_ok=True)

    def put(self, sha256: str, chunks: Iterable[bytes]) -> int:
        path = self._path(sha256)
        summed = Summed(chunks)
        with _translated():
            path.parent.mkdir(0o700, exist_ok=True)
            (self.root / TEMPORARY).mkdir(0o700, exist_ok=True)
            beside = self.root / TEMPORARY / f"{sha256}.{secrets.token_hex(8)}"
            try:
                _write(beside, summed)
                summed.check(sha256)
                beside.replace(path)
                _sync(path.parent)
            finally:
                beside.unlink(missing_ok=True)
        return summed.size

    def get(self, sha256: str) -> bytes:
        with self._opened(sha256) as file, _translated():
            return checked(sha256, file.read())

    def stream(self, sha256: str) -> Iterator[bytes]:
        return _chunks(self._opened(sha256))

    def exists(self, sha256: str) -> bool:
        with _translated():
            try:
                return self._path(sha256).stat().st_size >= 0
            except (FileNotFoundError, NotADirectoryError):
                self.ready()
                return False

    def delete(self, sha256: str) -> None:
        with _translated():
            self._path(sha256).unlink(missing_ok=True)

    def discard(self, sha256: str, before: float) -> bool:
        path = self._path(sha256)
        # Taken aside first: a put between the look and the end of it lands in its place, and stays.
        aside = self.root / TEMPORARY / f"{sha256}.{secrets.token_hex(8)}"
        with _translated():
            aside.parent.mkdir(0o700, exist_ok=True)
            try:
                if path.stat().st_mtime >= before:
                    return False
                path.rename(aside)
            except (FileNotFoundError, NotADirectoryError):
                self.ready()
                return True
            if aside.stat().st_mtime >= before:
                aside.rename(path)
                return False
            aside.unlink()
        return True

    def elsewhere(self, sha256: str, filename: str) -> str | None:
        check_key(sha256)
        return None

    def ready(self) -> None:
        with _translated():
            if not self.root.is_dir():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def _path(self, sha256: str) -> Path:
        check_key(sha256)
        return self.root / sha256[:2] / sha256

    def _opened(self, sha256: str) -> IO[bytes]:
        with _translated():
            try:
                return self._path(sha256).open("rb")
            except (FileNotFoundError, NotADirectoryError):
                self.ready()
                raise absent() from None


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file, _translated():
        while chunk := file.read(CHUNK):
            yield chunk


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make a rename in `folder` last: the name is in the folder, not in the file."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unavailable(f"the private folder fails: {error.strerror or error}") from error
