"""The fast path of a quarantine: the list of revocations first, then the bytes, then a release without them.

Source: DESIGN.md D14.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from registry_builder.core.errors import Missing, Misuse
from registry_builder.core.ledger import Document, Row
from registry_builder.core.revoked import REVOKED_KEY, Revocation, encode_revoked
from registry_builder.emit.table import BUNDLERS, object_keys
from registry_builder.previous import Previous, View
from registry_builder.release import Release
from registry_builder.store.base import Store


def revoke(store: Store, previous: Previous, asset: str, reason: str, time: str) -> list[Revocation]:
    """Write down and delete what `asset` (NAME or NAME@VERSION) stands for, in every name that has it.

    Raises Missing for a name or version that is not there, Misuse without a reason, Busy when somebody
    else revokes at the same moment.
    """
    if not reason.strip():
        raise Misuse("no-reason", "a quarantine needs a reason", place="--reason", mend="say why")
    view = previous.base
    wanted = {row.sha256 for row in _chosen(view, asset)}
    hits = [
        (document, row) for document in _documents(view) for row in document.versions if row.sha256 in wanted
    ]
    made = []
    revoked, tag = previous.revoked, store.tag(REVOKED_KEY)
    for sha256 in sorted(wanted):
        rows = tuple(f"{document.name}@{row.version}" for document, row in hits if row.sha256 == sha256)
        made.append(Revocation(sha256=sha256, reason=reason.strip(), time=time, rows=rows))
        revoked = revoked.plus(made[-1])
    store.put(REVOKED_KEY, encode_revoked(revoked), expect=tag.value if tag else "")
    for document, row in hits:
        for key in object_keys(BUNDLERS, document.name, row):
            store.delete(key)
    return made


def sweep(store: Store, previous: Previous, release: Release, made: Sequence[Revocation]) -> list[str]:
    """Delete what no longer belongs to the names that `made` hit, and what this release stopped to pin.

    A name that was yanked before left its mutable keys behind, and they may hold the bytes.
    """
    gone: list[str] = []
    for name in sorted({row.partition("@")[0] for item in made for row in item.rows}):
        held = release.changed[name].keys if name in release.changed else {}
        for prefix in (f".well-known/skills/{name}/", f"clawhub/{name}/"):
            gone += [listed.key for listed in store.list(prefix) if listed.key not in held]
    for name, pins in release.changed.items():
        before = previous.base.pins(name)
        gone += sorted(set(before.keys) - set(pins.keys)) if before else []
    span = previous.base.span
    gone += sorted(set(span.keys) - set(release.span.keys)) if span else []
    # Packs that were folded are pinned by nobody, and may hold the bytes as well.
    told = release.telling.node.keys if release.telling.node else {}
    gone += [listed.key for listed in store.list("git/") if listed.key not in told]
    for key in gone:
        store.delete(key)
    return gone


def _chosen(view: View, asset: str) -> Iterable[Row]:
    name, at, wanted = asset.partition("@")
    document = view.document(name)
    if document is None:
        raise Missing("no-skill", f"no asset {name}", place=asset, mend="skillpress versions NAME lists them")
    rows = [row for row in document.versions if not at or str(row.version) == wanted]
    if not rows:
        mend = f"there are 1 to {document.newest.version}"
        raise Missing("no-version", f"{name} has no version {wanted}", place=asset, mend=mend)
    return rows


def _documents(view: View) -> Iterator[Document]:
    for name in view.noted:
        document = view.document(name)
        if document is not None:
            yield document
