"""`skillpress proposals`: from what waits in the API to a commit that a maintainer pushes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dynamic_api.cli.admin.base import as_json, database_options, observe, show, show_rows, stored, transact

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dynamic_api.services.proposals import Change, Proposal
    from registry_builder.core.folder import File

_COLUMNS = ("id", "kind", "slug", "type", "title", "author", "created_at")


@click.group()
@database_options
def proposals() -> None:
    """List what was proposed for the public catalogue, and make commits of it.

    The API cannot write to Git. `fetch` writes one commit to a branch of your clone; push it, and open a
    pull request.
    """


@proposals.command("list")
@click.option(
    "--state",
    default="open",
    show_default=True,
    type=click.Choice(["open", "fetched", "rejected"]),
    help="Those in this state.",
)
@as_json
def list_(state: str, as_json: bool) -> None:
    """List proposals, oldest first."""
    from dynamic_api.services import proposals as service

    rows = observe(lambda db: service.waiting(db, state))
    show_rows(rows, as_json, _COLUMNS, f"no proposal is {state}")


@proposals.command("show")
@click.argument("proposal_id")
@as_json
def show_(proposal_id: str, as_json: bool) -> None:
    """Show the proposal PROPOSAL_ID (or its first characters) and the files in it."""
    found, changes = observe(lambda db: _read(db, proposal_id))
    files, removed = _files(found, changes)
    lines = [
        f"{found.slug} ({found.type}), {found.kind}, {found.state}",
        f"by {found.author} at {found.created_at}",
        found.title,
        found.description,
        *(f"  {file.path}  {len(file.data)} bytes" for file in files),
        *(f"  {path}  removed" for path in removed),
    ]
    show(found, as_json, "\n".join(line for line in lines if line))


@proposals.command()
@click.argument("proposal_id")
@click.option(
    "--repo",
    default=".",
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A clone of the content repository.",
)
@click.option("--content", default="", help="Folder in it that holds registry.toml; default: its root.")
@as_json
def fetch(proposal_id: str, repo: Path, content: str, as_json: bool) -> None:
    """Write the proposal PROPOSAL_ID as one commit to a branch of its own."""
    from dynamic_api.cli.proposal_commit import Commit, make
    from dynamic_api.services import proposals as service

    found, changes = observe(lambda db: _read(db, proposal_id))
    files, removed = _files(found, changes)
    text = f"{found.title}\n\n{found.description}\n\nProposal: {found.id}\n"
    commit = Commit(
        slug=found.slug,
        type=found.type,
        files=files,
        removed=removed,
        replaces=found.kind == service.UPLOAD,
        author=found.author,
        message=text,
        branch=f"proposals/{found.slug}-{found.id[:8]}",
    )
    made = make(repo, content, commit)
    kept = transact(
        lambda db, _settings, now: service.decide(db, found.id, service.FETCHED, f"commit {made}", now)
    )
    show(kept, as_json, f"{made[:12]} on branch {commit.branch}\npush it: git push origin {commit.branch}")


@proposals.command()
@click.argument("proposal_id")
@click.option("--reason", required=True, help="Why; kept with the proposal.")
@as_json
def reject(proposal_id: str, reason: str, as_json: bool) -> None:
    """Close the proposal PROPOSAL_ID without a commit."""
    from dynamic_api.services import proposals as service

    kept = transact(
        lambda db, _settings, now: service.decide(
            db, service.find(db, proposal_id).id, service.REJECTED, reason, now
        )
    )
    show(kept, as_json, f"{kept.id}: rejected")


def _read(db: Connection, proposal_id: str) -> tuple[Proposal, list[Change]]:
    from dynamic_api.services import proposals as service

    found = service.find(db, proposal_id)
    return found, service.changes(db, found.id)


def _files(found: Proposal, changes: list[Change]) -> tuple[list[File], list[str]]:
    """What a commit would write and remove, read strictly. Raises Unfit."""
    from dynamic_api.services import proposals as service
    from registry_builder.core.artifact import OWN, read
    from registry_builder.core.folder import File

    if found.kind == service.UPLOAD:
        return list(read(stored(found.sha256 or ""), OWN)), []
    kept = [File(each.path, each.content.encode()) for each in changes if each.action != service.DELETE]
    return kept, [each.path for each in changes if each.action == service.DELETE]
