"""clawhub: one registry base for each skill, for static hosts ignore what the client asks for in the query.

Source: clawhub 0.23.3, `--registry H/clawhub/<n>`: it reads api/v1/skills/<n>, then api/v1/download, and
api/v1/resolve before an update. A version is compared as a semantic version.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from registry_builder.core.artifact import pack
from registry_builder.core.ledger import QUARANTINED, Document, Row, encode
from registry_builder.emit.base import Budget, Made, Page, Site, semver

BUDGETS: tuple[Budget, ...] = ()


def emit_skill(page: Page, site: Site) -> Iterator[Made]:
    """The three answers about one skill; nothing to download when nothing is served."""
    document = page.document
    if document.type != "skill":
        return
    row, base = document.current, f"clawhub/{document.name}/api/v1"
    newest = {"version": semver(row.version)} if row else None
    yield f"{base}/skills/{document.name}", encode(_about(document, row))
    yield f"{base}/resolve", encode({"match": None, "latestVersion": newest})
    if row and page.files:
        yield f"{base}/download", pack(page.files)


def _about(document: Document, row: Row | None) -> dict[str, object]:
    shown = row or document.newest
    return {
        "skill": {
            "slug": document.name,
            "displayName": document.title,
            "summary": document.description,
            "tags": {},
            "stats": {},
            "createdAt": _milliseconds(document.versions[0].time),
            "updatedAt": _milliseconds(shown.time),
        },
        "latestVersion": _latest(row) if row else None,
        "moderation": _moderation(document),
        "owner": None,
    }


def _latest(row: Row) -> dict[str, object]:
    return {"version": semver(row.version), "createdAt": _milliseconds(row.time), "changelog": ""}


def _moderation(document: Document) -> dict[str, bool] | None:
    """What lets the client say why it installs nothing."""
    blocked = document.current is None and document.newest.state == QUARANTINED
    return {"isSuspicious": False, "isMalwareBlocked": True} if blocked else None


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp()) * 1_000
