"""Whether references hold in what OpenCode, clawhub, Copilot and `skills find` read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from urllib.parse import unquote, urljoin, urlsplit

from contracts.tree import Tree, check_object

ENTRIES = 200


def _check_files(tree: Tree, key: str) -> Iterator[str]:
    """Discovery v0.1: each file is where its client asks for it, which takes the path for a relative URL."""
    skills = json.loads(tree.body(key))["skills"]
    if len(skills) > ENTRIES:
        yield f"has {len(skills)} entries, {ENTRIES} are allowed"
    for skill in skills:
        folder, place = f".well-known/skills/{skill['name']}", f"entry {skill['name']}"
        if "SKILL.md" not in skill["files"] or not isinstance(skill["version"], str):
            yield f"{place} has no SKILL.md or no version"
        for path in skill["files"]:
            asked = unquote(urlsplit(urljoin(f"{tree.base_url}/{folder}/", path)).path)
            yield from check_object(tree, f"{folder}/{path}", place)
            if asked != f"{urlsplit(tree.base_url).path}/{folder}/{path}":
                yield f"{place} names {path}, for which its client asks as {asked}"


def _check_clawhub(tree: Tree, key: str) -> Iterator[str]:
    answer, name = json.loads(tree.body(key)), key.rpartition("/")[2]
    base, latest = key.removesuffix(f"/skills/{name}"), answer["latestVersion"]
    if answer["skill"]["slug"] != name:
        yield f"is about {answer['skill']['slug']}"
    yield from check_object(tree, f"{base}/resolve", "update")
    if latest:
        yield from check_object(tree, f"{base}/download", f"version {latest['version']}")


def _check_download(tree: Tree, key: str) -> Iterator[str]:
    sha256 = hashlib.sha256(tree.body(key)).hexdigest()
    yield from check_object(tree, f"api/v1/downloads/public/{key.split('/')[1]}/{sha256}.zip", "its artifact")


def _check_market(tree: Tree, key: str) -> Iterator[str]:
    """Each entry of the marketplace has the files of an artifact of its name, and there are no others."""
    files = tree.unpacked(key)
    plugins = json.loads(files.pop(".claude-plugin/marketplace.json"))["plugins"]
    for plugin in plugins:
        name, head = plugin["name"], f"plugins/{plugin['name']}/"
        own = {path.removeprefix(head): files.pop(path) for path in list(files) if path.startswith(head)}
        artifacts = (item for item in _sound(tree) if item.startswith(f"api/v1/downloads/public/{name}/"))
        if plugin["source"] != f"./plugins/{name}" or all(tree.unpacked(item) != own for item in artifacts):
            yield f"entry {name} of {plugin['source']} has not the files of an artifact"
    yield from (f"{path} belongs to no entry" for path in files)


def _sound(tree: Tree) -> Iterator[str]:
    """The zips that have the digest in their name."""
    for key in sorted(
        key for key in tree.keys if re.fullmatch(r"api/v1/downloads/public/[^/]+/[0-9a-f]+\.zip", key)
    ):
        if hashlib.sha256(tree.body(key)).hexdigest() in key:
            yield key


def _check_search(tree: Tree, key: str) -> Iterator[str]:
    for skill in json.loads(tree.body(key))["skills"]:
        scope = tree.key_of(f"{skill['source']}/.well-known/agent-skills/index.json")
        yield from check_object(tree, scope, f"entry {skill['name']}")


CHECKS = (
    (r"\.well-known/skills/index\.json", _check_files),
    (r"clawhub/[^/]+/api/v1/skills/[^/]+", _check_clawhub),
    (r"clawhub/[^/]+/api/v1/download", _check_download),
    (r"copilot/[^/]+\.zip", _check_market),
    (r"api/search", _check_search),
)
