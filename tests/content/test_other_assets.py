"""Hooks, MCP servers and plugins of our own content hold what their type demands."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml

CONTENT = Path(__file__).resolve().parents[2] / "content"
EVENTS = {"session-start", "session-end", "pre-tool-use", "post-tool-use", "user-prompt-submit", "stop"}


def metadata(kind: str) -> list[Path]:
    return sorted((CONTENT / kind).glob("*/metadata.toml"))


@pytest.mark.parametrize("file", [*metadata("hooks"), *metadata("mcp")], ids=lambda file: file.parent.name)
def test_the_metadata_names_the_folder_and_its_type(file):
    values = tomllib.loads(file.read_text(encoding="utf-8"))
    kind = {"hooks": "hook", "mcp": "mcp"}[file.parent.parent.name]
    assert set(values) == {"asset", kind}
    assert values["asset"]["name"] == file.parent.name
    assert values["asset"]["type"] == kind
    assert 80 <= len(values["asset"]["description"]) <= 400
    assert values["asset"]["license"] == "MIT"
    assert (file.parent / "README.md").is_file()


@pytest.mark.parametrize("file", metadata("hooks"), ids=lambda file: file.parent.name)
def test_a_hook_has_a_known_event_and_its_script(file):
    hook = tomllib.loads(file.read_text(encoding="utf-8"))["hook"]
    assert hook["event"] in EVENTS
    assert (file.parent / hook["script-file"]).is_file()
    assert "command" not in hook


@pytest.mark.parametrize("file", metadata("mcp"), ids=lambda file: file.parent.name)
def test_an_mcp_server_runs_over_stdio_and_brings_its_script(file):
    server = tomllib.loads(file.read_text(encoding="utf-8"))["mcp"]
    assert (server["transport"], server["command"]) == ("stdio", "python3")
    assert (file.parent / server["args"][0]).is_file()


def test_the_plugin_has_a_manifest_without_version_a_command_and_a_skill():
    (folder,) = sorted((CONTENT / "plugins").iterdir())
    manifest = json.loads((folder / ".claude-plugin" / "plugin.json").read_text(encoding="utf-8"))
    assert manifest["name"] == folder.name
    assert "version" not in manifest
    for page in (folder / "commands" / "handover.md", folder / "skills" / "handover-notes" / "SKILL.md"):
        fields = yaml.safe_load(page.read_text(encoding="utf-8").split("---\n")[1])
        assert fields["description"]


def test_every_kind_of_asset_is_there_and_no_name_is_used_twice():
    names = [
        folder.name
        for kind in ("skills", "agents", "commands", "rules", "hooks", "mcp", "plugins")
        for folder in sorted((CONTENT / kind).iterdir())
    ]
    assert len(names) == len(set(names)) >= 18
