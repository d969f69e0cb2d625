"""The first files of a new asset, by type: small, true to its format, and valid from the start."""

from __future__ import annotations

Starter = list[tuple[str, str, bool]]

_PROMPT = """\
---
name: {name}
description: Say in one sentence what {name} does, and in a second when an agent should use it.
---

# {title}

Say what to do, step by step, in the imperative.
"""
_SKILL = (
    _PROMPT
    + """
## When to use

- Name the requests that should lead here.

## Steps

1. Look at the input.
2. Do the work.
3. Say how to see that it worked.
"""
)
_HOOK = """\
metadata-version = "1.0"

[asset]
name = "{name}"
version = "1"
type = "hook"
description = "Say what {name} does when it fires."

[hook]
event = "post-tool-use"
script-file = "hook.sh"
"""
_HOOK_SCRIPT = """\
#!/bin/sh
# Reads the event as JSON on standard input; exit code 0 lets the agent go on.
set -eu
cat >/dev/null
"""
_MCP = """\
metadata-version = "1.0"

[asset]
name = "{name}"
version = "1"
type = "mcp"
description = "Say what the server {name} offers."

[mcp]
transport = "stdio"
command = "npx"
args = ["-y", "{name}"]
"""
_PLUGIN = """\
{{
  "name": "{name}",
  "description": "Say what {name} adds."
}}
"""


def starter(name: str, kind: str) -> Starter:
    """Path, text and executable bit of each file of a new `kind` called `name`."""
    title = name.replace("-", " ").capitalize()
    prompts = {"skill": "SKILL.md", "agent": "AGENT.md", "command": "COMMAND.md", "rule": "RULE.md"}
    if kind in prompts:
        text = _SKILL if kind == "skill" else _PROMPT
        return [(prompts[kind], text.format(name=name, title=title), False)]
    if kind == "hook":
        return [("metadata.toml", _HOOK.format(name=name), False), ("hook.sh", _HOOK_SCRIPT, True)]
    if kind == "mcp":
        return [("metadata.toml", _MCP.format(name=name), False)]
    return [
        (".claude-plugin/plugin.json", _PLUGIN.format(name=name), False),
        (f"skills/{name}/SKILL.md", _SKILL.format(name=name, title=title), False),
    ]
