"""The release that a bucket holds, built again from its own ledger and Git, compared pin by pin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

import msgspec

from registry_builder.build import Build, Refused
from registry_builder.core.errors import Refusal
from registry_builder.core.key import node_key
from registry_builder.core.ledger import Document
from registry_builder.core.tree import HistoryNode, Pin, Root
from registry_builder.previous import Previous, SummaryNode, View
from registry_builder.release import Release
from registry_builder.settings import Settings
from registry_builder.source import Commit, Source
from registry_builder.spool import Spool
from registry_builder.store.base import Listed, Reader
from registry_builder.templates import load_templates
from registry_builder.verify.git_repo import Repository, repositories
from registry_builder.verify.references import MALFORMED
from registry_builder.verify.report import Report
from registry_builder.verify.rows import Rows

_NEEDED = re.compile(r"r/.*|api/v1/downloads/.*|t/.*|release\.json|revoked\.json")


@dataclass(slots=True)
class Kept:
    """Reads a bucket, and keeps what a rebuild will read again on disk: no byte is fetched twice."""

    reader: Reader
    spool: Spool
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: str) -> bytes:
        if key in self.spool:
            return self.spool.get(key)
        body = self.reader.get(key)
        if _NEEDED.fullmatch(key):
            with self._lock:
                self.spool.add(key, body)
        return body

    def list(self, prefix: str = "") -> Iterator[Listed]:
        return self.reader.list(prefix)


class _Anew(Previous):
    """A previous release of which every key is made again, and whose history begins anew."""

    def to_finish(self) -> frozenset[str]:
        return frozenset(self.view.noted)

    def history(self) -> HistoryNode | None:
        return None


@dataclass(slots=True)
class Rebuild:
    """What `source` and `settings` say of the bucket behind `reader`.

    `git_trees` are the trees at the tips of its repositories.
    """

    reader: Reader
    source: Source
    commit: Commit
    settings: Settings
    report: Report
    tick: Callable[[str], None]
    git_trees: Mapping[str, str]

    def rows(self, documents: Iterable[Document]) -> None:
        """Every row of `documents` against Git."""
        settings = self.settings
        Rows(self.source, self.reader, settings.name, settings.roots, self.report, self.tick).check(documents)

    def release(self) -> None:
        """The whole release. Nothing is written but a temporary file."""
        previous = _Anew(self.reader)
        with Spool() as spool:
            try:
                release = self._build(previous, spool).run()
            except Refused as error:
                first = next(item for item in error.findings if item.level == "error")
                message = f"commit {self.commit.id[:12]} is refused: {first.place}: {first.message}"
                self.report.fault("not-rebuilt", "release.json", message)
                return
            except Refusal as error:
                self.report.fault("not-rebuilt", error.place or "release.json", error.message)
                return
            except (*MALFORMED, AssertionError) as error:
                # The ledger is somebody else's word: no builder of ours need have written it.
                self.report.fault(
                    "not-rebuilt", "release.json", f"nothing can be built on its ledger: {error!r}"
                )
                return
            self._compare(release, previous.view, spool)
            self._repositories(release, spool)

    def _build(self, previous: Previous, spool: Spool) -> Build:
        build = Build(self.source, self.commit, self.settings, previous, spool, load_templates())
        build.tick = self.tick
        return build

    def _compare(self, release: Release, view: View, spool: Spool) -> None:
        commit = self.commit.id[:12]
        for item in release.minted:
            key = f"api/v1/index/{item.partition('@')[0]}.json"
            self.report.fault("missing-version", key, f"Git at {commit} has a folder that would be {item}")
        for name in release.removed:
            message = f"{name} is not in Git at {commit}, and the ledger has no tombstone"
            self.report.fault("missing-tombstone", f"api/v1/index/{name}.json", message)
        minted = {item.partition("@")[0] for item in release.minted} | set(release.removed)
        for name in sorted({*release.changed, *view.noted} - minted):
            mine, theirs = release.changed.get(name), view.pins(name)
            self.report.checked["names rebuilt"] += 1
            self._keys(mine.keys if mine else {}, theirs.keys if theirs else {})
            if mine and theirs and mine.document != theirs.document:
                key = f"api/v1/index/{name}.json"
                self.report.fault("other-document", key, f"Git at {commit} gives another ledger document")
        if not minted:
            self._keys(release.span.keys, view.span.keys if view.span else {})
            self._summaries(release, view, spool)

    def _keys(self, mine: Mapping[str, Pin], theirs: Mapping[str, Pin]) -> None:
        for key in sorted({*mine, *theirs}):
            ours, found = mine.get(key), theirs.get(key)
            self.report.checked["keys rebuilt"] += 1
            if ours is None:
                self.report.fault("not-from-git", key, "is pinned, and Git gives no such key")
            elif found is None:
                self.report.fault("not-pinned", key, "Git gives this key, and the tree does not pin it")
            elif ours != found:
                mine_is = f"Git gives {ours.size:,} bytes of {ours.sha256[:16]}…"
                message = f"{mine_is}, pinned are {found.size:,} of {found.sha256[:16]}…"
                self.report.fault("not-from-git", key, message)

    def _summaries(self, release: Release, view: View, spool: Spool) -> None:
        root = msgspec.json.decode(spool.get(node_key(release.root)), type=Root)
        for label, sha256 in root.summaries.items():
            if view.root.summaries.get(label) != sha256:
                node = msgspec.json.decode(spool.get(node_key(sha256)), type=SummaryNode)
                for name, noted in node.names.items():
                    theirs = view.noted.get(name)
                    if theirs is None or theirs.summary != noted.summary:
                        key = node_key(view.root.summaries.get(label, ""))
                        self.report.fault("other-summary", key, f"Git gives another summary of {name}")

    def _repositories(self, release: Release, spool: Spool) -> None:
        made = release.telling.made
        folders = repositories(made)
        for folder, keys in folders.items():
            mine = Repository(folder, keys, spool.get, partial(self.report.fault, "bad-git"))
            mine.check()
            if folder not in self.git_trees:
                self.report.fault("not-pinned", f"{folder}/info/refs", "Git gives this repository")
            elif self.git_trees[folder] != mine.tree:
                message = (
                    f"its tip has the tree {self.git_trees[folder][:12]}, and Git gives {mine.tree[:12]}"
                )
                self.report.fault("not-from-git", f"{folder}/info/refs", message)
        for folder in set(self.git_trees) - set(folders):
            self.report.fault("not-from-git", f"{folder}/info/refs", "Git gives no such repository")
