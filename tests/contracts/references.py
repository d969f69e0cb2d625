"""Whether every reference in a built tree holds: what it names is there, with the digest and size it states.

Written from what the clients read, not from our emitters. Followed to its object is each line of a list.txt,
row of a lock, version of a packument, entry of a catalogue or discovery index, API answer, ledger document.
"""

from __future__ import annotations

import base64
import json
import re
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts import extras
from contracts.tree import Tree, check_object

CATALOGUE_BYTES = 5_242_880
DISCOVERY_ENTRIES = 200
DISCOVERY_SCHEMA = "https://schemas.agentskills.io/discovery/0.2.0/schema.json"
SERVED = {"active", "deprecated"}
_MALFORMED = (AttributeError, EOFError, KeyError, OSError, TypeError, ValueError)


Check = Callable[[Tree, str], Iterator[str]]


def check_tree(root: Path, base_url: str) -> list[str]:
    """One message for each reference that does not hold, beginning with the key in which it stands."""
    tree = Tree(root, base_url.rstrip("/"))
    found = [] if tree.keys else [f"{root}: holds no file"]
    for key in sorted(tree.keys):
        for pattern, check in CHECKS:
            if re.fullmatch(pattern, key):
                found += [f"{key}: {message}" for message in _guarded(check, tree, key)]
    return list(dict.fromkeys([*found, *_check_names(tree)]))


def _guarded(check: Check, tree: Tree, key: str) -> Iterator[str]:
    """The messages of `check`, and one more when the file has not even the form that it should have."""
    try:
        yield from check(tree, key)
    except (*_MALFORMED, tarfile.TarError, zipfile.BadZipFile) as error:
        yield f"has not the form of its contract: {error!r}"


def _check_json(tree: Tree, key: str) -> Iterator[str]:
    json.loads(tree.body(key))
    yield from ()


def _check_address(tree: Tree, key: str) -> Iterator[str]:
    digest = re.findall(r"[0-9a-f]{64}", key)[-1]
    yield from check_object(tree, key, "its own name", sha256=digest)


def _check_list(tree: Tree, key: str) -> Iterator[str]:
    folder, name = key.removesuffix("/list.txt"), key.split("/")[-2]
    for line in tree.body(key).decode().splitlines():
        if version := line.strip():
            yield from check_object(tree, f"{folder}/{version}/metadata.toml", f"version {version}")
            yield from check_object(tree, f"{folder}/{version}/{name}-{version}.zip", f"version {version}")


def _check_lock(tree: Tree, key: str) -> Iterator[str]:
    assets = tomllib.loads(tree.body(key).decode()).get("assets", [])
    names = [asset["name"] for asset in assets]
    for asset in assets:
        place, source = f"row {asset['name']}", asset["source-http"]
        stated = {"sha256": source["hashes"]["sha256"], "size": source["size"]}
        yield from check_object(tree, tree.key_of(source["url"]), place, **stated)
        for dependency in asset.get("dependencies", []):
            if dependency["name"] not in names:
                yield f"{place} depends on {dependency['name']}, which is no row"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} has two rows"


def _check_packument(tree: Tree, key: str) -> Iterator[str]:
    packument = json.loads(tree.body(key))
    versions = packument["versions"]
    if packument["name"] != key.removeprefix("npm/"):
        yield f"is called {packument['name']}"
    for tag, version in packument["dist-tags"].items():
        if version not in versions:
            yield f"the tag {tag} names {version}, which is no version"
    for version, item in versions.items():
        dist = item["dist"]
        algorithm, _, value = dist["integrity"].partition("-")
        if (item["name"], item["version"], algorithm) != (packument["name"], version, "sha512"):
            yield f"version {version} is of {item['name']} {item['version']}, with {algorithm}"
        stated = {"sha512": base64.b64decode(value, validate=True).hex(), "sha1": dist["shasum"]}
        yield from check_object(tree, tree.key_of(dist["tarball"]), f"version {version}", **stated)


