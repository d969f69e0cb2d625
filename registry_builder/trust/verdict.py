"""What python-tuf refuses, as refusals with a code, the key and the mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from tuf.api.exceptions import (
    BadVersionNumberError,
    ExpiredMetadataError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata

from registry_builder.core.errors import Foreign
from registry_builder.trust.metadata import OFFLINE, ROOT


def other(key: str, body: bytes, version: int) -> Foreign:
    """Why `body` is not the file that was named."""
    try:
        found = Metadata.from_bytes(body).signed.version
    except RepositoryError:
        return Foreign("unreadable", "is no TUF metadata", place=key)
    if found < version:
        return Foreign("replayed", f"holds version {found} in place of {version}", place=key)
    return Foreign("mixed", "is not the file that the metadata above it names", place=key)


@contextmanager
def forgotten() -> Iterator[None]:
    """Kept metadata counts for rollback even when it has ended; of keys since replaced it does not count."""
    try:
        yield
    except RepositoryError:
        return


@contextmanager
def judged(key: str, role: str) -> Iterator[None]:
    """Give what is wrong with `role` at `key` its code."""
    try:
        yield
    except ExpiredMetadataError as error:
        raise expired(key, role) from error
    except UnsignedMetadataError as error:
        raise Foreign("too-few-signatures", str(error), place=key) from error
    except BadVersionNumberError as error:
        code = "replayed" if role == ROOT else "rolled-back"
        raise Foreign(code, str(error), place=key) from error
    except (RepositoryError, ValueError) as error:
        raise Foreign("bad-metadata", str(error), place=key) from error


def expired(key: str, role: str, expires: datetime | None = None) -> Foreign:
    """The refusal of metadata that ended."""
    when = f" since {expires:%Y-%m-%d %H:%M}Z" if expires else ""
    mend = f"skillpress keys renew {role}" if role in OFFLINE else "skillpress sign --renew"
    return Foreign(f"expired-{role}", f"is past its end{when}", place=key, mend=mend)
