"""A local file made without a bucket: names, titles, tags, descriptions and texts as a test gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dynamic_api.catalogue.entry import Entry, Wanted, answer_of, skill_of
from dynamic_api.catalogue.file import new_file
from dynamic_api.catalogue.revocations import FILE
from dynamic_api.catalogue.rows import Rows
from registry_builder.core.key import digest
from registry_builder.core.ledger import Document, Row
from registry_builder.core.revoked import Revoked, encode_revoked
from registry_builder.core.tree import bin_of
from registry_builder.emit.base import Page, Site
from registry_builder.emit.json_api import emit_skill

SITE = Site(name="x", title="", description="", base_url="", owner={}, source_url=None, builder="")


@dataclass(frozen=True, slots=True)
class Given:
    """One skill."""

    slug: str
    title: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    text: str = ""


def make(folder: Path, skills: Sequence[Given]) -> None:
    """Write a local file of `skills`, in the order given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(encode_revoked(Revoked()))
    with new_file(folder) as connection:
        connection.execute("BEGIN")
        rows = Rows(connection)
        for given in skills:
            rows.put(_entry(given))
        rows.finish({})
        connection.execute("UPDATE state SET serial = serial + 1, generation = 1, root = 'x'")
        connection.execute("COMMIT")


def _entry(given: Given) -> Entry:
    sha256, time = digest(given.slug.encode()), "2026-11-20T10:00:00Z"
    row = Row(
        version=1, tree=sha256[:40], commit=sha256[:40], path=f"skills/{given.slug}", time=time,
        sha256=sha256, size=1, files=1, bytes=1, derived={}, findings={},
    )  # fmt: skip
    document = Document(
        name=given.slug, type="skill", title=given.title, description=given.description, tags=given.tags,
        versions=(row,),
    )  # fmt: skip
    answer = answer_of(next(emit_skill(Page(document, None, ()), SITE))[1])
    versions = ((sha256, given.slug, 1, "", "active", 1, sha256, None),)
    wanted = Wanted(given.slug, bin_of(given.slug), sha256, sha256)
    skill = skill_of(document, answer.body)
    return Entry(wanted, skill, answer, versions, (), given.text, sha256, settled=True)
