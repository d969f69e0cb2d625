"""The client refuses a whole lock for one bad row, and takes what sx takes. contracts/sx.md section 3."""

from __future__ import annotations

import pytest
from sx_client import LockRefused, scope, semver
from sx_client.errors import BadAnswer
from sx_client.lock import read_lock

HEAD = 'lock-version = "1.0"\nversion = "abc"\ncreated-by = "test/1"\n'
SOURCE = '[assets.source-http]\nurl = "https://example.com/a.zip"\n'
ROW = '[[assets]]\nname = "a"\nversion = "1"\ntype = "skill"\n'
OTHER = '[[assets]]\nname = "b"\nversion = "2"\ntype = "rule"\n' + SOURCE
LOOSE = ("v1.2", "1.2.3-rc.1+b", "0")
NO_VERSIONS = ("latest", "", "1.2.3.4", "1 ", "1.x")
NO_TYPES = ("mcp_server", "plugin", "Skill", "")
BACK = OTHER.replace("[assets.s", 'dependencies = [{ name = "a" }]\n[assets.s')
HASHES = f'hashes = {{ sha256 = "{"0" * 64}", sha512 = "{"a" * 128}" }}\n'
GIT = '[assets.source-git]\nurl = "https://example.com/a.git"\nref = "{}"\n'


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (HEAD, 0),
        (HEAD + ROW + SOURCE, 1),
        (HEAD + ROW + SOURCE + OTHER, 2),
        (HEAD.replace("1.0", "9") + ROW + SOURCE, 1),
        (HEAD + "surprise = 1\n" + ROW + "surprise = 1\n" + SOURCE + "surprise = 1\n", 1),
        (HEAD + (ROW + SOURCE).replace("assets", "artifacts"), 1),
        *((HEAD + ROW.replace('"1"', f'"{version}"') + SOURCE, 1) for version in LOOSE),
        (HEAD + ROW.replace("skill", "app-plugin") + SOURCE, 1),
        (HEAD + ROW + SOURCE + 'hashes = {}\n', 1),
        (HEAD + ROW + SOURCE + HASHES + "size = 3\n", 1),
        (HEAD + ROW + 'dependencies = [{ name = "b" }]\n' + SOURCE + OTHER, 2),
        (HEAD + ROW + 'clients = ["codex", "claude-code"]\n' + SOURCE, 1),
        (HEAD + ROW + SOURCE + '[[assets.scopes]]\nrepo = "https://github.com/a/b"\npaths = ["x"]\n', 1),
        (HEAD + ROW + 'repositories = [{ repo = "https://github.com/a/b" }]\n' + SOURCE, 1),
        (HEAD + ROW + GIT.format("a" * 40), 1),
        (HEAD + ROW + GIT.format("main") + OTHER, 1),
        (HEAD + ROW + '[assets.source-path]\npath = "/x.zip"\n', 1),
    ],
)  # fmt: skip
def test_lock_is_taken(text: str, count: int) -> None:
    assert len(read_lock(text).rows) == count


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", "not TOML"),
        (HEAD + 'assets = "x"\n', "assets is no array of tables"),
        (HEAD.replace('"1.0"', "1.0") + ROW + SOURCE, "lock-version is no str"),
        (HEAD.replace("abc", "") + ROW + SOURCE, "version is empty"),
        (HEAD.replace('created-by = "test/1"\n', "") + ROW + SOURCE, "created-by is empty"),
        (HEAD + ROW.replace('name = "a"\n', "") + SOURCE, "the name is empty"),
        (HEAD + ROW.replace('"a"', '"a/b"') + SOURCE, "a/b: the name is empty or has other characters"),
        (HEAD + ROW.replace('"1"', "1") + SOURCE, "a: version is no str"),
        *((HEAD + ROW.replace('"1"', f'"{v}"') + SOURCE, "is no semantic version") for v in NO_VERSIONS),
        *((HEAD + ROW.replace("skill", kind) + SOURCE, "is unknown") for kind in NO_TYPES),
        (HEAD + ROW, "has 0 sources, not one"),
        (HEAD + ROW + SOURCE + GIT.format("a" * 40), "has 2 sources, not one"),
        (HEAD + ROW + SOURCE.replace("https://example.com", ""), "the url '/a.zip' is not absolute"),
        (HEAD + ROW + "[assets.source-http]\n", "the url None is not absolute"),
        (HEAD + ROW + "source-http = 3\n", "source-http is no dict"),
        (HEAD + ROW + SOURCE + 'hashes = { md5 = "00" }\n', "the hash md5"),
        (HEAD + ROW + SOURCE + f'hashes = {{ sha256 = "{"A" * 64}" }}\n', "the hash sha256"),
        (HEAD + ROW + SOURCE + f'hashes = {{ sha256 = "sha256:{"a" * 64}" }}\n', "the hash sha256"),
        (HEAD + ROW + SOURCE + 'hashes = { sha256 = 3 }\n', "a hash is no str"),
        (HEAD + ROW + SOURCE + 'size = "3"\n', "size is no int"),
        (HEAD + ROW + SOURCE + 'size = -1\n', "the size is negative"),
        (HEAD + ROW + SOURCE + 'uploaded-at = "today"\n', "uploaded-at is no datetime"),
        (HEAD + ROW + 'clients = ["claude"]\n' + SOURCE, "the clients ['claude'] are unknown"),
        (HEAD + ROW + 'clients = "codex"\n' + SOURCE, "clients is no list"),
        (HEAD + ROW + 'clients = [1]\n' + SOURCE, "clients holds what is no str"),
        (HEAD + ROW + 'dependencies = ["b"]\n' + SOURCE + OTHER, "dependencies holds what is no dict"),
        (HEAD + ROW + 'dependencies = [{ name = "c" }]\n' + SOURCE, "depends on 'c', which has no row"),
        (HEAD + ROW + 'dependencies = [{ name = "b", version = "1" }]\n' + SOURCE + OTHER, "version of b"),
        (HEAD + ROW + 'dependencies = [{ name = "a" }]\n' + SOURCE, "a circle of dependencies through a"),
        (HEAD + ROW + 'dependencies = [{ name = "b" }]\n' + SOURCE + BACK, "through a, b"),
        (HEAD + ROW + SOURCE + '[[assets.scopes]]\npaths = ["x"]\n', "a scope has no repo"),
        (HEAD + ROW + SOURCE + ROW + SOURCE, "a has more than one row"),
        (HEAD + ROW + SOURCE + ROW.replace('"1"', '"2"') + SOURCE, "a has more than one row"),
    ],
)  # fmt: skip
def test_lock_is_refused_as_a_whole(text: str, problem: str) -> None:
    with pytest.raises(LockRefused) as refused:
        read_lock(text)
    assert problem in str(refused.value)


