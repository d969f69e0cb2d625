"""`GET /api/v1/drive`: what a key sees, as items (contracts/skillzdrive.md row 5, 1.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct, field
from sqlalchemy import Connection

from dynamic_api.catalogue import Skill, Version
from dynamic_api.ids import dashed
from dynamic_api.memory.grades import Grades
from dynamic_api.services import visibility
from dynamic_api.services.caller import Caller
from dynamic_api.services.private_skills import Facts
from dynamic_api.services.published import Published
from dynamic_api.services.visibility import DRIVE, Seen
from registry_builder.core.ledger import QUARANTINED

REMOVED = "removed"
_FACTS = msgspec.json.Decoder(Facts)
_TEXTS = msgspec.json.Decoder(tuple[str, ...])
_NO_FACTS = Facts()


class Item(Struct, frozen=True):
    """A skill that the key sees, at the version that it gets.

    source: drive, team or shared. state is the version's; `reason` says why it is withdrawn. `hasUpdate`:
    a newer version waits to be accepted or dismissed.
    """

    id: str
    slug: str
    name: str
    description: str
    tags: tuple[str, ...]
    version: int
    github_url: str | None
    category: str
    type: str
    state: str
    has_scripts: bool = field(name="hasScripts")
    execution_tier: str | None
    required_env: tuple[str, ...] = field(name="requiredEnvVars")
    credit_cost_per_use: int
    security_grade: str | None
    enabled: bool
    source: str
    content_sha: str
    has_update: bool = field(name="hasUpdate")
    reason: str | None = None


class Drive(Struct, frozen=True):
    """All that a key sees."""

    skills: tuple[Item, ...]


def listed(db: Connection, published: Published, caller: Caller, *, hidden: bool = False) -> Drive:
    """Everything the key sees, by slug; with `hidden`, also what is toggled off."""
    seen = visibility.visible(db, caller, hidden=hidden)
    return Drive(tuple(items(seen, published)))


def items(seen: Sequence[Seen], published: Published) -> list[Item]:
    """`seen` with what the bucket and the front matter say."""
    records = published.by_ids([item.skill_id for item in seen if item.is_published])
    private = [item.sha256 for item in seen if not item.is_published]
    withdrawn = published.withdrawn(private) if private else {}
    return [
        _published(item, records.get(item.skill_id), published.grades)
        if item.is_published
        else _private(item, withdrawn)
        for item in seen
    ]


def version_of(item: Seen, record: Skill | None) -> Version | None:
    """The published version that `item` gets: the pinned one, or the one on offer."""
    if record is None:
        return None
    return record.at(item.ordinal) if item.source == DRIVE else record.download


def newer_published(item: Seen, record: Skill | None) -> Version | None:
    """The version that waits for this item of a drive; None when none does."""
    download = record.download if record else None
    if item.source != DRIVE or download is None or download.ordinal <= max(item.ordinal, item.dismissed):
        return None
    return download


def _published(item: Seen, record: Skill | None, grades: Grades) -> Item:
    version = version_of(item, record)
    if record is None or version is None:
        return _gone(item)
    return Item(
        record.id,
        record.slug,
        record.name,
        record.description,
        record.tags,
        version.ordinal,
        record.github_url,
        item.category,
        record.type,
        version.state,
        record.has_scripts,
        record.execution_tier,
        record.required_env,
        record.credit_cost_per_use,
        grades.of(record.slug, version.sha256),
        item.enabled,
        item.source,
        version.sha256,
        newer_published(item, record) is not None,
        version.reason,
    )


def _private(item: Seen, withdrawn: Mapping[str, str]) -> Item:
    facts = _FACTS.decode(item.facts) if item.facts else _NO_FACTS
    reason = withdrawn.get(item.sha256)
    state = QUARANTINED if reason else item.state or REMOVED
    return Item(
        dashed(item.skill_id),
        item.slug,
        item.name,
        item.description,
        _TEXTS.decode(item.tags),
        item.ordinal,
        item.github_url,
        item.category,
        item.type,
        state,
        bool(item.scripts) and item.scripts != "[]",
        facts.execution_tier,
        facts.required_env,
        0,
        item.grade,
        item.enabled,
        item.source,
        item.sha256,
        item.source == DRIVE and item.newest > max(item.ordinal, item.dismissed),
        reason,
    )


def _gone(item: Seen) -> Item:
    """A published skill that the bucket does not have any more: what was known when it was taken."""
    return Item(
        dashed(item.skill_id),
        item.slug,
        item.name,
        item.description,
        (),
        item.ordinal,
        item.github_url,
        item.category,
        item.type,
        REMOVED,
        False,
        None,
        (),
        0,
        None,
        item.enabled,
        item.source,
        item.sha256,
        False,
    )
