"""The npm tarball: the same bytes everywhere, and every tar program reads them."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_builder.core.artifact import pack_tgz
from registry_builder.core.errors import Unfit
from registry_builder.core.folder import File, sorted_files

EXAMPLE = (
    File("SKILL.md", b"hello\n"),
    File("package.json", b'{"name":"hello","version":"1.0.0"}\n'),
    File("scripts/hello.sh", b"#!/bin/sh\n", executable=True),
    File("docs/é.md", b""),
    File("big.bin", bytes(range(256)) * 600),
)
DIGEST = "2819c8aef0c2f287337702db6c17bceabd7d80e5750daf90dcc6eaaff3c73449"

PATHS = st.lists(st.text("aBé日._-", min_size=1, max_size=40), min_size=1, max_size=5).map("/".join)
FILES = st.lists(st.builds(File, PATHS, st.binary(max_size=1500), st.booleans()), max_size=5)


def members_of(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        return archive.getmembers()


def files_of(data: bytes) -> list[File]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        found = []
        for info in archive.getmembers():
            body = archive.extractfile(info)
            assert body is not None
            found.append(File(info.name.removeprefix("package/"), body.read(), info.mode == 0o755))
    return found


def test_tarball_of_the_example_never_changes() -> None:
    assert hashlib.sha256(pack_tgz(EXAMPLE)).hexdigest() == DIGEST


def test_order_of_the_files_does_not_matter() -> None:
    files = list(EXAMPLE)
    for seed in range(5):
        random.Random(seed).shuffle(files)
        assert pack_tgz(files) == pack_tgz(EXAMPLE)


def test_headers_hold_nothing_of_who_made_them_and_when() -> None:
    for info in members_of(pack_tgz(EXAMPLE)):
        assert (info.uid, info.gid, info.uname, info.gname) == (0, 0, "", "")
        assert (info.mtime, info.type, info.linkname, info.pax_headers) == (
            499_162_500,
            tarfile.REGTYPE,
            "",
            {},
        )
        assert info.name.startswith("package/")


def test_tar_is_plain_ustar_in_stored_blocks() -> None:
    packed = pack_tgz(EXAMPLE)
    plain = gzip.decompress(packed)
    assert packed[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    assert len(plain) % 512 == 0
    assert plain.endswith(bytes(1024))
    assert plain[257:265] == b"ustar\x0000"
    assert len(packed) == 10 + len(plain) + 5 * -(-len(plain) // 65_535) + 8


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 65_535 - 1536, 65_535, 131_070, 131_071, 200_000])
def test_size_at_the_edge_of_a_block_is_read_back(size: int) -> None:
    files = [File("a", random.Random(size).randbytes(size))]
    assert files_of(pack_tgz(files)) == files


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("a" * 92, ("", "package/" + "a" * 92)),
        ("a/" + "b" * 91, ("package", "a/" + "b" * 91)),
        ("a" * 146 + "/" + "b" * 100, ("package/" + "a" * 146, "b" * 100)),
        (
            "/".join(["é" * 20] * 5),
            ("package" + 3 * ("/" + "é" * 20), "é" * 20 + "/" + "é" * 20),
        ),
    ],
)
def test_long_path_is_cut_at_the_first_slash_that_will_do(path: str, split: tuple[str, str]) -> None:
    packed = pack_tgz([File(path, b"x")])
    plain = gzip.decompress(packed)
    folder, name = plain[345:500].rstrip(b"\0").decode(), plain[:100].rstrip(b"\0").decode()
    assert (folder, name) == split
    assert files_of(packed) == [File(path, b"x")]


@pytest.mark.parametrize(
    ("paths", "code"),
    [
        (["a" * 101], "npm-path-too-long"),
        (["a" * 300], "npm-path-too-long"),
        (["é" * 51], "npm-path-too-long"),
        (["a" * 148 + "/b"], "npm-path-too-long"),
        (["a/" * 150 + "b"], "npm-path-too-long"),
        (["../a"], "path-unsafe"),
        (["/a"], "path-unsafe"),
        ([""], "path-unsafe"),
        (["a\0b"], "path-unsafe"),
        (["cafe\u0301"], "path-not-nfc"),
        (["a\udce9"], "path-not-utf8"),
        (["a", "a"], "path-duplicate"),
        (["a", "a/b"], "path-clash"),
    ],
)
def test_path_that_a_tarball_cannot_hold_is_refused(paths: list[str], code: str) -> None:
    with pytest.raises(Unfit) as caught:
        pack_tgz([File(path, b"") for path in paths])
    assert caught.value.code == code


def test_prefix_may_be_another_or_none() -> None:
    assert [info.name for info in members_of(pack_tgz(EXAMPLE[:1], "x/y/"))] == ["x/y/SKILL.md"]
    assert [info.name for info in members_of(pack_tgz(EXAMPLE[:1], ""))] == ["SKILL.md"]
    with pytest.raises(Unfit, match="path-unsafe"):
        pack_tgz(EXAMPLE, "../")


@settings(max_examples=200)
@given(FILES)
def test_packed_files_are_read_back_or_refused(files: list[File]) -> None:
    try:
        packed = pack_tgz(files)
    except Unfit:
        return
    assert files_of(packed) == list(sorted_files(files))


@pytest.mark.skipif(shutil.which("tar") is None, reason="tar is not installed")
def test_tar_lists_and_extracts_it(tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_bytes(pack_tgz(EXAMPLE))
    listed = subprocess.run(
        ["tar", "tzf", "x.tgz", "--quoting-style=literal"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert listed.stderr == ""
    assert listed.stdout.splitlines() == [f"package/{file.path}" for file in sorted_files(EXAMPLE)]
    subprocess.run(["tar", "xzf", "x.tgz"], cwd=tmp_path, check=True)
    for file in EXAMPLE:
        path = tmp_path / "package" / file.path
        assert (path.read_bytes(), bool(path.stat().st_mode & 0o100)) == (file.data, file.executable)
