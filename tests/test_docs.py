"""docs/cli.md says what the commands say, and a command without help does not get in."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import api_pages
import cli_reference
import click
import pytest

from registry_builder.cli import skillpress

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "cli.md"


class Lazy(click.Group):
    """A group whose commands are loaded by name, as `skillpress` loads its own."""

    def __init__(self, table: dict[str, click.Command | None], **settings: str) -> None:
        super().__init__("tool", **settings)  # type: ignore[arg-type]
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self.table.get(cmd_name)


def command(name: str, **settings: object) -> click.Command:
    return click.Command(name, **settings)  # type: ignore[arg-type]


def test_generated_pages_are_those_of_the_program() -> None:
    # In a process of its own: a command keeps the help option of whoever called it first.
    command = [sys.executable, ROOT / ".ci" / "cli_reference.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_reference_has_one_section_for_every_command() -> None:
    sections = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    commands = skillpress.list_commands(click.Context(skillpress))
    assert [name for name in sections if name.count(" ") < 2] == [
        "skillpress",
        *(f"skillpress {name}" for name in commands),
    ]


def test_nested_commands_have_sections_and_hidden_ones_have_none() -> None:
    inner = Lazy({"deep": command("deep", help="Go deep.")}, help="Things below.")
    group = Lazy(
        {"below": inner, "secret": command("secret", hidden=True), "top": command("top", help="Stay up.")},
        help="A tool.",
    )
    page = cli_reference.render(group, "tool")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == [
        "tool",
        "tool below",
        "tool below deep",
        "tool top",
    ]
    assert "Go deep." in page


@pytest.mark.parametrize(
    ("table", "gap"),
    [
        ({"mute": command("mute")}, "tool mute: no help"),
        ({"blank": command("blank", help="  ")}, "tool blank: no help"),
        ({"gone": None}, "tool gone: listed, but it cannot be loaded"),
        (
            {"terse": command("terse", help="Be terse.", params=[click.Option(["--odd"])])},
            "tool terse --odd: no help",
        ),
        ({"below": Lazy({"mute": command("mute")}, help="Things below.")}, "tool below mute: no help"),
    ],
)
def test_undocumented_command_is_refused(table: dict[str, click.Command | None], gap: str) -> None:
    with pytest.raises(cli_reference.Undocumented, match=f"^{gap}$"):
        cli_reference.render(Lazy(table, help="A tool."), "tool")


def test_reference_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Lazy({"long": command("long", help="word " * 60)}, help="A tool.")
    wide = cli_reference.render(group, "tool")
    monkeypatch.setenv("COLUMNS", "40")
    assert cli_reference.render(group, "tool") == wide


def test_every_row_and_rule_of_the_contract_has_a_test() -> None:
    conformance = api_pages.api_page().partition("## Conformance")[2]
    rows = [line.strip("| ").split(" | ") for line in conformance.splitlines() if re.match(r"\| \d", line)]
    assert [row[0] for row in rows] == [*map(str, api_pages.ROWS), *api_pages.RULES]
    assert [row[0] for row in rows if "`test_" not in row[-1]] == []
