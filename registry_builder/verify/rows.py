"""Each row of the ledger against Git: its commit, the tree there, its time, its artifact, its bundles."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from msgspec.structs import replace

from registry_builder.core.artifact import OWN, pack
from registry_builder.core.artifact import read as read_zip
from registry_builder.core.errors import Missing, Refusal, Unfit
from registry_builder.core.folder import File, git_tree
from registry_builder.core.key import digest, download_key, tarball_key
from registry_builder.core.ledger import QUARANTINED, Derived, Document, Row
from registry_builder.emit.base import Collection, Site
from registry_builder.emit.base import Source as Made
from registry_builder.emit.claude import bundle_files
from registry_builder.emit.table import derive
from registry_builder.own_files import COLLECTIONS, read_own_files
from registry_builder.press import BUNDLE, published_skill
from registry_builder.source import Listing, Source, rfc3339
from registry_builder.store.base import Reader
from registry_builder.verify.report import Fault, Report

_AT_ONCE = 500
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Claim:
    """A row, and the time of the row before it."""

    document: Document
    row: Row
    after: str

    @property
    def what(self) -> str:
        return f"{self.document.name}@{self.row.version}"

    @property
    def key(self) -> str:
        return f"api/v1/index/{self.document.name}.json"


@dataclass(slots=True)
class Rows:
    """Compares rows with `source`; what Git no longer has is unprovable. `name` is the registry's."""

    source: Source
    reader: Reader
    name: str
    roots: Mapping[str, str]
    report: Report
    tick: Callable[[str], None]
    _times: dict[str, str | None] = field(default_factory=dict)

    def check(self, documents: Iterable[Document]) -> None:
        """Look at every row of every document."""
        claims = (claim for document in documents for claim in _claims(document))
        while batch := list(islice(claims, _AT_ONCE)):
            self.report.checked["rows"] += len(batch)
            self._folders([claim for claim in batch if claim.document.type != BUNDLE and self._has(claim)])
            for claim in batch:
                if claim.document.type == BUNDLE and self._has(claim):
                    self._bundle(claim)

    def _folders(self, claims: Sequence[_Claim]) -> None:
        places = [(claim.row.commit, claim.row.path.replace("\n", "//")) for claim in claims]
        trees = self.source.trees_at(places) if places else []
        sound = []
        for claim, tree in zip(claims, trees, strict=True):
            row = claim.row
            if tree == row.tree:
                sound.append(claim)
                continue
            there = f"the tree {tree[:12]}" if tree else "no folder"
            message = f"{claim.what}: commit {row.commit[:12]} has {there} at {row.path}, not {row.tree[:12]}"
            self.report.fault("other-tree", claim.key, message)
        listings = [Listing(c.document.name, self._type(c), c.row.path, c.row.tree) for c in sound]
        try:
            for claim, folder in zip(sound, self.source.folders(listings), strict=True):
                self.tick("rows")
                self._artifact(claim, folder.files, folder.type)
        except Missing as error:
            self.report.unprovable.append(Fault("unprovable", "", error.message))

    def _has(self, claim: _Claim) -> bool:
        """Whether Git has the commit; its time is looked at on the way."""
        row = claim.row
        if not _ID.fullmatch(row.commit):
            self.report.fault("other-commit", claim.key, f"{claim.what}: {row.commit!r} is no commit")
            return False
        if row.commit not in self._times:
            self._times[row.commit] = self._time(row.commit)
        time = self._times[row.commit]
        if time is None:
            message = f"{claim.what}: Git no longer has commit {row.commit[:12]}"
            self.report.unprovable.append(Fault("unprovable", claim.key, message))
            return False
        if row.time != max(time, claim.after):
            message = f"{claim.what}: is of {row.time}, and commit {row.commit[:12]} of {time}"
            self.report.fault("other-time", claim.key, message)
        return True

    def _time(self, commit: str) -> str | None:
        try:
            body = next(self.source.objects.read([commit]))
        except Missing:
            return None
        found = re.search(rb"^committer [^\n]*> (\d+) [-+]\d+$", body.partition(b"\n\n")[0], re.MULTILINE)
        return rfc3339(int(found[1])) if found else None

    def _type(self, claim: _Claim) -> str:
        """What kind of asset the row was: a name may have changed it since."""
        parent = claim.row.path.rpartition("/")[0]
        kinds = (kind for kind, root in self.roots.items() if parent == f"{self.source.prefix}{root}")
        return next(kinds, claim.document.type)

    def _artifact(self, claim: _Claim, files: Sequence[File], type_: str) -> None:
        row = claim.row
        try:
            body = pack(files)
        except Unfit as error:
            self.report.fault(
                "other-artifact", claim.key, f"{claim.what}: Git's files make no artifact: {error}"
            )
            return
        if digest(body) != row.sha256:
            message = (
                f"{claim.what}: Git's files give the artifact {digest(body)[:16]}…, not {row.sha256[:16]}…"
            )
            self.report.fault("other-artifact", claim.key, message)
            return
        counted = (len(body), len(files), sum(len(file.data) for file in files))
        if counted != (row.size, row.files, row.bytes):
            message = f"{claim.what}: Git's files give size, files and bytes {counted}"
            self.report.fault("other-artifact", claim.key, message)
        self._derived(claim, tuple(files), type_)

    def _derived(self, claim: _Claim, files: tuple[File, ...], type_: str) -> None:
        document, row = claim.document, claim.row
        skill = published_skill(_of_type(document, type_), files)
        if skill is None:
            message = f"{claim.what}: is no longer understood, so its bundles are not made again"
            self.report.unprovable.append(Fault("unprovable", claim.key, message))
            return
        if skill.label != row.label:
            self.report.fault("other-label", claim.key, f"{claim.what}: Git's files say {skill.label!r}")
        made = Made(skill, row.version, files)
        records = _records(made, self.name)
        scope = self._scope(document, row) if row.derived != records else None
        if scope not in {None, self.name}:
            records = _records(made, scope or "")
        for name, record in row.derived.items():
            mine = records.get(name)
            if mine == record:
                continue
            if mine is not None and mine.profile != record.profile:
                message = f"{claim.what}: profile {record.profile} of {name} is not one that we make"
                self.report.unprovable.append(Fault("unprovable", claim.key, message))
            elif name == "npm" and row.state == QUARANTINED and scope is None:
                message = f"{claim.what}: its tarball is gone, and with it the scope that it was made for"
                self.report.unprovable.append(Fault("unprovable", claim.key, message))
            else:
                message = f"{claim.what}: Git's files give another {name} bundle"
                self.report.fault("other-bundle", claim.key, message)

    def _scope(self, document: Document, row: Row) -> str | None:
        """The npm scope that the row's tarball has: the registry may have had another name."""
        record = row.derived.get("npm")
        try:
            body = self.reader.get(tarball_key(document.name, record.sha256)) if record else b""
            with tarfile.open(fileobj=io.BytesIO(body)) as tar:
                manifest = tar.extractfile("package/package.json")
                name = json.loads(manifest.read())["name"] if manifest else ""
        except (Refusal, tarfile.TarError, OSError, ValueError, KeyError, TypeError):
            return None
        found = re.fullmatch(r"@([a-z0-9-]+)/" + re.escape(document.name), str(name))
        return found[1] if found else None

    def _bundle(self, claim: _Claim) -> None:
        """The plugin of a collection, from collections.toml at its commit; only served members are in it."""
        document, row = claim.document, claim.row
        try:
            own = self.source.own_file(self.source.commit(row.commit), COLLECTIONS)
            table = read_own_files(own, None).collections.get(document.name)
            files = read_zip(self.reader.get(download_key(document.name, row.sha256)), OWN)
            members = json.loads(files[0].data)["dependencies"]
        except (Refusal, ValueError, KeyError, TypeError, IndexError):
            table, members = None, []
        if table is None:
            message = f"{claim.what}: its collections.toml or its bundle cannot be read"
            self.report.unprovable.append(Fault("unprovable", claim.key, message))
            return
        title = table.title or document.name
        about = table.description or f"The collection {title}"
        made = bundle_files(
            Collection(name=document.name, title=title, description=about, members=tuple(members))
        )
        same = (digest(pack(made)), git_tree(made)) == (row.sha256, row.tree)
        if not same or not set(members) <= set(table.skills):
            message = f"{claim.what}: collections.toml at {row.commit[:12]} gives another bundle"
            self.report.fault("other-artifact", claim.key, message)


def _claims(document: Document) -> Iterator[_Claim]:
    after = ""
    for row in document.versions:
        yield _Claim(document, row, after)
        after = row.time


def _of_type(document: Document, type_: str) -> Document:
    return document if document.type == type_ else replace(document, type=type_)


def _records(made: Made, name: str) -> dict[str, Derived]:
    """What is derived in a registry called `name`; nothing else of a site goes into a bundle."""
    site = Site(name=name, title="", description="", base_url="", owner={}, source_url=None, builder="")
    return {name: derivation.record for name, derivation in derive(made, site)}
