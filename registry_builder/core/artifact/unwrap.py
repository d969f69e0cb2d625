"""What people's zip programs put around a folder, taken off again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from registry_builder.core.folder import File


def unwrap(files: Iterable[File]) -> tuple[File, ...]:
    """`files` without `__MACOSX/**` and `.DS_Store`, and without the one top folder that holds all the rest.

    One level is taken off, not more; the order stays.
    """
    kept = tuple(file for file in files if not _is_litter(file.path))
    tops = {file.path.partition("/")[0] if "/" in file.path else "" for file in kept}
    if len(tops) != 1 or "" in tops:
        return kept
    return tuple(replace(file, path=file.path.partition("/")[2]) for file in kept)


def _is_litter(path: str) -> bool:
    return path.startswith("__MACOSX/") or path.rpartition("/")[2] == ".DS_Store"
