"""The lock file, parsed and validated in the order of sx: one bad row refuses all. contracts/sx.md 3."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from contracts.sx_bundle import CLIENTS, NAME, SEMVER, TYPES

from sx_client.errors import LockRefused

KNOWN_TYPES = {*TYPES, "app-plugin"}
_HASHES = {"sha256": re.compile("[0-9a-f]{64}"), "sha512": re.compile("[0-9a-f]{128}")}
_REF = re.compile("[0-9a-f]{40}")
_SOURCES = ("source-http", "source-path", "source-git")
_ITEMS = {"clients": str, "dependencies": dict, "scopes": dict, "repositories": dict}
_KINDS = {
    **dict.fromkeys(("name", "version", "type"), str),
    **dict.fromkeys(_ITEMS, list),
    **dict.fromkeys(_SOURCES, dict),
}
_HTTP = {"url": str, "size": int, "hashes": dict, "uploaded-at": datetime}
_HEAD = ("lock-version", "version", "created-by")


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another row of the same lock."""

    name: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """A repository, and folders in it; no paths: its root."""

    repo: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One asset of the lock."""

    name: str
    version: str
    type: str
    url: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    clients: tuple[str, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    scopes: tuple[Scope, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """What is to be installed; no row: everything is to be removed."""

    version: str
    created_by: str
    rows: tuple[Row, ...]


def read_lock(text: str) -> Lock:
    """Parse, drop rows whose source-git is bad, then validate. Raises LockRefused with all problems."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LockRefused([f"not TOML: {error}"]) from error
    rows = table.get("assets", table.get("artifacts", []))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise LockRefused(["assets is no array of tables"])
    typed = [problem for row in rows for problem in _wrong_kinds(row)]
    typed += [f"{key} is no str" for key in _HEAD if not _is(table, key, str)]
    if typed:
        raise LockRefused(typed)
    rows = [row for row in rows if not _bad_git(row)]
    found = [f"{key} is empty" for key in _HEAD if not table.get(key)]
    found += [f"{row.get('name')}: {problem}" for row in rows for problem in _invalid(row)]
    found += _between(rows)
    if found:
        raise LockRefused(found)
    return Lock(table["version"], table["created-by"], tuple(_row(row) for row in rows))


def _is(table: Mapping[str, Any], key: str, kind: type) -> bool:
    value = table.get(key)
    return value is None or (isinstance(value, kind) and not (kind is int and isinstance(value, bool)))


def _wrong_kinds(row: Mapping[str, Any]) -> Iterator[str]:
    """What Go's decoder refuses: a value of another kind than the field."""
    wrong = [f"{key} is no {kind.__name__}" for key, kind in _KINDS.items() if not _is(row, key, kind)]
    if not wrong:
        wrong = [
            f"{key} holds what is no {kind.__name__}"
            for key, kind in _ITEMS.items()
            if not all(isinstance(item, kind) for item in row.get(key, []))
        ]
        source = row.get("source-http", {})
        wrong += [f"{key} is no {kind.__name__}" for key, kind in _HTTP.items() if not _is(source, key, kind)]
        hashes = source.get("hashes", {})
        if isinstance(hashes, dict) and not all(isinstance(value, str) for value in hashes.values()):
            wrong.append("a hash is no str")
    yield from (f"{row.get('name')}: {problem}" for problem in wrong)


def _bad_git(row: Mapping[str, Any]) -> bool:
    source = row.get("source-git")
    return source is not None and not (source.get("url") and _REF.fullmatch(str(source.get("ref", ""))))


def _invalid(row: Mapping[str, Any]) -> Iterator[str]:
    if not NAME.fullmatch(row.get("name", "")):
        yield "the name is empty or has other characters than A-Z a-z 0-9 _ -"
    if not SEMVER.fullmatch(row.get("version", "")):
        yield f"the version {row.get('version')!r} is no semantic version"
    if row.get("type") not in KNOWN_TYPES:
        yield f"the type {row.get('type')!r} is unknown"
    if unknown := sorted(set(row.get("clients", [])) - CLIENTS):
        yield f"the clients {unknown} are unknown"
    sources = [key for key in _SOURCES if key in row]
    if len(sources) != 1:
        yield f"has {len(sources)} sources, not one"
    if "source-http" in row:
        yield from _http(row["source-http"])
    if any(not scope.get("repo") for scope in _scopes(row)):
        yield "a scope has no repo"


def _http(source: Mapping[str, Any]) -> Iterator[str]:
    parts = urlsplit(source.get("url", ""))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        yield f"the url {source.get('url')!r} is not absolute"
    for algorithm, value in source.get("hashes", {}).items():
        if algorithm not in _HASHES or not _HASHES[algorithm].fullmatch(value):
            yield f"the hash {algorithm} = {value!r} is unknown, or no lower-case hexadecimal"
    if source.get("size", 0) < 0:
        yield "the size is negative"


def _between(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What no row can show alone: doubles, and dependencies that lead nowhere or round in a circle."""
    names = [row.get("name") for row in rows]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"{name} has more than one row"
    versions = {row.get("name"): row.get("version") for row in rows}
    needs: dict[str, set[str]] = {}
    for row in rows:
        needs[str(row.get("name"))] = {str(item.get("name")) for item in row.get("dependencies", [])}
        for item in row.get("dependencies", []):
            if item.get("name") not in versions:
                yield f"{row.get('name')}: depends on {item.get('name')!r}, which has no row"
            elif item.get("version") not in {None, "", versions[item["name"]]}:
                yield f"{row.get('name')}: depends on another version of {item['name']}"
    while ready := [name for name, wanted in needs.items() if not wanted & needs.keys()]:
        for name in ready:
            del needs[name]
    if needs:
        yield f"a circle of dependencies through {', '.join(sorted(needs))}"


def _scopes(row: Mapping[str, Any]) -> list[Any]:
    return list(row.get("scopes", row.get("repositories", [])))


def _row(row: Mapping[str, Any]) -> Row:
    source = row.get("source-http", {})
    return Row(
        name=row["name"],
        version=row["version"],
        type=row["type"],
        url=source.get("url", ""),
        hashes=source.get("hashes", {}),
        size=source.get("size"),
        clients=tuple(row.get("clients", [])),
        dependencies=tuple(
            Dependency(i["name"], i.get("version") or None) for i in row.get("dependencies", [])
        ),
        scopes=tuple(Scope(scope["repo"], tuple(scope.get("paths", []))) for scope in _scopes(row)),
    )
