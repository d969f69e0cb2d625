"""Rules about the fields of the front matter, and the name of the folder."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from registry_builder.core.folder import Folder
from registry_builder.core.frontmatter import FrontMatter
from registry_builder.core.problem import Problem
from registry_builder.core.rules.paths import is_device_name
from registry_builder.core.rules.rule import refused, rule
from registry_builder.core.shown import shown
from registry_builder.core.skill import fits, texts_of

RULES = (
    refused(
        "name-invalid",
        "The folder's name is not a skill name",
        "The folder is the identity; all clients accept only a-z, 0-9 and single hyphens inside, up to 64.",
        "rename the folder: a-z, 0-9 and single hyphens, 1 to 64 characters",
    ),
    refused(
        "name-reserved",
        "The folder's name is reserved",
        "It is a Windows device or a word of the API's routes.",
        "rename the folder",
    ),
    refused(
        "name-missing",
        "The name is missing or empty",
        "Clients drop a skill without a name.",
        "add `name:` with the folder's name",
        mechanical=True,
    ),
    refused(
        "description-missing",
        "The description is missing or empty",
        "Clients drop a skill without a description; agents choose a skill by it.",
        "add `description:`: what the skill does and when to use it; quote it if it begins with #",
    ),
    refused(
        "field-not-text",
        "A field that must be text is something else",
        "Clients refuse a name, description, version or licence that is a list or a mapping.",
        "write the field as one text",
    ),
    rule(
        "name-mismatch",
        "The name differs from the folder's name",
        "error",
        "warning",
        why="The folder's name is the identity; clients show or check the other one.",
        mend="use the folder's name",
        mechanical=True,
    ),
    rule(
        "description-too-long",
        "The description has more than 1,024 characters",
        "error",
        "warning",
        why="The Agent Skills specification ends there; `skills` and Codex refuse the skill.",
        mend="shorten it, and move the rest to the body",
    ),
    rule(
        "compatibility-too-long",
        "`compatibility` has more than 500 characters",
        "warning",
        "off",
        why="The Agent Skills specification ends there.",
        mend="shorten it",
    ),
    rule(
        "metadata-not-mapping",
        "`metadata` is not a mapping",
        "error",
        "warning",
        why="The specification says mapping; Codex refuses anything else.",
        mend="write `metadata:` and below it indented `key: value` lines",
    ),
    rule(
        "metadata-internal",
        "`metadata.internal` hides the skill",
        "warning",
        "off",
        why="`skills add` lists such a skill only if it is named.",
        mend="remove `internal: true`",
    ),
    rule(
        "homepage-not-url",
        "`homepage` is not a web address",
        "warning",
        "warning",
        why="Claude refuses to install a plugin with a homepage that is no URL, so we leave it out.",
        mend="write an address that begins with https://",
    ),
    rule(
        "field-shape",
        "An optional field has a shape that we do not understand",
        "warning",
        "warning",
        why="It is kept and shown, but has no effect.",
        mend="write it as the documentation of the field says",
    ),
    rule(
        "field-misspelt",
        "A field looks like a misspelling",
        "warning",
        "off",
        why="Unknown fields are kept and ignored, so a misspelt one has no effect.",
        mend="rename the field",
    ),
)

RESERVED = frozenset({"discover", "leaderboard", "import", "updates", "sync", "diff", "toggle"})
DESCRIPTION_UNITS = 1024
COMPATIBILITY_UNITS = 500
KNOWN = (
    "name", "description", "license", "version", "compatibility", "metadata", "allowed-tools", "tags",
    "author", "homepage", "execution_tier", "requiredEnvVars",
)  # fmt: skip

_LIST = "write a list of texts, or one text with commas"
_SHAPES = {
    "tags": _LIST,
    "allowed-tools": _LIST,
    "requiredEnvVars": _LIST,
    "author": "write a name, or a mapping with `name`",
    "homepage": "write an address that begins with https://",
    "execution_tier": "write `local`, or remove it",
}
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def name_problem(name: str) -> str:
    """Why `name` cannot be the name of a skill or a collection; "" if it can."""
    if not _NAME.fullmatch(name):
        return f"{shown(name) or 'the empty name'} is not made of a-z, 0-9 and single hyphens inside"
    if len(name) > 64:
        return f"{shown(name, 40)} has {len(name)} characters, more than 64"
    return ""


def check_name(folder: Folder) -> Iterator[Problem]:
    """The folder's own name."""
    name = folder.name
    if problem := name_problem(name):
        slug = re.sub("[^a-z0-9]+", "-", name.lower())[:64].strip("-")
        yield Problem("name-invalid", 0, problem, f"rename the folder to {slug}" if slug else "")
    elif is_device_name(name):
        yield Problem("name-reserved", 0, f"{name} is a device on Windows")
    elif name in RESERVED:
        yield Problem("name-reserved", 0, f"{name} is a word of the API's routes")


