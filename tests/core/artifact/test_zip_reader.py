"""The strict reader: what it refuses, what it accepts, and that it reads no zip differently from others."""

from __future__ import annotations

import io
import re
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
from hostile.archives import CANONICAL, GOOD, HOSTILE, OTHER, SKILL, Hostile
from hostile.zip_parts import UTF8, Part, archive, extra, unicode_path
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_builder.core.artifact import OWN, Limits, pack, read
from registry_builder.core.artifact.bad_archive import MENDS
from registry_builder.core.errors import BadArchive
from registry_builder.core.folder import File, sorted_files

PAGE = Path(__file__).resolve().parents[3] / "docs" / "artifact.md"


def seen_by_zipfile(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive_:
        return {info.filename: archive_.read(info) for info in archive_.infolist() if not info.is_dir()}


@pytest.mark.parametrize("case", HOSTILE, ids=[case.id for case in HOSTILE])
def test_hostile_zip_is_refused_for_its_one_reason(case: Hostile) -> None:
    with pytest.raises(BadArchive) as caught:
        read(case.data)
    assert caught.value.code == case.code
    assert case.words in caught.value.message
    assert caught.value.mend == MENDS[case.code]
    assert str(caught.value).isprintable()


def test_every_reason_has_a_hostile_zip_and_a_line_in_the_page() -> None:
    assert len({case.id for case in HOSTILE}) == len(HOSTILE)
    assert {case.code for case in HOSTILE} == set(MENDS)
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)) >= set(
        MENDS
    )


def test_refusal_names_the_entry_in_printable_form() -> None:
    with pytest.raises(BadArchive) as caught:
        read(archive(SKILL, Part(b"\x1b[2J" + b"x" * 500)))
    assert caught.value.place.startswith("\\x1b[2Jxxx")
    assert len(caught.value.place) < 200


def zipped(*names: str, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"", **fields: object) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as made:
        made.comment = comment
        for name in names:
            info = zipfile.ZipInfo(name, (2024, 2, 29, 12, 30, 58))
            info.compress_type = method
            for key, value in fields.items():
                setattr(info, key, value)
            made.writestr(info, "" if name.endswith("/") else f"content of {name}\n" * 3)
    return body.getvalue()


TIMES = extra(0x5455, b"\1" + struct.pack("<I", 1_700_000_000))
OWNER = extra(0x7875, b"\1\4" + struct.pack("<I", 1000) + b"\4" + struct.pack("<I", 1000))
GOOD_ONES = {
    "canonical": (CANONICAL, {"SKILL.md": False, "scripts/run.py": True}),
    "deflated": (zipped("SKILL.md", "a/b"), {"SKILL.md": False, "a/b": False}),
    "stored": (zipped("SKILL.md", method=zipfile.ZIP_STORED), {"SKILL.md": False}),
    "with-folders": (zipped("top/", "top/SKILL.md", "top/empty/"), {"top/SKILL.md": False}),
    "with-a-comment": (zipped("SKILL.md", comment=b"made by hand"), {"SKILL.md": False}),
    "with-an-entry-comment": (archive(Part(b"a", comment=b"why")), {"a": False}),
    "with-times-and-owner": (
        archive(Part(b"a", extra=TIMES + OWNER, local_extra=TIMES + OWNER)),
        {"a": False},
    ),
    "other-extra-in-the-local-header": (archive(Part(b"a", local_extra=TIMES)), {"a": False}),
    "utf-8-names": (zipped("é/日本語.md", "😀.md"), {"é/日本語.md": False, "😀.md": False}),
    "nfd-name": (zipped("cafe\u0301.md"), {"cafe\u0301.md": False}),
    "unicode-path-that-agrees": (archive(Part(b"a", extra=unicode_path(b"a", b"a"))), {"a": False}),
    "made-on-dos": (zipped("SKILL.md", create_system=0, external_attr=0x20), {"SKILL.md": False}),
    "made-on-dos-with-a-mode": (archive(Part(b"a", system=0, attributes=0o755 << 16)), {"a": False}),
    "made-on-macos": (archive(Part(b"a", system=19, attributes=0o100755 << 16)), {"a": True}),
    "executable": (zipped("run", external_attr=0o100755 << 16), {"run": True}),
    "executable-for-the-group": (zipped("run", external_attr=0o100610 << 16), {"run": True}),
    "mode-without-a-kind": (zipped("run", external_attr=0o700 << 16), {"run": True}),
    "empty-file": (archive(Part(b"a", b"")), {"a": False}),
    "empty-file-deflated": (archive(Part(b"a", b"", method=8)), {"a": False}),
    "empty-zip": (archive(), {}),
    "wrapper-folder": (zipped("top/SKILL.md", "top/a"), {"top/SKILL.md": False, "top/a": False}),
    "setgid-folder": (archive(Part(b"a/", b"", attributes=0o042755 << 16 | 0x10)), {}),
    "time-zero": (zipped("a", _raw_time=0), {"a": False}),
    "maximal-deflate-flags": (archive(Part(b"a", method=8, flags=UTF8 | 2)), {"a": False}),
    "zip-in-a-zip": (archive(Part(b"a.zip", GOOD), OTHER), {"a.zip": False, "other.md": False}),
    "zip-in-a-zip-at-the-end": (archive(Part(b"a.zip", GOOD)), {"a.zip": False}),
    "two-folders-that-differ-in-case": (zipped("Docs/a", "docs/b"), {"Docs/a": False, "docs/b": False}),
    "names-like-devices": (
        zipped("console.md", "com10", "aux-1"),
        {"console.md": False, "com10": False, "aux-1": False},
    ),
    "dot-files": (zipped(".gitignore", "a/.b", "a..b"), {".gitignore": False, "a/.b": False, "a..b": False}),
    "1000-files": (zipped(*(f"{n}.md" for n in range(1_000))), {f"{n}.md": False for n in range(1_000)}),
}


