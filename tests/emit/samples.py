"""Small values that the tests of emitters share: rows, documents, summaries, skills, a site."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from registry_builder.core.folder import File, sorted_files
from registry_builder.core.ledger import Derived, Document, Row
from registry_builder.core.skill import Skill
from registry_builder.emit.base import Collection, Page, Site, Source, Summary, summarise

SITE = Site(
    name="acme",
    title="Acme skills",
    description="What Acme's agents know.",
    base_url="https://skills.acme.example",
    owner={"name": "Acme", "email": "skills@acme.example", "url": "https://acme.example"},
    source_url="https://github.com/acme/skills.git",
    builder="skillpress 0.1.0",
)


def sha(word: object) -> str:
    """A digest that is not the same for two words."""
    return hashlib.sha256(str(word).encode()).hexdigest()


def derived_npm(word: object) -> Derived:
    return Derived(
        profile=1,
        sha256=sha(f"{word} tgz"),
        size=700,
        sha512=hashlib.sha512(str(word).encode()).hexdigest(),
        sha1=hashlib.sha1(str(word).encode()).hexdigest(),
    )


def row(version: int, word: object = "aa", **changes: Any) -> Row:
    """Version `version`, minted on that day of the month, with a tarball."""
    fields: dict[str, Any] = {
        "version": version,
        "tree": hashlib.sha1(f"{word} {version}".encode()).hexdigest(),
        "commit": hashlib.sha1(f"commit {version}".encode()).hexdigest(),
        "path": f"skills/{word}",
        "time": f"2026-11-{version:02}T10:00:00Z",
        "sha256": sha(f"{word} {version}"),
        "size": 1_000 + version,
        "files": 2,
        "bytes": 800,
        "derived": {"npm": derived_npm(f"{word} {version}")},
        "findings": {},
    }
    return Row(**(fields | changes))


def document(name: str = "aa", *rows: Row, **changes: Any) -> Document:
    fields: dict[str, Any] = {
        "name": name,
        "type": "skill",
        "title": name.upper(),
        "description": f"Does {name}.",
        "versions": rows or (row(1, name),),
    }
    return Document(**(fields | changes))


def summary(name: str = "aa", **changes: Any) -> Summary:
    """The summary of a name with one version; `changes` are fields of its document."""
    return summarise(document(name, **changes))


def skill(name: str = "aa", **changes: Any) -> Skill:
    fields: dict[str, Any] = {
        "name": name,
        "type": "skill",
        "title": name.upper(),
        "description": f"Does {name}.",
        "label": None,
        "licence": None,
        "tags": (),
        "author": None,
        "homepage": None,
        "execution_tier": None,
        "required_env": (),
        "allowed_tools": (),
        "metadata": {},
        "extra": {},
        "body": "",
        "scripts": (),
    }
    return Skill(**(fields | changes))


def source(files: Mapping[str, bytes] | None = None, version: int = 1, **changes: Any) -> Source:
    """A version to be minted, with `files` beside its SKILL.md; `changes` are fields of the skill."""
    given = {"SKILL.md": b"---\nname: aa\ndescription: Does aa.\n---\n", **(files or {})}
    return Source(skill(**changes), version, sorted_files(File(path, data) for path, data in given.items()))


def page(subject: Document, **changes: Any) -> Page:
    """What an emitter gets of `subject`; `changes` are fields of the skill."""
    return Page(subject, skill(subject.name, **changes) if subject.current else None, ())


def collection(name: str, *members: str) -> Collection:
    return Collection(name=name, title=name.title(), description=f"All of {name}.", members=members)
