"""The published skills as services need them: many at once, remembered until the view changes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from dynamic_api.catalogue import Answer, Catalogue, Holder, Skill
from dynamic_api.catalogue.skill import BUNDLE, Version
from dynamic_api.errors import Absent, Unavailable, Withdrawn
from dynamic_api.ids import dashed, undashed
from dynamic_api.memory.grades import Grades
from dynamic_api.memory.memo import Memo
from registry_builder.core.ledger import QUARANTINED

KEPT = 20_000
"""Records that are remembered at the most."""
ANSWER_BYTES = 8 * 1024 * 1024
"""Bytes of whole answers that are."""
STAMP_SECONDS = 0.02
"""How long a stamp is believed: far less than the bucket is looked at."""


class Published:
    """Reads of the catalogue for threads and the loop alike. Ids are those of the database, without dashes.

    Every method raises Unavailable while there is no view of the bucket yet.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._records: Memo[str, Skill] = Memo(KEPT)
        self._served: Memo[tuple[str, str], bool] = Memo(KEPT)
        self._answers: Memo[str, Answer] = Memo(ANSWER_BYTES)
        self.grades = Grades()
        self._stamp: tuple[object, ...] | None = None
        self._stamped_until = 0.0

    @property
    def stamp(self) -> tuple[object, ...] | None:
        """Changes whenever an answer may; None while there is no view of the bucket."""
        now = time.monotonic()
        if now >= self._stamped_until:
            try:
                self._stamp = (*self._catalogue.stamp, self.grades.count)
            except Unavailable:
                self._stamp = None
            self._stamped_until = now + STAMP_SECONDS
        return self._stamp

    def by_ids(self, ids: Sequence[str]) -> Mapping[str, Skill]:
        """Id → record, for those that there are, in at most one query."""
        if not ids:
            return {}
        records = self._records.at(self._catalogue.stamp)
        missing = [identity for identity in ids if identity not in records.known]
        if missing:
            for skill in self._catalogue.many(ids=map(dashed, missing)).values():
                records.keep(undashed(skill.id), skill)
        return records.known

    def by_slugs(self, slugs: Iterable[str]) -> Mapping[str, Skill]:
        """Slug → record, for skills that are offered; collections are not among them."""
        wanted = list(slugs)
        found = self._catalogue.many(slugs=wanted) if wanted else {}
        return {slug: skill for slug, skill in found.items() if skill.offered and skill.type != BUNDLE}

    def by_sha256s(self, sha256s: Iterable[str]) -> Mapping[str, Holder]:
        """Digest of an artifact → the newest version that has it."""
        wanted = list(sha256s)
        return self._catalogue.holders(wanted) if wanted else {}

    def withdrawn(self, sha256s: Iterable[str]) -> Mapping[str, str]:
        """Digest → why these bytes are taken back, for those that are."""
        wanted = list(sha256s)
        return self._catalogue.all_withdrawn(wanted) if wanted else {}

    def collections(self) -> frozenset[str]:
        """The names of the registry's own collections."""
        return frozenset(item.name for item in self._catalogue.collections())

    def has_collection(self, name: str) -> bool:
        """Whether the registry has a collection of this name."""
        return self._catalogue.collection(name) is not None

    def suggest(self, slug: str) -> tuple[str, ...]:
        """Published slugs near to `slug`. Slow for a large catalogue: not for the loop."""
        return self._catalogue.suggest(slug)

    def offer(self, slug: str) -> Skill | None:
        """What is to be had under `slug`. Raises Withdrawn."""
        return on_offer(self.skill(slug))

    def skill(self, slug: str) -> Skill | None:
        """What the bucket knows of `slug`, whatever its state; collections are not among that."""
        skill = self._catalogue.skill(slug)
        return None if skill is None or skill.type == BUNDLE else skill

    def answer(self, slug: str) -> Answer | None:
        """Route 2's whole body for `slug`, as the bucket has it."""
        answers = self._answers.at(self.stamp)
        if slug in answers.known:
            return answers.known[slug]
        answer = self._catalogue.answer(slug)
        if answer is not None:
            answers.keep(slug, answer, len(answer.body))
        return answer

    def require_served(self, slug: str, sha256: str) -> None:
        """Raise Absent unless a version of `slug` has these bytes, Withdrawn when they were taken back."""
        served = self._served.at(self.stamp)
        if (slug, sha256) in served.known:
            return
        if reason := self._catalogue.withdrawn(sha256):
            raise taken_back(reason)
        if self._catalogue.holder(sha256, slug) is None:
            mend = f"GET /api/v1/skills/{slug} names the newest"
            raise Absent("artifact_not_found", f"{slug} has no version with these bytes", mend=mend)
        served.keep((slug, sha256), True)


def on_offer(skill: Skill | None) -> Skill | None:
    """`skill` while it is to be had. Raises Withdrawn."""
    if skill is not None and skill.state == QUARANTINED:
        raise taken_back(skill.versions[-1].reason or QUARANTINED)
    return skill if skill is not None and skill.offered else None


def download_of(skill: Skill) -> Version:
    """The version that clients get of a skill that is offered."""
    if skill.download is None:
        raise AssertionError(f"{skill.slug} is not offered")
    return skill.download


def no_skill(slug: str, near: Sequence[str] = (), place: str = "slug") -> Absent:
    """The one answer for a slug that does not exist and for one that is not the caller's to see."""
    mend = f"did you mean {near[0]}?" if near else "look at GET /api/v1/skills?q=… or GET /api/v1/drive"
    return Absent(
        "skill_not_found",
        f"there is no skill {slug!r} for this key",
        place=place,
        mend=mend,
        suggestions=near,
    )


def taken_back(reason: str) -> Withdrawn:
    """The refusal of a version that is quarantined."""
    return Withdrawn(
        "withdrawn",
        f"this version was taken back: {reason}",
        mend="remove it, or take a newer version",
    )
