"""Many skills in one zip: the bytes that the artifact's own writer would give, without holding them all."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamic_api.errors import TooLarge
from dynamic_api.private_store import Part, bundle, keep, open_private_store
from registry_builder.core.artifact import pack
from registry_builder.core.folder import File

PROMPT = File("SKILL.md", b"---\nname: x\ndescription: y\n---\n")
SKILLS = {
    "a": [PROMPT, File("scripts/run.sh", b"#!/bin/sh\n", executable=True), File("empty", b"")],
    "a-b": [PROMPT],
    "a1": [PROMPT, File("größe.md", b"big")],
    "zz": [PROMPT, File("PK", b"PK\3\4 PK\1\2 PK\6\6")],
}


def part(slug: str, files: list[File]) -> Part:
    artifact = pack(files)
    return Part(slug, len(artifact), len(files), lambda: artifact)


def whole(skills: Mapping[str, list[File]]) -> bytes:
    """What the artifact's writer gives for all files at once."""
    return pack(
        [
            File(f"{slug}/{file.path}", file.data, file.executable)
            for slug, files in skills.items()
            for file in files
        ]
    )


def test_bundle_is_the_canonical_zip_of_all_files_in_any_order() -> None:
    made = bundle(part(slug, files) for slug, files in reversed(SKILLS.items()))
    body = b"".join(made)
    assert body == whole(SKILLS) == b"".join(made)
    assert len(body) == made.size
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert archive.read("a/scripts/run.sh") == b"#!/bin/sh\n"
        assert [name for name in archive.namelist() if name.startswith("a-b/")] == ["a-b/SKILL.md"]


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9]{1,4}(-[a-z0-9]{1,4})?", fullmatch=True),
        st.dictionaries(
            st.from_regex(r"[a-z]{1,3}(/[a-z]{4,6})?", fullmatch=True), st.binary(max_size=40), max_size=4
        ),
        max_size=5,
    )
)
def test_size_is_known_ahead(skills: dict[str, dict[str, bytes]]) -> None:
    files = {slug: [File(path, data) for path, data in rows.items()] for slug, rows in skills.items()}
    files = {slug: rows for slug, rows in files.items() if not _clashes(rows)}
    made = bundle(part(slug, rows) for slug, rows in files.items())
    body = b"".join(made)
    assert (len(body), body) == (made.size, whole(files))


def _clashes(rows: list[File]) -> bool:
    return bool({row.path for row in rows} & {row.path.partition("/")[0] for row in rows if "/" in row.path})


def test_bundle_of_nothing_is_an_empty_zip() -> None:
    assert b"".join(bundle([])) == pack([])


def test_only_one_artifact_is_in_memory_at_a_time() -> None:
    def read(number: int) -> bytes:
        return pack([PROMPT, File("data.bin", bytes([number]) * 2**20)])

    size = len(read(0))
    made = bundle(Part(f"s{number}", size, 2, lambda number=number: read(number)) for number in range(40))  # type: ignore[misc]
    tracemalloc.start()
    total = sum(map(len, made))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == made.size > 40 * 2**20
    assert peak < 8 * 2**20


def test_bundle_that_no_plain_zip_can_hold_is_refused_before_a_byte() -> None:
    huge = [Part(f"s{number}", 2**31 + 100, 1, bytes) for number in range(2)]
    many = [Part(f"s{number}", 100_000, 40_000, bytes) for number in range(2)]
    for parts in (huge, many):
        with pytest.raises(TooLarge) as caught:
            bundle(parts)
        assert caught.value.code == "bundle_too_large"


def test_artifact_that_is_not_what_was_announced_stops_the_bundle() -> None:
    artifact = pack([PROMPT])
    for size, files in ((len(artifact) + 1, 1), (len(artifact), 2)):
        with pytest.raises(AssertionError, match="not what was announced"):
            b"".join(bundle([Part("a", size, files, lambda: artifact)]))


def test_kept_bundle_has_the_same_key_each_time(tmp_path: Path) -> None:
    store = open_private_store(str(tmp_path))
    parts = [part(slug, files) for slug, files in SKILLS.items()]
    key = keep(store, bundle(parts))
    assert key == hashlib.sha256(whole(SKILLS)).hexdigest() == keep(store, bundle(reversed(parts)))
    assert store.get(key) == whole(SKILLS)
