"""A bare repository of static files: its packs are sound, and nothing that an object names is missing.

Source: gitformat-pack(5), git-http-backend(1) for the files of the dumb protocol.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from registry_builder.core.gitpack import Index
from registry_builder.git_objects import parse_tree

_KINDS = {1: b"commit", 2: b"tree", 3: b"blob"}
_SHA1 = 20
_PACK = re.compile(r"objects/pack/pack-([0-9a-f]{40})\.pack")
_MODULE = b"160000"
Say = Callable[[str, str], None]
"""Takes the key and what is wrong with it."""


@dataclass(slots=True)
class Repository:
    """The repository whose files hang below `folder`; `read` gives one by its key, None for none."""

    folder: str
    keys: frozenset[str]
    read: Callable[[str], bytes | None]
    say: Say
    tip: str = ""
    tree: str = ""
    objects: int = 0
    _ids: set[bytes] = field(default_factory=set)

    def check(self) -> None:
        """Look at all of it; `tip` and `tree` are then the commit that clients get and its tree."""
        self._refs()
        names = self._packs()
        indexes = {name: index for name in names if (index := self._index(name))}
        for name, index in indexes.items():
            self._pack(name, index)
        if self.tip and bytes.fromhex(self.tip) not in self._ids:
            self.say(f"{self.folder}/info/refs", f"the tip {self.tip} is in no pack")

    def _refs(self) -> None:
        refs = self._text("info/refs")
        found = re.fullmatch(r"([0-9a-f]{40})\t(refs/heads/[^\n]+)\n", refs)
        if not found:
            self.say(f"{self.folder}/info/refs", "does not name one branch")
            return
        self.tip = found[1]
        if self._text(found[2]).strip() != self.tip:
            self.say(f"{self.folder}/{found[2]}", "is at another commit than info/refs says")
        if self._text("HEAD") != f"ref: {found[2]}\n":
            self.say(f"{self.folder}/HEAD", f"does not stand for {found[2]}")

    def _packs(self) -> list[str]:
        """The names of the packs that are listed, which are those that are there."""
        key = f"{self.folder}/objects/info/packs"
        names = re.findall(r"^P pack-([0-9a-f]{40})\.pack$", self._text("objects/info/packs"), re.MULTILINE)
        there = {
            found[1] for item in self.keys if (found := _PACK.fullmatch(item.removeprefix(f"{self.folder}/")))
        }
        for name in sorted(set(names) - there):
            self.say(key, f"lists pack-{name}.pack, which the tree does not pin")
        for name in sorted(there - set(names)):
            self.say(key, f"does not list pack-{name}.pack")
        return sorted(there)

    def _index(self, name: str) -> Index | None:
        body = self._file(f"objects/pack/pack-{name}.idx")
        if body is None:
            return None
        key = f"{self.folder}/objects/pack/pack-{name}.idx"
        if (
            body[:8] != b"\xfftOc\0\0\0\2"
            or hashlib.sha1(body[:-_SHA1], usedforsecurity=False).digest() != body[-_SHA1:]
        ):
            self.say(key, "is no sound index")
            return None
        index = Index(body)
        if len(body) != 8 + 1024 + index.count * 28 + 2 * _SHA1 or body[-2 * _SHA1 : -_SHA1].hex() != name:
            self.say(key, "is the index of another pack")
            return None
        start = 8 + 1024
        self._ids.update(body[start + _SHA1 * at : start + _SHA1 * (at + 1)] for at in range(index.count))
        return index

    def _pack(self, name: str, index: Index) -> None:
        body = self._file(f"objects/pack/pack-{name}.pack")
        if body is None:
            return
        key = f"{self.folder}/objects/pack/pack-{name}.pack"
        if (
            hashlib.sha1(body[:-_SHA1], usedforsecurity=False).hexdigest() != name
            or body[-_SHA1:].hex() != name
        ):
            self.say(key, "its bytes do not have the SHA-1 in its name")
            return
        for id_, raw in index.entries(body):
            self.objects += 1
            kind, data = _unpacked(raw)
            if hashlib.sha1(b"%s %d\0" % (kind, len(data)) + data, usedforsecurity=False).digest() != id_:
                self.say(key, f"has no sound object {id_.hex()} where its index says")
                return
            if id_.hex() == self.tip and kind == b"commit":
                self.tree = data[5:45].decode("ascii", "replace")
            for needed in _named(kind, data):
                if needed not in self._ids:
                    self.say(key, f"{kind.decode()} {id_.hex()} needs {needed.hex()}, which is in no pack")
                    return

    def _file(self, name: str) -> bytes | None:
        key = f"{self.folder}/{name}"
        if key not in self.keys:
            self.say(key, "a clone needs it, and the tree does not pin it")
            return None
        return self.read(key)

    def _text(self, name: str) -> str:
        return (self._file(name) or b"").decode("utf-8", "replace")


def _unpacked(raw: bytes) -> tuple[bytes, bytes]:
    """Kind and bytes of an object as a pack holds it; empty when it cannot be read."""
    if not raw or (raw[0] >> 4 & 7) not in _KINDS:
        return b"", b""
    size, shift, at = raw[0] & 0x0F, 4, 0
    while raw[at] & 0x80 and at + 1 < len(raw):
        at += 1
        size |= (raw[at] & 0x7F) << shift
        shift += 7
    try:
        data = zlib.decompressobj().decompress(raw[at + 1 :], size + 1)
    except zlib.error:
        return b"", b""
    return _KINDS[raw[0] >> 4 & 7], data


def _named(kind: bytes, data: bytes) -> Iterator[bytes]:
    """The ids of the objects that an object is nothing without."""
    if kind == b"tree":
        yield from (bytes.fromhex(id_) for mode, _, id_ in parse_tree(data, _SHA1) if mode != _MODULE)
    elif kind == b"commit":
        head = data.partition(b"\n\n")[0].decode("utf-8", "replace")
        yield from map(bytes.fromhex, re.findall(r"^(?:tree|parent) ([0-9a-f]{40})$", head, re.MULTILINE))


def repositories(keys: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Folder → keys of each repository among `keys`."""
    found: dict[str, set[str]] = {}
    for key in keys:
        if match := re.match(r"git/[^/]+\.git(?=/)", key):
            found.setdefault(match[0], set()).add(key)
    return {folder: frozenset(own) for folder, own in sorted(found.items())}
