"""git: the registry as a bare repository of static files, one commit for each release that changed it.

Its tip's tree is a function of the ledger; commits and packs depend on what was published before. Packs are
only added, until there are many small ones, which then become few. Source: gitrepository-layout(5);
git-http-fetch, the dumb protocol: info/refs, then objects/info/packs, then an index and its pack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from msgspec import Struct

from registry_builder.core.finding import Finding
from registry_builder.core.git_object import GitObject, Signature, commit_object, tree_objects
from registry_builder.core.gitpack import LIMIT, Index, Packed, packed, write_packs
from registry_builder.core.key import digest
from registry_builder.core.ledger import QUARANTINED, encode
from registry_builder.emit.base import Budget, Chapter, Sink, Site, Summary, Told
from registry_builder.emit.git_tree import (
    LAYOUT,
    manifest_of,
    plugin_files,
    plugins_of,
    problem_of,
    top_files,
)

BUDGETS: tuple[Budget, ...] = ()
BRANCH = "main"
FOLD = 20
"""With this many packs below the limit, they are written anew as few."""

_REFS = ("HEAD", "config", f"refs/heads/{BRANCH}", "info/refs", "objects/info/packs")
_NAME, _EMAIL = "Skillpress", "noreply@skillpress.invalid"
_CONFIG = b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"


class _Plugin(Struct, frozen=True, array_like=True):
    """Digest of what a plugin was made from, its tree, and why it is left out, empty when it is not."""

    made: str
    tree: str
    problem: str = ""


class _PackSize(Struct, frozen=True, array_like=True):
    name: str
    size: int


class _State(Struct, frozen=True, kw_only=True):
    """What one generation leaves to the next: tip, packs (oldest first), plugins, what is quarantined."""

    market: str
    tree: str
    commit: str
    packs: tuple[_PackSize, ...]
    plugins: Mapping[str, _Plugin]
    withheld: tuple[str, ...]


def emit_history(chapter: Chapter, site: Site, sink: Sink) -> Told:
    """The repository with one commit more, or as it was when that would change no file.

    History begins anew when the marketplace has another name, or when something of it was quarantined.
    """
    known = msgspec.json.decode(chapter.state, type=_State) if chapter.state else None
    withheld = _withheld(chapter, known)
    is_same = known is not None and known.market == site.name and set(withheld) <= set(known.withheld)
    generation = _Generation(chapter, site, known if is_same else None)
    folder = f"git/{site.name}.git"
    for name, body in generation.files():
        sink(f"{folder}/{name}", body)
    state = generation.state(withheld)
    keys = tuple(f"{folder}/{name}" for name in (*_REFS, *_pack_names(state.packs)))
    return Told(encode(state).rstrip(), keys, tuple(generation.findings()))


def tip_of(state: bytes) -> str:
    """The commit that `state` leaves as the tip."""
    return msgspec.json.decode(state, type=_State).commit


def _withheld(chapter: Chapter, known: _State | None) -> tuple[str, ...]:
    """The artifacts that are quarantined, as name@sha256."""
    before = known.withheld if known else ()
    found = {item for item in before if item.partition("@")[0] not in chapter.changed}
    for name, document in chapter.changed.items():
        found |= {f"{name}@{row.sha256}" for row in document.versions if row.state == QUARANTINED}
    return tuple(sorted(found))


def _pack_names(packs: Sequence[_PackSize]) -> Iterator[str]:
    for pack in packs:
        yield from (f"objects/pack/pack-{pack.name}.pack", f"objects/pack/pack-{pack.name}.idx")


@dataclass(slots=True)
class _Generation:
    """The repository that follows `before`."""

    chapter: Chapter
    site: Site
    before: _State | None
    _wanted: list[Summary] = field(init=False)
    _plugins: dict[str, _Plugin] = field(init=False)
    _packs: list[_PackSize] = field(default_factory=list)
    _tree: str = ""
    _commit: str = ""

    def __post_init__(self) -> None:
        known = self.before.plugins if self.before else {}
        self._wanted = plugins_of(self.chapter.summaries)
        self._plugins = {
            item.name: known[item.name]
            for item in self._wanted
            if item.name in known and known[item.name].made == _made(item)
        }
        if self.before:
            self._tree, self._commit = self.before.tree, self.before.commit
            self._packs = list(self.before.packs)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every file that is new or has new bytes, path in the repository → bytes."""
        if not self._fresh() and self._top()[-1].id.hex() == self._tree and not self.chapter.rewrite:
            return
        small = [pack for pack in self._packs if pack.size < LIMIT]
        folded = small if len(small) >= FOLD else []
        self._packs = [pack for pack in self._packs if pack not in folded]
        known = [Index(self._read(pack, "idx")) for pack in self._packs]
        for pack in write_packs(self._entries(folded), known):
            yield f"objects/pack/pack-{pack.name}.pack", pack.body
            yield f"objects/pack/pack-{pack.name}.idx", pack.index
            self._packs.append(_PackSize(pack.name, len(pack.body)))
        yield from self._refs()

    def state(self, withheld: tuple[str, ...]) -> _State:
        """What to go on from next time."""
        return _State(
            market=self.site.name,
            tree=self._tree,
            commit=self._commit,
            packs=tuple(self._packs),
            plugins=dict(sorted(self._plugins.items())),
            withheld=withheld,
        )

    def findings(self) -> Iterator[Finding]:
        """The names that had to be left out."""
        for item in self._wanted:
            if problem := self._plugins[item.name].problem:
                what = f"it is not in the Git repository: {problem}"
                yield Finding(
                    "git-left-out", "warning", item.name, item.path, 0, what, "rename what is named"
                )

    def _fresh(self) -> list[Summary]:
        return [item for item in self._wanted if item.name not in self._plugins]

    def _entries(self, folded: list[_PackSize]) -> Iterator[Packed]:
        for pack in folded:
            yield from Index(self._read(pack, "idx")).entries(self._read(pack, "pack"))
        for item in self._fresh():
            files = self.chapter.files(item.name)
            problem = problem_of(item, files)
            objects = [] if problem else tree_objects(plugin_files(item, files))
            self._plugins[item.name] = _Plugin(_made(item), objects[-1].id.hex() if objects else "", problem)
            yield from map(packed, objects)
        objects = self._top()
        yield from map(packed, objects)
        if objects[-1].id.hex() != self._tree:
            yield packed(self._advance(objects[-1].id))

    def _top(self) -> list[GitObject]:
        """The objects above the plugins, the root's tree last."""
        sound = [
            item
            for item in self.chapter.summaries
            if item.name not in self._plugins or not self._plugins[item.name].problem
        ]
        plugins = plugins_of(sound)
        mounts = {f"plugins/{item.name}": bytes.fromhex(self._plugins[item.name].tree) for item in plugins}
        return tree_objects(top_files(plugins, self.chapter.summaries, self.site), mounts)

    def _advance(self, tree: bytes) -> GitObject:
        moment = self.chapter.moment
        seconds = int(datetime.fromisoformat(moment.time).timestamp())
        commit = commit_object(
            tree,
            bytes.fromhex(self._commit) if self._commit else None,
            Signature(name=_NAME, email=_EMAIL, seconds=seconds),
            f"Publish {moment.commit}\n",
        )
        self._tree, self._commit = tree.hex(), commit.id.hex()
        return commit

    def _refs(self) -> Iterator[tuple[str, bytes]]:
        packs = "".join(f"P pack-{pack.name}.pack\n" for pack in reversed(self._packs))
        if self.before is None or self.chapter.rewrite:
            yield "HEAD", f"ref: refs/heads/{BRANCH}\n".encode()
            yield "config", _CONFIG
        yield f"refs/heads/{BRANCH}", f"{self._commit}\n".encode()
        yield "info/refs", f"{self._commit}\trefs/heads/{BRANCH}\n".encode()
        yield "objects/info/packs", f"{packs}\n".encode()

    def _read(self, pack: _PackSize, extension: str) -> bytes:
        return self.chapter.read(f"git/{self.site.name}.git/objects/pack/pack-{pack.name}.{extension}")


def _made(summary: Summary) -> str:
    return digest(encode([LAYOUT, summary.type, summary.sha256]) + manifest_of(summary))[:32]