def _check_catalogue(tree: Tree, key: str) -> Iterator[str]:
    body = tree.body(key)
    if len(body) > CATALOGUE_BYTES:
        yield f"has {len(body)} bytes, Claude Code takes {CATALOGUE_BYTES}"
    plugins = json.loads(body)["plugins"]
    names = [plugin["name"] for plugin in plugins]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} has two entries"
    for plugin in plugins:
        place, source = f"entry {plugin['name']}", plugin["source"]
        if source["source"] == "archive":
            target = tree.key_of(source["url"])
            yield from check_object(tree, target, place, sha256=source["sha256"])
        else:
            target = yield from _check_npm_source(tree, source, place)
        if target in tree.keys:
            yield from _check_plugin(plugin, tree.unpacked(target), names)


def _check_plugin(plugin: dict[str, Any], files: Mapping[str, bytes], names: list[str]) -> Iterator[str]:
    """That the entry's component paths are in the archive, and its dependencies in the catalogue."""
    for kind in ("skills", "agents", "commands"):
        for path in plugin.get(kind, []):
            inner = path.removeprefix("./") or "SKILL.md"
            if not any(file == inner or file.startswith(f"{inner.rstrip('/')}/") for file in files):
                yield f"entry {plugin['name']} names {inner}, which its archive has not"
    for name in _dependencies(files):
        if name not in names:
            yield f"entry {plugin['name']} depends on {name}, which is no entry"


def _check_npm_source(tree: Tree, source: dict[str, Any], place: str) -> Generator[str, None, str | None]:
    """Messages; the value returned is the key of the tarball, None when there is none."""
    if source["source"] != "npm" or source["registry"] != f"{tree.base_url}/npm/":
        yield f"{place} has the source {source}"
        return None
    key = f"npm/{source['package']}"
    if key not in tree.keys:
        yield f"{place} names {key}, which is not there"
        return None
    item = json.loads(tree.body(key))["versions"].get(source["version"])
    if item is None:
        yield f"{place} names version {source['version']}, which {key} has not"
        return None
    return tree.key_of(item["dist"]["tarball"])


def _dependencies(files: Mapping[str, bytes]) -> list[str]:
    """What the plugin with `files` says that it depends on."""
    found = json.loads(files.get(".claude-plugin/plugin.json", b"{}")).get("dependencies", [])
    return [item["name"] if isinstance(item, dict) else item.partition("@")[0] for item in found]


def _check_discovery(tree: Tree, key: str) -> Iterator[str]:
    index = json.loads(tree.body(key))
    if index["$schema"] != DISCOVERY_SCHEMA:
        yield f"has the schema {index['$schema']}, so that its client ignores it"
    if len(index["skills"]) > DISCOVERY_ENTRIES:
        yield f"has {len(index['skills'])} entries, {DISCOVERY_ENTRIES} are allowed"
    for skill in index["skills"]:
        place = f"entry {skill['name']}"
        algorithm, _, digest = skill["digest"].partition(":")
        if skill["type"] != "archive" or algorithm != "sha256":
            yield f"{place} has the type {skill['type']} and a digest by {algorithm}"
        target = tree.key_of(skill["url"])
        yield from check_object(tree, target, place, sha256=digest)
        if target in tree.keys and "SKILL.md" not in tree.unpacked(target):
            yield f"{place} names an archive without a SKILL.md at its root"


def _check_answer(tree: Tree, key: str) -> Iterator[str]:
    data = json.loads(tree.body(key))["data"]
    slug, download = data["skill"]["slug"], data["download"]
    if slug != key.rpartition("/")[2]:
        yield f"is about {slug}"
    if download is not None:
        sha256 = download["content_sha"]
        if download["url"] != f"/api/v1/downloads/public/{slug}/{sha256}.zip":
            yield f"the download has the URL {download['url']}"
        stated = {"sha256": sha256, "size": download["content_size"]}
        yield from check_object(tree, download["url"].removeprefix("/"), "the download", **stated)


