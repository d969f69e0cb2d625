"""What a caller finds: published skills, and private ones that the key sees (skillzdrive.md row 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from dynamic_api.catalogue import Catalogue, Skill
from dynamic_api.catalogue.words import words_of
from dynamic_api.errors import Absent, Invalid
from dynamic_api.memory.remembered import Remembered
from dynamic_api.services import access, drive_list, visibility
from dynamic_api.services.caller import SCOPED, Caller
from dynamic_api.services.drive_list import Item
from dynamic_api.services.published import Published
from dynamic_api.services.visibility import Seen

MOST = 50
Shown = msgspec.Raw | Item
Candidate = tuple[str, Shown, str]
"""Slug, what is shown, and the text that words are looked for in."""
_ITEM_BYTES = 1000
"""About what an item takes, beside its text."""


class Wanted(Struct, frozen=True):
    """What is looked for: words, in the short fields or the text (`body`), in a collection or everywhere."""

    words: str
    limit: int
    collection: str | None = None
    body: bool = False


class Found(Struct, frozen=True):
    """Skills, those of the caller first."""

    skills: list[Shown]


async def find(
    remembered: Remembered, catalogue: Catalogue, published: Published, caller: Caller | None, wanted: Wanted
) -> Found:
    """Skills that fit, at most `limit` and never more than 50. Raises Invalid, Unauthenticated, Absent."""
    wanted = _checked(wanted, caller)
    own: list[tuple[str, Shown]] = []
    if caller is not None:
        own = _fitting(await _of_caller(remembered, catalogue, published, caller, wanted), wanted)
    shown = [skill for _, skill in own[: wanted.limit]]
    if wanted.collection is None and len(shown) < wanted.limit and _goes_on(wanted, caller):
        known = {slug for slug, _ in own}
        more = await catalogue.aside(lambda: _of_bucket(catalogue, wanted, wanted.limit + len(known)))
        shown += [msgspec.Raw(skill.json) for skill in more if skill.slug not in known]
    return Found(shown[: wanted.limit])


def _checked(wanted: Wanted, caller: Caller | None) -> Wanted:
    if caller is None and wanted.collection is not None:
        raise access.refused()
    if caller is None and not wanted.words.strip():
        mend = "send q=…, or call with an API key to list what it sees"
        raise Invalid("validation_error", "is needed without an API key", place="query.q", mend=mend)
    return Wanted(wanted.words, min(wanted.limit, MOST), wanted.collection, wanted.body)


def _goes_on(wanted: Wanted, caller: Caller | None) -> bool:
    """Whether what everybody sees belongs to the answer: a list of what a scoped key sees ends with that."""
    return bool(wanted.words.strip()) or caller is None or caller.key_kind != SCOPED


def _of_bucket(catalogue: Catalogue, wanted: Wanted, most: int) -> Sequence[Skill]:
    if not wanted.words.strip():
        return catalogue.page(limit=min(most, MOST))
    return catalogue.search(wanted.words, limit=most, body=wanted.body)


async def _of_caller(
    remembered: Remembered, catalogue: Catalogue, published: Published, caller: Caller, wanted: Wanted
) -> Sequence[Candidate]:
    """What the key sees of its own; where words are given, the bucket's search finds what is published."""
    name, words = wanted.collection, words_of(wanted.words)
    if wanted.words.strip() and not words:
        return ()
    if name is not None:
        return await remembered.database.read(lambda db: _collected(db, catalogue, published, caller, name))
    if not words:
        return await remembered.database.read(lambda db: _shown(_all(db, caller), published))
    return await remembered.value(
        ("private", caller.key_id), lambda db: _private(db, published, caller), _size
    )


def _fitting(found: Iterable[Candidate], wanted: Wanted) -> list[tuple[str, Shown]]:
    """Those that fit the words, by slug; all without any."""
    words = list(dict.fromkeys(words_of(wanted.words)))
    kept = [(slug, skill) for slug, skill, text in found if fits(text, words)]
    return sorted(kept, key=lambda pair: (pair[0] != wanted.words.strip(), pair[0]))


def _all(db: Connection, caller: Caller) -> list[Seen]:
    """One skill for each slug: what the key sees, and what the organisation has beside it."""
    seen = visibility.by_slug(visibility.visible(db, caller))
    return [*seen.values(), *(item for item in visibility.of_organisation(db) if item.slug not in seen)]


def _private(db: Connection, published: Published, caller: Caller) -> list[Candidate]:
    return _shown([item for item in _all(db, caller) if not item.is_published], published)


def _size(found: Sequence[Candidate]) -> int:
    return sum(_ITEM_BYTES + len(text) for _, _, text in found)


def _collected(
    db: Connection, catalogue: Catalogue, published: Published, caller: Caller, name: str
) -> list[Candidate]:
    """What a collection of the caller or of the registry has. Raises Absent."""
    seen = list(visibility.by_slug(visibility.visible(db, caller)).values())
    found = _shown(_listed(db, catalogue, caller, name, seen), published)
    return found + _of_registry(catalogue, published, name, {slug for slug, _, _ in found})


def _listed(
    db: Connection, catalogue: Catalogue, caller: Caller, name: str, seen: Sequence[Seen]
) -> list[Seen]:
    """Those of `seen` on a collection's list. Raises Absent, unless the registry has one of this name."""
    try:
        listed = visibility.listed_in(db, caller, name, place="query.collection")
    except Absent:
        if catalogue.collection(name) is None:
            raise
        return []
    return [item for item in seen if listed is None or item.skill_id in listed]


def _of_registry(catalogue: Catalogue, published: Published, name: str, known: set[str]) -> list[Candidate]:
    """The members of the registry's collection of this name, if no collection of the caller has it."""
    collection = None if known else catalogue.collection(name)
    if collection is None:
        return []
    return [_of_record(skill) for skill in published.by_slugs(collection.members).values()]


def _shown(seen: Sequence[Seen], published: Published) -> list[Candidate]:
    records = published.by_ids([item.skill_id for item in seen if item.is_published])
    found = [
        _of_record(records[item.skill_id])
        for item in seen
        if item.is_published and item.skill_id in records and records[item.skill_id].offered
    ]
    private = [item for item in seen if not item.is_published]
    return found + [
        (item.slug, shown, _text(item.slug, item.name, item.description, shown.tags))
        for item, shown in zip(private, drive_list.items(private, published), strict=True)
    ]


def _of_record(skill: Skill) -> Candidate:
    text = _text(skill.slug, skill.name, skill.description, skill.tags)
    return skill.slug, msgspec.Raw(skill.json), text


def _text(slug: str, name: str, description: str, tags: Iterable[str]) -> str:
    return " ".join((slug, name, description, *tags))


def fits(text: str, words: Sequence[str]) -> bool:
    """Whether each word begins one of the text."""
    there = words_of(text) if words else ()
    return all(any(one.startswith(word) for one in there) for word in words)
