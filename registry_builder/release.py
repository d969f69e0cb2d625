"""Puts a release together: the keys of every name that changed, the keys that span names, the digest tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

from msgspec import UNSET

from registry_builder.budget import Enforcer
from registry_builder.core.finding import Finding
from registry_builder.core.folder import File
from registry_builder.core.key import KeyClass, classify, digest, node_key
from registry_builder.core.ledger import LOST, QUARANTINED, REMOVED, Document, Row, encode
from registry_builder.core.tree import Bin, NamePins, Pin, Root, SpanNode, bin_of, pin
from registry_builder.emit.base import Collection, Page, Site, Summary, summarise
from registry_builder.emit.table import (
    BUNDLERS,
    budgets,
    emit_collection,
    emit_registry,
    emit_skill,
    gathers,
    note_skill,
    object_keys,
)
from registry_builder.history import News, Past, Telling, tell
from registry_builder.own_files import OwnFiles, declared
from registry_builder.press import BUNDLE, Checked, in_words_of, objects_of, published_skill
from registry_builder.previous import Noted
from registry_builder.source import Commit
from registry_builder.summaries import summary_nodes
from registry_builder.workshop import Workshop

_KEPT = (KeyClass.IMMUTABLE, KeyClass.FROZEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a bucket should hold next. Bodies are in the spool; `changed` and `span` pin every other key.

    `nodes` are the new nodes of the digest tree, the root last. `minted` has entries such as "pdf-tools@3".
    `telling` is the record of emitters that build on earlier releases.
    """

    commit: Commit
    root: str
    changed: Mapping[str, NamePins]
    span: SpanNode
    telling: Telling
    nodes: tuple[str, ...]
    minted: tuple[str, ...]
    removed: tuple[str, ...]
    refused: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    documents: Mapping[str, Document]
    skills: int
    versions: int


