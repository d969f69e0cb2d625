"""Rules about the manifests `metadata.toml` and `.claude-plugin/plugin.json`.

Sources: sx, metadata and its validation; Claude Code, plugin manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry_builder.core.folder import Folder
from registry_builder.core.problem import Problem
from registry_builder.core.rules.manifest import (
    METADATA_TOML,
    PLUGIN_JSON,
    ManifestError,
    error_line,
    line_of_key,
    metadata_toml,
    plugin_json,
)
from registry_builder.core.rules.prompt import PROMPT_FILES
from registry_builder.core.rules.rule import refused, rule
from registry_builder.core.shown import shown

RULES = (
    refused(
        "plugin-json-bad",
        "`.claude-plugin/plugin.json` cannot be read",
        "Claude refuses to install the plugin.",
        "write one JSON object, each key once",
    ),
    refused(
        "plugin-json-missing",
        "A plugin has no `.claude-plugin/plugin.json`",
        "It is what makes a folder a plugin.",
        "add .claude-plugin/plugin.json with `name` and `description`",
    ),
    refused(
        "plugin-name-missing",
        "plugin.json has no name",
        "Claude and Codex refuse a plugin without a name.",
        "add `name` with the folder's name",
    ),
    rule(
        "plugin-name-mismatch",
        "The name in plugin.json differs from the folder's",
        "error",
        "warning",
        why="Codex refuses a plugin whose two names differ.",
        mend="use the folder's name",
    ),
    rule(
        "plugin-version",
        "plugin.json holds a version",
        "error",
        "warning",
        why=("Claude compares it instead of the registry's number, so users get no update until it changes."),
        mend="remove `version`; the registry numbers the versions",
    ),
    refused(
        "metadata-toml-bad",
        "`metadata.toml` cannot be read",
        "sx refuses the asset.",
        "write valid TOML",
    ),
    refused(
        "metadata-toml-missing",
        "A hook or an MCP server has no `metadata.toml`",
        "It says what is to be run, and when.",
        "add metadata.toml with [asset] and the section of the type",
    ),
    refused(
        "metadata-section",
        "`metadata.toml` lacks what its type needs",
        "sx refuses the asset.",
        "add what is missing",
    ),
    rule(
        "metadata-type",
        "`metadata.toml` names another type or name than the folder",
        "error",
        "warning",
        why="The folder decides both; what the file says is replaced.",
        mend="use the folder's",
    ),
    rule(
        "metadata-clients",
        "`clients` in `metadata.toml` names an unknown client",
        "error",
        "warning",
        why="sx rejects the asset.",
        mend=("use claude-code, cline, codex, cursor, gemini, github-copilot, kiro, openclaw or opencode"),
    ),
    refused(
        "asset-description-missing",
        "The manifest has no description",
        "Nobody can choose an asset without one.",
        "add `description`: what it does and when to use it",
    ),
)

TYPES = {"plugin": "claude-code-plugin"}
EVENTS = (
    "session-start", "session-end", "pre-tool-use", "post-tool-use", "post-tool-use-failure",
    "user-prompt-submit", "stop", "subagent-start", "subagent-stop", "pre-compact",
)  # fmt: skip
CLIENTS = frozenset(
    {"claude-code", "cline", "codex", "cursor", "gemini", "github-copilot", "kiro", "openclaw", "opencode"}
)


def check_plugin(folder: Folder) -> Iterator[Problem]:
    """The plugin manifest, which a plugin must have and a skill may."""
    try:
        manifest = plugin_json(folder)
    except ManifestError as error:
        yield Problem("plugin-json-bad", error_line(error), shown(str(error)), path=PLUGIN_JSON)
        return
    if manifest is None:
        if folder.type == "plugin":
            yield Problem("plugin-json-missing", 0, f"there is no {PLUGIN_JSON}")
        return
    name = manifest.get("name")
    if not isinstance(name, str) or not name:
        yield Problem("plugin-name-missing", 1, "plugin.json has no name", path=PLUGIN_JSON)
    elif name != folder.name:
        message = f"the plugin is {shown(name)}, the folder is {shown(folder.name)}"
        yield Problem(
            "plugin-name-mismatch", line_of_key(folder, PLUGIN_JSON, "name"), message, path=PLUGIN_JSON
        )
    if "version" in manifest:
        message = f"plugin.json says version {shown(str(manifest['version']))}"
        yield Problem(
            "plugin-version", line_of_key(folder, PLUGIN_JSON, "version"), message, path=PLUGIN_JSON
        )
    if folder.type == "plugin" and not _filled(manifest.get("description")):
        yield Problem("asset-description-missing", 1, "plugin.json has no description", path=PLUGIN_JSON)


def check_metadata(folder: Folder) -> Iterator[Problem]:
    """The sx metadata, which hooks and MCP servers must have and others may."""
    try:
        metadata = metadata_toml(folder)
    except ManifestError as error:
        yield Problem("metadata-toml-bad", error_line(error), shown(str(error)), path=METADATA_TOML)
        return
    needed = folder.type in ("hook", "mcp")
    if metadata is None:
        if needed:
            yield Problem("metadata-toml-missing", 0, f"there is no {METADATA_TOML}")
        return
    for rule_id, key, message in _metadata(folder, metadata):
        yield Problem(rule_id, line_of_key(folder, METADATA_TOML, key), message, path=METADATA_TOML)


def _metadata(folder: Folder, metadata: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    asset = metadata.get("asset", metadata.get("artifact", {}))
    if not isinstance(asset, dict):
        yield "metadata-section", "asset", "asset is not a table"
        return
    own = TYPES.get(folder.type, folder.type)
    if asset.get("type", own) != own:
        yield "metadata-type", "type", f"type is {shown(str(asset['type']))}, the folder is a {own}"
    if asset.get("name", folder.name) != folder.name:
        yield (
            "metadata-type",
            "name",
            f"name is {shown(str(asset['name']))}, the folder is {shown(folder.name)}",
        )
    clients = asset.get("clients", [])
    unknown = (
        [str(client) for client in clients if client not in CLIENTS] if isinstance(clients, list) else ["?"]
    )
    if unknown:
        yield "metadata-clients", "clients", f"clients has {shown(', '.join(unknown))}"
    if folder.type in ("hook", "mcp") and not _filled(asset.get("description")):
        yield "asset-description-missing", "asset", "[asset] has no description"
    section = metadata.get(own)
    if section is not None and not isinstance(section, dict):
        yield "metadata-section", own, f"{own} is not a table"
    elif section is None and folder.type in ("hook", "mcp"):
        yield "metadata-section", own, f"there is no section [{own}]"
    else:
        for message in _section(folder, section or {}):
            yield "metadata-section", own, message


def _section(folder: Folder, section: Mapping[str, object]) -> Iterator[str]:
    if folder.type == "hook":
        yield from _hook(folder, section)
    elif folder.type == "mcp":
        yield from _mcp(section)
    elif folder.type in PROMPT_FILES and "prompt-file" in section:
        prompt = PROMPT_FILES[folder.type]
        if section["prompt-file"] != prompt:
            yield f"prompt-file is {shown(str(section['prompt-file']))}, not {prompt}"
    if not _is_timeout(section.get("timeout", 0)):
        yield f"timeout is {shown(str(section['timeout']))}, not a number of seconds"


def _hook(folder: Folder, section: Mapping[str, object]) -> Iterator[str]:
    if section.get("event") not in EVENTS:
        yield f"event is {shown(str(section.get('event', 'missing')))}, not one of {', '.join(EVENTS)}"
    script, command = section.get("script-file"), section.get("command")
    if _filled(script) == _filled(command):
        yield "exactly one of script-file and command is needed"
    elif _filled(script) and folder.get(str(script)) is None:
        yield f"script-file {shown(str(script))} is not in the folder"
    if not _is_texts(section.get("args", [])):
        yield "args is not a list of texts"


def _mcp(section: Mapping[str, object]) -> Iterator[str]:
    transport = section.get("transport", "stdio")
    if transport == "stdio":
        if not _filled(section.get("command")):
            yield "a stdio server needs command"
        if not section.get("args") or not _is_texts(section["args"]):
            yield "a stdio server needs args, at least one text"
    elif transport in ("sse", "http"):
        if not _filled(section.get("url")):
            yield f"a server over {transport} needs url"
        if "command" in section or "args" in section:
            yield f"a server over {transport} has neither command nor args"
    else:
        yield f"transport is {shown(str(transport))}, not stdio, sse or http"
    env = section.get("env", {})
    if not isinstance(env, dict) or not _is_texts(list(env.values())):
        yield "env is not a table of texts"


def _filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_timeout(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
