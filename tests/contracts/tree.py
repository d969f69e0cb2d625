"""A built tree: its keys, what a URL of it names, and whether an object is what is stated of it."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote


@dataclass
class Tree:
    """A bucket as a folder, and the URL under which it is served."""

    root: Path
    base_url: str

    @cached_property
    def keys(self) -> frozenset[str]:
        files = (path for path in self.root.rglob("*") if path.is_file())
        return frozenset(path.relative_to(self.root).as_posix() for path in files)

    def body(self, key: str) -> bytes:
        return (self.root / key).read_bytes()

    def key_of(self, url: str) -> str | None:
        """The key that `url` names, None when it leads elsewhere."""
        head = f"{self.base_url}/"
        return unquote(url.removeprefix(head)) if url.startswith(head) else None

    def unpacked(self, key: str) -> dict[str, bytes]:
        """The files of a zip by path, or of an npm tarball, where they lie below package/."""
        body = io.BytesIO(self.body(key))
        if key.endswith(".zip"):
            with zipfile.ZipFile(body) as archive:
                return {name: archive.read(name) for name in archive.namelist()}
        with tarfile.open(fileobj=body, mode="r:gz") as tarball:
            files = ((item.name, tarball.extractfile(item)) for item in tarball)
            return {name.removeprefix("package/"): file.read() for name, file in files if file}


def check_object(tree: Tree, key: str | None, place: str, **stated: object) -> Iterator[str]:
    """That `key` is there and is what is stated of it: its size, or a digest by name of algorithm."""
    if key is None or key not in tree.keys:
        yield f"{place} names {key or 'a URL outside of the registry'}, which is not there"
        return
    body = tree.body(key)
    for fact, value in stated.items():
        actual = len(body) if fact == "size" else hashlib.new(fact, body).hexdigest()
        if type(value) is not type(actual) or value != actual:
            yield f"{place} states {fact} {value} of {key}, which has {actual}"
