"""What a caller finds: published skills, and private ones that the key sees (skillzdrive.md row 1)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from dynamic_api.catalogue import Catalogue, Skill
from dynamic_api.catalogue.few import Text, among, text_of
from dynamic_api.catalogue.search import asked
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
_ITEM_BYTES = 1000
"""About what an item takes, beside its words."""
_WORD_BYTES = 80


class Candidate(Struct, frozen=True):
    """A skill that may be found: what is shown, and the words that it is found by."""

    slug: str
    shown: Shown
    text: Text


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
    own: Sequence[Candidate] = ()
    if caller is not None:
        own = await _of_caller(remembered, catalogue, published, caller, wanted)
    if not wanted.words.strip():
        return Found(_listing(catalogue, own, wanted, caller))
    look = _matching if wanted.collection is None else _within
    return Found(await catalogue.aside(lambda: look(catalogue, own, wanted)))


def _checked(wanted: Wanted, caller: Caller | None) -> Wanted:
    if caller is None and wanted.collection is not None:
        raise access.refused()
    if caller is None and not wanted.words.strip():
        mend = "send q=…, or call with an API key to list what it sees"
        raise Invalid("validation_error", "is needed without an API key", place="q", mend=mend)
    return Wanted(wanted.words, min(wanted.limit, MOST), wanted.collection, wanted.body)


def _listing(
    catalogue: Catalogue, own: Sequence[Candidate], wanted: Wanted, caller: Caller | None
) -> list[Shown]:
    """All, by slug. A list of what a scoped key sees, or of a collection, ends with that."""
    more: Sequence[Skill] = ()
    own = sorted(own, key=_slug)
    ends = wanted.collection is not None or (caller is not None and caller.key_kind == SCOPED)
    if not ends and len(own) < wanted.limit:
        more = catalogue.page(limit=min(wanted.limit + len(own), MOST))
    return _shown_first(own, more, wanted)


def _matching(catalogue: Catalogue, own: Sequence[Candidate], wanted: Wanted) -> list[Shown]:
    """Those of the caller that fit come first, unless published ones fit better. For a thread."""
    found = catalogue.matches(wanted.words, limit=min(wanted.limit + len(own), MOST), body=wanted.body)
    fit, mine = _fitting(own, found.words)
    return _shown_first(mine if fit <= found.fit else (), found.skills, wanted)


def _within(_catalogue: Catalogue, own: Sequence[Candidate], wanted: Wanted) -> list[Shown]:
    """Those of a collection that fit. For a thread."""
    return _shown_first(_fitting(own, asked(wanted.words))[1], (), wanted)


def _fitting(own: Sequence[Candidate], words: Sequence[str]) -> tuple[int, Sequence[Candidate]]:
    ordered = sorted(own, key=_slug)
    fit, places = among([one.text for one in ordered], words)
    return fit, [ordered[at] for at in places]


def _shown_first(first: Sequence[Candidate], then: Sequence[Skill], wanted: Wanted) -> list[Shown]:
    known = {one.slug for one in first}
    shown: list[Shown] = [one.shown for one in first]
    shown += [msgspec.Raw(skill.json) for skill in then if skill.slug not in known]
    return shown[: wanted.limit]


def _slug(one: Candidate) -> str:
    return one.slug


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


def _all(db: Connection, caller: Caller) -> list[Seen]:
    """One skill for each slug: what the key sees, and what the organisation has beside it."""
    seen = visibility.by_slug(visibility.visible(db, caller))
    return [*seen.values(), *(item for item in visibility.of_organisation(db) if item.slug not in seen)]


def _private(db: Connection, published: Published, caller: Caller) -> list[Candidate]:
    return _shown([item for item in _all(db, caller) if not item.is_published], published)


def _size(found: Sequence[Candidate]) -> int:
    return sum(_ITEM_BYTES + _WORD_BYTES * one.text.length for one in found)


def _collected(
    db: Connection, catalogue: Catalogue, published: Published, caller: Caller, name: str
) -> list[Candidate]:
    """What a collection of the caller or of the registry has. Raises Absent."""
    seen = list(visibility.by_slug(visibility.visible(db, caller)).values())
    found = _shown(_listed(db, catalogue, caller, name, seen), published)
    return found + _of_registry(catalogue, published, name, {one.slug for one in found})


def _listed(
    db: Connection, catalogue: Catalogue, caller: Caller, name: str, seen: Sequence[Seen]
) -> list[Seen]:
    """Those of `seen` on a collection's list. Raises Absent, unless the registry has one of this name."""
    try:
        listed = visibility.listed_in(db, caller, name, place="collection")
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
        Candidate(item.slug, shown, text_of(item.slug, item.name, shown.tags, item.description))
        for item, shown in zip(private, drive_list.items(private, published), strict=True)
    ]


def _of_record(skill: Skill) -> Candidate:
    text = text_of(skill.slug, skill.name, skill.tags, skill.description)
    return Candidate(skill.slug, msgspec.Raw(skill.json), text)


def fits(text: str, words: Sequence[str]) -> bool:
    """Whether each word begins one of the text."""
    there = words_of(text) if words else ()
    return all(any(one.startswith(word) for one in there) for word in words)
