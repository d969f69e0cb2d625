"""The ledger as JSON lines, for back-ups: a head, then one document a line, by name."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from registry_builder.core.artifact import OWN, pack
from registry_builder.core.artifact import read as read_zip
from registry_builder.core.errors import Foreign, Missing, Unfit
from registry_builder.core.folder import File
from registry_builder.core.key import digest, download_key
from registry_builder.core.ledger import (
    LOST,
    QUARANTINED,
    YANKED,
    Derived,
    Document,
    Row,
    decode_document,
    encode,
)
from registry_builder.core.revoked import Revocation
from registry_builder.core.tree import Pointer
from registry_builder.emit.base import Source as Made
from registry_builder.emit.claude import MANIFEST
from registry_builder.emit.table import BUNDLERS, object_keys
from registry_builder.press import BUNDLE, objects_of, published_skill
from registry_builder.previous import Previous, View
from registry_builder.source import Listing, Source
from registry_builder.workshop import Workshop

SCHEMA = 1


class Head(msgspec.Struct, frozen=True):
    """The first line: when it was made, and of what."""

    schema: int
    generation: int
    root: str | None = None
    revoked: tuple[Revocation, ...] = ()


class _Named(msgspec.Struct):
    """The name that a line is about."""

    name: str | None = None
    bundle: str | None = None


def exported(previous: Previous, pointer: Pointer, before: bytes | None = None) -> Iterator[bytes]:
    """The lines of a back-up of a release; what is as in the back-up `before` comes from there."""
    view = previous.view
    head = {
        "schema": SCHEMA,
        "generation": pointer.generation,
        "commit": pointer.commit,
        "root": view.root_sha256,
    }
    if previous.revoked.revoked:
        head["revoked"] = msgspec.to_builtins(previous.revoked.revoked)
    yield json.dumps(head, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    known = _unchanged(view, before) if before else {}
    for name in view.noted:
        yield from known[name] if name in known else _lines(view, name)


def _lines(view: View, name: str) -> Iterator[bytes]:
    document = view.document(name)
    if document is None:
        return
    yield encode(document)
    there = (row for row in document.versions if row.state != QUARANTINED and row.withdrawn != LOST)
    for row in there if document.type == BUNDLE else ():
        (manifest,) = read_zip(view.reader.get(download_key(name, row.sha256)), OWN)
        yield encode(Manifest(bundle=name, version=row.version, manifest=manifest.data.decode()))


def _unchanged(view: View, before: bytes) -> dict[str, list[bytes]]:
    """Name → lines in `before` of what is the same in `view`; nothing when its release is gone."""
    found: dict[str, list[bytes]] = defaultdict(list)
    try:
        older = View(view.reader, head_of(before).root)
        changed = frozenset(view.changed_since(older))
        for line in before.splitlines(keepends=True)[1:]:
            named = msgspec.json.decode(line, type=_Named)
            name = named.bundle or named.name or ""
            if name not in changed:
                found[name].append(line)
    except (Missing, Foreign, msgspec.MsgspecError):
        return {}
    return found


def head_of(body: bytes) -> Head:
    """The head of a back-up. Raises Unfit."""
    try:
        head = msgspec.json.decode(body.partition(b"\n")[0], type=Head)
    except msgspec.MsgspecError as error:
        mend = "skillpress ledger export"
        raise Unfit("bad-ledger", f"no ledger: {error}", place="line 1", mend=mend) from error
    if head.schema != SCHEMA:
        message = f"a ledger of schema {head.schema}, and this knows {SCHEMA}"
        raise Unfit("bad-ledger", message, place="line 1", mend="use a newer skillpress")
    return head


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one file of a bundle's version, which Git has under no tree."""

    bundle: str
    version: int
    manifest: str


@dataclass(frozen=True, slots=True)
class Backup:
    """What a back-up holds: the generation it was made at, the documents, the bundles' files, revocations."""

    generation: int
    documents: Mapping[str, Document]
    manifests: Mapping[tuple[str, int], bytes]
    revoked: tuple[Revocation, ...] = ()


