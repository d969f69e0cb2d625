"""The state of one build: the ledger as it grows, commit by commit, and what had to be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from msgspec import UNSET

from registry_builder.core.artifact import OWN, pack
from registry_builder.core.artifact import read as read_zip
from registry_builder.core.errors import Foreign, Missing, Refusal, Unfit
from registry_builder.core.finding import Finding
from registry_builder.core.folder import File
from registry_builder.core.key import digest, download_key
from registry_builder.core.ledger import ABSENT, QUARANTINED, REMOVED, Document, Moment, Row, bury
from registry_builder.core.revoked import Revoked
from registry_builder.core.rules import check_names
from registry_builder.core.state import with_states
from registry_builder.core.tree import Pin
from registry_builder.emit.base import Collection, Site
from registry_builder.emit.base import Source as Made
from registry_builder.own_files import OwnFiles, check_own_files, collections_of
from registry_builder.press import BUNDLE, Checked, bundle_of, check, press, published_skill, unfit
from registry_builder.previous import View
from registry_builder.settings import Settings
from registry_builder.source import Listing, Source
from registry_builder.spool import Spool

OnPressed = Callable[[Checked, Document], None]


@dataclass(slots=True)
class Workshop:
    """`documents` holds what this build touched; the rest of the ledger is read from `base`.

    With `heals`, an artifact that the bucket lost is made again from Git.
    """

    source: Source
    settings: Settings
    site: Site
    base: View
    spool: Spool
    tick: Callable[[str], None]
    revoked: Revoked = field(default_factory=Revoked)
    documents: dict[str, Document] = field(default_factory=dict)
    objects: dict[str, dict[str, Pin]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    minted: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    collections: tuple[Collection, ...] = ()
    heals: bool = False
    _names: tuple[frozenset[str], tuple[Finding, ...]] = (frozenset(), ())

    def document(self, name: str) -> Document | None:
        """The document of `name` as it stands now."""
        return self.documents.get(name) or self.base.document(name)

    def files(self, document: Document, row: Row) -> tuple[File, ...]:
        """The files of `row`, from its artifact or, if that is lost, from Git. Raises Missing, Foreign."""
        key = download_key(document.name, row.sha256)
        if key in self.spool:
            return read_zip(self.spool.get(key), OWN)
        mend = "restore it from a back-up, or build into a new folder"
        try:
            body = self.base.reader.get(key)
            if digest(body) == row.sha256:
                return read_zip(body, OWN)
            refusal: Refusal = Foreign(
                "bad-artifact", "holds other bytes than were published", place=key, mend=mend
            )
        except Missing:
            refusal = Missing("no-artifact", "was published, and it is gone", place=key, mend=mend)
        files = self._in_git(document, row) if self.heals else None
        if files is None:
            raise refusal
        return files

    def source_of(self, document: Document, row: Row) -> Made | None:
        """What `row` was minted from; None when no rule can read it any more. Raises Missing, Foreign."""
        files = self.files(document, row)
        skill = published_skill(document, files)
        return Made(skill, row.version, files) if skill else None

    def earlier(self, document: Document, row: Row) -> Made | None:
        """The same for a page that compares versions; None also for bytes that are lost."""
        try:
            return self.source_of(document, row)
        except (Missing, Foreign):
            return None

    def _in_git(self, document: Document, row: Row) -> tuple[File, ...] | None:
        """What Git has under the tree of `row`, if it still makes the same artifact."""
        listing = Listing(document.name, document.type, row.path, row.tree)
        try:
            files = self.source.folder(listing).files
        except Missing:
            return None
        return files if digest(pack(files)) == row.sha256 else None

    def alive(self, *types: str) -> set[str]:
        """The names that have no tombstone, of the types given (all when none is)."""
        known = {name: noted.summary for name, noted in self.base.noted.items()}
        found = {n for n, s in known.items() if s.state != REMOVED and (not types or s.type in types)}
        for name, document in self.documents.items():
            keep = document.state != REMOVED and (not types or document.type in types)
            (found.add if keep else found.discard)(name)
        return found

    def gone(self) -> set[str]:
        """The names that have a tombstone."""
        return {*self.base.noted, *self.documents} - self.alive()

    def served(self) -> set[str]:
        """The names of which some version is served."""
        found = {n for n, noted in self.base.noted.items() if noted.summary.version}
        for name, document in self.documents.items():
            (found.add if document.current else found.discard)(name)
        return {name for name in found if self._type(name) != BUNDLE}

    def _type(self, name: str) -> str:
        document = self.documents.get(name)
        return document.type if document else self.base.noted[name].summary.type

    def holds(self, listing: Listing) -> bool:
        """Whether a rollback holds this very folder back."""
        known = self.base.noted.get(listing.name)
        if listing.name not in self.documents and (known is None or known.summary.tree == listing.tree):
            return False
        document = self.document(listing.name)
        return document is not None and document.held == listing.tree

    def restate(self, name: str, own: OwnFiles) -> None:
        """Put the states that `own` gives to `name` into its document."""
        document = self.document(name)
        if document is not None:
            self.documents[name] = self.stated(document, own)

    def stated(self, document: Document, own: OwnFiles) -> Document:
        """`document` in the states that are in force."""
        return with_states(document, own.about(document.name), self.revoked.reasons, self.settings.base_url)

    def check_names(self, current: Mapping[str, Listing]) -> tuple[Finding, ...]:
        """What is wrong between names; done again only when one came or went."""
        paths = frozenset(current)
        if paths != self._names[0]:
            names = [(listing.name, listing.path) for listing in current.values()]
            self._names = (paths, tuple(check_names(names, self.settings.policy)))
        return self._names[1]


Press = Callable[[], Sequence[Finding]]
Tried = tuple[Listing, Sequence[Finding], Press]
"""A folder, what the rules say of it, and what presses it, giving what was wrong with that."""
Try = Callable[[Sequence[Listing]], Iterator[Tried]]
Team = Callable[["Advance", Try], Iterator[Tried]]
"""Who tries the changed folders of an advance, in their order."""


def alone(advance: Advance, one_by_one: Try) -> Iterator[Tried]:
    """This process alone."""
    return one_by_one(advance.changed)


@dataclass(slots=True)
class Advance:
    """One commit: `changed` folders are pressed, names that are no longer in `current` are buried."""

    work: Workshop
    moment: Moment
    changed: list[Listing]
    current: Mapping[str, Listing]
    own: OwnFiles
    _lenient: bool = False
    _stopped: bool = False
    _blocked: set[str] = field(default_factory=set)

    def run(self, *, replay: bool, on_pressed: OnPressed | None = None, team: Team = alone) -> list[Finding]:
        """Everything that was wrong. With errors and no leave to skip, the ledger is left unfinished."""
        self._lenient = replay or self.work.settings.skip_invalid
        between = self.work.check_names(self.current)
        self._blocked = {finding.name for finding in between if finding.level == "error"}
        names = {listing.name for listing in self.current.values()}
        findings = [*between, *check_own_files(self.own, names, self.work.gone())]
        self._stopped = not self._lenient and any(finding.level == "error" for finding in findings)
        self._bury(names)
        one_by_one = partial(self._tried, replay=replay, on_pressed=on_pressed)
        for listing, problems, go_on in team(self, one_by_one):
            findings += problems
            if self.admits(listing, problems):
                findings += go_on()
            self.work.tick("read")
        if not self._stopped:
            self._bundles(names, on_pressed)
        return findings

    def admits(self, listing: Listing, problems: Sequence[Finding]) -> bool:
        """Whether `listing` is to be pressed. One that is not stops all that follow, unless we may skip."""
        if listing.name in self._blocked or any(problem.level == "error" for problem in problems):
            self.work.refused.add(listing.name)
            self._stopped = not self._lenient
            return False
        return not self._stopped

    def _tried(
        self, listings: Sequence[Listing], *, replay: bool, on_pressed: OnPressed | None
    ) -> Iterator[Tried]:
        for listing, folder in zip(listings, self.work.source.folders(listings), strict=True):
            checked = check(folder, self.work.settings)
            problems = [*checked.findings, *self._retired(listing.name, replay=replay)]
            yield listing, problems, partial(self._press, checked, on_pressed)

    def _retired(self, name: str, *, replay: bool) -> list[Finding]:
        document = self.work.document(name)
        if document is None or document.state != REMOVED or document.removed is UNSET:
            return []
        if replay:
            self.work.notes.append(f"{name} came back at {self.moment.commit[:12]}")
            return []
        if name in self.own.advisories.reclaim:
            return []
        commit = document.removed.commit[:12]
        message = f"{name} was deleted in {commit}; the name is kept for those who installed it"
        mend = f'give a reason under [reclaim] in advisories.toml: {name} = "…"'
        return [Finding("name-retired", "error", name, name, 0, message, mend)]

    def _press(self, checked: Checked, on_pressed: OnPressed | None) -> list[Finding]:
        work, name = self.work, checked.folder.name
        try:
            pressed = press(checked, work.document(name), self.moment, work.settings, work.site)
        except Unfit as error:
            work.refused.add(name)
            return [unfit(error, checked.folder)]
        document = work.stated(pressed.document, self.own)
        for key, body in pressed.objects if document.newest.state != QUARANTINED else ():
            work.objects.setdefault(name, {})[key] = work.spool.add(key, body)
        work.documents[name] = document
        work.refused.discard(name)
        if pressed.minted:
            work.minted.append(f"{name}@{document.newest.version}")
        if on_pressed:
            on_pressed(checked, document)
        return []

    def _bury(self, names: set[str]) -> None:
        for name in sorted(self.work.alive() - names - set(self.own.collections)):
            document = self.work.document(name)
            if document is None:
                raise AssertionError(f"{name} is alive and has no document")
            if document.held == ABSENT:
                continue
            self.work.documents[name] = bury(document, self.moment)
            self.work.removed.append(name)

    def _bundles(self, taken: set[str], on_pressed: OnPressed | None) -> None:
        work = self.work
        work.collections = collections_of(self.own, work.served(), taken) if self.own.collections else ()
        for collection in work.collections:
            bundle = bundle_of(collection)
            if self._is_noted(bundle):
                continue
            previous = work.document(collection.name)
            if previous is None or previous.newest.tree != bundle.folder.tree or previous.state == REMOVED:
                self._press(bundle, on_pressed)

    def _is_noted(self, bundle: Checked) -> bool:
        """Whether the last release has just this bundle, as far as its summary tells."""
        noted = self.work.base.noted.get(bundle.folder.name)
        if noted is None or bundle.folder.name in self.work.documents:
            return False
        known = noted.summary
        return (known.tree, known.type) == (bundle.folder.tree, BUNDLE) and known.state != REMOVED