@pytest.mark.parametrize(("data", "files"), GOOD_ONES.values(), ids=GOOD_ONES)
def test_odd_but_honest_zip_is_read(data: bytes, files: dict[str, bool]) -> None:
    found = read(data)
    assert {file.path: file.executable for file in found} == files
    assert found == sorted_files(found)
    assert {file.path: file.data for file in found} == seen_by_zipfile(data)


def test_directory_may_list_the_entries_in_another_order() -> None:
    one, two = Part(b"one", b"1"), Part(b"two", b"2")
    first = one.local_header() + one.body()
    swapped = archive(one, two).partition(b"PK\1\2")[0]
    directory = two.central_header(len(first)) + one.central_header(0)
    data = (
        swapped + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(directory), len(swapped), 0)
    )
    assert read(data) == (File("one", b"1"), File("two", b"2"))


@pytest.mark.skipif(shutil.which("zip") is None, reason="Info-ZIP zip is not installed")
@pytest.mark.parametrize("options", [[], ["-0"], ["-9"], ["-X"], ["-D"]])
def test_zip_made_by_info_zip_is_read(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "x" / "scripts").mkdir(parents=True)
    (tmp_path / "x" / "SKILL.md").write_bytes(b"hello\n" * 50)
    (tmp_path / "x" / "scripts" / "run.sh").write_bytes(b"echo\n")
    (tmp_path / "x" / "scripts" / "run.sh").chmod(0o755)
    subprocess.run(["zip", "-qr", *options, "x.zip", "x"], cwd=tmp_path, check=True)
    assert read((tmp_path / "x.zip").read_bytes()) == (
        File("x/SKILL.md", b"hello\n" * 50),
        File("x/scripts/run.sh", b"echo\n", executable=True),
    )


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(archive_bytes=len(CANONICAL)), ""),
        (Limits(archive_bytes=len(CANONICAL) - 1), "zip-too-big"),
        (Limits(files=2), ""),
        (Limits(files=1), "zip-too-many-files"),
        (Limits(unpacked_bytes=len(SKILL.data) + 8), ""),
        (Limits(unpacked_bytes=len(SKILL.data) + 7), "zip-unpacked-too-big"),
    ],
)
def test_limit_is_the_last_value_that_passes(limits: Limits, code: str) -> None:
    if not code:
        assert len(read(CANONICAL, limits)) == 2
        return
    with pytest.raises(BadArchive) as caught:
        read(CANONICAL, limits)
    assert caught.value.code == code


def test_own_artifacts_may_be_larger_than_uploads() -> None:
    files = [File(f"{number:04}", bytes(30_000)) for number in range(1_200)]
    assert read(pack(files), OWN) == tuple(files)


SEEDS = [
    CANONICAL,
    GOOD_ONES["deflated"][0],
    GOOD_ONES["with-folders"][0],
    GOOD_ONES["with-times-and-owner"][0],
]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["set", "flip", "cut", "insert"]),
        st.integers(0, 600),
        st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 8, 0xFF])),
    ),
    min_size=1,
    max_size=3,
)


def edited(data: bytes, edits: list[tuple[str, int, int]]) -> bytes:
    for kind, at, value in edits:
        place = at % max(1, len(data))
        middle = {"set": bytes([value]), "flip": bytes(b ^ 1 << value % 8 for b in data[place : place + 1])}
        kept = place if kind == "insert" else place + 1
        data = data[:place] + middle.get(kind, bytes([value]) if kind == "insert" else b"") + data[kept:]
    return data


@settings(max_examples=1_500)
@given(seed=st.sampled_from(SEEDS), edits=EDITS)
def test_damaged_zip_is_refused_or_read_as_zipfile_reads_it(
    seed: bytes, edits: list[tuple[str, int, int]]
) -> None:
    data = edited(seed, edits)
    try:
        found = read(data)
    except BadArchive:
        return
    assert {file.path: file.data for file in found} == seen_by_zipfile(data)


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(BadArchive):
        read(noise)
    with pytest.raises(BadArchive):
        read(GOOD[:60] + noise + GOOD[60 + len(noise) + 1 :] + b"x")


def test_each_single_byte_of_a_good_zip_is_checked_or_does_not_matter() -> None:
    for at in range(len(CANONICAL)):
        for value in (0, 1, 0xFF, CANONICAL[at] ^ 0x80):
            data = CANONICAL[:at] + bytes([value]) + CANONICAL[at + 1 :]
            try:
                found = read(data)
            except BadArchive:
                continue
            assert {file.path: file.data for file in found} == seen_by_zipfile(data)
