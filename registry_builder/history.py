"""The record beside a release: what emitters pin that build on earlier releases (DESIGN.md D13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from registry_builder.core.errors import Foreign, Missing
from registry_builder.core.finding import Finding
from registry_builder.core.folder import File
from registry_builder.core.key import digest
from registry_builder.core.ledger import Document, Moment
from registry_builder.core.tree import HistoryNode, Pin
from registry_builder.emit.base import Chapter, Sink, Site, Summary
from registry_builder.emit.table import emit_history
from registry_builder.store.base import Reader


@dataclass(frozen=True, slots=True)
class Past:
    """The history to go on from; with `rewrite`, a publisher died while it wrote one."""

    node: HistoryNode | None
    rewrite: bool
    reader: Reader

    def read(self, key: str) -> bytes:
        """The bytes that `key` was pinned with. Raises Missing, Foreign."""
        body = self.reader.get(key)
        if self.node is None or digest(body) != self.node.keys[key].sha256:
            raise Foreign("bad-history", "holds other bytes than were published", place=key)
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a release brings, as emitters with a history see it."""

    summaries: Sequence[Summary]
    changed: Mapping[str, Document]
    moment: Moment
    site: Site
    files: Callable[[str], tuple[File, ...]]


@dataclass(frozen=True, slots=True)
class Telling:
    """The history that follows: its node, the pins of what was made for it, what was found and noted."""

    node: HistoryNode | None
    made: Mapping[str, Pin] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def tell(names: Sequence[str], news: News, past: Past, add: Callable[[str, bytes], Pin]) -> Telling:
    """What the emitters in `names` make of `news`. A history that was damaged begins anew."""
    try:
        return _tell(names, news, past, add)
    except (Missing, Foreign) as error:
        if past.node is None or error.place not in past.node.keys:
            raise
        again = _tell(names, news, Past(None, past.rewrite, past.reader), add)
        note = f"history begins anew, for {error.place} was lost or changed"
        return Telling(again.node, again.made, again.findings, (note,))


def _tell(names: Sequence[str], news: News, past: Past, add: Callable[[str, bytes], Pin]) -> Telling:
    made: dict[str, Pin] = {}
    keys: dict[str, Pin] = {}
    states: dict[str, msgspec.Raw] = {}
    findings: list[Finding] = []
    for name, told in emit_history(
        names, lambda emitter: _chapter(emitter, news, past), news.site, _sink(made, add)
    ):
        before = past.node.keys if past.node else {}
        keys |= {key: made[key] if key in made else before[key] for key in told.keys}
        states[name] = msgspec.Raw(told.state)
        findings += told.findings
    node = HistoryNode(keys=dict(sorted(keys.items())), states=states) if states else None
    return Telling(node, made, tuple(findings))


def _sink(made: dict[str, Pin], add: Callable[[str, bytes], Pin]) -> Sink:
    def sink(key: str, body: bytes) -> None:
        made[key] = add(key, body)

    return sink


def _chapter(emitter: str, news: News, past: Past) -> Chapter:
    state = past.node.states.get(emitter) if past.node else None
    return Chapter(
        summaries=news.summaries,
        changed=news.changed,
        moment=news.moment,
        state=bytes(state) if state is not None else None,
        rewrite=past.rewrite,
        files=news.files,
        read=past.read,
    )
