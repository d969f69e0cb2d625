"""A record and an answer as they are while revoked.json is ahead of the release (DESIGN.md D14)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from dynamic_api.catalogue.skill import Answer, Skill, Version
from registry_builder.core.key import digest, download_key
from registry_builder.core.ledger import QUARANTINED, REMOVED, SERVED, encode


def without_revoked(skill: Skill, reasons: Mapping[str, str]) -> Skill:
    """`skill` with its revoked versions quarantined, and the newest of the others offered.

    Where the source of that one lies, the next release will tell.
    """
    if not any(item.sha256 in reasons for item in skill.versions):
        return skill
    versions = tuple(_quarantined(item, reasons) for item in skill.versions)
    rest = [item for item in versions if item.state in SERVED] if skill.state != REMOVED else []
    download = rest[-1] if rest else None
    state = REMOVED if skill.state == REMOVED else (download or versions[-1]).state
    version = (download or versions[-1]).ordinal
    shown = {**msgspec.json.decode(skill.json), "version": version, "state": state, "github_url": None}
    return replace(
        skill,
        versions=versions,
        download=download,
        state=state,
        version=version,
        github_url=None,
        json=msgspec.json.encode(shown, order="sorted"),
    )


def answer_about(skill: Skill) -> Answer:
    """Route 2's answer from a record, as the builder would write it."""
    body = encode({"data": {"download": _download(skill), "skill": msgspec.Raw(skill.json)}})
    return Answer(body, f'"{digest(body)}"', skill.offered)


def _download(skill: Skill) -> dict[str, object] | None:
    row = skill.download
    if row is None:
        return None
    url = f"/{download_key(skill.slug, row.sha256)}"
    return {"content_sha": row.sha256, "content_size": row.size, "version": row.ordinal, "url": url}


def _quarantined(version: Version, reasons: Mapping[str, str]) -> Version:
    if version.sha256 not in reasons:
        return version
    return replace(version, state=QUARANTINED, reason=reasons[version.sha256])
