"""The types of assets in each of the spellings that sx and its vendor's pages use for them.

Source: contracts/sx.md section 2, "Type vocabulary". One unknown type makes sx refuse a whole lock.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One type: in locks, metadata, uploads and usage; as GraphQL enum, object type and CreateAssetInput."""

    lock: str
    graphql: str
    typename: str
    create: str
    upload: str
    aliases: tuple[str, ...] = ()


KINDS = (
    Kind("skill", "SKILL", "Skill", "skill", "skill"),
    Kind("agent", "AGENT", "Agent", "agent", "agent"),
    Kind("command", "COMMAND", "Command", "command", "command"),
    Kind("rule", "RULE", "Rule", "rule", "rule"),
    Kind("hook", "HOOK", "Hook", "hook", "hook"),
    Kind("mcp", "MCP", "McpServer", "mcp", "mcp_server", ("mcp-remote", "mcp-server")),
    Kind(
        "claude-code-plugin",
        "CLAUDE_CODE_PLUGIN",
        "ClaudeCodePlugin",
        "plugin",
        "plugin",
        ("claude_code_plugin",),
    ),
)
APP_PLUGIN = Kind("app-plugin", "APP_PLUGIN", "AppPlugin", "app-plugin", "app-plugin", ("app_plugin",))
"""The eighth type: for the desktop application alone. There never is an asset of it here."""

_BY_NAME = {
    name: kind
    for kind in (*KINDS, APP_PLUGIN)
    for name in (kind.lock, kind.graphql, kind.typename, kind.create, kind.upload, *kind.aliases)
}
_OURS = {"plugin": "claude-code-plugin"}


def kind_of(name: str) -> Kind | None:
    """The type that `name` means in any of its spellings; None when it is unknown."""
    return _BY_NAME.get(name)


def lock_type(asset_type: str) -> str:
    """How a lock spells a type of the content repo (`registry_builder.emit.sx_metadata.TYPES`)."""
    return _OURS.get(asset_type, asset_type)
