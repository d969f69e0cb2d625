"""One commit onto one store: what `build` and `quarantine` have in common."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from registry_builder.build import Build
from registry_builder.cli.options import preset_option
from registry_builder.previous import Previous
from registry_builder.publish import Published, Publisher, plan
from registry_builder.release import Release
from registry_builder.settings import Flags, Settings
from registry_builder.source import Commit, Source
from registry_builder.spool import Spool
from registry_builder.store.base import Store
from registry_builder.templates import load_templates

F = TypeVar("F", bound=Callable[..., Any])


def release_options(function: F) -> F:
    """The flags that decide what a release holds."""
    for option in (
        click.option(
            "--skip-invalid", is_flag=True, help="Leave what has errors at its last version and list it."
        ),
        click.option(
            "--emit", metavar="LIST", help="Emitters or groups, separated by commas: core, claude, npm …"
        ),
        preset_option,
        click.option("--name", help="The registry's name: marketplace and npm scope."),
        click.option("--base-url", help="Where the folder will be served; every link starts with it."),
    ):
        function = option(function)
    return function


def flags_of(
    base_url: str | None, name: str | None, preset: str | None, emit: str | None, skip_invalid: bool
) -> Flags:
    """The flags as one value."""
    chosen = tuple(part.strip() for part in emit.split(",") if part.strip()) if emit is not None else None
    return Flags(base_url=base_url, name=name, preset=preset, emit=chosen, skip_invalid=skip_invalid)


def publish_commit(
    store: Store,
    previous: Previous,
    source: Source,
    commit: Commit,
    settings: Settings,
    tick: Callable[[str], None],
) -> tuple[Release, Published]:
    """Build `commit` and write what changed. Raises Refused with every finding, and all that stores raise."""
    with Spool() as spool:
        release = Build(source, commit, settings, previous, spool, load_templates(), tick).run()
        publisher = Publisher(store, spool, previous, settings, _who(), lambda: datetime.now(UTC), tick)
        return release, publisher.apply(release, plan(release, previous))


def _who() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
