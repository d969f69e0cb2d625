"""From URL paths to files of a published folder: what is there, and what must stay inside."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

# These mean "nothing to see under that name"; any other error is ours and must not look like a 404.
ABSENT = frozenset(
    {
        errno.EACCES,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENXIO,
        errno.EPERM,
    }
)


def has(folder: Path, path: str) -> bool:
    """Whether `folder` has a file for a decoded URL path, or a page below it."""
    key = key_of(path)
    if key is None:
        return False
    place = real_path(folder, f"{key}index.html" if not key or key.endswith("/") else key)
    if place is not None and place.is_file():
        return True
    page = real_path(folder, f"{key}/index.html") if key else None
    return page is not None and page.is_file()


def key_of(path: str) -> str | None:
    """The key that a decoded URL path asks for, with a last slash when it names a folder; None for no key."""
    segments = [segment for segment in path.split("/") if segment]
    if _hidden(segments):
        return None
    return "/".join(segments) + ("/" if segments and path.endswith("/") else "")


def real_path(folder: Path, key: str) -> Path | None:
    """The real path of `key`; None where there is none, or a link leads out or to what is hidden."""
    try:
        root = folder.resolve(strict=True)
        real = (root / key).resolve(strict=True)
    except (ValueError, RuntimeError):
        # A null byte, or links in a circle.
        return None
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise
    shown = real.is_relative_to(root) and not _hidden(real.relative_to(root).parts)
    return real if shown else None


def _hidden(segments: Sequence[str]) -> bool:
    """Whether dots keep a path from being served.

    Below .well-known/skills/<name>/ lie files out of a skill, whose names may begin with a dot.
    """
    ours = segments[:3] if tuple(segments[:2]) == (".well-known", "skills") else segments
    if any(segment in (".", "..") for segment in segments):
        return True
    return any(segment.startswith(".") and segment != ".well-known" for segment in ours)
