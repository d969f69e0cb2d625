"""`skillpress plan`: what a publish would mint, create, change and drop, without writing anything."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import click

from registry_builder.build import Refused
from registry_builder.cli import findings as shown
from registry_builder.cli.options import (
    Progress,
    content_option,
    echo_json,
    finding_row,
    json_option,
    opened,
    settings_rev_option,
)
from registry_builder.cli.publishing import Job, flags_of, release_options
from registry_builder.cli.review import markdown, read_plan
from registry_builder.core.errors import Misuse
from registry_builder.expectation import described
from registry_builder.previous import Previous
from registry_builder.publish import is_noop
from registry_builder.publish import plan as plan_of
from registry_builder.settings import Flags
from registry_builder.spool import Spool
from registry_builder.store.target import open_reader

_READS = tuple(
    (client, re.compile(keys))
    for client, keys in (
        ("Claude Code", r"marketplace"),
        ("skills", r"(s/[^/]+/)?\.well-known/agent-skills/"),
        ("npm", r"npm/|t/"),
        ("sx", r"sx/|api/skills/assets/"),
        ("OpenCode", r"\.well-known/skills/"),
        ("clawhub", r"clawhub/"),
        ("Copilot", r"copilot/"),
        ("Codex", r"git/"),
        ("skills find", r"api/search$"),
    )
)
"""Which keys each client reads besides the shared artifacts; docs/bucket.md says so for every key."""


@click.command()
@content_option
@click.option(
    "--to",
    "target",
    required=True,
    metavar="STORE|URL",
    help="A folder, s3://bucket/prefix?endpoint_url=…, or the registry's base URL.",
)
@click.option("--rev", default="HEAD", show_default=True, help="The commit to plan for.")
@settings_rev_option
@release_options
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), help="Form of the report.")
@click.option(
    "--save", type=click.Path(path_type=Path, dir_okay=False), help="Write what --json prints there as well."
)
@json_option
def plan(
    content: Path,
    target: str,
    rev: str,
    settings_rev: str | None,
    base_url: str | None,
    name: str | None,
    preset: str | None,
    emit: str | None,
    skip_invalid: bool,
    form: str | None,
    save: Path | None,
    as_json: bool,
) -> int:
    """Say what `publish` would do. Nothing is written; a plan for what is there already is empty."""
    if as_json and form:
        raise Misuse("json-or-format", "--json cannot go with --format", mend="choose one")
    flags = flags_of(base_url, name, preset, emit, skip_invalid)
    findings: Refused | None = None
    try:
        found = _found(content, target, rev, settings_rev, flags)
    except Refused as error:
        findings = error
        rows = [finding_row(finding) for finding in error.findings]
        found = {"schema": 1, "error": {"code": error.code, "message": error.message}, "findings": rows}
    if save:
        save.write_text(json.dumps(found, indent=2, ensure_ascii=True) + "\n", "utf-8")
    if as_json:
        echo_json(found)
    elif form == "markdown":
        click.echo(markdown(read_plan(found)), nl=False)
    elif findings:
        shown.show(findings.findings)
        click.echo(f"error: {findings}", err=True)
    else:
        _say(found)
    return findings.exit_code if findings else 0


def _found(content: Path, target: str, rev: str, settings_rev: str | None, flags: Flags) -> dict[str, object]:
    with opened(content, rev, flags, settings_rev) as (source, commit, settings), Spool() as spool:
        previous = Previous(open_reader(target))
        if is_noop(previous, commit.id, settings):
            return described(None, None, previous)
        progress = Progress()
        job = Job(previous=previous, source=source, commit=commit, settings=settings, tick=progress.tick)
        try:
            release = job.release(spool)
        finally:
            progress.end()
        return described(release, plan_of(release, previous), previous)


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
        click.echo(f"{change:7} {shown.count(number, 'key')} of class {group}, {size:,} bytes")
    changed = [row["key"] for row in keys]
    told = [(client, sum(bool(pattern.match(key)) for key in changed)) for client, pattern in _READS]
    if told := [(client, number) for client, number in told if number]:
        click.echo("read by " + ", ".join(f"{client} {number}" for client, number in told))
