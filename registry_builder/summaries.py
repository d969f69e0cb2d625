"""The nodes of summaries of the next release, from those of the last and of what was made anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from registry_builder.core.ledger import encode
from registry_builder.core.tree import bin_of, summary_of
from registry_builder.previous import Noted, SummaryNode, View


@dataclass(frozen=True, slots=True)
class SummaryNodes:
    """Label → digest of all of them, and the digests of those that are new."""

    all: Mapping[str, str]
    made: tuple[str, ...]


def summary_nodes(base: View, made: Mapping[str, Noted], keep: Callable[[bytes], str]) -> SummaryNodes:
    """Those of `base` with `made` over them; `keep` takes a new one and gives its digest.

    Releases of old have one for each bin; then all are made anew.
    """
    kept = {label: sha256 for label, sha256 in base.root.summaries.items() if label == summary_of(label)}
    whole = len(kept) < len(base.root.summaries)
    touched = {_label(name) for name in made}
    rows: dict[str, dict[str, Noted]] = defaultdict(dict)
    for name, noted in base.noted.items():
        if whole or _label(name) in touched:
            rows[_label(name)][name] = noted
    for name, noted in made.items():
        rows[_label(name)][name] = noted
    found = {
        label: keep(encode(SummaryNode(names=dict(sorted(names.items())))))
        for label, names in sorted(rows.items())
    }
    return SummaryNodes(({} if whole else kept) | found, tuple(found.values()))


def _label(name: str) -> str:
    return summary_of(bin_of(name))
