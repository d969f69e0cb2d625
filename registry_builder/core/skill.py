"""A skill: what an asset's prompt file says, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from registry_builder.core.folder import Folder
from registry_builder.core.frontmatter import FrontMatter

SCRIPT_ENDINGS = (
    ".py", ".sh", ".bash", ".zsh", ".fish", ".js", ".mjs", ".cjs", ".ts", ".mts", ".rb", ".pl", ".php",
    ".lua", ".r", ".jl", ".awk", ".ps1", ".bat", ".cmd",
)  # fmt: skip

_TITLE = re.compile(r"#[ \t]+(\S[^\n]*)")


@dataclass(frozen=True, slots=True)
class Skill:
    """One asset as its author describes it; `name` is the folder's.

    `label` is the author's own version. `metadata` is plain JSON data, and so is `extra`: what has no place
    of its own, or not the shape for it. `scripts` are the paths of what can be run.
    """

    name: str
    type: str
    title: str
    description: str
    label: str | None
    licence: str | None
    tags: tuple[str, ...]
    author: str | None
    homepage: str | None
    execution_tier: str | None
    required_env: tuple[str, ...]
    allowed_tools: tuple[str, ...]
    metadata: Mapping[str, object]
    extra: Mapping[str, object]
    body: str
    scripts: tuple[str, ...]


def skill_of(folder: Folder, front: FrontMatter) -> Skill:
    """The skill that `front` describes. A field of the wrong shape has no effect and is kept in `extra`."""
    fields = front.fields
    metadata = fields.get("metadata")
    return Skill(
        name=folder.name,
        type=folder.type,
        title=_title(folder.name, fields.get("title"), front.body),
        description=text_of(fields.get("description")) or "",
        label=text_of(fields.get("version")),
        licence=text_of(fields.get("license")),
        tags=texts_of(fields.get("tags")),
        author=author_of(fields.get("author")),
        homepage=homepage_of(fields.get("homepage")),
        execution_tier="local" if fields.get("execution_tier") == "local" else None,
        required_env=texts_of(fields.get("requiredEnvVars")),
        allowed_tools=tools_of(fields.get("allowed-tools")),
        metadata=metadata if isinstance(metadata, dict) else {},
        extra={key: value for key, value in fields.items() if value is not None and not fits(key, value)},
        body=front.body,
        scripts=scripts_of(folder),
    )


def fits(key: str, value: object) -> bool:
    """Whether the field has a place of its own in a `Skill`, and `value` the shape for it."""
    if key in ("name", "description", "version", "license"):
        return isinstance(value, str)
    if key in ("tags", "allowed-tools", "requiredEnvVars"):
        return isinstance(value, str) or is_texts(value)
    if key == "metadata":
        return isinstance(value, dict)
    if key == "author":
        return author_of(value) is not None
    if key == "homepage":
        return homepage_of(value) is not None
    return key == "execution_tier" and value == "local"


def is_texts(value: object) -> bool:
    """Whether `value` is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def author_of(value: object) -> str | None:
    """The author's name: a text, or `name` of a mapping."""
    return text_of(value.get("name") if isinstance(value, dict) else value)


def homepage_of(value: object) -> str | None:
    """`value` if every client takes it for a web address."""
    text = text_of(value)
    if text is None or not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return text if usable else None


def text_of(value: object) -> str | None:
    """`value` as a text without outer spaces; None if it is no text or empty."""
    return (value.strip() or None) if isinstance(value, str) else None


def texts_of(value: object) -> tuple[str, ...]:
    """A list of texts, or one text with commas, as texts: each once, in the author's order."""
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    stripped = (item.strip() for item in items if isinstance(item, str))
    return tuple(dict.fromkeys(item for item in stripped if item))


def tools_of(value: object) -> tuple[str, ...]:
    """`allowed-tools` in any of its forms; what stands in parentheses stays whole."""
    if not isinstance(value, str):
        return texts_of(value)
    tools, depth, start = [], 0, 0
    for position, char in enumerate(value):
        if char == "(":
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        elif depth == 0 and (char == "," or char.isspace()):
            tools.append(value[start:position])
            start = position + 1
    return texts_of([*tools, value[start:]])


def scripts_of(folder: Folder) -> tuple[str, ...]:
    """Paths at the root or under `scripts/` that are executable or have the ending of a script."""
    return tuple(
        file.path
        for file in folder.files
        if ("/" not in file.path or file.path.startswith("scripts/"))
        and (file.executable or file.path.lower().endswith(SCRIPT_ENDINGS))
    )


def _title(name: str, title: object, body: str) -> str:
    heading = _TITLE.match(body.lstrip())
    text = text_of(title) or (heading[1].strip(" \t\r#") if heading else "")
    return " ".join(text.split())[:120] or name.replace("-", " ").capitalize()
