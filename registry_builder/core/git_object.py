"""Git objects (SHA-1 object format): blobs, the trees of a set of files, commits.

Source: gitformat-pack(5), "Object types"; git-mktree(1): a tree is sorted as if folders ended in "/".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from registry_builder.core.folder import File, path_bytes

FOLDER, PLAIN, EXECUTABLE = b"40000", b"100644", b"100755"

_Leaf = tuple[bytes, bytes]
"""Mode and id."""

# Names that Git itself obeys or refuses, as file systems fold them (path.c: is_hfs_dotgit, is_ntfs_dotgit).
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_OBEYED = re.compile(r"\.git(?:modules|attributes)?|git~\d+|(?:gitmod|gitatt|gi7eba|gi7d29)~\d+")


@dataclass(frozen=True, slots=True)
class GitObject:
    """One object: `id` is the 20 bytes of its name, `kind` "blob", "tree" or "commit"."""

    id: bytes
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who made a commit, and when, in seconds since the epoch."""

    name: str
    email: str
    seconds: int


def git_object(kind: str, body: bytes) -> GitObject:
    """The object of `kind` with `body`."""
    head = f"{kind} {len(body)}\0".encode()
    return GitObject(hashlib.sha1(head + body, usedforsecurity=False).digest(), kind, body)


def tree_objects(files: Iterable[File], mounts: Mapping[str, bytes] | None = None) -> list[GitObject]:
    """The blobs and trees of `files`, the root's tree last.

    `mounts` says at which paths a tree is that was made before; it is not among the objects.
    """
    objects: list[GitObject] = []
    root = _Node()
    for file in files:
        blob = git_object("blob", file.data)
        objects.append(blob)
        root.put(path_bytes(file.path), (EXECUTABLE if file.executable else PLAIN, blob.id))
    for path, tree in (mounts or {}).items():
        root.put(path_bytes(path), (FOLDER, tree))
    root.write(objects)
    return objects


def commit_object(tree: bytes, parent: bytes | None, by: Signature, message: str) -> GitObject:
    """A commit with one parent or none, authored and committed by the same."""
    who = f"{by.name} <{by.email}> {by.seconds} +0000"
    parents = f"parent {parent.hex()}\n" if parent else ""
    return git_object(
        "commit", f"tree {tree.hex()}\n{parents}author {who}\ncommitter {who}\n\n{message}".encode()
    )


def is_obeyed(path: str) -> bool:
    """Whether some part of `path` is a name that Git gives a meaning to, or will not check out."""
    parts = re.split(r"[/\\]", _IGNORED.sub("", path).lower())
    return any(_OBEYED.fullmatch(part.partition(":")[0].rstrip(". ")) for part in parts)


class _Node(dict[bytes, "_Node | _Leaf"]):
    """A tree in the making: name → what is there."""

    def put(self, path: bytes, leaf: _Leaf) -> None:
        *parents, last = path.split(b"/")
        node = self
        for parent in parents:
            child = node.setdefault(parent, _Node())
            if not isinstance(child, _Node):
                raise AssertionError(f"{path!r} lies below a file")
            node = child
        if last in node:
            raise AssertionError(f"{path!r} is there twice")
        node[last] = leaf

    def write(self, objects: list[GitObject]) -> bytes:
        rows = []
        for name, child in self.items():
            mode, id_ = (FOLDER, child.write(objects)) if isinstance(child, _Node) else child
            rows.append((name + b"/" if mode == FOLDER else name, mode + b" " + name + b"\0" + id_))
        tree = git_object("tree", b"".join(row for _, row in sorted(rows)))
        objects.append(tree)
        return tree.id
