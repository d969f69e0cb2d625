"""What several commands share: where the content is, what the flags say, how progress is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import click

from registry_builder.core.config import RegistryFile, read
from registry_builder.core.finding import Finding
from registry_builder.settings import Flags, Settings, settle
from registry_builder.source import Commit, Source, open_source

F = TypeVar("F", bound=Callable[..., Any])


def content_option(function: F) -> F:
    """`-C CONTENT`: the content folder, its repository, or a bare repository."""
    return click.option(
        "-C",
        "--content",
        default=".",
        show_default=True,
        type=click.Path(path_type=Path),
        help="The content folder, its Git repository, or a bare repository.",
    )(function)


def json_option(function: F) -> F:
    """`--json`: one JSON document on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")(
        function
    )


def preset_option(function: F) -> F:
    """`--preset NAME`: overrides `[check] preset`."""
    presets = click.Choice(["portable", "lenient"])
    return click.option("--preset", type=presets, help="Which rules hold; overrides registry.toml.")(function)


def settings_rev_option(function: F) -> F:
    """`--settings-rev REV`: the rules of one commit for the content of another."""
    return click.option(
        "--settings-rev",
        metavar="REV",
        help="Take registry.toml from this commit: a change is judged by the rules that it cannot change.",
    )(function)


@contextmanager
def opened(
    content: Path, rev: str, flags: Flags, settings_rev: str | None = None
) -> Iterator[tuple[Source, Commit, Settings]]:
    """The repository, the commit at `rev` and the settings there, or at `settings_rev`."""
    from registry_builder.settings import ROOTS

    with open_source(content) as source:
        commit = source.commit(rev)
        ruling = source.commit(settings_rev) if settings_rev is not None else commit
        pointed = source.prefix
        source.locate(ruling, ROOTS)
        settings = settings_at(source.own_file(ruling, "registry.toml"), source, flags)
        source.prefix = pointed
        source.locate(commit, ROOTS)
        yield source, commit, settings


def settings_at(registry: bytes | None, source: Source, flags: Flags) -> Settings:
    """registry.toml with the flags over it."""
    file = read(registry, RegistryFile, "registry.toml")
    return settle(file, flags, folder_name=source.folder_name, origin=source.origin)


def finding_row(finding: Finding) -> dict[str, object]:
    """A finding as `--json` prints it."""
    return {
        "rule": finding.rule,
        "level": finding.level,
        "name": finding.name,
        "path": finding.path,
        "line": finding.line,
        "message": finding.message,
        "mend": finding.mend,
    }


def echo_json(value: Mapping[str, object]) -> None:
    """Print `value` as one JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


class Progress:
    """Counts and bytes on standard error, ten times a second at most; quiet when that is no terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._counts: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._shown = monotonic()

    def tick(self, what: str, size: int = 0, /) -> None:
        """One more of `what`, of `size` bytes."""
        self._counts[what] = self._counts.get(what, 0) + 1
        self._sizes[what] = self._sizes.get(what, 0) + size
        if self._on and monotonic() - self._shown > 0.1:
            self._shown = monotonic()
            text = ", ".join(f"{count} {name}{self._bytes(name)}" for name, count in self._counts.items())
            click.echo(f"\r\033[K{text}", nl=False, err=True)

    def _bytes(self, what: str) -> str:
        size = self._sizes[what]
        return f" ({size / 1_000_000:.1f} MB)" if size else ""

    def end(self) -> None:
        """Clear the line."""
        if self._on:
            click.echo("\r\033[K", nl=False, err=True)
