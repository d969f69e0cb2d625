"""Cases for the rules about manifests, and the types that have no prompt file."""

from __future__ import annotations

import json

from core.rule_cases.case import Case, folder, skill

from registry_builder.core.folder import Folder

_J = ".claude-plugin/plugin.json"
_M = "metadata.toml"
_ASSET = '[asset]\nname = "guard"\ndescription = "Guards."\n'
_HOOK = _ASSET + '[hook]\nevent = "stop"\ncommand = "true"\n'
_MCP = _ASSET + '[mcp]\ncommand = "npx"\nargs = ["x"]\n'
_PLUGIN = {"name": "guard", "description": "Guards."}


def plugin(manifest: object = _PLUGIN) -> Folder:
    text = manifest if isinstance(manifest, str) else json.dumps(manifest, indent=1)
    return folder({_J: text}, name="guard", type="plugin")


def hook(text: str = _HOOK) -> Folder:
    return folder({_M: text}, name="guard", type="hook")


def mcp(text: str = _MCP) -> Folder:
    return folder({_M: text}, name="guard", type="mcp")


def _hook(rule: str, line: int, old: str, new: str) -> Case:
    assert old in _HOOK
    return Case(rule, hook(_HOOK.replace(old, new)), ((rule, _M, line),), hook())


def _mcp(rule: str, line: int, old: str, new: str) -> Case:
    assert old in _MCP
    return Case(rule, mcp(_MCP.replace(old, new)), ((rule, _M, line),), mcp())


def _plugin(rule: str, line: int, manifest: object, good: Folder | None = None) -> Case:
    return Case(rule, plugin(manifest), ((rule, _J, line),), good or plugin())


CASES: tuple[Case, ...] = (
    _plugin("plugin-json-bad", 1, "{"),
    _plugin("plugin-json-bad", 2, '{"name": "guard",\n}'),
    _plugin("plugin-json-bad", 1, "[]"),
    _plugin("plugin-json-bad", 1, '{"name": "guard", "name": "guard"}'),
    _plugin("plugin-json-bad", 1, '{"name": "guard", "x": NaN}'),
    _plugin("plugin-json-bad", 1, "[" * 100_000),
    Case("plugin-json-bad", skill(files={_J: b'{"name": "\xe9"}'}), (("plugin-json-bad", _J, 1),), skill()),
    Case(
        "plugin-json-missing",
        folder({"x": "y"}, name="guard", type="plugin"),
        (("plugin-json-missing", "", 0),),
        plugin(),
    ),
    _plugin("plugin-name-missing", 1, {"description": "x"}),
    _plugin("plugin-name-missing", 1, {"name": 3, "description": "x"}),
    _plugin("plugin-name-mismatch", 3, {"description": "x", "name": "other"}),
    _plugin(
        "plugin-version",
        3,
        {"name": "guard", "version": "1.0.0", "description": "x"},
        plugin({**_PLUGIN, "metadata": 1}),
    ),
    Case(
        "plugin-version",
        skill(files={_J: '{"name": "pdf-tools", "version": "1"}'}),
        (("plugin-version", _J, 1),),
        skill(files={_J: '{"name": "pdf-tools"}'}),
    ),
    _plugin("asset-description-missing", 1, {"name": "guard"}),
    _hook("asset-description-missing", 1, 'description = "Guards."', 'description = " "'),
    _hook("metadata-toml-bad", 5, '"stop"', "stop"),
    Case("metadata-toml-bad", hook("x = " + "[" * 100_000), (("metadata-toml-bad", _M, 1),), hook()),
    Case(
        "metadata-toml-missing",
        folder({"x": "y"}, name="guard", type="mcp"),
        (("metadata-toml-missing", "", 0),),
        mcp(),
    ),
    _hook("metadata-section", 1, "[hook]", "[hooks]"),
    _hook("metadata-section", 4, '"stop"', '"whenever"'),
    _hook("metadata-section", 4, "command", "script-file"),
    _hook("metadata-section", 4, "command", "timeout = -1\ncommand"),
    _hook("metadata-section", 4, "command", 'script-file = "x"\ncommand'),
    _mcp("metadata-section", 4, '["x"]', "[]"),
    _mcp("metadata-section", 4, '"npx"', '""'),
    _mcp("metadata-section", 4, "args", 'transport = "pigeon"\n#'),
    _mcp("metadata-section", 4, 'command = "npx"\nargs = ["x"]', 'transport = "http"'),
    _mcp("metadata-section", 4, "args", "env = {a = 1}\nargs"),
    _hook("metadata-type", 2, '"guard"', '"other"'),
    _hook("metadata-type", 2, "name", 'type = "mcp"\nname'),
    _hook("metadata-clients", 3, "description", 'clients = ["claude-code", "emacs"]\ndescription'),
    Case(
        "metadata-section",
        skill(files={_M: '[asset]\n[skill]\nprompt-file = "x.md"\n'}),
        (("metadata-section", _M, 2),),
        skill(files={_M: '[asset]\n[skill]\nprompt-file = "SKILL.md"\n'}),
    ),
)
