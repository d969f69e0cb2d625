"""A content repository of synthetic skills: text-like, median 10 kB, a tail to 500 kB, fixed by a seed."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

_WORDS = """
agent branch build cache change check client column commit content document export field file folder
format header import index input item json key label language line link list log markdown merge
message name number option output page path pattern plan query record release report result rule run
schema script section server skill source state step string summary table tag target template test
text time token tree type url user value version view word write
""".split()  # noqa: SIM905 - prose is how one reads and changes a list of words
_DATE = 1_700_000_000


def make(place: Path, count: int, seed: int = 1) -> None:
    """Write a repository with `count` skills in one commit, packed, by `git fast-import`."""
    place.mkdir(parents=True)
    git(place, "init", "-q", "-b", "main")
    _fast_import(place, _commit(count, range(count), seed, 0))
    git(place, "repack", "-adq")


def change(place: Path, count: int, names: range, seed: int) -> None:
    """Commit new text to the skills in `names`."""
    _fast_import(place, _commit(count, names, seed, seed, parent="refs/heads/main^0"))


def git(place: Path, *words: str) -> str:
    """What `git` prints in `place`."""
    done = subprocess.run(["git", "-C", str(place), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _fast_import(place: Path, stream: Iterator[bytes]) -> None:
    process = subprocess.Popen(["git", "-C", str(place), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    for chunk in stream:
        process.stdin.write(chunk)
    process.stdin.close()
    assert process.wait() == 0


def _commit(count: int, names: range, seed: int, step: int, parent: str | None = None) -> Iterator[bytes]:
    yield b"commit refs/heads/main\ncommitter Bench <bench@example.com> %d +0000\ndata 5\nbench\n" % (
        _DATE + step,
    )
    if parent:
        yield b"from %s\n" % parent.encode()
    else:
        registry = b'[registry]\nname = "bench"\nbase_url = "https://skills.test"\n'
        yield _file("registry.toml", registry)
        members = ", ".join(f'"{name(number)}"' for number in range(min(50, count)))
        yield _file("collections.toml", f'[default]\ntitle = "Default"\nskills = [{members}]\n'.encode())
    for number in names:
        yield from _skill(number, seed)


def name(number: int) -> str:
    """The name of skill `number`: words, so that no two look alike."""
    return f"{_WORDS[number % 97 % len(_WORDS)]}-{_WORDS[number // 97 % len(_WORDS)]}-{number}"


def _skill(number: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(number * 1_000_003 + seed)
    size = min(500_000, int(chance.lognormvariate(9.2, 0.9)))
    folder = f"skills/{name(number)}"
    description = " ".join(chance.choices(_WORDS, k=24)).capitalize() + "."
    tag = _WORDS[number % len(_WORDS)]
    fields = f"name: {name(number)}\ndescription: {description}\nlicense: MIT\ntags: [bench, {tag}]"
    head = f"---\n{fields}\n---\n"
    body = f"# {name(number)}\n\n{_text(chance, min(3200, size // 2))}\n"
    yield _file(f"{folder}/SKILL.md", (head + body).encode())
    rest = max(0, size - len(head) - len(body))
    parts = chance.choice([1, 2, 3, 4, 5]) if rest else 0
    for part in range(parts):
        path = (
            "scripts/run.py",
            "references/guide.md",
            "assets/data.txt",
            "scripts/more.sh",
            "references/api.md",
        )[part]
        text = _text(chance, rest // parts)
        start = {"py": "#!/usr/bin/env python3\n", "sh": "#!/bin/sh\n"}.get(path[-2:], "")
        yield _file(f"{folder}/{path}", (start + text).encode(), executable=bool(start))


def _text(chance: random.Random, size: int) -> str:
    lines = []
    length = 0
    while length < size:
        line = " ".join(chance.choices(_WORDS, k=12))
        lines.append(f"# {line}")
        length += len(line) + 3
    return "\n".join(lines) + "\n"


def _file(path: str, body: bytes, *, executable: bool = False) -> bytes:
    mode = b"100755" if executable else b"100644"
    return b"M %s inline %s\ndata %d\n%s\n" % (mode, path.encode(), len(body), body)
