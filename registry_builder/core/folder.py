"""A folder as Git keeps it: paths, bytes and the executable bit, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class File:
    """One regular file. `path` is relative, with `/`; bytes that are not UTF-8 are surrogate-escaped."""

    path: str
    data: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Stray:
    """An entry that is no regular file: `kind` is "symlink" or "submodule", `target` where it leads."""

    path: str
    kind: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """One asset as Git keeps it.

    `name` is the last component of `path` and the identity; `path` is relative to the repository's root;
    `tree` is the Git tree id. `files` is sorted by the bytes of the path.
    """

    name: str
    path: str
    tree: str
    files: tuple[File, ...]
    strays: tuple[Stray, ...] = ()
    type: str = "skill"

    def get(self, path: str) -> File | None:
        """The file at `path`, or None."""
        return next((file for file in self.files if file.path == path), None)


def path_bytes(path: str) -> bytes:
    """The bytes that Git keeps for `path`: the order in which entries are sorted."""
    return path.encode("utf-8", "surrogateescape")


def sorted_files(files: Iterable[File]) -> tuple[File, ...]:
    """`files` in the one order that every artifact uses: bytewise by path."""
    return tuple(sorted(files, key=lambda file: path_bytes(file.path)))


@dataclass(slots=True)
class _Node:
    files: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    folders: dict[bytes, _Node] = field(default_factory=dict)


def git_tree(files: Iterable[File]) -> str:
    """The Git tree id (SHA-1 object format) that a commit of exactly `files` would have.

    Source: gitformat-pack and git-mktree(1): entries sorted as if folders ended in "/".
    """
    root = _Node()
    for file in files:
        *parents, last = path_bytes(file.path).split(b"/")
        node = root
        for parent in parents:
            node = node.folders.setdefault(parent, _Node())
        node.files[last] = (b"100755" if file.executable else b"100644", _object_id(b"blob", file.data))
    return _tree_id(root).hex()


def _tree_id(node: _Node) -> bytes:
    rows = [(name, name, mode, identity) for name, (mode, identity) in node.files.items()]
    rows += [(name + b"/", name, b"40000", _tree_id(child)) for name, child in node.folders.items()]
    return _object_id(
        b"tree", b"".join(mode + b" " + name + b"\0" + identity for _, name, mode, identity in sorted(rows))
    )


def _object_id(kind: bytes, body: bytes) -> bytes:
    return hashlib.sha1(kind + b" %d\0" % len(body) + body, usedforsecurity=False).digest()
