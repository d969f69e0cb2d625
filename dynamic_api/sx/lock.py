"""The sx.lock of one caller as bytes, and the ETag under which it is cached.

Source: contracts/sx.md section 3, and section 0 rows 8, 9 and 18.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Hashable, Iterable

from dynamic_api.sx.values import Entry
from registry_builder.emit.sx_lock import Locked, joined, row_text

MEDIA_TYPE = "application/toml"


def lock(
    entries: Iterable[Entry], origin: str, created_by: str, *, exact: Collection[str] = frozenset()
) -> bytes:
    """The lock of `entries`, in their order. Every URL is on `origin`, which has no slash at its end.

    Those of names in `exact` say the digest as well: other assets have these names too.
    """
    return joined(rows(entries, origin, exact, {}).values(), created_by)


def rows(
    entries: Iterable[Entry], origin: str, exact: Collection[str], known: dict[Hashable, str]
) -> dict[str, str]:
    """Name → row as text. `known` remembers, for locks of the same assets on the same `origin`."""
    texts: dict[str, str] = {}
    for entry in entries:
        name = entry.asset.name
        row: Hashable = f"{entry.asset.id} {entry.version.label}"
        is_exact = name in exact
        if is_exact or entry.dependencies or entry.scopes:
            row = (row, is_exact, entry.dependencies, entry.scopes)
        text = known.get(row)
        if text is None:
            text = known[row] = row_text(_locked(entry, origin, is_exact))
        texts[name] = text
    return texts


def etag(body: bytes, caller: str) -> str:
    """The ETag of a lock for the caller with this id: two callers never share one, whatever they get.

    sx keys its cache by server alone, so a shared ETag would give one caller the other's lock. The head of a
    lock has the digest of its rows, so that it stands for all of it.
    """
    head = body.partition(b"\n[")[0]
    return f'"{hashlib.sha256(hashlib.sha256(caller.encode()).digest() + head).hexdigest()[:40]}"'


def bundle_path(name: str, version: str) -> str:
    """The path of a bundle, as a lock names it and as sx asks for it by itself: with nothing escaped.

    Slugs, and labels that have a reading, hold only characters that a path may have.
    """
    return f"/api/skills/assets/{name}/{version}/{name}-{version}.zip"


def _locked(entry: Entry, origin: str, is_exact: bool) -> Locked:
    asset, version = entry.asset, entry.version
    which = f"?sha256={version.sha256}" if is_exact else ""
    return Locked(
        asset.name,
        version.label,
        asset.type,
        origin + bundle_path(asset.name, version.label) + which,
        version.sha256,
        version.size,
        version.clients,
        entry.dependencies,
        entry.scopes,
    )
