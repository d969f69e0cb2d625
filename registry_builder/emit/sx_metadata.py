"""The metadata.toml of an sx bundle: generated, with what only the author can say out of the folder's own.

Kept of the folder's own: the section of its type, `dependencies`, `clients` and `[custom]`.
Source: sx metadata/metadata.go and metadata/validation.go; one that breaks their rules cannot be installed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from msgspec import Struct

from registry_builder.core.errors import Unfit
from registry_builder.core.shown import shown
from registry_builder.emit import sx_rules
from registry_builder.emit.base import Source
from registry_builder.emit.sx_rules import Flaw, Lists, Prompt

PATH = "metadata.toml"
TYPES = {
    "skill": "skill",
    "agent": "agent",
    "command": "command",
    "rule": "rule",
    "hook": "hook",
    "mcp": "mcp",
    "plugin": "claude-code-plugin",
}
"""Our type of a folder → the type as sx spells it."""

T = TypeVar("T", bound=Struct)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The file, and what a lock copies out of it: client ids, and the names that it depends on."""

    body: bytes
    clients: tuple[str, ...]
    dependencies: tuple[str, ...]


def make(source: Source) -> Metadata:
    """The metadata of `source`. Raises Unfit when the folder's own breaks a rule of sx."""
    kind, place = source.skill.type, f"{source.skill.name}/{PATH}"
    own = _own(source, place)
    asset = _convert(_table(own, "asset", place) or _table(own, "artifact", place), Lists, place, "asset")
    section = _section(kind, _table(own, TYPES[kind], place), {file.path for file in source.files}, place)
    document: dict[str, object] = {"metadata-version": "1.0", "asset": _generated(source) | _lists(asset)}
    if section:
        document[TYPES[kind]] = section
    if custom := _table(own, "custom", place):
        document["custom"] = custom
    names = (re.split(r"[^A-Za-z0-9_-]", item, maxsplit=1)[0] for item in asset.dependencies)
    return Metadata(_render(document, place), asset.clients, tuple(dict.fromkeys(names)))


def _own(source: Source, place: str) -> Mapping[str, object]:
    """The folder's own metadata, empty when it has none."""
    found = [file for file in source.files if file.path.partition("/")[0].casefold() == PATH]
    if not found:
        return {}
    if [file.path for file in found] != [PATH]:
        raise Unfit(
            "metadata-collision",
            f"{found[0].path} stands in the way of {PATH}, which sx needs",
            place=place,
            mend=f"keep one file at the root, spelled {PATH}",
        )
    try:
        return tomllib.loads(found[0].data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _unfit("metadata-toml", f"this is not TOML: {shown(str(error))}", place) from error


def _generated(source: Source) -> dict[str, object]:
    skill = source.skill
    asset: dict[str, object] = {
        "name": skill.name,
        "version": str(source.version),
        "type": TYPES[skill.type],
        "description": skill.description,
        "license": skill.licence,
        "authors": [skill.author] if skill.author else [],
        "keywords": list(skill.tags),
        "homepage": skill.homepage,
    }
    return {key: value for key, value in asset.items() if value}


def _lists(asset: Lists) -> dict[str, object]:
    lists = {"dependencies": list(asset.dependencies), "clients": list(asset.clients)}
    return {key: value for key, value in lists.items() if value}


def _section(kind: str, own: Mapping[str, object], paths: set[str], place: str) -> Mapping[str, object]:
    """The section of the type, as its author wrote it where that can be installed."""
    section = own
    if kind in sx_rules.PROMPTS:
        wanted = _convert(own, Prompt, place, kind).prompt_file
        section = {**own, "prompt-file": _prompt_file(kind, wanted, paths, place)}
    for flaw in sx_rules.flaws(TYPES[kind], section, paths):
        raise _unfit(flaw.code, flaw.message, place)
    return section


def _prompt_file(kind: str, wanted: str, paths: set[str], place: str) -> str:
    """The file the author names; when it is not there, the one that the type always has."""
    for path in (wanted, sx_rules.PROMPTS[kind], "SKILL.md"):
        if path in paths:
            return path
    wanted = wanted or sx_rules.PROMPTS[kind]
    raise _unfit(sx_rules.FILE, f"there is no {wanted!r} to give as prompt-file", place)


def _table(own: Mapping[str, object], key: str, place: str) -> Mapping[str, object]:
    value = own.get(key, {})
    if not isinstance(value, dict):
        raise _unfit("metadata-section", f"{key} has to be a table", place)
    return value


def _convert(value: Mapping[str, object], form: type[T], place: str, section: str) -> T:
    made = sx_rules.read(value, form, section)
    if isinstance(made, Flaw):
        raise _unfit(made.code, made.message, place)
    return cast(T, made)


def _render(document: Mapping[str, object], place: str) -> bytes:
    if flaw := sx_rules.unwritable(document):
        raise _unfit(flaw.code, flaw.message, place)
    return sx_rules.write(document)


def _unfit(code: str, message: str, place: str) -> Unfit:
    return Unfit(code, message, place=place, mend="correct it, or remove it and let it be generated")
