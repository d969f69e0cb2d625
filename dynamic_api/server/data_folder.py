"""The data directory: database, private bytes, secrets, and the lock that keeps a second process out."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from registry_builder.core.errors import Busy, Missing, Misuse, Trouble

DATABASE = "skillpress.db"
SECRET_FILE = "secret.key"  # noqa: S105 - a file name
ADMIN_KEY = "admin.key"
PRIVATE = "private"
CATALOGUE = "catalogue"
LOCK = "api.lock"
SECRET_LENGTH = 32


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A directory that is ours, mode 0700."""

    path: Path

    @property
    def database_url(self) -> str:
        """Where SQLite keeps state, unless a setting names another database."""
        return f"sqlite:///{self.path / DATABASE}"

    def secret(self, given: str | None) -> str:
        """`given`, or the secret kept here, made at the first call. Raises Misuse for a short one."""
        if given is not None:
            if len(given) < SECRET_LENGTH:
                mend = f"give at least {SECRET_LENGTH} characters, from a random source"
                raise Misuse("weak-secret", "the secret is too short", place="data.secret", mend=mend)
            return given
        path = self.path / SECRET_FILE
        with suppress(FileExistsError):
            write_private(path, secrets.token_urlsafe(48) + "\n")
        kept = path.read_text(encoding="ascii", errors="replace").strip()
        if len(kept) < SECRET_LENGTH:
            mend = "put the file back from a back-up; a new one opens nothing that is sealed"
            raise Misuse("weak-secret", "the secret in it is too short", place=str(path), mend=mend)
        return kept


def open_folder(path: Path) -> DataFolder:
    """The data directory at `path`, made when it is not there, as a server may. Raises Trouble."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / PRIVATE).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        mend = "name a directory that this user may write to, with --data"
        raise Trouble("no-data", f"cannot use it: {error.strerror}", place=str(path), mend=mend) from error
    return DataFolder(path.resolve())


def found_folder(path: Path, holding: str | None) -> DataFolder:
    """The data directory at `path`, which holds what is named there; nothing is made. Raises Missing."""
    mend = "name the one that the server uses, with --data, or start `skillpress serve --data` on it first"
    if holding is not None and not path.is_dir():
        raise Missing("no-data-directory", "no data directory there", place=str(path), mend=mend)
    if holding is not None and not (path / holding).exists():
        raise Missing("no-data-directory", f"holds no {holding}, so it is none", place=str(path), mend=mend)
    return DataFolder(path.resolve())


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner reads, whole or not at all. Raises FileExistsError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    finally:
        temporary.unlink()


def lock(folder: DataFolder) -> int:
    """Take the lock of the one API process; it is let go when the process ends. Raises Busy."""
    descriptor = os.open(folder.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        mend = "stop the other process, or use PostgreSQL (data.database_url) for more than one"
        raise Busy(
            "data-in-use", "another API process uses this SQLite database", place=str(folder.path), mend=mend
        ) from error
    return descriptor
