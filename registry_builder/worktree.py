"""Folders as they lie on disk, for authors: what a commit of everything there would hold."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from registry_builder.core.errors import Missing, Trouble
from registry_builder.core.folder import File, Folder, Stray, git_tree, sorted_files


def read_folder(place: Path, *, kind: str = "skill", path: str = "") -> Folder:
    """The folder at `place`: in a Git work tree what is tracked or not ignored, elsewhere all but `.git`.

    Raises Missing when there is no such folder, Trouble when a file cannot be read.
    """
    if not place.is_dir():
        raise Missing("no-folder", "no such folder", place=str(place))
    files: list[File] = []
    strays: list[Stray] = []
    for name in _names(place):
        item = place / name
        try:
            mode = item.lstat().st_mode
            if stat.S_ISLNK(mode):
                strays.append(Stray(name, "symlink", str(item.readlink())))
            elif stat.S_ISREG(mode):
                files.append(File(name, item.read_bytes(), bool(mode & stat.S_IXUSR)))
            elif stat.S_ISDIR(mode):
                strays.append(Stray(name, "submodule"))
        except OSError as error:
            raise Trouble("unreadable", error.strerror or str(error), place=str(item)) from error
    resolved = place.resolve()
    ordered = sorted_files(files)
    return Folder(resolved.name, path or resolved.name, git_tree(ordered), ordered, tuple(strays), kind)


def _names(place: Path) -> list[str]:
    """Paths below `place` of what Git would keep; a listed folder is a repository inside this one."""
    command = ["git", "-C", str(place), "ls-files", "-co", "--exclude-standard", "-z", "--deduplicate", "."]
    listed = subprocess.run(command, capture_output=True, check=False)
    if listed.returncode == 0:
        names = [os.fsdecode(name).rstrip("/") for name in listed.stdout.split(b"\0") if name]
        return sorted(name for name in set(names) if os.path.lexists(place / name))
    return sorted(_walk(place))


def _walk(place: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(place):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        found += [Path(folder, name).relative_to(place).as_posix() for name in (*files, *links)]
    return found


def read_folders(content: Path, roots: Mapping[str, str], prefix: str) -> list[Folder]:
    """Every asset's folder below `content`, by path. `prefix` is where `content` lies in its repository."""
    found: list[Folder] = []
    for kind, root in roots.items():
        base = content / root
        places = sorted(base.iterdir()) if base.is_dir() else []
        found += [
            read_folder(place, kind=kind, path=f"{prefix}{root}/{place.name}")
            for place in places
            if place.is_dir() and not place.is_symlink() and _names(place)
        ]
    return sorted(found, key=lambda folder: folder.path)
