"""What a document selects, as a tree, and whether an answer holds exactly that. contracts/sx.md 2."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from sx_client.documents import Operation

Tree = dict[str, "Tree"]
TYPENAMES: Mapping[str, str] = {
    "SKILL": "Skill",
    "AGENT": "Agent",
    "COMMAND": "Command",
    "RULE": "Rule",
    "HOOK": "Hook",
    "MCP": "McpServer",
    "CLAUDE_CODE_PLUGIN": "ClaudeCodePlugin",
    "APP_PLUGIN": "AppPlugin",
}
"""AssetType → `__typename`."""
_TIMES = {"createdAt", "updatedAt", "timestamp", "date", "expiresAt"}
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_FLAGS = ("hasNextPage", "success", "isDirectInstall")
_COUNTS = ("totalCount", "versionsCount", "filesCount", "removedCount", "importedCount", "revokedCount")
_KINDS = {**dict.fromkeys(_FLAGS, bool), **dict.fromkeys(_COUNTS, int)}


def selected(operation: Operation) -> Tree:
    """The fields of `operation`, without their arguments."""
    bare = re.sub(r"\((?:[^()]|\{[^{}]*\})*\)", "", operation.selection)
    tokens = iter(re.findall(r"[{}]|\w+", bare))
    return _block(tokens)


def _block(tokens: Iterator[str]) -> Tree:
    tree: Tree = {}
    last = ""
    for token in tokens:
        if token == "}":
            break
        if token == "{":
            tree[last] = _block(tokens)
        else:
            last = token
            tree[token] = {}
    return tree


def offences(tree: Tree, value: object, place: str = "data") -> Iterator[str]:
    """Each way in which `value` is not what was selected. null stands for any object or leaf."""
    if value is None:
        return
    if isinstance(value, list):
        for number, item in enumerate(value):
            if item is None:
                yield f"{place}[{number}] is null"
            yield from offences(tree, item, f"{place}[{number}]")
        return
    if not tree:
        return
    if not isinstance(value, dict):
        yield f"{place} is no object"
        return
    if missing := sorted(tree.keys() - value.keys()):
        yield f"{place} lacks {', '.join(missing)}"
    if surplus := sorted(value.keys() - tree.keys()):
        yield f"{place} has {', '.join(surplus)}, which was not asked for"
    if "__typename" in tree:
        yield from _typename(value, place)
    for key in sorted(tree.keys() & value.keys()):
        yield from _leaf(key, value[key], f"{place}.{key}")
        yield from offences(tree[key], value[key], f"{place}.{key}")


def _typename(node: Mapping[str, object], place: str) -> Iterator[str]:
    name = node.get("__typename")
    if name not in TYPENAMES.values():
        yield f"{place} has the __typename {name!r}, which is unknown"
    elif "type" in node and TYPENAMES.get(str(node["type"])) != name:
        yield f"{place} is a {name} of type {node['type']!r}"


def _leaf(key: str, value: object, place: str) -> Iterator[str]:
    if value is None:
        return
    if key in _TIMES and not _is_time(value):
        yield f"{place} is {value!r}, no RFC 3339 time"
    if key == "data" and not _is_json(value):
        yield f"{place} is no JSON document in a text"
    if key in _KINDS and type(value) is not _KINDS[key]:
        yield f"{place} is {value!r}, no {_KINDS[key].__name__}"


def _is_time(value: object) -> bool:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_json(value: object) -> bool:
    try:
        json.loads(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
