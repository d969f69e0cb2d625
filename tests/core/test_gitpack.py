"""Packs are what Git itself would read: it takes them, and derives the same index from them."""

from __future__ import annotations

import random
import subprocess
import zlib
from pathlib import Path

import pytest

from registry_builder.core.folder import File, git_tree
from registry_builder.core.git_object import (
    GitObject,
    Signature,
    commit_object,
    git_object,
    is_obeyed,
    tree_objects,
)
from registry_builder.core.gitpack import Index, Pack, packed, write_pack, write_packs

SIZES = (0, 1, 15, 16, 17, 2047, 2048, 65_534, 65_535, 65_536, 131_070, 262_143, 262_144, 1_000_000)
BY = Signature(name="A", email="a@example.com", seconds=1_700_000_000)
FILES = (
    File("a/b", b"one"),
    File("a-b", b"two", executable=True),
    File("a.b", b""),
    File("a0", b"three"),
    File("ä/日本/x y.txt", b"four"),
    File("b/\udcff", b"not UTF-8"),
)


def blobs(*sizes: int) -> list[GitObject]:
    chance = random.Random(7)
    return [git_object("blob", chance.randbytes(size)) for size in sizes]


def one_pack(objects: list[GitObject]) -> Pack:
    return write_pack(dict(map(packed, objects)))


def git(repo: Path, *words: str | Path, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["git", "-C", repo, *words], input=stdin, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    place = tmp_path / "r.git"
    subprocess.run(["git", "init", "--quiet", "--bare", place], check=True)
    return place


@pytest.mark.parametrize("sizes", [SIZES, (0,), (65_535,), tuple(range(600))], ids=str)
def test_git_derives_our_index_from_our_pack(repo: Path, tmp_path: Path, sizes: tuple[int, ...]) -> None:
    pack = one_pack(blobs(*sizes))
    path = tmp_path / f"pack-{pack.name}.pack"
    path.write_bytes(pack.body)
    told = git(repo, "index-pack", "--strict", path)
    assert told.decode().split()[-1] == pack.name
    assert path.with_suffix(".idx").read_bytes() == pack.index


@pytest.mark.parametrize("size", SIZES)
def test_an_object_has_the_id_and_the_stream_that_git_expects(repo: Path, size: int) -> None:
    (blob,) = blobs(size)
    told = git(repo, "hash-object", "-t", "blob", "--stdin", stdin=blob.body)
    assert told.decode().strip() == blob.id.hex()
    id_, raw = packed(blob)
    head = next(at for at, byte in enumerate(raw) if byte < 0x80) + 1
    assert (id_, zlib.decompress(raw[head:])) == (blob.id, blob.body)


def test_a_tree_and_a_commit_are_what_git_makes(repo: Path, tmp_path: Path) -> None:
    trees = tree_objects(FILES)
    assert trees[-1].id.hex() == git_tree(FILES)
    first = commit_object(trees[-1].id, None, BY, "One\n")
    second = commit_object(trees[-1].id, first.id, BY, "Zwei: ä\n")
    pack = one_pack([*trees, first, second])
    (repo / "objects" / "pack" / f"pack-{pack.name}.pack").write_bytes(pack.body)
    (repo / "objects" / "pack" / f"pack-{pack.name}.idx").write_bytes(pack.index)
    git(repo, "update-ref", "refs/heads/main", second.id.hex())
    assert git(repo, "fsck", "--strict", "--full", "--unreachable") == b""
    rows = git(repo, "ls-tree", "-r", "-z", "main").split(b"\0")[:-1]
    assert sorted((row.partition(b"\t")[2], row[:6]) for row in rows) == sorted(
        (file.path.encode("utf-8", "surrogateescape"), b"100755" if file.executable else b"100644")
        for file in FILES
    )
    environment = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null"}
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": BY.name, f"GIT_{role}_EMAIL": BY.email}
        environment[f"GIT_{role}_DATE"] = f"{BY.seconds} +0000"
    made = subprocess.run(
        ["git", "-C", repo, "commit-tree", trees[-1].id.hex(), "-p", first.id.hex()],
        input="Zwei: ä\n".encode(),
        env=environment,
        capture_output=True,
        check=True,
    )
    assert made.stdout.decode().strip() == second.id.hex()


def test_a_mounted_tree_is_as_good_as_its_files() -> None:
    below = [File(f"p/q/{file.path}", file.data, file.executable) for file in FILES]
    whole = tree_objects([*below, File("top", b"x")])
    mounted = tree_objects([File("top", b"x")], {"p/q": tree_objects(FILES)[-1].id})
    assert mounted[-1] == whole[-1]
    assert len(mounted) == 3  # the blob, p, the root


@pytest.mark.parametrize("files", [("a", "a/b"), ("a/b", "a"), ("a", "a")])
def test_a_path_below_a_file_or_twice_is_our_mistake(files: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError):
        tree_objects([File(path, b"") for path in files])


def test_an_index_knows_what_is_in_it() -> None:
    objects = blobs(*range(700))
    pack = one_pack(objects[::2])
    index = Index(pack.index)
    assert [item.id in index for item in objects] == [number % 2 == 0 for number in range(700)]
    edges = [bytes(20), b"\xff" * 20]
    assert [edge in index for edge in edges] == [False, False]
    assert sorted(index.entries(pack.body)) == sorted(map(packed, objects[::2]))


def test_packs_leave_out_what_is_known_and_close_at_the_limit() -> None:
    objects = blobs(*[100] * 50)
    old = one_pack(objects[:10])
    packs = list(write_packs(map(packed, objects + objects[:20]), [Index(old.index)], limit=1_500))
    ids = [id_ for pack in packs for id_, _ in Index(pack.index).entries(pack.body)]
    assert sorted(ids) == sorted(item.id for item in objects[10:])
    assert [Index(pack.index).count for pack in packs] == [14, 14, 12]
    assert list(write_packs(map(packed, objects[:10]), [Index(old.index)])) == []


def test_equal_objects_in_any_order_give_equal_bytes() -> None:
    objects = blobs(*range(200))
    assert one_pack(objects) == one_pack(objects[::-1])


OBEYED = (
    ".git", ".GIT", "a/.git", ".git/config", ".gitmodules", "a/.gitAttributes", ".git ", ".git.", ".git::$I",
    "git~1", "GIT~12", "x/gitmod~1", "gi7d29~1", "a\\.git\\b", ".g\u200cit", "\ufeff.git",
)  # fmt: skip
PLAIN = (
    ".gitignore",
    "git",
    ".github/x",
    "a.git",
    "git~",
    "..git",
    ".gitx",
    "gitmodules",
    "SKILL.md",
    ".keep",
)


@pytest.mark.parametrize(("path", "obeyed"), [(p, True) for p in OBEYED] + [(p, False) for p in PLAIN])
def test_names_that_git_obeys_or_refuses(path: str, obeyed: bool) -> None:
    assert is_obeyed(path) == obeyed


@pytest.mark.parametrize("path", PLAIN)
def test_git_itself_takes_what_is_not_obeyed(repo: Path, path: str) -> None:
    (blob,) = blobs(3)
    protect = ["-c", "core.protectNTFS=true", "-c", "core.protectHFS=true"]
    git(repo, "hash-object", "-w", "--stdin", stdin=blob.body)
    git(repo, *protect, "update-index", "--add", "--cacheinfo", f"100644,{blob.id.hex()},{path}")
