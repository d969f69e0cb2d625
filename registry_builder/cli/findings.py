"""Findings for people: readable at 5 and at 5,000, and as annotations of a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from registry_builder.core.finding import Finding

SHOWN = 50


def show(findings: Sequence[Finding]) -> None:
    """Print each finding with place and mend; above `SHOWN`, the errors first and a summary by rule."""
    ordered = sorted(findings, key=lambda item: (item.level != "error", item.path, item.line, item.rule))
    for item in ordered[:SHOWN]:
        colour = "red" if item.level == "error" else "yellow"
        level = click.style(item.level, fg=colour, bold=True)
        click.echo(f"{printable(item.place)}: {level}: {printable(item.message)} [{item.rule}]")
        if item.mend:
            click.echo(f"    {printable(item.mend)}")
    if len(ordered) > SHOWN:
        click.echo(f"… and {len(ordered) - SHOWN} more; --json prints all. By rule:")
        for (level, rule), count in Counter((item.level, item.rule) for item in ordered).most_common():
            click.echo(f"{count:7}  {level:8} {rule}")


def annotate(findings: Sequence[Finding]) -> None:
    """Print workflow commands that the Git host shows beside the lines of a pull request."""
    for item in findings:
        level = "error" if item.level == "error" else "warning"
        where = f"file={_property(item.path)},line={item.line or 1},title={_property(item.rule)}"
        click.echo(f"::{level} {where}::{_data(f'{item.message} ({item.mend})')}")


def printable(text: str) -> str:
    """`text` without anything that could move a terminal's cursor or hide what it says."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def count(number: int, noun: str) -> str:
    """`1 skill`, `2 skills`."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def _data(text: str) -> str:
    safe = text.encode("utf-8", "backslashreplace").decode()
    return safe.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