def test_dependencies_behind_the_source_are_lost_as_in_sx() -> None:
    (row,) = read_lock(HEAD + ROW + SOURCE + 'dependencies = [{ name = "nothing" }]\n').rows
    assert row.dependencies == ()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://github.com/Acme/API", "git@github.com:acme/api.git", True),
        ("ssh://git@github.com:22/acme/api.git/", "https://user@github.com/acme/api", True),
        ("github.com/acme/api", "https://github.com:443/acme/api/", True),
        ("https://github.com/acme/api", "https://gitlab.com/acme/api", False),
        ("https://github.com/acme/api", "https://github.com/acme/api2", False),
        ("", "", False),
    ],
)
def test_scope_matches_any_form_of_the_same_repository(one: str, other: str, same: bool) -> None:
    assert scope.matches(one, other) is same


def test_versions_sort_as_semver() -> None:
    versions = ["10", "9", "1.2.3-rc.1", "v1.2.3", "1.2.3-rc.10", "1.10", "1.2.3-alpha", "1.2.3-rc.2"]
    assert semver.sort(versions) == [
        "1.2.3-alpha", "1.2.3-rc.1", "1.2.3-rc.2", "1.2.3-rc.10", "v1.2.3", "1.10", "9", "10",
    ]  # fmt: skip
    with pytest.raises(BadAnswer):
        semver.sort(["1", "latest"])


@pytest.mark.parametrize(
    ("version", "after"), [("1", "2"), ("1.4", "2.0"), ("1.4.2", "2.0.0"), ("v9.1-rc.1+x", "v10.0")]
)
def test_next_version_keeps_the_form(version: str, after: str) -> None:
    assert semver.following(version) == after
