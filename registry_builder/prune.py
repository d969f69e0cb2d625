"""Deletes what no recent release reaches: what names others before what it names.

Source: DESIGN.md section 6.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry_builder.core.errors import Busy
from registry_builder.core.tree import write_rank
from registry_builder.previous import POINTER_KEY, Previous, read_pointer
from registry_builder.reconcile import unreached
from registry_builder.store.base import Listed, Store

_BATCH = 100


def prunable(previous: Previous, keep: int) -> list[Listed]:
    """The keys that the last `keep` generations do not reach, in the order in which they may go.

    Raises Busy while a release is being published.
    """
    pointer = previous.pointer
    if pointer and not pointer.complete:
        message = f"generation {pointer.generation} is being published"
        raise Busy("being-published", message, place=POINTER_KEY, mend="finish it first")
    found = unreached(previous, keep)
    return sorted(found, key=lambda item: (write_rank(item.key), item.key), reverse=True)


def delete(store: Store, previous: Previous, found: Sequence[Listed]) -> None:
    """Delete `found`, which `prunable` gave. Raises Busy when somebody publishes meanwhile."""
    for start in range(0, len(found), _BATCH):
        if read_pointer(store) != previous.pointer:
            raise Busy(
                "overtaken", "somebody publishes meanwhile", place=POINTER_KEY, mend="run again after it"
            )
        for item in found[start : start + _BATCH]:
            store.delete(item.key)
