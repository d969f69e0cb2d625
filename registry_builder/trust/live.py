"""What the signed chain in a bucket says now, as far as it can be relied on, for the next signature."""

from __future__ import annotations

from dataclasses import dataclass

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import MetaFile, Root, Snapshot, Targets, Timestamp

from registry_builder.core.errors import Foreign, Missing
from registry_builder.core.key import TIMESTAMP_KEY
from registry_builder.store.base import Reader, Store
from registry_builder.trust.ceremony import Chain
from registry_builder.trust.metadata import (
    RELEASES,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Held,
    S,
    is_signed_by,
    metadata_key,
    parse,
)


@dataclass(frozen=True, slots=True)
class Live:
    """The timestamp with its tag ("" for none), and what follows from it; None is what does not hold."""

    tag: str = ""
    timestamp: Held[Timestamp] | None = None
    snapshot: Held[Snapshot] | None = None
    releases: Held[Targets] | None = None

    def version(self, role: str) -> int:
        """The newest version of `role` that is known, 0 for none."""
        if role == SNAPSHOT and self.timestamp:
            return int(self.timestamp.signed.snapshot_meta.version)
        if role == TIMESTAMP:
            return self.timestamp.version if self.timestamp else 0
        meta = self.snapshot.signed.meta.get(f"{role}.json") if self.snapshot else None
        return int(meta.version) if meta else 0


def read_live(store: Store, chain: Chain) -> Live:
    """The chain that hangs from the timestamp. Raises Foreign when the timestamp is not of these keys."""
    tag = store.tag(TIMESTAMP_KEY)
    if tag is None:
        return Live()
    timestamp = parse(store.get(TIMESTAMP_KEY), Timestamp, TIMESTAMP_KEY)
    above = [root.signed for root in chain.roots if is_signed_by(root.signed, TIMESTAMP, timestamp)]
    if not above:
        raise Foreign(
            "foreign-timestamp",
            "is not signed by a key of this folder",
            place=TIMESTAMP_KEY,
            mend="give the folder whose keys signed it; delete the key to begin anew",
        )
    root = above[-1]
    snapshot = _follow(store, SNAPSHOT, timestamp.signed.snapshot_meta, Snapshot, root)
    if snapshot is None:
        return Live(tag.value, timestamp)
    meta = snapshot.signed.meta
    targets = _follow(store, TARGETS, meta.get("targets.json"), Targets, root)
    above_it = targets.signed if targets else None
    releases = _follow(store, RELEASES, meta.get("releases.json"), Targets, above_it)
    return Live(tag.value, timestamp, snapshot, releases)


def _follow(
    reader: Reader, role: str, meta: MetaFile | None, form: type[S], delegator: Root | Targets | None
) -> Held[S] | None:
    """The metadata that `meta` promises, None when it is not there as promised."""
    if meta is None or delegator is None:
        return None
    key = metadata_key(role, meta.version)
    try:
        held = parse(reader.get(key), form, key)
        meta.verify_length_and_hashes(held.body)
    except (Missing, Foreign, LengthOrHashMismatchError):
        return None
    whole = held.version == meta.version and is_signed_by(delegator, role, held)
    return held if whole else None
