"""The text of an sx.lock: one row for each asset, and the edges that a lock may have.

Source: sx lockfile/lockfile.go and lockfile/validation.go. One bad row makes sx refuse the whole lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from registry_builder.core.key import digest

_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(32), 127)} | {ord('"'): '\\"', ord("\\"): "\\\\"}


class Scope(NamedTuple):
    """A repository that an asset is for; with `paths`, those folders in it."""

    repo: str
    paths: tuple[str, ...] = ()


class Locked(Struct, frozen=True):
    """One row. `type` as sx spells it; without `scopes` it is global; `dependencies` name other rows."""

    name: str
    version: str
    type: str
    url: str
    sha256: str
    size: int
    clients: Sequence[str] = ()
    dependencies: Sequence[str] = ()
    scopes: Sequence[Scope] = ()


def encode(rows: Sequence[Locked], created_by: str) -> bytes:
    """The lock of `rows`; its `version` is their digest, so that it changes exactly when they do."""
    return joined([row_text(row) for row in rows], created_by)


def joined(texts: Iterable[str], created_by: str) -> bytes:
    """The lock of rows that are text already."""
    text = "".join(texts)
    version = digest(text.encode())
    head = f'lock-version = "1.0"\nversion = "{version}"\ncreated-by = {quoted(created_by)}\n'
    return (head + text).encode()


def quoted(text: str) -> str:
    """`text` as a TOML basic string."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{text.translate(_ESCAPES)}"'


def acyclic(wanted: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """`wanted` without edges to names that it does not have and without those that close a circle.

    One dependency that is missing or circular makes sx refuse the whole lock. The walk goes from each name in
    order, depth first, and drops the edge that leads to a name it came through.
    """
    kept: dict[str, list[str]] = {name: [] for name in wanted}
    done: set[str] = set()
    for start in wanted:
        path = {} if start in done else {start: iter(wanted[start])}
        while path:
            name, rest = next(reversed(path.items()))
            target = next(rest, None)
            if target is None:
                del path[name]
                done.add(name)
            elif target in kept and target not in path:
                kept[name].append(target)
                if target not in done:
                    path[target] = iter(wanted[target])
    return kept


def row_text(row: Locked) -> str:
    """The row as TOML: dependencies come before the source's table, which would swallow them."""
    text = _head(row.name, row.version, row.type, tuple(row.clients))
    if row.dependencies:
        names = [f"{{ name = {quoted(name)} }}" for name in row.dependencies]
        text += f"dependencies = [{', '.join(names)}]\n"
    text += (
        f"[assets.source-http]\nurl = {quoted(row.url)}\n"
        f'hashes = {{ sha256 = "{row.sha256}" }}\nsize = {row.size}\n'
    )
    return text + _scopes(tuple(row.scopes)) if row.scopes else text


@lru_cache(maxsize=1 << 14)
def _head(name: str, version: str, kind: str, clients: tuple[str, ...]) -> str:
    """What is the same in every lock that has the row."""
    text = f"\n[[assets]]\nname = {quoted(name)}\nversion = {quoted(version)}\ntype = {quoted(kind)}\n"
    return f"{text}clients = {_list(clients)}\n" if clients else text


@lru_cache(maxsize=1 << 12)
def _scopes(scopes: tuple[Scope, ...]) -> str:
    text = ""
    for repo, paths in scopes:
        text += f"[[assets.scopes]]\nrepo = {quoted(repo)}\n"
        if paths:
            text += f"paths = {_list(paths)}\n"
    return text


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"
