"""Several processes that press the changed folders of a build, each a part of them at a time.

What comes of it, findings included, is the same for any number: a fork does exactly what one process would
do, and what it made is taken over in the order of the folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
from msgspec import Struct

from registry_builder.core.finding import Finding
from registry_builder.core.ledger import Document
from registry_builder.core.tree import NamePins, Pin
from registry_builder.emit.base import Summary
from registry_builder.jobs import in_turn
from registry_builder.release import Assembly
from registry_builder.source import Listing
from registry_builder.spool import Place
from registry_builder.workshop import Advance, Press, Tried, Try

_PART = 50  # folders; fewer are not worth a process


class Outcome(Struct, frozen=True, array_like=True):
    """What a fork made of one folder: `pressed` is what was wrong after the rules had nothing to refuse."""

    problems: tuple[Finding, ...]
    pressed: tuple[Finding, ...]
    document: Document | None
    minted: tuple[str, ...]
    objects: dict[str, Pin]
    made: tuple[NamePins, Summary] | None
    places: dict[str, Place]


@dataclass(frozen=True, slots=True)
class Team:
    """`jobs` processes at most work for `assembly`."""

    assembly: Assembly
    jobs: int

    def tried(self, advance: Advance, one_by_one: Try) -> Iterator[Tried]:
        """The changed folders of `advance`, tried."""
        parts = [advance.changed[at : at + _PART] for at in range(0, len(advance.changed), _PART)]
        count = min(self.jobs, len(parts))
        if count < 2:
            yield from one_by_one(advance.changed)
            return
        self.assembly.work.spool.share(count)

        def work(number: int) -> Iterator[bytes]:
            return self._work(advance, one_by_one, parts[number::count], number)

        for part, body in zip(parts, in_turn(count, len(parts), work), strict=True):
            outcomes = msgspec.msgpack.decode(body, type=list[Outcome])
            for listing, outcome in zip(part, outcomes, strict=True):
                yield listing, outcome.problems, partial(self._take, listing.name, outcome)

    def _work(
        self, advance: Advance, one_by_one: Try, parts: Sequence[Sequence[Listing]], number: int
    ) -> Iterator[bytes]:
        """In a fork: the outcomes of each of `parts`."""
        work = self.assembly.work
        work.spool.divert(number)
        work.source.objects.leave_to_parent()
        work.tick = _quietly
        tried = one_by_one([listing for part in parts for listing in part])
        try:
            for part in parts:
                yield msgspec.msgpack.encode([self._outcome(advance, *next(tried)) for _ in part])
        finally:
            work.source.objects.close()

    def _outcome(
        self, advance: Advance, listing: Listing, problems: Sequence[Finding], press: Press
    ) -> Outcome:
        work, name = self.assembly.work, listing.name
        work.minted.clear()
        work.spool.drain()
        admitted = advance.admits(listing, problems)
        pressed = press() if admitted else ()
        return Outcome(
            problems=tuple(problems),
            pressed=tuple(pressed),
            document=work.documents.pop(name, None) if admitted and not pressed else None,
            minted=tuple(work.minted),
            objects=work.objects.pop(name, {}),
            made=self.assembly.give(name),
            places=work.spool.drain(),
        )

    def _take(self, name: str, outcome: Outcome) -> Sequence[Finding]:
        work, document = self.assembly.work, outcome.document
        work.spool.adopt(outcome.places)
        if document is None:
            work.refused.add(name)
            return outcome.pressed
        if outcome.objects:
            work.objects[name] = outcome.objects
        work.documents[name] = document
        work.refused.discard(name)
        work.minted += outcome.minted
        if outcome.made:
            self.assembly.take(document, outcome.made)
        return ()


def _quietly(_: str) -> None:
    """The parent tells."""
