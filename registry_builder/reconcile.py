"""Compares a bucket with a full listing: which names have holes, and which keys nothing reaches any more.

Source: DESIGN.md section 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from registry_builder.core.errors import Missing
from registry_builder.core.key import digest, node_key
from registry_builder.core.revoked import REVOKED_KEY
from registry_builder.core.tree import Pin, Pins
from registry_builder.previous import POINTER_KEY, Holes, Previous, View
from registry_builder.rollback import records
from registry_builder.store.base import Listed, Reader, Store

_OURS_ALWAYS = (POINTER_KEY, REVOKED_KEY)


def find_holes(previous: Previous, deep: Store | None = None) -> Holes:
    """What the release pins and a listing lacks, or has in another size.

    With the store as `deep`, each key is looked at as well: at its digest where the store tells one with the
    tag, else at its bytes.
    """
    there = {item.key: item.size for item in previous.reader.list()}
    view = previous.base
    harmed: set[str] = set()
    with ThreadPoolExecutor(deep.parallel if deep else 1) as pool:

        def lacks(pins: Pins) -> bool:
            wrong = [key for key, item in pins.items() if there.get(key) != item.size]
            harmed.update(key for key in wrong if key in there)
            if deep is not None:
                found = pool.map(partial(_damaged, deep), pins.items())
                wrong += [key for key, bad in zip(pins, found, strict=True) if bad]
            return bool(wrong)

        names = {
            name
            for label in view.root.bins
            for name, pins in view.bin(label).names.items()
            if lacks(pins.keys)
        }
        across = [node for node in (view.span, view.history) if node and lacks(node.keys)]
    return Holes(frozenset(names), bool(across), frozenset(harmed))


def _damaged(store: Store, pinned: tuple[str, Pin]) -> bool:
    key, item = pinned
    tag = store.tag(key)
    return tag is None or (tag.sha256 or digest(store.get(key))) != item.sha256


def unreached(previous: Previous, keep: int) -> Iterator[Listed]:
    """The keys that neither the last `keep` generations nor the chain of records reach."""
    reached = set(_reached(previous, keep))
    for item in previous.reader.list():
        if item.key not in reached and not item.key.startswith("tuf/"):
            yield item


def _reached(previous: Previous, keep: int) -> Iterator[str]:
    yield from _OURS_ALWAYS
    pointer = previous.pointer
    newest = pointer.record if pointer else None
    for view in previous.views:
        yield from _keys(previous.reader, view)
    chain = list(records(previous.reader, newest))
    for record in islice(chain, keep):
        try:
            yield from _keys(previous.reader, View(previous.reader, record.root))
        except Missing:
            continue
    if newest:
        yield node_key(newest)
    for record in chain:
        if record.previous:
            yield node_key(record.previous)


def _keys(reader: Reader, view: View) -> Iterator[str]:
    yield from view.every_pin()
    if view.history:
        yield from view.history.keys
    yield from (node_key(sha256) for sha256 in view.nodes())
