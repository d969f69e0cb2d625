"""Paths in a session, as callers write them."""

from __future__ import annotations

from pathlib import PurePosixPath

from dynamic_api.errors import Invalid

ROOTS = ("work", "tmp")


def parts_of(path: str) -> tuple[str, ...]:
    """The names in a path of a session, which begins in /work or /tmp. Raises Invalid."""
    parts = PurePosixPath(path).parts
    if len(path) > 4096 or "\0" in path or ".." in parts or parts[:1] != ("/",) or parts[1:2] == ():
        raise _bad_path(path)
    if parts[1] not in ROOTS:
        raise _bad_path(path)
    return parts[1:]


def file_parts(path: str) -> tuple[str, ...]:
    """As `parts_of`, for a file: neither /work nor /tmp itself."""
    parts = parts_of(path)
    if len(parts) < 2:
        raise Invalid("bad_path", "a folder of the session, not a file", place=path)
    return parts


def _bad_path(path: str) -> Invalid:
    return Invalid(
        "bad_path", "not a path of a session", place=path[:200], mend="begin with /work/ or /tmp/, without .."
    )
