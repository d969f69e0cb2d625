"""`skillpress ledger`: the ledger out of a store for a back-up, and back into an empty one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import click

from registry_builder.cli.options import content_option, json_option, opened
from registry_builder.cli.publishing import flags_of, release_options, store_option
from registry_builder.cli.releasing import Run
from registry_builder.core.errors import Missing, Misuse, Trouble
from registry_builder.core.revoked import REVOKED_KEY, encode_revoked
from registry_builder.ledger_file import Backup, Restore, exported, imported
from registry_builder.previous import Previous
from registry_builder.source import Source
from registry_builder.store.base import Store
from registry_builder.store.target import open_store
from registry_builder.workshop import Workshop


@click.group()
def ledger() -> None:
    """Back up the ledger, which is what numbers depend on, and restore a lost bucket from it."""


@ledger.command("export")
@click.argument("store", metavar="STORE")
def export(store: str) -> None:
    """Print the ledger of STORE as JSON lines."""
    previous = Previous(open_store(store))
    pointer = previous.pointer
    if pointer is None or previous.view.root_sha256 is None:
        raise Missing("no-release", "holds no release", place=store, mend="skillpress publish --to STORE")
    for line in exported(previous, pointer):
        click.echo(line, nl=False)


@ledger.command("import")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--from-ref",
    nargs=2,
    metavar="URL REF",
    help="Read the copy that `publish` keeps on a Git ref; URL may name a remote.",
)
@content_option
@store_option
@release_options
@json_option
def import_(
    file: Path | None,
    from_ref: tuple[str, str] | None,
    content: Path,
    target: str,
    single_writer: bool,
    base_url: str | None,
    name: str | None,
    preset: str | None,
    emit: str | None,
    skip_invalid: bool,
    as_json: bool,
) -> int:
    """Fill STORE from a back-up: the numbers from FILE or a Git ref, the bytes from Git.

    STORE is empty, or holds an older state of the same registry. A version whose tree Git no longer has
    stays in the ledger, yanked.
    """
    flags = flags_of(base_url, name, preset, emit, skip_invalid)
    started = monotonic()
    with opened(content, "HEAD", flags) as (source, commit, settings):
        backup = imported(_back_up(file, from_ref, source))
        store = open_store(target, single_writer=single_writer)
        return Run(
            source=source,
            commit=commit,
            settings=settings,
            store=store,
            target=target,
            as_json=as_json,
            started=started,
            before=_restore(backup, source, store),
            after=backup.generation,
            reconcile=True,
        ).run()


def _back_up(file: Path | None, from_ref: tuple[str, str] | None, source: Source) -> bytes:
    if (file is None) == (from_ref is None):
        raise Misuse("one-back-up", "there is one back-up to import", mend="give FILE or --from-ref URL REF")
    if from_ref is not None:
        from registry_builder.ledger_mirror import mirror_at, read_mirror

        return read_mirror(mirror_at(source.place, *from_ref))
    assert file is not None
    try:
        return file.read_bytes()
    except OSError as error:
        raise Trouble("unreadable", error.strerror or str(error), place=str(file)) from error


def _restore(
    backup: Backup, source: Source, store: Store
) -> Callable[[Previous], Callable[[Workshop], None]]:
    def restore(previous: Previous) -> Callable[[Workshop], None]:
        # What was begun since may have given numbers out twice: it stopped before anybody could see them.
        previous.base = previous.view
        known = previous.revoked
        ledger = Restore(backup, source, previous.pointer.generation if previous.pointer else 0)

        def apply(work: Workshop) -> None:
            ledger.apply(work)
            previous.revoked = work.revoked
            if work.revoked != known:
                tag = store.tag(REVOKED_KEY)
                store.put(REVOKED_KEY, encode_revoked(work.revoked), expect=tag.value if tag else "")

        return apply

    return restore
