"""A synthetic local catalogue: names, texts and tags with the word frequencies of prose, fixed by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate
from pathlib import Path

from dynamic_api.catalogue.entry import Entry, Wanted, answer_of, skill_of
from dynamic_api.catalogue.file import new_file, open_to_write
from dynamic_api.catalogue.rows import Rows
from registry_builder.core.key import digest
from registry_builder.core.ledger import Document, Row
from registry_builder.core.revoked import Revoked, encode_revoked
from registry_builder.core.tree import bin_of
from registry_builder.emit.base import Page, Site
from registry_builder.emit.json_api import emit_skill

_COMMON = ("use", "when", "the", "and", "for", "with", "to", "of", "a", "it", "in", "or", "files", "skill")
_VOCABULARY = 30_000
SITE = Site(
    name="bench",
    title="",
    description="",
    base_url="",
    owner={},
    source_url="https://github.com/a/b",
    builder="",
)
_ONSETS, _RHYMES = (
    "bcdfghjklmnprstvwz",
    ("a", "ack", "ail", "an", "ash", "e", "ell", "er", "i", "ick", "o", "og", "um"),
)


class Words:
    """Words by Zipf's law: the n-th is asked for about 1/n as often as the first."""

    def __init__(self, chance: random.Random) -> None:
        made: dict[str, None] = {}
        while len(made) < _VOCABULARY:
            parts = chance.choices((1, 2, 3), (1, 6, 3))[0]
            made["".join(chance.choice(_ONSETS) + chance.choice(_RHYMES) for _ in range(parts))] = None
        self.all = [*_COMMON, *made]
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(self.all))))
        self._chance = chance

    def some(self, count: int, *, rarer_than: int = 0) -> list[str]:
        """`count` words, none of them among the most frequent `rarer_than`."""
        ranks: list[int] = []
        while len(ranks) < count:
            drawn = self._chance.choices(range(len(self.all)), cum_weights=self._weights, k=count)
            ranks += [rank for rank in drawn if rank >= rarer_than]
        return [self.all[rank] for rank in ranks[:count]]


def make(folder: Path, count: int, seed: int, body_words: int) -> None:
    """Write a local file with `count` skills into `folder`, as the loader would."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "revoked.json").write_bytes(encode_revoked(Revoked()))
    with new_file(folder) as connection:
        connection.execute("BEGIN")
        rows = Rows(connection)
        for entry in _entries(count, random.Random(seed), body_words):
            rows.put(entry)
        rows.finish({})
        connection.execute("UPDATE state SET serial = 1, generation = 1, root = 'x'")
        connection.execute("COMMIT")
        connection.execute("INSERT INTO short (short) VALUES ('optimize')")
        connection.execute("INSERT INTO text (text) VALUES ('optimize')")


def add(folder: Path, count: int, seed: int) -> None:
    """Put `count` skills without bodies beside what the loader has read into `folder`.

    The state stays that of the bucket, so that the loader has nothing to do and leaves them there.
    """
    connection = open_to_write(folder)
    if connection is None:
        raise RuntimeError("the loader has read nothing yet")
    with closing(connection):
        connection.execute("BEGIN")
        rows = Rows(connection)
        for entry in _entries(count, random.Random(seed), 0):
            rows.put(entry)
        rows.finish({})
        connection.execute("COMMIT")


def _entries(count: int, chance: random.Random, body_words: int) -> Iterator[Entry]:
    words = Words(chance)
    for number in range(count):
        title = words.some(chance.randint(1, 3), rarer_than=20)
        name = f"{'-'.join(title)}-{number}"
        about = [*words.some(chance.randint(8, 20)), "use", "it", "when", *words.some(chance.randint(4, 12))]
        tags = tuple(words.some(chance.randint(0, 4), rarer_than=20))
        document = _document(name, " ".join(title), " ".join(about), tags)
        yield _entry(document, " ".join((*title, *about, *words.some(body_words))))


def _document(name: str, title: str, description: str, tags: tuple[str, ...]) -> Document:
    sha256 = digest(name.encode())
    row = Row(
        version=1,
        tree=sha256[:40],
        commit=sha256[:40],
        path=f"skills/{name}",
        time="2026-11-20T10:00:00Z",
        sha256=sha256,
        size=10_000,
        files=4,
        bytes=9_500,
        derived={},
        findings={"warning": 0, "info": 0},
    )
    return Document(
        name=name,
        type="skill",
        title=title,
        description=description,
        tags=tags,
        licence="MIT",
        versions=(row,),
    )


def _entry(document: Document, text: str) -> Entry:
    row = document.newest
    wanted = Wanted(document.name, bin_of(document.name), row.sha256, row.sha256)
    answer = answer_of(_static_answer(document))
    versions = ((row.sha256, document.name, 1, "", row.state, row.size, row.sha256, None),)
    skill = skill_of(document, answer.body)
    return Entry(wanted, skill, answer, versions, (), text, row.sha256, settled=True)


def _static_answer(document: Document) -> bytes:
    return next(emit_skill(Page(document, None, ()), SITE))[1]
