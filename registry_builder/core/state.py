"""States: what advisories.toml says of a name or of some of its versions, put into its document.

Source: DESIGN.md section 5, "States"; contracts/content.md, "advisories.toml".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from registry_builder.core.config import Advisory
from registry_builder.core.key import download_key
from registry_builder.core.ledger import (
    ACTIVE,
    DEPRECATED,
    QUARANTINED,
    REMOVED,
    SERVED,
    YANKED,
    Document,
    Row,
)

_STRENGTH = (ACTIVE, DEPRECATED, YANKED, QUARANTINED)


def with_states(
    document: Document, advisories: Sequence[Advisory], revoked: Mapping[str, str], base_url: str
) -> Document:
    """`document` with each row in the strongest state that anything gives it, and its URL.

    `revoked` maps artifact digest → reason: those rows are quarantined whatever advisories say. What is
    quarantined in one row is so in every row with the same bytes: a revert must not serve them again.
    """
    stated = (_with_state(row, advisories, revoked) for row in document.versions)
    harmful = {row.sha256: row.reason or "" for row in stated if row.state == QUARANTINED}
    rows = tuple(_with_state(row, advisories, harmful) for row in document.versions)
    newest_served = next((row for row in reversed(rows) if row.state in SERVED), None)
    gone = document.state == REMOVED
    current = None if gone else newest_served
    return replace(
        document,
        versions=rows,
        state=REMOVED if gone else (current or rows[-1]).state,
        replacement=next((item.replacement for item in advisories if item.replacement), None),
        url=f"{base_url}/{download_key(document.name, current.sha256)}" if current else None,
    )


def _with_state(row: Row, advisories: Iterable[Advisory], harmful: Mapping[str, str]) -> Row:
    if row.sha256 in harmful:
        return replace(row, state=QUARANTINED, reason=harmful[row.sha256] or UNSET)
    state, reason = (ACTIVE, None) if row.withdrawn is UNSET else (YANKED, row.withdrawn)
    for item in advisories:
        covers = item.versions is None or row.version in item.versions
        if covers and _STRENGTH.index(item.state) > _STRENGTH.index(state):
            state, reason = item.state, item.reason
    return replace(row, state=state, reason=UNSET if reason is None else reason)
