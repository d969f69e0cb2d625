"""The pipeline: a commit, the previous release and settings become the next release.

Folders are streamed through check, press and emit; names whose folder, settings and advisories are what
they were keep the keys that the previous release pins. Nothing is written here but the spool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from registry_builder import BUILDER
from registry_builder.core.errors import Missing, Unfit
from registry_builder.core.finding import Finding
from registry_builder.core.ledger import REMOVED
from registry_builder.emit.base import Site
from registry_builder.history import Past
from registry_builder.own_files import ADVISORIES, COLLECTIONS, OwnFiles, read_own_files
from registry_builder.press import BUNDLE
from registry_builder.previous import Holes, Previous
from registry_builder.release import Assembly, Release
from registry_builder.settings import Settings
from registry_builder.source import Commit, Listing, Source
from registry_builder.spool import Spool
from registry_builder.team import Team
from registry_builder.templates import Templates, themed
from registry_builder.workshop import Advance, Workshop

Tick = Callable[[str], None]


class Refused(Unfit):
    """Content with errors; `findings` are all that were found in all of it."""

    def __init__(self, findings: list[Finding]) -> None:
        count = sum(finding.level == "error" for finding in findings)
        mend = "mend them, or --skip-invalid leaves each at its last version"
        super().__init__("refused", f"{count} {'error' if count == 1 else 'errors'}", mend=mend)
        self.findings = findings


@dataclass(slots=True)
class Build:
    """One run of the pipeline. `tick` is told of each folder read.

    `before` may change the ledger before the commit is looked at, as a rollback does.
    """

    source: Source
    commit: Commit
    settings: Settings
    previous: Previous
    spool: Spool
    templates: Templates
    before: Callable[[Workshop], None] | None = None
    tick: Tick = field(default=lambda _: None)
    jobs: int = 1

    def run(self) -> Release:
        """The release of `commit`. Raises Refused with every finding, OverBudget, Missing, Unfit."""
        self.templates = themed(self.templates, self.settings.site, self._own_file)
        base, own = self.previous.base, self.own_files(self.commit)
        work = Workshop(
            self.source, self.settings, self.site(), base, self.spool, self.tick, self.previous.revoked
        )
        work.heals = self.previous.holes != Holes()
        current = self.source.listings(self.commit, self.settings.roots)
        if not current:
            self._refuse_empty()
        if not base.noted and self.settings.seed == "history":
            Replay(self, work).run()
            for name in list(work.documents):
                work.restate(name, own)
        if self.before:
            self.before(work)
        forced = self.previous.to_finish()
        past = Past(self.previous.history(), self.previous.rewrite, self.previous.reader)
        assembly = Assembly(work, own, self.memos(own), forced, self.templates.static, past)
        stale = assembly.stale()
        for name in stale:
            work.restate(name, own)
        fresh = [item for item in current.values() if item.name in stale or self._differs(work, item)]
        changed = [item for item in fresh if not work.holds(item)]
        advance = Advance(work, self.commit.moment, changed, current, own)
        team = Team(assembly, self.jobs)
        findings = advance.run(replay=False, on_pressed=assembly.emit, team=team.tried)
        if not self.settings.skip_invalid and any(finding.level == "error" for finding in findings):
            raise Refused(findings)
        return assembly.release(self.commit, findings, stale)

    def _refuse_empty(self) -> None:
        """Without any asset, the registry's must have been deleted in the history since its last release.

        Else this is another folder, other roots or another repository.
        """
        noted = [item.summary for item in self.previous.base.noted.values()]
        living = [item.path for item in noted if item.state != REMOVED and item.type != BUNDLE]
        pointer, source = self.previous.pointer, self.source
        if not living or pointer is None or self.settings.allow_empty:
            return
        if source.descends(self.commit, pointer.commit) and not source.any_folder(self.commit, living):
            return
        raise Unfit(
            "nothing-left",
            f"there is no asset at {self.commit.id[:12]}, but the registry has {len(living)}",
            place=source.prefix or source.folder_name,
            mend="look at -C, --rev and the roots in registry.toml; --allow-empty deletes them all",
        )

    def _differs(self, work: Workshop, listing: Listing) -> bool:
        if listing.name in work.documents:
            document = work.documents[listing.name]
            known = (document.newest.tree, document.type, document.state)
        elif listing.name in work.base.noted:
            summary = work.base.noted[listing.name].summary
            known = (summary.tree, summary.type, summary.state)
        else:
            return True
        return known[:2] != (listing.tree, listing.type) or known[2] == REMOVED

    def own_files(self, commit: Commit) -> OwnFiles:
        """collections.toml and advisories.toml of `commit`. Raises Unfit."""
        files = (self.source.own_file(commit, name) for name in (COLLECTIONS, ADVISORIES))
        return read_own_files(*files)

    def _own_file(self, name: str) -> bytes | None:
        return self.source.own_file(self.commit, name)

    def site(self) -> Site:
        """What emitters know of the registry, but for its collections."""
        settings = self.settings
        return Site(
            name=settings.name,
            title=settings.title,
            description=settings.description,
            base_url=settings.base_url,
            owner=settings.owner,
            source_url=settings.source_url,
            builder=BUILDER,
            emitters=settings.emitters,
            footer=settings.site.footer,
            assets=self.templates.assets,
            templates=self.templates.pages,
        )

    def memos(self, own: OwnFiles) -> Callable[[str], str]:
        """Name → digest of all that decides its keys besides its folder and its ledger."""
        settings = self.settings
        common = [BUILDER, self.templates.sha256, self.site(), settings.policy, settings.emitters]
        plain = _digest(common)

        def memo(name: str) -> str:
            table = settings.skills.get(name)
            within = [key for key, item in own.collections.items() if name in item.skills]
            parts = [
                table,
                own.about(name),
                within,
                [(item.sha256, item.reason) for item in self.previous.revoked.about(name)],
            ]
            return _digest([plain, *parts]) if any(parts) else plain

        return memo


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:32]


@dataclass(slots=True)
class Replay:
    """Fills an empty ledger from first-parent history (DESIGN.md D2)."""

    build: Build
    work: Workshop
    current: dict[str, Listing] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    own: OwnFiles = field(default_factory=OwnFiles)
    broken: bool = False

    def run(self) -> None:
        """Advance over every commit before the one that is built. Raises Missing for a shallow clone."""
        source, commit = self.build.source, self.build.commit
        if source.shallow():
            raise Missing(
                "shallow-clone",
                "the ledger is empty and this clone lacks the history that would fill it",
                mend='git fetch --unshallow, or seed = "head" under [content] in registry.toml',
            )
        for step in source.history(commit, self.build.settings.roots):
            for path, listing in step.changed.items():
                self.pending.add(path)
                self.current.pop(path, None)
                if listing:
                    self.current[path] = listing
            if step.moment.commit == commit.id:
                return
            if step.own_files:
                self._read_own_files(step.moment.commit)
            if not self.broken and (step.changed or step.own_files or self.pending):
                self._advance(step.moment.commit)

    def _read_own_files(self, rev: str) -> None:
        before = self.own
        try:
            self.own = self.build.own_files(self.build.source.commit(rev))
            self.broken = False
        except Unfit as error:
            self.work.notes.append(f"{rev[:12]} and what follows mints nothing: {error}")
            self.broken = True
            return
        for item in (*before.advisories.advisory, *self.own.advisories.advisory):
            self.work.restate(item.skill, self.own)

    def _advance(self, rev: str) -> None:
        commit = self.build.source.commit(rev)
        changed = [self.current[path] for path in sorted(self.pending) if path in self.current]
        findings = Advance(self.work, commit.moment, changed, self.current, self.own).run(replay=True)
        blocked = {f.name for f in self.work.check_names(self.current) if f.level == "error"}
        self.pending = {path for path, item in self.current.items() if item.name in blocked}
        for finding in findings:
            if finding.level == "error":
                self.work.notes.append(f"{rev[:12]}: {finding.place}: {finding.message} [{finding.rule}]")
