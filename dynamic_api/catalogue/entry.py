"""What the local file keeps of one name: of its ledger document, its static answer and its artifact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Struct

from dynamic_api.catalogue.bucket import read_document, read_exactly
from dynamic_api.catalogue.skill import BUNDLE, Answer, Skill, SxBundle, Version
from registry_builder.core.artifact import OWN, read
from registry_builder.core.errors import BadArchive
from registry_builder.core.folder import File, Folder
from registry_builder.core.key import digest, download_key
from registry_builder.core.ledger import SERVED, Document, Row
from registry_builder.core.rules import PROMPT_FILES
from registry_builder.core.skill import Skill as Read
from registry_builder.core.skill import scripts_of
from registry_builder.emit.base import Page, Site
from registry_builder.emit.json_api import emit_skill, skill_id
from registry_builder.store.base import Reader

TEXT = 200_000
"""Characters of a prompt file that are searched."""

_NOWHERE = Site(name="", title="", description="", base_url="", owner={}, source_url=None, builder="")


class _Shown(Struct, frozen=True):
    github_url: str | None
    hasScripts: bool  # noqa: N815 - the field's name in contracts/skillzdrive.md


class _Data(Struct, frozen=True):
    skill: msgspec.Raw


class _Twin(Struct, frozen=True):
    data: _Data


@dataclass(frozen=True, slots=True)
class Wanted:
    """A name to be read: the digests of its document and of its static answer ("" when there is none).

    `indexed` is the artifact whose text the local file has, `settled` whether it has all there is to have.
    """

    name: str
    bin: str
    document: str
    pinned: str
    indexed: str = ""
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One name as it goes into the local file; `members` are a collection's.

    `text` is the prompt file's, None when the local file keeps what it has. Without `settled` something was
    not there yet, or not as pinned: the name is read again next time.
    """

    wanted: Wanted
    skill: Skill
    answer: Answer
    versions: tuple[tuple[object, ...], ...]
    members: tuple[str, ...]
    text: str | None
    indexed: str
    settled: bool


def read_entry(reader: Reader, wanted: Wanted) -> Entry:
    """Read what `wanted` names. Raises Trouble when its document is not to be had.

    The static answer lies at a key that changes: while a publisher is at work it can be newer than the
    document. Then the answer is made from the document here.
    """
    document = read_document(reader, wanted.document)
    if document.name != wanted.name:
        raise AssertionError(f"{wanted.name} has the document of {document.name}")
    row = offered_row(document)
    body = _published(reader, wanted)
    fresh = row is None or row.sha256 != wanted.indexed
    files = _files(reader, document.name, row) if row and (fresh or body is None) else None
    missing = row is not None and files is None and (fresh or body is None)
    made = body or _made(document, files or ())
    return Entry(
        wanted=wanted,
        skill=skill_of(document, made),
        answer=answer_of(made),
        versions=tuple(_version_rows(document)),
        members=document.dependencies if document.type == BUNDLE else (),
        text=_text(document, files or ()) if fresh else None,
        indexed="" if row is None or missing else row.sha256,
        settled=not missing and (body is not None or not wanted.pinned),
    )


def offered_row(document: Document) -> Row | None:
    """The version that clients get, by the rule of the static answer."""
    return document.current if document.state in SERVED else None


def skill_of(document: Document, answer: bytes) -> Skill:
    """The record of a document; what only the answer says is taken from there."""
    row = offered_row(document)
    piece = bytes(msgspec.json.decode(answer, type=_Twin).data.skill)
    shown = msgspec.json.decode(piece, type=_Shown)
    return Skill(
        id=skill_id(document.name),
        slug=document.name,
        type=document.type,
        state=document.state,
        name=document.title,
        description=document.description,
        tags=document.tags,
        licence=document.licence,
        author=document.author,
        homepage=document.homepage,
        github_url=shown.github_url,
        owner=document.owner,
        replacement=document.replacement,
        version=(row or document.newest).version,
        download=_version(row) if row else None,
        versions=tuple(map(_version, document.versions)),
        has_scripts=shown.hasScripts,
        execution_tier=document.execution_tier,
        required_env=document.required_env,
        credit_cost_per_use=document.credit_cost_per_use,
        json=piece,
        manifest=document.manifest,
    )


def answer_of(body: bytes) -> Answer:
    """`body` with its entity tag: the digest, as the static server gives it."""
    return Answer(body, f'"{digest(body)}"')


def _version(row: Row) -> Version:
    sx = row.derived.get("sx")
    return Version(
        ordinal=row.version,
        label=row.label,
        state=row.state,
        sha256=row.sha256,
        size=row.size,
        time=row.time,
        files=row.files,
        bytes=row.bytes,
        reason=None if row.reason is UNSET else str(row.reason),
        sx=SxBundle(sx.sha256, sx.size, sx.clients, sx.dependencies) if sx else None,
    )


def _version_rows(document: Document) -> Iterator[tuple[object, ...]]:
    for row in document.versions:
        reason = None if row.reason is UNSET else row.reason
        yield (row.sha256, document.name, row.version, "", row.state, row.size, row.sha256, reason)
        if bundle := row.derived.get("sx"):
            yield (
                bundle.sha256,
                document.name,
                row.version,
                "sx",
                row.state,
                bundle.size,
                row.sha256,
                reason,
            )


def _published(reader: Reader, wanted: Wanted) -> bytes | None:
    """The static answer, if it is there as pinned and says what we need of it."""
    if not wanted.pinned:
        return None
    body = read_exactly(reader, answer_key(wanted.name), wanted.pinned)
    try:
        if body is not None:
            msgspec.json.decode(msgspec.json.decode(body, type=_Twin).data.skill, type=_Shown)
    except msgspec.MsgspecError:
        return None
    return body


def answer_key(name: str) -> str:
    """Where the static answer about `name` lies."""
    return f"api/v1/skills/{name}"


def _files(reader: Reader, name: str, row: Row) -> tuple[File, ...] | None:
    """The files of an artifact; None while it is not there, or not what its name says."""
    body = read_exactly(reader, download_key(name, row.sha256), row.sha256)
    try:
        return None if body is None else read(body, OWN)
    except BadArchive:
        return None


def _made(document: Document, files: tuple[File, ...]) -> bytes:
    """The static answer as far as the document and the files say it: without a link to the source."""
    scripts = scripts_of(Folder(document.name, "", "", files, (), document.type))
    return next(emit_skill(Page(document, _read_as(document, scripts), files), _NOWHERE))[1]


def _read_as(document: Document, scripts: tuple[str, ...]) -> Read:
    return Read(
        name=document.name,
        type=document.type,
        title=document.title,
        description=document.description,
        label=None,
        licence=document.licence,
        tags=document.tags,
        author=document.author,
        homepage=document.homepage,
        execution_tier=document.execution_tier,
        required_env=document.required_env,
        allowed_tools=(),
        metadata={},
        extra={},
        body="",
        scripts=scripts,
    )


def _text(document: Document, files: tuple[File, ...]) -> str:
    """The file that tells what to do: the prompt, or the README of what has none."""
    prompt = PROMPT_FILES.get(document.type, "README.md")
    data = next((file.data for file in files if file.path == prompt), b"")
    return data.decode("utf-8", "replace")[:TEXT]
