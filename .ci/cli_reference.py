"""The pages of docs/ that the program writes itself; `--check` compares instead of writing."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

import click

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
PROGRAM = "skillpress"
WIDTH = 100


class Undocumented(Exception):  # noqa: N818 - named by what happened, as the project's own errors are
    """A command or an option that has no help."""


def render(group: click.Group, program: str = PROGRAM) -> str:
    """The page: one section for the program and one for each command below it. Raises Undocumented."""
    sections = list(_sections(group, _context(group, program, None)))
    gaps = [gap for command, context in sections for gap in _gaps(command, context)]
    if gaps:
        raise Undocumented("\n".join(gaps))
    head = "# Commands\n\nMade by `make docs` from the help of each command; `make check` compares.\n"
    return head + "".join(_section(command, context) for command, context in sections)


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    sizes = {"terminal_width": WIDTH, "max_content_width": WIDTH, "color": False}
    return click.Context(command, info_name=name, parent=parent, **{**command.context_settings, **sizes})


def _sections(
    command: click.Command, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    yield command, context
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is None:
            raise Undocumented(f"{context.command_path} {name}: listed, but it cannot be loaded")
        if not child.hidden:
            yield from _sections(child, _context(child, name, context))


def _gaps(command: click.Command, context: click.Context) -> Iterator[str]:
    if not (command.help or "").strip():
        yield f"{context.command_path}: no help"
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and not parameter.hidden and not parameter.help:
            yield f"{context.command_path} {parameter.opts[0]}: no help"


def _section(command: click.Command, context: click.Context) -> str:
    help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"\n## {context.command_path}\n\n```text\n{help_text.strip()}\n```\n"


def pages() -> dict[Path, str]:
    """Every page that is made from the program: its commands, its rules, its verdicts."""
    from api_pages import api_page, settings_page

    from registry_builder.cli import skillpress
    from registry_builder.core.compatibility import compatibility_page
    from registry_builder.core.rules import rules_page

    return {
        PAGE: render(skillpress),
        PAGE.with_name("api.md"): api_page(),
        PAGE.with_name("api-settings.md"): settings_page(),
        PAGE.with_name("rules.md"): rules_page(),
        PAGE.with_name("compatibility.md"): compatibility_page(),
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say how they differ."""
    code = 0
    for place, page in pages().items():
        old = place.read_text(encoding="utf-8") if place.exists() else ""
        if arguments != ["--check"]:
            place.write_text(page, encoding="utf-8")
        elif old != page:
            before, after = old.splitlines(keepends=True), page.splitlines(keepends=True)
            sys.stdout.writelines(difflib.unified_diff(before, after, place.name, "what the program says"))
            sys.stdout.write(f"docs/{place.name} differs from the program: run `make docs`\n")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