def check_fields(folder: Folder, front: FrontMatter, prompt: str) -> Iterator[Problem]:
    """The fields of `front`, each problem on its line of `prompt`."""
    for rule_id, key, message, mend in _fields(folder, front):
        yield Problem(rule_id, front.lines.get(key, 1), message, mend, prompt)


def _fields(folder: Folder, front: FrontMatter) -> Iterator[tuple[str, str, str, str]]:
    fields = front.fields
    for key in ("name", "description", "version", "license"):
        if key in fields and not isinstance(fields[key], str):
            yield "field-not-text", key, f"{key} is a {_kind(fields[key])}, not a text", ""
    yield from _name(folder, fields.get("name", ""))
    yield from _description(fields.get("description", ""))
    yield from _compatibility(fields.get("compatibility"))
    yield from _metadata(fields.get("metadata"))
    yield from _optional(fields)
    yield from _misspelt(fields)


def _kind(value: object) -> str:
    kinds = {"list": "list", "dict": "mapping", "bool": "boolean", "int": "number", "float": "number"}
    return kinds.get(type(value).__name__, type(value).__name__)


def _name(folder: Folder, name: object) -> Iterator[tuple[str, str, str, str]]:
    if not isinstance(name, str):
        return
    if not name.strip():
        yield "name-missing", "name", "the name is missing or empty", f"add `name: {shown(folder.name)}`"
    elif name.strip() != folder.name:
        message = f"name is {shown(name)}, the folder is {shown(folder.name)}"
        yield "name-mismatch", "name", message, f"write `name: {shown(folder.name)}`"


def _description(description: object) -> Iterator[tuple[str, str, str, str]]:
    if not isinstance(description, str):
        return
    if not description.strip():
        yield "description-missing", "description", "the description is missing or empty", ""
    elif (size := units(description)) > DESCRIPTION_UNITS:
        message = f"the description has {size} characters, more than {DESCRIPTION_UNITS}"
        yield "description-too-long", "description", message, ""


def units(text: str) -> int:
    """The length of `text` as JavaScript clients count it: in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _compatibility(value: object) -> Iterator[tuple[str, str, str, str]]:
    if isinstance(value, str) and units(value) > COMPATIBILITY_UNITS:
        message = f"compatibility has {units(value)} characters, more than {COMPATIBILITY_UNITS}"
        yield "compatibility-too-long", "compatibility", message, ""


def _metadata(value: object) -> Iterator[tuple[str, str, str, str]]:
    if isinstance(value, dict):
        if value.get("internal") is True:
            yield "metadata-internal", "metadata", "metadata.internal is true", ""
    elif value is not None:
        yield "metadata-not-mapping", "metadata", f"metadata is a {_kind(value)}, not a mapping", ""


def _optional(fields: Mapping[str, object]) -> Iterator[tuple[str, str, str, str]]:
    for key, mend in _SHAPES.items():
        value = fields.get(key)
        if value is None or fits(key, value):
            continue
        what = shown(value) if isinstance(value, str) and value else f"a {_kind(value)}"
        rule_id = "homepage-not-url" if key == "homepage" else "field-shape"
        yield rule_id, key, f"{key} is {what}", mend
    for variable in texts_of(fields.get("requiredEnvVars")):
        if not _VARIABLE.fullmatch(variable):
            message = f"requiredEnvVars has {shown(variable)}, which is no name of a variable"
            yield "field-shape", "requiredEnvVars", message, "write names such as API_KEY"


def _bare(key: str) -> str:
    return re.sub("[-_ ]", "", key).lower()


_BARE = {_bare(known): known for known in KNOWN} | {"licence": "license"}


def _misspelt(fields: Mapping[str, object]) -> Iterator[tuple[str, str, str, str]]:
    for key in fields:
        if key in KNOWN or len(key) > 40:
            continue
        near = difflib.get_close_matches(_bare(key), _BARE, 1, 0.88)
        known = _BARE[near[0]] if near else key
        if known not in fields:
            yield "field-misspelt", key, f"{shown(key)} looks like {known}", f"rename it to {known}"
