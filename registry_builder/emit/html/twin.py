"""The page of a skill as Markdown, for programs that read rather than look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry_builder.core.ledger import ACTIVE, QUARANTINED, Row
from registry_builder.emit.base import Page, Site
from registry_builder.emit.html.commands import Command
from registry_builder.emit.html.render import plain
from registry_builder.emit.html.shown import visible


def twin(page: Page, row: Row | None, commands: Sequence[Command], site: Site) -> bytes:
    """What the page says, with the whole text of the skill; of what is not served, only its state."""
    return visible("\n".join(_lines(page, row, commands, site)) + "\n").encode()


def _lines(page: Page, row: Row | None, commands: Sequence[Command], site: Site) -> Iterator[str]:
    document = page.document
    yield f"# {document.name}"
    yield ""
    if document.state == QUARANTINED:
        yield f"This {document.type} is quarantined: do not use copies of it."
        return
    yield f"> {plain(document.description, 2_000)}"
    yield ""
    yield f"- type: {document.type}"
    if row is None:
        yield f"- state: {document.state}"
        return
    if document.state != ACTIVE:
        yield f"- state: {document.state}"
    if document.replacement:
        yield f"- use instead: {site.url(f'skills/{document.replacement}/index.md')}"
    yield f"- version: {row.version} of {row.time}"
    yield f"- sha256: {row.sha256}"
    yield f"- commit: {row.commit}"
    if document.licence:
        yield f"- licence: {plain(document.licence)}"
    if document.tags:
        yield f"- tags: {plain(', '.join(document.tags))}"
    yield f"- page: {site.url(f'skills/{document.name}/index.html')}"
    for command in commands:
        yield f"\n## Install with {command.title}\n\n```\n{command.text}\n```"
    if page.skill and page.skill.body.strip():
        yield f"\n## Text\n\n{page.skill.body.strip()}"