@dataclass(slots=True)
class Assembly:
    """Collects what a build emits. `memo` says what a name's keys depend on; `forced` are made anew whole."""

    work: Workshop
    own: OwnFiles
    memo: Callable[[str], str]
    forced: frozenset[str]
    static: Mapping[str, bytes]
    past: Past
    changed: dict[str, NamePins] = field(default_factory=dict)
    summaries: dict[str, Summary] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    cuts: list[Finding] = field(default_factory=list)
    _budget: Enforcer = field(init=False)
    _brief: tuple[Collection, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._budget = Enforcer(budgets(self.work.settings.emitters))
        self._brief = declared(self.own)

    def stale(self) -> set[str]:
        """The names whose keys were made from something else than what is in force now."""
        known = self.work.base.noted.items()
        return {name for name, noted in known if name in self.forced or noted.memo != self.memo(name)}

    def emit(self, checked: Checked, document: Document) -> None:
        """The keys of a name just pressed, from its files if they are what is served; collections wait."""
        current = document.current
        if current is not None and current.tree == checked.folder.tree and document.type != BUNDLE:
            self._page(Page(document, checked.skill, checked.folder.files))

    def give(self, name: str) -> tuple[NamePins, Summary] | None:
        """What was made for `name`; it is forgotten here."""
        self.documents.pop(name, None)
        return (self.changed.pop(name), self.summaries.pop(name)) if name in self.changed else None

    def take(self, document: Document, made: tuple[NamePins, Summary]) -> None:
        """What another process made for `document`."""
        self.documents[document.name] = document
        self.changed[document.name], self.summaries[document.name] = made
        self.work.tick("made")

    def release(self, commit: Commit, findings: Iterable[Finding], stale: Iterable[str]) -> Release:
        """The whole, once every folder was pressed. Raises OverBudget, Missing."""
        for name in self._waiting(stale):
            self._from_artifact(name)
        bins = self._bins()
        noted = {name: Noted(self.changed[name].memo, item) for name, item in self.summaries.items()}
        notes = summary_nodes(self.work.base, noted, self._node)
        span = self._span()
        telling = self._telling(commit, span)
        nodes = [*bins.values(), *notes.made, *(pins.document for pins in self.changed.values())]
        base = self.work.base.root
        root = Root(
            bins={**base.bins, **bins},
            summaries=notes.all,
            span=self._node(encode(span)),
            history=self._node(encode(telling.node)) if telling.node else UNSET,
        )
        sha256 = self._node(encode(root))
        nodes += [node for node in (root.history, root.span, sha256) if isinstance(node, str)]
        counted = [item for item in self._all().values() if item.state != REMOVED and item.type != BUNDLE]
        return Release(
            commit=commit,
            root=sha256,
            changed=self.changed,
            span=span,
            telling=telling,
            nodes=tuple(dict.fromkeys(node_key(node) for node in nodes)),
            minted=tuple(self.work.minted),
            removed=tuple(self.work.removed),
            refused=tuple(sorted(self.work.refused)),
            findings=(*findings, *self.cuts, *telling.findings),
            notes=(*self.work.notes, *telling.notes),
            documents=self.documents,
            skills=len(counted),
            versions=sum(item.newest for item in self._all().values() if item.type != BUNDLE),
        )

    def _waiting(self, stale: Iterable[str]) -> list[str]:
        """The names whose keys are still to be made; a collection comes after the members that it gathers."""
        changed = {*self.work.documents, *stale, *self.changed}
        bundles = {item.name: item for item in self.work.collections}
        if gathers(self.work.settings.emitters):
            alive = self.work.alive(BUNDLE)
            touched = {name for name, item in bundles.items() if not changed.isdisjoint(item.members)}
            changed |= alive & touched
        return sorted(changed - set(self.changed), key=lambda name: (name in bundles, name))

    def _from_artifact(self, name: str) -> None:
        document = self.work.document(name)
        if document is None:
            raise AssertionError(f"{name} has no document")
        document = self.work.stated(document, self.own)
        current = document.current
        files = self.work.files(document, current) if current else ()
        skill = published_skill(document, files) if files else None
        self._page(Page(in_words_of(document, skill), skill, files))

    def _page(self, page: Page) -> None:
        document, name = page.document, page.document.name
        page = replace(page, earlier=partial(self.work.earlier, document))
        keys = self._kept(document)
        emitters, site = self.work.settings.emitters, self._site_of(name)
        emitted = emit_skill(emitters, page, site)
        for key, body in chain(emitted, self._gathered(page)):
            keys[key] = self._add(key, body)
        body = encode(document)
        self.changed[name] = NamePins(
            document=self._node(body), memo=self.memo(name), keys=dict(sorted(keys.items()))
        )
        self.summaries[name] = summarise(document, page.files, note_skill(emitters, page, site))
        self.documents[name] = document
        self.work.tick("made")

    def _gathered(self, page: Page) -> Iterator[tuple[str, bytes]]:
        """The keys of a collection that hold the files of its members."""
        within = (item for item in self.work.collections if page.skill and page.skill.type == BUNDLE)
        collection = next((item for item in within if item.name == page.document.name), None)
        if collection is None:
            return
        noted, made = self.work.base.noted, self.summaries
        members = [made[name] if name in made else noted[name].summary for name in collection.members]
        for emission in emit_collection(
            self.work.settings.emitters, collection, members, self._current_files, self.work.site
        ):
            self.cuts += emission.findings
            yield from emission.entries

    def _site_of(self, name: str) -> Site:
        site = self.work.site
        within = tuple(item for item in self._brief if name in item.members)
        return replace(site, collections=within) if within else site

    def _kept(self, document: Document) -> dict[str, Pin]:
        """The keys that rows pin for ever; what is missing in the previous release is made from artifacts."""
        name, forced = document.name, document.name in self.forced
        before = self.work.base.pins(name)
        found = {key: item for key, item in before.keys.items() if classify(key) in _KEPT} if before else {}
        found |= self.work.objects.get(name, {})
        for row in document.versions:
            if row.state == QUARANTINED or row.withdrawn == LOST:
                for key in object_keys(BUNDLERS, name, row):
                    found.pop(key, None)
                continue
            needed = object_keys(self.work.settings.emitters, name, row)
            fresh = needed[0] in self.work.objects.get(name, {})
            if not fresh and (forced or any(key not in found for key in needed)):
                found |= self._remade(document, row, set(found))
        return found

    def _remade(self, document: Document, row: Row, known: set[str]) -> dict[str, Pin]:
        source = self.work.source_of(document, row)
        if source is None:
            return {}
        made = objects_of(source, self.work.settings, self.work.site)
        same = {name for name, record in made.derived.items() if row.derived.get(name) == record}
        wanted = known | {key for key, _ in made.objects if same == set(row.derived)}
        return {key: self._add(key, body) for key, body in made.objects if key in wanted}

    def _bins(self) -> dict[str, str]:
        found = {}
        for label, names in self._by_bin():
            old = self.work.base.bin(label).names
            node = Bin(names=dict(sorted({**old, **{name: self.changed[name] for name in names}}.items())))
            found[label] = self._node(encode(node))
        return found

    def _by_bin(self) -> Iterator[tuple[str, list[str]]]:
        groups: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.changed):
            groups[bin_of(name)].append(name)
        yield from sorted(groups.items())

    def _all(self) -> dict[str, Summary]:
        known = {name: noted.summary for name, noted in self.work.base.noted.items()}
        return dict(sorted((known | self.summaries).items()))

    def _span(self) -> SpanNode:
        summaries = list(self._all().values())
        site = replace(
            self.work.site,
            collections=self.work.collections,
            retired=tuple(s.name for s in summaries if s.type == BUNDLE and s.state == REMOVED),
        )
        memo = digest(
            encode([self.memo(""), [[c.name, c.title, c.description, c.members] for c in site.collections]])
        )
        before = self.work.base.span
        if before and before.memo == memo and not self.changed and not self.past.rewrite:
            return before
        keys = {key: self._add(key, body) for key, body in self.static.items()}
        for emission in emit_registry(self.work.settings.emitters, summaries, site):
            self.cuts += emission.findings
            keys |= {key: self._add(key, body) for key, body in emission.entries}
        return SpanNode(memo=memo, keys=dict(sorted(keys.items())))

    def _telling(self, commit: Commit, span: SpanNode) -> Telling:
        if span is self.work.base.span and not self.past.rewrite:
            return Telling(self.past.node)
        news = News(
            summaries=list(self._all().values()),
            changed=self.documents,
            moment=commit.moment,
            site=self.work.site,
            files=self._current_files,
        )
        return tell(self.work.settings.emitters, news, self.past, self._add)

    def _current_files(self, name: str) -> tuple[File, ...]:
        document = self.documents.get(name) or self.work.document(name)
        if document is None or document.current is None:
            raise AssertionError(f"{name} serves nothing")
        return self.work.files(document, document.current)

    def _add(self, key: str, body: bytes) -> Pin:
        self._budget.check(key, len(body))
        return self.work.spool.add(key, body)

    def _node(self, body: bytes) -> str:
        sha256 = pin(body).sha256
        self.work.spool.add(node_key(sha256), body)
        return sha256
