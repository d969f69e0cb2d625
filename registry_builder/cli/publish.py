"""`skillpress publish`: compile a commit and write what changed onto any store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from registry_builder.cli.options import content_option, json_option, opened
from registry_builder.cli.publishing import flags_of, git_options, release_options, remote_of, store_option
from registry_builder.cli.releasing import Run
from registry_builder.cli.sign import signing, signing_options
from registry_builder.previous import Previous
from registry_builder.store.target import open_store

if TYPE_CHECKING:
    from registry_builder.workshop import Workshop


@click.command()
@content_option
@store_option
@click.option("--rev", default="HEAD", show_default=True, help="The commit to publish.")
@click.option("--allow-empty", is_flag=True, help="Delete every asset when the commit has none.")
@release_options
@click.option(
    "--expect",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A reviewed `plan --json`; refuse to mint anything else.",
)
@click.option("--reconcile", is_flag=True, help="Compare with a full listing, and heal what is missing.")
@click.option("--deep", is_flag=True, help="With --reconcile: look at the digest of each key, too.")
@click.option("--release-holds", is_flag=True, help="Mint again what a rollback holds back.")
@click.option(
    "--purge", metavar="COMMAND", help="Gets the changed mutable keys as JSON lines on standard input."
)
@git_options
@click.option("--sign", "signed", is_flag=True, help="Sign what was published; needs --keys.")
@signing_options(required=False)
@json_option
def publish(
    content: Path,
    target: str,
    single_writer: bool,
    rev: str,
    allow_empty: bool,
    base_url: str | None,
    name: str | None,
    preset: str | None,
    emit: str | None,
    skip_invalid: bool,
    expect: Path | None,
    reconcile: bool,
    deep: bool,
    release_holds: bool,
    purge: str | None,
    git_remote: str | None,
    git_branch: str,
    signed: bool,
    keys: Path | None,
    key: tuple[Path, ...],
    key_env: tuple[str, ...],
    as_json: bool,
) -> int:
    """Compile a commit and write what changed onto STORE: a folder or s3://bucket/prefix.

    A publisher that is killed harms nobody: readers see the old release or the new one, and the next run
    goes on. Two publishers never mix.
    """
    flags = replace(flags_of(base_url, name, preset, emit, skip_invalid), allow_empty=allow_empty)
    started = monotonic()
    sign = signing(keys, key, key_env) if signed else None
    with opened(content, rev, flags) as (source, commit, settings):
        return Run(
            source=source,
            commit=commit,
            settings=settings,
            store=open_store(target, single_writer=single_writer),
            target=target,
            as_json=as_json,
            started=started,
            remote=remote_of(git_remote, git_branch),
            before=_release_holds if release_holds else None,
            expect=expect,
            purge=purge,
            sign=sign,
            reconcile=reconcile or deep,
            deep=deep,
            mirrors=True,
        ).run()


def _release_holds(_: Previous) -> Callable[[Workshop], None]:
    from registry_builder.rollback import release_holds

    return release_holds
