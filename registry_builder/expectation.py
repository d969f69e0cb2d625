"""A plan as a document that people review, and the check that a publish mints just that."""

from __future__ import annotations

import json
from pathlib import Path

from registry_builder.core.errors import Misuse, Unfit
from registry_builder.core.key import classify
from registry_builder.previous import Previous
from registry_builder.publish import Plan
from registry_builder.release import Release


def described(release: Release | None, plan: Plan | None, previous: Previous) -> dict[str, object]:
    """What would be minted, removed and written; all empty when there is nothing to do."""
    if release is None or plan is None:
        return {"schema": 1, "minted": [], "removed": [], "refused": [], "keys": [], "nodes": 0, "bytes": 0}
    return {
        "schema": 1,
        "commit": release.commit.id,
        "root": release.root,
        "minted": minted_rows(release),
        "removed": list(release.removed),
        "refused": list(release.refused),
        "keys": [
            {
                "key": change.key,
                "change": "change" if change.allowed else "create",
                "class": classify(change.key).value,
                "bytes": change.pin.size,
                "sha256": change.pin.sha256,
            }
            for change in plan.changes
        ],
        "dropped": dropped(release, previous),
        "nodes": len(plan.nodes),
        "bytes": plan.bytes,
    }


def minted_rows(release: Release) -> list[dict[str, object]]:
    """Name, version and tree of every row that is new."""
    found: list[dict[str, object]] = []
    for entry in release.minted:
        name, _, version = entry.rpartition("@")
        rows = {row.version: row for row in release.documents[name].versions}
        found.append({"name": name, "version": int(version), "tree": rows[int(version)].tree})
    return found


def dropped(release: Release, previous: Previous) -> list[str]:
    """The keys that the release before pinned and this one does not; they stay until `prune`."""
    gone: set[str] = set()
    for name, pins in release.changed.items():
        before = previous.view.pins(name)
        gone |= set(before.keys) - set(pins.keys) if before else set()
    span = previous.view.span
    gone |= set(span.keys) - set(release.span.keys) if span else set()
    return sorted(gone)


def check_expected(file: Path, release: Release) -> None:
    """Refuse a release that mints other (name, tree) than the plan in `file`. Raises Unfit, Misuse."""
    try:
        wanted = {(row["name"], row["tree"]) for row in json.loads(file.read_text("utf-8"))["minted"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        mend = "make it with skillpress plan --json"
        raise Misuse("bad-plan", f"no plan: {error}", place=str(file), mend=mend) from error
    found = {(str(row["name"]), str(row["tree"])) for row in minted_rows(release)}
    if found != wanted:
        more = ", ".join(f"+{name}" for name, _ in sorted(found - wanted))
        less = ", ".join(f"-{name}" for name, _ in sorted(wanted - found))
        raise Unfit(
            "unexpected",
            f"this commit mints something else than was reviewed: {' '.join(filter(None, (more, less)))}",
            place=str(file),
            mend="review a new plan",
        )