def _check_names_index(tree: Tree, key: str) -> Iterator[str]:
    for skill in json.loads(tree.body(key))["skills"]:
        name, sha256 = skill["name"], skill["sha256"]
        target = f"api/v1/downloads/public/{name}/{sha256}.zip"
        yield from check_object(tree, target, f"entry {name}", sha256=sha256)


def _check_document(tree: Tree, key: str) -> Iterator[str]:
    document = json.loads(tree.body(key))
    name = document["name"]
    if document.get("url"):
        yield from check_object(tree, tree.key_of(document["url"]), "the url")
    served = document["versions"] if document.get("state", "active") in SERVED else []
    for row in served:
        if row.get("state", "active") in SERVED:
            place = f"version {row['version']}"
            yield from _check_zip(tree, name, row, place)
            yield from _check_derived(tree, name, row, place)


def _check_zip(tree: Tree, name: str, bundle: dict[str, Any], place: str) -> Iterator[str]:
    target = f"api/v1/downloads/public/{name}/{bundle['sha256']}.zip"
    yield from check_object(tree, target, place, sha256=bundle["sha256"], size=bundle["size"])


def _check_derived(tree: Tree, name: str, row: dict[str, Any], place: str) -> Iterator[str]:
    if npm := row["derived"].get("npm"):
        stated = {"sha256": npm["sha256"], "sha512": npm["sha512"], "size": npm["size"]}
        yield from check_object(tree, f"t/{name}/{npm['sha256']}.tgz", f"{place} for npm", **stated)
    if sx := row["derived"].get("sx"):
        folder, number = f"api/skills/assets/{name}/{row['version']}", row["version"]
        stated = {"sha256": sx["sha256"], "size": sx["size"]}
        yield from _check_zip(tree, name, sx, f"{place} for sx")
        yield from check_object(tree, f"{folder}/{name}-{number}.zip", f"{place} for sx", **stated)
        yield from check_object(tree, f"{folder}/metadata.toml", f"{place} for sx", sha256=sx["metadata"])


def _check_names(tree: Tree) -> Iterator[str]:
    """Claude Code refuses a catalogue of the name of another, from another URL."""
    seen: dict[str, str] = {}
    for key in sorted(
        key for key in tree.keys if re.fullmatch(CATALOGUES, key) and key != "marketplace-npm.json"
    ):
        try:
            name = json.loads(tree.body(key))["name"]
            if seen.setdefault(name, key) != key:
                yield f"{key}: is called {name}, as {seen[name]} is"
        except (KeyError, TypeError, ValueError):
            yield f"{key}: has no name"


CATALOGUES = r"marketplace\.json|marketplace-npm\.json|marketplace/collections/[^/]+\.json"
CHECKS: tuple[tuple[str, Check], ...] = (
    (r"(?!\.well-known/skills/[^/]+/|git/|static/).*\.json|r/[^/]+|.*/sx\.profiles|api/search", _check_json),
    (
        r"r/[0-9a-f]{64}|t/[^/]+/[0-9a-f]{64}\.tgz|api/v1/downloads/public/[^/]+/[0-9a-f]{64}\.zip",
        _check_address,
    ),
    (r"api/skills/assets/[^/]+/list\.txt", _check_list),
    (r"(?:.*/)?sx\.lock", _check_lock),
    (r"npm/@[^/]+/[^/]+", _check_packument),
    (CATALOGUES, _check_catalogue),
    (r"(?:.*/)?\.well-known/agent-skills/index\.json", _check_discovery),
    (r"api/v1/skills/[^/]+", _check_answer),
    (r"api/v1/index\.json", _check_names_index),
    (r"api/v1/index/[^/]+\.json", _check_document),
    *extras.CHECKS,
)
