"""What all emitters share: the site they write for, the summary of one name, and how an emitter looks.

An emitter is a module with `BUDGETS` and some of these pure functions:

    derive(source: Source, site: Site) -> Derivation | None      a bundle made from an artifact, at mint
    emit_skill(page: Page, site: Site) -> Iterator[Made]         keys of one name, from the ledger
    note_skill(page: Page, site: Site) -> str     what emit_registry needs of one name, kept in its summary
    emit_registry(summaries: Sequence[Summary], site: Site) -> Emission     keys that span names
    emit_collection(collection: Collection, members: Sequence[Summary], files: Files, site: Site) -> Emission
        keys of one collection, made anew when a member changed
    emit_history(chapter: Chapter, site: Site, sink: Sink) -> Told     keys that build on earlier releases

`Made` is (key, body). Bodies are bytes; the caller computes digests and decides where they go. Only what
`emit_history` makes may depend on what was published before; it is record, not content (DESIGN.md D13).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from msgspec import Struct

from registry_builder.core.finding import Finding
from registry_builder.core.folder import File
from registry_builder.core.ledger import SERVED, Derived, Document, Moment, Row
from registry_builder.core.skill import Skill

Made = tuple[str, bytes]
Files = Callable[[str], tuple[File, ...]]
"""The files of a name's current version."""
PATHS = 1_000
"""The most files of a skill whose paths its summary has; more than that no client fetches one by one."""
Sink = Callable[[str, bytes], None]
"""Takes a key and its body as soon as they are made."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a client's limit allows for the keys that `pattern` (a regular expression) matches whole."""

    pattern: str
    bytes: int
    why: str


class Collection(Struct, frozen=True, kw_only=True):
    """A collection as collections.toml has it; `members` are the names that are served, sorted."""

    name: str
    title: str
    description: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What emitters know of the registry; the same for every commit unless settings or collections change.

    `base_url` has no slash at its end. `retired` are the names of collections that are gone: their keys stay,
    empty. `emitters` are those that are on. `assets` maps a file name of `site/` to its immutable key,
    `templates` the name of a template to its source.
    """

    name: str
    title: str
    description: str
    base_url: str
    owner: Mapping[str, str]
    source_url: str | None
    builder: str
    collections: tuple[Collection, ...] = ()
    retired: tuple[str, ...] = ()
    emitters: tuple[str, ...] = ()
    footer: str | None = None
    assets: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)

    def url(self, key: str) -> str:
        """The absolute URL of `key`."""
        return f"{self.base_url}/{quote(key, safe='/@:~!$&()*+,;=')}"


@dataclass(frozen=True, slots=True)
class Source:
    """What a version to be minted is made from: the skill, its number, its files."""

    skill: Skill
    version: int
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Derivation:
    """A bundle: what the row records of it, and the keys to write."""

    record: Derived
    objects: tuple[Made, ...]


Earlier = Callable[[Row], Source | None]
"""What a row was minted from, read when it is asked for; None when no rule can read it any more."""


def _nothing(_: Row) -> Source | None:
    return None


@dataclass(frozen=True, slots=True)
class Page:
    """One name: its document, and the skill and files of its current row (none when nothing is served)."""

    document: Document
    skill: Skill | None
    files: tuple[File, ...]
    earlier: Earlier = _nothing


@dataclass(frozen=True, slots=True)
class Emission:
    """The keys that span names, and what had to be cut to keep a client's limit."""

    entries: tuple[Made, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One release, for an emitter that builds on earlier ones.

    `state` is what it told last, None when there is nothing to build on; `read` gives the bytes of a key it
    told then, `files` those of a name's current version. `changed` are the documents that differ. With
    `rewrite`, a publisher died: keys that are not immutable are to be made again.
    """

    summaries: Sequence[Summary]
    changed: Mapping[str, Document]
    moment: Moment
    state: bytes | None
    rewrite: bool
    files: Files
    read: Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a chapter: JSON to go on from, and every key that now holds, new or as it was."""

    state: bytes
    keys: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


class Summary(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What spans of names need of one. `version` is the current row's, 0 when nothing is served.

    `paths` are those of a skill's files, none when there are more than PATHS. `notes` maps an emitter to what
    it noted.
    """

    name: str
    type: str
    state: str
    tree: str
    path: str
    newest: int
    title: str
    description: str
    tags: tuple[str, ...] = ()
    licence: str | None = None
    author: str | None = None
    homepage: str | None = None
    manifest: bool = False
    dependencies: tuple[str, ...] = ()
    replacement: str | None = None
    version: int = 0
    label: str | None = None
    time: str = ""
    sha256: str = ""
    size: int = 0
    files: int = 0
    bytes: int = 0
    derived: Mapping[str, Derived] = {}
    paths: tuple[str, ...] = ()
    notes: Mapping[str, str] = {}


def summarise(
    document: Document, files: Sequence[File] = (), notes: Mapping[str, str] | None = None
) -> Summary:
    """The summary of `document`, whose current version has `files`."""
    row, newest = document.current, document.newest
    return Summary(
        name=document.name,
        type=document.type,
        state=document.state,
        tree=newest.tree,
        path=newest.path,
        newest=newest.version,
        title=document.title,
        description=document.description,
        tags=document.tags,
        licence=document.licence,
        author=document.author,
        homepage=document.homepage,
        manifest=document.manifest,
        dependencies=document.dependencies,
        replacement=document.replacement,
        version=row.version if row else 0,
        label=row.label if row else None,
        time=row.time if row else "",
        sha256=row.sha256 if row else "",
        size=row.size if row else 0,
        files=row.files if row else 0,
        bytes=row.bytes if row else 0,
        derived=row.derived if row else {},
        paths=tuple(file.path for file in files) if document.type == "skill" and len(files) <= PATHS else (),
        notes=notes or {},
    )


def listed(summaries: Sequence[Summary], *types: str) -> list[Summary]:
    """Those of `summaries` that indexes name, of the types given, by name."""
    return [item for item in summaries if item.version and item.state in SERVED and item.type in types]


def semver(version: int) -> str:
    """The form of a version for clients that demand semantic versions."""
    return f"{version}.0.0"


def cut(text: str, length: int) -> str:
    """`text` cut at a word to at most `length` characters, with an ellipsis where something is missing."""
    if len(text) <= length:
        return text
    head = text[: length - 1]
    words = head.rsplit(None, 1)
    return (words[0] if len(words) > 1 else head).rstrip() + "…"