def imported(body: bytes) -> Backup:
    """A back-up as it was exported. Raises Unfit with the line that is not in its form."""
    head = head_of(body)
    found: dict[str, Document] = {}
    manifests: dict[tuple[str, int], bytes] = {}
    for number, line in enumerate(body.splitlines()[1:], 2):
        try:
            if line.startswith(b'{"bundle":'):
                item = msgspec.json.decode(line, type=Manifest)
                manifests[item.bundle, item.version] = item.manifest.encode()
                continue
            document = decode_document(line)
        except msgspec.MsgspecError as error:
            raise Unfit("bad-ledger", f"no document: {error}", place=f"line {number}") from error
        if document.name in found:
            raise Unfit("bad-ledger", f"{document.name} stands there twice", place=f"line {number}")
        found[document.name] = document
    return Backup(head.generation, found, manifests, head.revoked)


class Restore:
    """Fills the ledger of a bucket from a back-up, and its objects from Git, with the old numbers.

    `generation` is that of the bucket, 0 when it is empty; it may hold an older state of the same registry.
    """

    def __init__(self, backup: Backup, source: Source, generation: int = 0) -> None:
        self.backup = backup
        self.source = source
        self.generation = generation

    def apply(self, work: Workshop) -> None:
        """Change the ledger of `work` before a commit is built on it. Raises Unfit when it is not older."""
        self._refuse_newer(work.base)
        for revocation in self.backup.revoked:
            work.revoked = work.revoked.plus(revocation)
        for seeded in (work.documents, work.objects, work.minted, work.notes, work.removed, work.refused):
            seeded.clear()
        for name, document in self.backup.documents.items():
            rows = tuple(self._restored(work, document, row) for row in document.versions)
            work.documents[name] = msgspec.structs.replace(document, versions=rows)

    def _refuse_newer(self, base: View) -> None:
        mend = "import into an empty store, or into an older state of the same registry"
        if base.noted and self.generation >= self.backup.generation:
            message = (
                f"the bucket is at generation {self.generation}, the back-up at {self.backup.generation}"
            )
            raise Unfit("not-empty", message, mend=mend)
        for name in base.noted:
            there, mine = base.document(name), self.backup.documents.get(name)
            known = [minted(row) for row in there.versions] if there else []
            if known != [minted(row) for row in mine.versions[: len(known)]] if mine else known:
                message = "the bucket has versions that the back-up does not have"
                raise Unfit("not-empty", message, place=name, mend=mend)

    def _restored(self, work: Workshop, document: Document, row: Row) -> Row:
        """`row` with its objects spooled, unless it is revoked; withdrawn when nobody has its bytes."""
        if row.sha256 in work.revoked.reasons:
            return row
        files = self._files(document, row)
        if not files or digest(pack(files)) != row.sha256:
            work.notes.append(f"{document.name}@{row.version} is lost: Git no longer has its tree")
            return msgspec.structs.replace(row, withdrawn=LOST, state=YANKED)
        skill = published_skill(document, files)
        if skill is None:
            return row
        made = objects_of(Made(skill, row.version, files), work.settings, work.site)
        there = work.base.document(document.name)
        if there is None or row.version > there.newest.version:
            row = _with_bundles(work, document, row, made.derived)
        kept = set(object_keys(BUNDLERS, document.name, row))
        for key, body in made.objects:
            if key in kept:
                work.objects.setdefault(document.name, {})[key] = work.spool.add(key, body)
        return row

    def _files(self, document: Document, row: Row) -> tuple[File, ...]:
        if document.type == BUNDLE:
            manifest = self.backup.manifests.get((document.name, row.version))
            return (File(MANIFEST, manifest),) if manifest else ()
        try:
            return self.source.folder(Listing(document.name, document.type, row.path, row.tree)).files
        except Missing:
            return ()


def _with_bundles(work: Workshop, document: Document, row: Row, derived: Mapping[str, Derived]) -> Row:
    """`row` with the bundles that can be made now; the registry's name or a profile may have been others."""
    for kind in sorted(kind for kind in row.derived if row.derived[kind] != derived.get(kind)):
        work.notes.append(
            f"{document.name}@{row.version}: its {kind} bundle had another name or profile, and is a new one"
        )
    return msgspec.structs.replace(row, derived=derived)


def minted(row: Row) -> tuple[int, str, str]:
    """What of `row` never changes once it was given out."""
    return row.version, row.tree, row.sha256
