"""What sx demands of the bytes that a vault serves, one message per offence; knows nothing of our emitter.

Source: sx 2.3.4, internal/vault/sleuth.go, lockfile/validation.go, metadata/validation.go, utils/zip.go.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from contracts.sx_bundle import NAME, SEMVER, TYPES, check_bundle, check_clients, check_metadata, read_toml

__all__ = ["check_asset", "check_bundle", "check_list_txt", "check_lock", "check_metadata", "check_profiles"]

Fetch = Callable[[str], "bytes | None"]
"""URL → the body of a 200, None for a 404."""

HASHES = {"sha256": re.compile("[0-9a-f]{64}"), "sha512": re.compile("[0-9a-f]{128}")}
SOURCES = ("source-http", "source-path", "source-git")


def check_lock(text: str, fetch: Fetch) -> list[str]:
    """The lock itself, and each bundle that it names: its size, its hashes, and what it holds."""
    lock = read_toml(text)
    if isinstance(lock, str):
        return [f"lock: {lock}"]
    rows = lock.get("assets", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return ["lock: assets is no array of tables"]
    found = [
        f"lock: {key} is no text or empty"
        for key in ("lock-version", "version", "created-by")
        if not _is_text(lock.get(key))
    ]
    names = [row.get("name") for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1}, key=str)
    found += [f"lock: {name!r} has two rows" for name in twice]
    for row in rows:
        problems = [*_row(row), *_dependencies(row, rows)]
        found += [f"{row.get('name')}: {problem}" for problem in problems or _bundle_of(row, fetch)]
    return found + [f"lock: a circle of dependencies through {name}" for name in _circles(rows)]


def check_list_txt(text: str) -> list[str]:
    """list.txt: one version a line; empty when there are none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [f"list.txt: {line!r} is no version" for line in lines if not SEMVER.fullmatch(line)]
    return found + [f"list.txt: {line!r} twice" for line in sorted({n for n in lines if lines.count(n) > 1})]


def check_profiles(text: str) -> list[str]:
    """sx.profiles: the roles, and the slug of the active one or null."""
    try:
        answer = json.loads(text)
    except ValueError as error:
        return [f"profiles: {error}"]
    if not isinstance(answer, dict) or not isinstance(answer.get("profiles"), list) or "active" not in answer:
        return ["profiles: has to be an object with a list `profiles`, and `active`"]
    found = [
        f"profiles: {profile!r} needs title, slug and description"
        for profile in answer["profiles"]
        if not isinstance(profile, dict)
        or not all(isinstance(profile.get(key), str) for key in ("title", "slug", "description"))
    ]
    slugs = [profile.get("slug") for profile in answer["profiles"] if isinstance(profile, dict)]
    if answer["active"] is not None and answer["active"] not in slugs:
        found.append(f"profiles: the active one is {answer['active']!r}, which is not among them")
    return found


def check_asset(base: str, name: str, kind: str, fetch: Fetch) -> list[str]:
    """What a vault at `base` answers for one asset: list.txt, and metadata and zip of each version in it."""
    folder = f"{base}/api/skills/assets/{name}"
    listing = fetch(f"{folder}/list.txt")
    if listing is None:
        return [f"{name}: no list.txt, so nobody can add it"]
    found = check_list_txt(listing.decode())
    for version in listing.decode().split():
        metadata = fetch(f"{folder}/{version}/metadata.toml")
        bundle = fetch(f"{folder}/{version}/{name}-{version}.zip")
        if metadata is None or bundle is None:
            found.append(f"{name} {version}: metadata.toml or zip is missing")
            continue
        problems = check_bundle(bundle, name, version, kind)
        if not problems and zipfile.ZipFile(io.BytesIO(bundle)).read("metadata.toml") != metadata:
            problems = ["metadata.toml in the zip is another than the one beside it"]
        found += [f"{name} {version}: {problem}" for problem in problems]
    return found


def _row(row: Mapping[str, object]) -> Iterator[str]:
    if not isinstance(row.get("name"), str) or not NAME.fullmatch(str(row["name"])):
        yield "the name is missing or has other characters than A-Z a-z 0-9 _ -"
    if not isinstance(row.get("version"), str) or not SEMVER.fullmatch(str(row["version"])):
        yield f"the version {row.get('version')!r} is no quoted semantic version"
    if row.get("type") not in TYPES:
        yield f"the type {row.get('type')!r} is unknown"
    yield from check_clients(row.get("clients", []))
    sources = [key for key in SOURCES if key in row]
    if sources != ["source-http"]:
        yield f"has the sources {sources}, where a vault serves exactly source-http"
        return
    source = row["source-http"]
    if not isinstance(source, dict):
        yield "source-http is no table"
        return
    yield from _http(source)


def _http(source: Mapping[str, object]) -> Iterator[str]:
    url = source.get("url")
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        yield f"the url {url!r} is not absolute"
    hashes = source.get("hashes", {})
    if not isinstance(hashes, dict) or not hashes:
        yield "there are no hashes"
        hashes = {}
    for algorithm, value in hashes.items():
        if algorithm not in HASHES or not isinstance(value, str) or not HASHES[algorithm].fullmatch(value):
            yield f"the hash {algorithm} = {value!r} is not of a known kind in lower-case hexadecimal"
    size = source.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        yield f"the size {size!r} is no number of bytes"
    for key in {"dependencies", "clients", "scopes"} & source.keys():
        yield f"{key} stands behind [assets.source-http] and is lost"


def _dependencies(row: Mapping[str, object], rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    wanted = row.get("dependencies", [])
    if not isinstance(wanted, list) or not all(isinstance(item, dict) for item in wanted):
        yield "dependencies is no array of tables"
        return
    versions = {other.get("name"): other.get("version") for other in rows}
    for item in wanted:
        if item.get("name") not in versions:
            yield f"depends on {item.get('name')!r}, which has no row"
        elif item["name"] == row.get("name"):
            yield "depends on itself"
        elif item.get("version") not in {None, "", versions[item["name"]]}:
            yield f"depends on another version of {item['name']} than the one in its row"


def _circles(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Names that cannot be put in an order: each, or something it needs, needs itself."""
    left = {}
    for row in rows:
        wanted = row.get("dependencies", [])
        items = wanted if isinstance(wanted, list) else []
        needs = {str(item.get("name")) for item in items if isinstance(item, dict)}
        left[str(row.get("name"))] = needs - {str(row.get("name"))}
    while ready := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in ready:
            del left[name]
    return sorted(left)


def _bundle_of(row: Mapping[str, object], fetch: Fetch) -> list[str]:
    source = row["source-http"]
    assert isinstance(source, dict)
    body = fetch(source["url"])
    if body is None:
        return [f"{source['url']} is not there"]
    found = []
    if len(body) != source["size"]:
        found.append(f"size is {source['size']}, but there are {len(body)} bytes")
    for algorithm, value in source["hashes"].items():
        if hashlib.new(algorithm, body).hexdigest() != value:
            found.append(f"{algorithm} is not that of the bytes")
    return found or check_bundle(body, str(row["name"]), str(row["version"]), str(row["type"]))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
