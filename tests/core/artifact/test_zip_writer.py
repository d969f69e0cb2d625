"""The canonical zip: equal folders, equal bytes; and every zip program reads them."""

from __future__ import annotations

import hashlib
import io
import random
import re
import shutil
import subprocess
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_builder.core.artifact import OWN, PROFILE, Member, assemble, member, pack, read
from registry_builder.core.errors import Unfit
from registry_builder.core.folder import File, sorted_files

PAGE = Path(__file__).resolve().parents[3] / "docs" / "artifact.md"

EXAMPLE = (
    File("SKILL.md", b"---\nname: hello\ndescription: Say hello.\n---\nSay hello.\n"),
    File("scripts/hello.sh", b"#!/bin/sh\necho hello\n", executable=True),
    File("références/é.md", b""),
)

PATHS = st.lists(st.text("aAbé日. -_K", min_size=1, max_size=6), min_size=1, max_size=3).map("/".join)
FILES = st.lists(st.builds(File, PATHS, st.binary(max_size=200), st.booleans()), max_size=6)


def test_example_of_the_page_has_the_digest_that_the_page_gives() -> None:
    page = PAGE.read_text(encoding="utf-8")
    digests = re.findall(r"sha256 `([0-9a-f]{64})`", page)
    assert digests == [hashlib.sha256(pack(EXAMPLE)).hexdigest()]
    shown = re.search(r"```hex\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    assert bytes.fromhex(re.sub(r"#.*", "", shown[1])) == pack(EXAMPLE)
    assert f"Profile {PROFILE}" in page


def test_bytes_are_those_that_zipfile_writes_when_told_the_same() -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as made:
        for file in sorted_files(EXAMPLE):
            info = zipfile.ZipInfo(file.path)
            info.external_attr = (0o100755 if file.executable else 0o100644) << 16
            made.writestr(info, file.data)
    # zipfile flags only names that need it; flags are at 6 in a local header, at 8 in a central one.
    theirs = bytearray(body.getvalue())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        for found in re.finditer(signature, bytes(theirs)):
            theirs[found.start() + flags : found.start() + flags + 2] = b"\0\x08"
    assert pack(EXAMPLE) == bytes(theirs)


def test_order_of_the_files_does_not_matter_and_the_bytes_of_the_names_give_it() -> None:
    files = [File(path, b"") for path in ("a/b", "a-b", "a.b", "B", "é", "z", "日", "\U0001f600", "\uffee")]
    expected = pack(files)
    with zipfile.ZipFile(io.BytesIO(expected)) as archive:
        assert archive.namelist() == ["B", "a-b", "a.b", "a/b", "z", "é", "日", "\uffee", "\U0001f600"]
    for seed in range(5):
        random.Random(seed).shuffle(files)
        assert pack(files) == expected


@pytest.mark.parametrize(
    "change",
    [
        File("SKILL.md", b"x"),
        File("SKILL.md", b"y", executable=True),
        File("SKILL.mD", b"y"),
        File("a/SKILL.md", b"y"),
    ],
    ids=["data", "executable", "case", "folder"],
)
def test_any_change_of_a_file_changes_the_bytes(change: File) -> None:
    assert pack([change]) != pack([File("a.md", b"y")])


@pytest.mark.parametrize(
    ("paths", "code", "place"),
    [
        (["cafe\u0301.md"], "path-not-nfc", "cafe\u0301.md"),
        (["a\udce9.md"], "path-not-utf8", "a\\xe9.md"),
        (["a\ud800"], "path-not-utf8", "a\\u{d800}"),
        ([""], "path-unsafe", ""),
        (["/a"], "path-unsafe", "/a"),
        (["../a"], "path-unsafe", "../a"),
        (["a/"], "path-unsafe", "a/"),
        (["a\\b"], "path-unsafe", "a\\b"),
        (["a\n"], "path-unsafe", "a\\x0a"),
        (["nul.md"], "path-unsafe", "nul.md"),
        (["x" * 256], "path-too-long", "x" * 119 + "…"),
        (["a", "a"], "path-duplicate", "a"),
        (["README.md", "readme.md"], "path-duplicate", "readme.md"),
        (["straße", "STRASSE"], "path-duplicate", "straße"),
        (["a", "A/b"], "path-clash", "a"),
        (["É", "é/b"], "path-clash", "É"),
    ],
)
def test_path_that_no_artifact_may_hold_is_refused(paths: list[str], code: str, place: str) -> None:
    with pytest.raises(Unfit) as caught:
        pack([File(path, b"") for path in paths])
    assert (caught.value.code, caught.value.place) == (code, place)
    assert caught.value.mend


def test_file_that_looks_like_the_end_of_the_zip_is_refused() -> None:
    size = len(pack([File("a", bytes(22))])) - len("a") - 30 - 22
    with pytest.raises(Unfit, match="zip-two-ends"):
        pack([File("a", b"PK\5\6" + bytes(16) + size.to_bytes(2, "little"))])
    assert pack([File("a", b"PK\5\6" + bytes(16) + (size + 1).to_bytes(2, "little"))])


def test_65535_files_fit_and_one_more_is_refused() -> None:
    files = [File(f"{number}", b"") for number in range(65_535)]
    assert read(pack(files), OWN) == sorted_files(files)
    with pytest.raises(Unfit, match="zip-too-many-files"):
        pack([*files, File("more", b"")])


def test_what_needs_zip64_is_refused_before_it_is_built() -> None:
    with pytest.raises(Unfit, match="zip-too-big"):
        pack([File("a", bytes(0xFFFF_FFFF))])
    half = bytes(0x7FFF_FFFF)
    made = member(File("a", b""))
    with pytest.raises(Unfit, match="zip-too-big"):
        assemble(Member(name.encode(), name, made.common, made.tail, half) for name in "abc")


def test_members_serve_for_several_zips() -> None:
    members = [member(file) for file in EXAMPLE]
    more = File("metadata.toml", b"[asset]\n")
    assert assemble(members) == pack(EXAMPLE)
    assert assemble([member(more), *members]) == pack([*EXAMPLE, more])


@settings(max_examples=400)
@given(FILES)
def test_packed_files_are_read_back_or_refused(files: list[File]) -> None:
    try:
        packed = pack(files)
    except Unfit:
        return
    assert read(packed, OWN) == sorted_files(files)
    assert all(unicodedata.is_normalized("NFC", file.path) for file in files)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        assert [(name, archive.read(name)) for name in archive.namelist()] == [
            (file.path, file.data) for file in sorted_files(files)
        ]


@pytest.mark.skipif(shutil.which("unzip") is None, reason="Info-ZIP unzip is not installed")
def test_unzip_restores_names_bytes_and_executable_bits(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(pack(EXAMPLE))
    settings_ = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    subprocess.run(["unzip", "-q", "x.zip", "-d", "out"], cwd=tmp_path, check=True, env=settings_)
    out = tmp_path / "out"
    found = [
        File(path.relative_to(out).as_posix(), path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in out.rglob("*")
        if path.is_file()
    ]
    assert sorted_files(found) == sorted_files(EXAMPLE)
