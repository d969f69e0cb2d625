"""`skillpress plan`: what a publish would mint, create, change and drop, without writing anything."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from registry_builder.cli.findings import count
from registry_builder.cli.options import Progress, content_option, echo_json, json_option, opened
from registry_builder.cli.publishing import Job, flags_of, release_options, store_option
from registry_builder.expectation import described
from registry_builder.previous import Previous
from registry_builder.publish import is_noop
from registry_builder.publish import plan as plan_of
from registry_builder.spool import Spool
from registry_builder.store.target import open_store


@click.command()
@content_option
@store_option
@click.option("--rev", default="HEAD", show_default=True, help="The commit to plan for.")
@release_options
@json_option
def plan(
    content: Path,
    target: str,
    single_writer: bool,
    rev: str,
    base_url: str | None,
    name: str | None,
    preset: str | None,
    emit: str | None,
    skip_invalid: bool,
    as_json: bool,
) -> None:
    """Say what `publish` would do. Nothing is written; a plan for what is there already is empty."""
    flags = flags_of(base_url, name, preset, emit, skip_invalid)
    with opened(content, rev, flags) as (source, commit, settings), Spool() as spool:
        previous = Previous(open_store(target, single_writer=single_writer))
        if is_noop(previous, commit.id, settings):
            found = described(None, None, previous)
        else:
            progress = Progress()
            job = Job(previous=previous, source=source, commit=commit, settings=settings, tick=progress.tick)
            release = job.release(spool)
            progress.end()
            found = described(release, plan_of(release, previous), previous)
    if as_json:
        echo_json(found)
    else:
        _say(found)


def _say(found: dict[str, object]) -> None:
    minted, keys, removed = found["minted"], found["keys"], found["removed"]
    if not isinstance(minted, list) or not isinstance(keys, list) or not isinstance(removed, list):
        raise AssertionError("a plan has lists")
    if not minted and not keys and not removed:
        click.echo("nothing to do")
        return
    for row in minted:
        click.echo(f"mint    {row['name']}@{row['version']}  {row['tree'][:12]}")
    for name in removed:
        click.echo(f"remove  {name}")
    for (change, group), number in sorted(Counter((row["change"], row["class"]) for row in keys).items()):
        size = sum(row["bytes"] for row in keys if (row["change"], row["class"]) == (change, group))
        click.echo(f"{change:7} {count(number, 'key')} of class {group}, {size:,} bytes")
