"""The rules of metadata.toml: what sx refuses, per type of asset, each flaw as a code and a sentence.

Source: sx metadata/metadata.go and metadata/validation.go; what breaks them cannot be installed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec
import tomli_w
from msgspec import Meta, Struct

from registry_builder.core.shown import shown

PROMPTS = {"skill": "SKILL.md", "agent": "AGENT.md", "command": "COMMAND.md", "rule": "RULE.md"}
"""The prompt file that a type has when nothing else is said."""

SECTION = "metadata-section"
FILE = "metadata-file"

_INT64 = 1 << 63
_DEPTH = 64
_PLUGIN = "claude-code-plugin"
_MANIFEST = ".claude-plugin/plugin.json"

_Client = Literal[
    "claude-code", "cline", "codex", "cursor", "gemini", "github-copilot", "kiro", "openclaw", "opencode"
]
_Event = Literal[
    "session-start",
    "session-end",
    "pre-tool-use",
    "post-tool-use",
    "post-tool-use-failure",
    "user-prompt-submit",
    "stop",
    "subagent-start",
    "subagent-stop",
    "pre-compact",
]
_Dependency = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+[><=~!,.0-9\s]*\Z")]
_Count = Annotated[int, Meta(ge=0)]


class Flaw(NamedTuple):
    """What is wrong: a stable code and a sentence."""

    code: str
    message: str


class Lists(Struct, frozen=True):
    """The lists of [asset] that a lock copies."""

    dependencies: tuple[_Dependency, ...] = ()
    clients: tuple[_Client, ...] = ()


class Prompt(Struct, frozen=True, rename="kebab"):
    """[skill], [agent], [command], [rule]."""

    prompt_file: str = ""
    title: str = ""
    description: str = ""
    globs: tuple[str, ...] = ()


class _Hook(Struct, frozen=True, rename="kebab"):
    event: _Event
    script_file: str = ""
    command: str = ""
    matcher: str = ""
    args: tuple[str, ...] = ()
    timeout: _Count = 0


class _Mcp(Struct, frozen=True):
    transport: Literal["", "stdio", "sse", "http"] = ""
    command: str = ""
    args: tuple[str, ...] = ()
    url: str = ""
    env: Mapping[str, str] = {}
    timeout: _Count = 0


class _Plugin(Struct, frozen=True, rename="kebab"):
    manifest_file: str = ""
    marketplace: str = ""
    source: str = ""
    auto_enable: bool = True


FORMS: Mapping[str, type[Struct]] = {"hook": _Hook, "mcp": _Mcp, _PLUGIN: _Plugin}
"""The type as sx spells it → the form of its section; all others are a `Prompt`."""


def read(value: Mapping[str, object], form: type[Struct], section: str) -> Struct | Flaw:
    """`value`, the table [`section`], as `form`."""
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        return Flaw(SECTION, f"[{section}]: {shown(str(error))}")


def flaws(kind: str, section: Mapping[str, object], paths: Collection[str]) -> Iterator[Flaw]:
    """What is wrong with the `section` of an asset of the type `kind` whose files are at `paths`."""
    form = read(section, FORMS.get(kind, Prompt), kind)
    needed = ""
    if isinstance(form, Flaw):
        yield form
    elif isinstance(form, Prompt):
        needed = form.prompt_file or (PROMPTS["rule"] if kind == "rule" else "")
        if not needed:
            yield Flaw(SECTION, f"[{kind}] needs prompt-file")
    elif isinstance(form, _Hook):
        needed = form.script_file
        if bool(form.script_file) == bool(form.command):
            yield Flaw(SECTION, "[hook] needs exactly one of script-file and command")
    elif isinstance(form, _Mcp):
        yield from _mcp(form)
    elif isinstance(form, _Plugin):
        marketplace = form.source == "marketplace"
        needed = "" if marketplace else form.manifest_file or _MANIFEST
        if marketplace and not form.marketplace:
            yield Flaw(SECTION, 'source = "marketplace" needs marketplace')
    if needed and needed not in paths:
        yield Flaw(FILE, f"{needed!r} is not in the folder")


def unwritable(document: Mapping[str, object]) -> Flaw | None:
    """Why sx could not read `document` as TOML, or None."""
    left: list[tuple[int, object]] = [(0, document)]
    while left:
        depth, value = left.pop()
        if depth > _DEPTH:
            return Flaw("metadata-toml", f"it is nested more than {_DEPTH} deep")
        if isinstance(value, int) and not -_INT64 <= value < _INT64:
            return Flaw(SECTION, "a number does not fit into 64 bits")
        if isinstance(value, dict | list):
            inner = value.values() if isinstance(value, dict) else value
            left += [(depth + 1, item) for item in inner]
    return None


def write(document: Mapping[str, object]) -> bytes:
    """`document` as metadata.toml."""
    return tomli_w.dumps(document).encode("utf-8", "replace")


def _mcp(mcp: _Mcp) -> Iterator[Flaw]:
    if mcp.transport in {"", "stdio"}:
        if not (mcp.command and mcp.args) or mcp.url:
            rule = "stdio needs command and args that are not empty, and no url"
            yield Flaw(SECTION, f"[mcp] with transport {rule}")
    elif not mcp.url or mcp.command or mcp.args:
        yield Flaw(SECTION, f"[mcp] with transport {mcp.transport} needs url, and neither command nor args")
