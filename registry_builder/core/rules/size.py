"""Rules about what a folder holds as a whole: its size, links, submodules, and leftovers."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from registry_builder.core.folder import File, Folder, Stray
from registry_builder.core.problem import Problem
from registry_builder.core.rules.rule import Limits, refused, rule
from registry_builder.core.shown import shown

RULES = (
    refused(
        "too-many-files",
        "The folder has more files than the limit",
        "Clients stop at a number of files; the limit is `files` under `[check.limits]`.",
        "remove what the skill does not need, or split it",
    ),
    refused(
        "too-many-bytes",
        "The folder has more bytes than the limit",
        "Clients refuse large archives; the limit is `bytes` under `[check.limits]`.",
        "remove what the skill does not need, or fetch it at run time",
    ),
    refused(
        "file-too-big",
        "A file has more bytes than the limit",
        "Clients refuse large files; the limit is `file_bytes` under `[check.limits]`.",
        "make the file smaller, or fetch it at run time",
    ),
    refused(
        "symlink",
        "The folder holds a symbolic link",
        "Archives hold regular files only: clients refuse links.",
        "replace the link by a copy of the file",
    ),
    refused(
        "symlink-outside",
        "A symbolic link leads out of the folder",
        "It would show a file of the machine that installs or builds the skill.",
        "replace the link by a copy of the file",
    ),
    refused(
        "symlink-dangling",
        "A symbolic link leads nowhere",
        "There is nothing to install in its place.",
        "remove the link, or add the file",
    ),
    refused(
        "submodule",
        "The folder holds a Git submodule",
        "Its files are in another repository.",
        "copy the files into the folder",
    ),
    rule(
        "leftover",
        "A file was left by a tool",
        "warning",
        "warning",
        why="Caches, byte-code and dependencies make the skill large and differ between machines.",
        mend="remove it and add it to .gitignore",
    ),
)

_LEFTOVER_FOLDERS = frozenset(
    {
        "node_modules",
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".venv",
        ".idea",
        "__MACOSX",
    }
)
_LEFTOVER_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_LEFTOVER_ENDINGS = (".pyc", ".pyo", ".class", ".swp", "~")


def check_size(folder: Folder, limits: Limits) -> Iterator[Problem]:
    """What is over a limit."""
    if len(folder.files) > limits.files:
        yield Problem("too-many-files", 0, f"{len(folder.files)} files, more than {limits.files}")
    total = 0
    for file in folder.files:
        total += len(file.data)
        if len(file.data) > limits.file_bytes:
            message = f"{shown(file.path)} has {len(file.data)} bytes, more than {limits.file_bytes}"
            yield Problem("file-too-big", 0, message, path=file.path)
    if total > limits.bytes:
        yield Problem("too-many-bytes", 0, f"{total} bytes, more than {limits.bytes}")


def check_strays(folder: Folder) -> Iterator[Problem]:
    """Links and submodules: none can be packed."""
    if not folder.strays:
        return
    present = places(folder)
    for stray in folder.strays:
        yield _stray(stray, present)


def places(folder: Folder) -> set[str]:
    """Every path of `folder`, with the folders on the way to it."""
    paths = [file.path for file in folder.files] + [stray.path for stray in folder.strays]
    found = set(paths)
    for path in paths:
        parent = posixpath.dirname(path)
        while parent and parent not in found:
            found.add(parent)
            parent = posixpath.dirname(parent)
    return found


def _stray(stray: Stray, present: set[str]) -> Problem:
    name, target = shown(stray.path), shown(stray.target)
    if stray.kind == "submodule":
        return Problem(
            "submodule", 0, f"{name} is a submodule at {target or 'another repository'}", path=stray.path
        )
    parent = posixpath.dirname(stray.path)
    place = posixpath.normpath(posixpath.join(parent, stray.target)) if stray.target else ""
    if stray.target.startswith("/") or place == ".." or place.startswith("../"):
        return Problem("symlink-outside", 0, f"{name} leads out of the folder, to {target}", path=stray.path)
    if place not in present and place != ".":
        return Problem(
            "symlink-dangling",
            0,
            f"{name} leads to {target or 'nothing'}, which is not there",
            path=stray.path,
        )
    return Problem("symlink", 0, f"{name} is a link to {target}", path=stray.path)


def check_leftovers(folder: Folder) -> Iterator[Problem]:
    """One problem per folder, or file, that a tool left behind."""
    reported: set[str] = set()
    for file in folder.files:
        place = _leftover(file)
        if place and place not in reported:
            reported.add(place)
            yield Problem("leftover", 0, f"{shown(place)} was left by a tool", path=file.path)


def _leftover(file: File) -> str:
    """The leftover folder that `file` is in, or the file itself; "" if it is neither."""
    *parents, last = file.path.split("/")
    for depth, parent in enumerate(parents):
        if parent in _LEFTOVER_FOLDERS:
            return "/".join(parents[: depth + 1])
    return file.path if last in _LEFTOVER_FILES or last.endswith(_LEFTOVER_ENDINGS) else ""
