"""`skillpress rollback`: old content under new numbers, the bad folder held until it changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic

import click

from registry_builder.cli.options import content_option, json_option, opened
from registry_builder.cli.publishing import flags_of, release_options, same_settings, store_option
from registry_builder.cli.releasing import Run
from registry_builder.cli.sign import signing, signing_options
from registry_builder.core.errors import Missing
from registry_builder.previous import Previous
from registry_builder.rollback import Rollback, view_at
from registry_builder.store.target import open_store
from registry_builder.workshop import Workshop


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@content_option
@store_option
@click.option("--to-generation", "generation", required=True, type=int, help="The release to go back to.")
@release_options
@click.option("--sign", "signed", is_flag=True, help="Sign what was published; needs --keys.")
@signing_options(required=False)
@json_option
def rollback(
    names: tuple[str, ...],
    content: Path,
    target: str,
    single_writer: bool,
    generation: int,
    base_url: str | None,
    name: str | None,
    preset: str | None,
    emit: str | None,
    skip_invalid: bool,
    signed: bool,
    keys: Path | None,
    key: tuple[Path, ...],
    key_env: tuple[str, ...],
    as_json: bool,
) -> int:
    """Serve NAMEs (default: everything) as generation G did, under new version numbers.

    The rows since then are yanked. The folder as it is now is held back: later commits do not publish it
    until it changes, or until `publish --release-holds`. Give the flags of the last build.
    """
    flags = flags_of(base_url, name, preset, emit, skip_invalid)
    started = monotonic()
    sign = signing(keys, key, key_env) if signed else None
    store = open_store(target, single_writer=single_writer)
    pointer = Previous(store).pointer
    if pointer is None:
        raise Missing("no-release", "holds no release", place=target, mend="skillpress publish --to STORE")
    with opened(content, pointer.commit, flags) as (source, commit, settings):
        same_settings(Previous(store), settings, target)
        return Run(
            source=source,
            commit=commit,
            settings=settings,
            store=store,
            target=target,
            as_json=as_json,
            started=started,
            sign=sign,
            before=partial(_back, names=names, generation=generation),
        ).run()


def _back(previous: Previous, *, names: tuple[str, ...], generation: int) -> Callable[[Workshop], None]:
    return Rollback(view_at(previous, generation), names).apply
