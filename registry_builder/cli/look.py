"""`skillpress versions` and `skillpress show`: what the ledger says of one name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

import click
from msgspec import UNSET, to_builtins

from registry_builder.cli.findings import printable
from registry_builder.cli.options import content_option, echo_json, json_option, opened
from registry_builder.core.errors import Missing, Misuse
from registry_builder.core.ledger import Document, Row
from registry_builder.previous import Previous
from registry_builder.settings import Flags
from registry_builder.store.memory import MemoryStore
from registry_builder.store.target import open_reader


def _from_option(function: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--from",
        "place",
        metavar="STORE|URL",
        help="A built folder, a store, or the registry's base URL. Without it: ./dist, else what seeding "
        "the content repo would give.",
    )(function)


@click.command()
@click.argument("name")
@_from_option
@content_option
@json_option
def versions(name: str, place: str | None, content: Path, as_json: bool) -> None:
    """List the versions of NAME, oldest first."""
    document = _document(name, place, content)
    if as_json:
        rows = [to_builtins(row) for row in document.versions]
        echo_json({"name": document.name, "state": document.state, "versions": rows})
        return
    for row in document.versions:
        state = "" if row.state == "active" else f"  {row.state}"
        click.echo(
            f"{row.version:>4}  {row.time}  {row.commit[:12]}  {row.sha256[:16]}  {row.size:>9,} B{state}"
        )
    if document.removed is not UNSET and document.removed is not None:
        click.echo(f"removed at {document.removed.time} in {document.removed.commit[:12]}")


@click.command()
@click.argument("asset", metavar="NAME[@VERSION]")
@_from_option
@content_option
@json_option
def show(asset: str, place: str | None, content: Path, as_json: bool) -> None:
    """Show what is known of NAME, or of one version of it."""
    name, at, wanted = asset.partition("@")
    document = _document(name, place, content)
    row = _row(document, wanted) if at else (document.current or document.newest)
    if as_json:
        echo_json(to_builtins(row) if at else to_builtins(document))
        return
    click.echo(f"{document.name}@{row.version}  {document.type}, {row.state if at else document.state}")
    for label, value in _lines(document, row):
        click.echo(f"  {label:<12}{printable(value)}")


def _lines(document: Document, row: Row) -> Iterable[tuple[str, str]]:
    yield "title", document.title
    yield "description", document.description
    if document.licence:
        yield "licence", document.licence
    if document.tags:
        yield "tags", ", ".join(document.tags)
    if row.label:
        yield "label", row.label
    if isinstance(row.reason, str):
        yield "reason", row.reason
    yield "commit", f"{row.commit} ({row.time})"
    yield "path", row.path
    yield "sha256", row.sha256
    yield "size", f"{row.size:,} bytes, {row.files} files"
    yield "versions", f"{len(document.versions)}, newest {document.newest.version}"
    if document.url:
        yield "url", document.url


def _row(document: Document, wanted: str) -> Row:
    number = wanted.removesuffix(".0.0")
    found = next((row for row in document.versions if str(row.version) == number), None)
    if found is None:
        mend = f"there are 1 to {document.newest.version}"
        raise Missing("no-version", f"{document.name} has no version {wanted or '(none given)'}", mend=mend)
    return found


def _document(name: str, place: str | None, content: Path) -> Document:
    place = place or ("dist" if Path("dist/release.json").is_file() else None)
    if place is None:
        return _seeded(name, content)
    view = Previous(open_reader(place)).view
    if view.root_sha256 is None:
        raise Missing("no-release", "holds no release", place=place, mend="skillpress build --to DIR")
    document = view.document(name)
    if document is None:
        raise _unknown(name, view.noted)
    return document


def _seeded(name: str, content: Path) -> Document:
    from registry_builder.build import Build
    from registry_builder.spool import Spool
    from registry_builder.templates import load_templates

    flags = Flags(skip_invalid=True, emit=())
    with opened(content, "HEAD", flags) as (source, commit, settings), Spool() as spool:
        previous = Previous(MemoryStore())
        documents = Build(source, commit, settings, previous, spool, load_templates()).run().documents
    if name not in documents:
        raise _unknown(name, documents)
    return documents[name]


def _unknown(name: str, known: Iterable[str]) -> Missing:
    if not name:
        raise Misuse("no-name", "no name given", mend="skillpress show NAME")
    near = difflib.get_close_matches(name, known, 1)
    return Missing("no-skill", f"no asset {name}", mend=f"did you mean {near[0]}?" if near else "")
