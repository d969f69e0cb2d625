"""`skillpress build`: compile a commit into a folder, which is a publish onto the filesystem store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic

import click

from registry_builder.cli.options import content_option, json_option, opened
from registry_builder.cli.publishing import flags_of, git_options, release_options, remote_of
from registry_builder.cli.releasing import Run
from registry_builder.jobs import cores
from registry_builder.store.filesystem import FilesystemStore


@click.command()
@content_option
@click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), help="The folder to build into."
)
@click.option("--rev", default="HEAD", show_default=True, help="The commit to build.")
@click.option("--allow-empty", is_flag=True, help="Delete every asset when the commit has none.")
@release_options
@git_options
@click.option("--jobs", type=click.IntRange(1), help="Processes to press folders in; one for each core.")
@json_option
def build(
    content: Path,
    target: Path,
    rev: str,
    allow_empty: bool,
    base_url: str | None,
    name: str | None,
    preset: str | None,
    emit: str | None,
    skip_invalid: bool,
    git_remote: str | None,
    git_branch: str,
    jobs: int | None,
    as_json: bool,
) -> int:
    """Compile a commit into a folder that any static web server can serve.

    Only what changed is written; a build that was killed is finished by the next one. A folder that is not
    empty and holds no release is not touched.
    """
    flags = replace(flags_of(base_url, name, preset, emit, skip_invalid), allow_empty=allow_empty)
    started = monotonic()
    with opened(content, rev, flags) as (source, commit, settings):
        return Run(
            source=source,
            commit=commit,
            settings=settings,
            store=FilesystemStore(target),
            target=str(target),
            as_json=as_json,
            started=started,
            remote=remote_of(git_remote, git_branch),
            jobs=jobs or cores(),
        ).run()
