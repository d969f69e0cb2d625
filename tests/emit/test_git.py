"""The Git repository: what a clone gets, what the next release adds, and what never happens to it."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from content_repo import BASE_URL, Answer, Repo, build, fill, skill_text, skillpress

BASE = ("--emit", "core,git", "--name", "reg")
TOP = {
    ".agents/plugins/marketplace.json",
    ".claude-plugin/marketplace.json",
    ".gitattributes",
    "sx.toml",
}


def git(place: Path, *words: str | Path) -> str:
    environment = {**os.environ, "GIT_SMART_HTTP": "0", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(["git", "-C", place, *words], capture_output=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape")


def files(place: Path, rev: str = "HEAD", below: str = "") -> dict[str, tuple[str, str]]:
    """Path → mode and blob id of what `rev` holds."""
    found = {}
    for row in git(place, "ls-tree", "-r", "-z", f"{rev}:{below}").split("\0")[:-1]:
        about, _, path = row.partition("\t")
        mode, _, blob = about.split()
        found[path] = (mode, blob)
    return found


def good(answer: Answer) -> Answer:
    assert answer.code == 0, answer.err
    return answer


def publish(repo: Repo, target: Path, *words: str) -> Answer:
    return good(build(repo, target, *BASE, *words))


def git_bytes(target: Path) -> dict[str, bytes]:
    root = target / "git"
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A plain file server that says nothing, and knows nothing of Git."""

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    place = tmp_path / "dist"
    place.mkdir()
    return place


@pytest.fixture
def url(dist: Path) -> Iterator[str]:
    """Where `dist` is served over HTTP."""
    handler = functools.partial(Quiet, directory=str(dist))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/git/reg.git"
        server.shutdown()
        thread.join()


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo.init(tmp_path / "content")
    fill(repo)
    return repo


def test_a_clone_over_plain_http_holds_the_files_of_the_content(
    repo: Repo, dist: Path, url: str, tmp_path: Path
) -> None:
    publish(repo, dist)
    git(tmp_path, "clone", "--quiet", url, "clone")
    clone = tmp_path / "clone"
    assert git(clone, "fsck", "--strict", "--full") == ""
    for name in ("alpha", "beta"):
        assert files(clone, below=f"plugins/{name}/skills/{name}") == files(repo.path, below=f"skills/{name}")
    own = {f"plugins/{name}/.claude-plugin/plugin.json" for name in ("alpha", "beta", "both")}
    skills = {"alpha/skills/alpha/SKILL.md", "beta/skills/beta/SKILL.md", "beta/skills/beta/scripts/run.sh"}
    assert set(files(clone)) == TOP | own | {f"plugins/{path}" for path in skills}
    assert (clone / "plugins/beta/skills/beta/scripts/run.sh").stat().st_mode & 0o111 == 0o111
    manifest = json.loads((clone / "plugins/alpha/.claude-plugin/plugin.json").read_text())
    about = "Does alpha. Use it when alpha is asked for."
    assert manifest == {"name": "alpha", "version": "1.0.0", "description": about, "license": "MIT"}


def test_catalogues_name_what_is_there_and_nothing_that_a_client_does_not_know(
    repo: Repo, dist: Path, tmp_path: Path
) -> None:
    repo.write(
        "agents/helper/AGENT.md", "---\nname: helper\ndescription: Helps. Use it for help.\n---\n\nHelp.\n"
    )
    repo.write("commands/go/COMMAND.md", "---\nname: go\ndescription: Goes. Use it to go.\n---\n\nGo.\n")
    repo.commit()
    publish(repo, dist)
    git(tmp_path, "clone", "--quiet", dist / "git/reg.git", "clone")
    clone = tmp_path / "clone"
    listed = {}
    for where in (".agents/plugins", ".claude-plugin"):
        catalogue = json.loads((clone / where / "marketplace.json").read_text())
        assert catalogue["name"] == "reg"
        listed[where] = [(item["name"], item["version"]) for item in catalogue["plugins"]]
        for item in catalogue["plugins"]:
            manifest = json.loads((clone / item["source"] / ".claude-plugin/plugin.json").read_text())
            assert (manifest["name"], item["source"]) == (item["name"], f"./plugins/{item['name']}")
    assert listed[".agents/plugins"] == [("alpha", "1.0.0"), ("beta", "1.0.0")]
    names = ["alpha", "beta", "both", "go", "helper"]
    assert listed[".claude-plugin"] == [(name, "1.0.0") for name in names]
    helper = json.loads((clone / "plugins/helper/.claude-plugin/plugin.json").read_text())
    assert helper["agents"] == ["./AGENT.md"]


def test_sx_toml_has_a_row_with_the_digest_of_each_bundle(repo: Repo, dist: Path) -> None:
    publish(repo, dist)
    table = tomllib.loads(git(dist / "git/reg.git", "show", "main:sx.toml"))
    assert (table["schema_version"], table["created_by"].split()[0]) == (2, "skillpress")
    assert [row["name"] for row in table["assets"]] == ["alpha", "beta"]
    for row in table["assets"]:
        sha256 = row["source-http"]["hashes"]["sha256"]
        key = f"api/v1/downloads/public/{row['name']}/{sha256}.zip"
        size = (dist / key).stat().st_size
        assert row == {
            "name": row["name"],
            "version": "1",
            "type": "skill",
            "source-http": {"url": f"{BASE_URL}/{key}", "hashes": {"sha256": sha256}, "size": size},
            "scopes": [{"kind": "org"}],
        }


def test_a_pull_gets_the_next_release_and_history_is_linear(
    repo: Repo, dist: Path, url: str, tmp_path: Path
) -> None:
    publish(repo, dist)
    git(tmp_path, "clone", "--quiet", url, "clone")
    clone = tmp_path / "clone"
    repo.skill("alpha", "Do better work.")
    repo.git("rm", "-q", "-r", "skills/beta")
    repo.write("collections.toml", "")
    second = repo.commit()
    publish(repo, dist)
    git(clone, "pull", "--quiet", "--ff-only")
    assert git(clone, "fsck", "--strict", "--full") == ""
    assert files(clone, below="plugins/alpha/skills/alpha") == files(repo.path, below="skills/alpha")
    assert {path for path in files(clone) if path not in TOP} == {
        "plugins/alpha/.claude-plugin/plugin.json",
        "plugins/alpha/skills/alpha/SKILL.md",
    }
    rows = [row.split("\t") for row in git(clone, "log", "--format=%P\t%an\t%at\t%cn\t%ct\t%s").splitlines()]
    times = repo.git("log", "--format=%ct").split()
    assert [row[0] == "" for row in rows] == [False, True]
    assert [row[1:5] for row in rows] == [["Skillpress", time, "Skillpress", time] for time in times]
    assert rows[0][5] == f"Publish {second}"


def test_a_release_that_changes_no_file_adds_no_commit(repo: Repo, dist: Path) -> None:
    publish(repo, dist)
    before = git_bytes(dist)
    repo.write("README.md", "# Read me\n")
    repo.commit()
    publish(repo, dist)
    assert git_bytes(dist) == before


def test_the_same_releases_give_the_same_bytes_and_the_tip_is_the_same_tree_anyhow(
    repo: Repo, tmp_path: Path
) -> None:
    one, two, late = (tmp_path / name for name in ("one", "two", "late"))
    for target in (one, two):
        publish(repo, target)
    repo.skill("alpha", "Changed.")
    repo.commit()
    for target in (one, two, late):
        publish(repo, target)
    assert git_bytes(one) == git_bytes(two)
    assert git_bytes(one) != git_bytes(late)
    trees = [git(target / "git/reg.git", "rev-parse", "main^{tree}") for target in (one, late)]
    assert trees[0] == trees[1]


def test_it_is_off_unless_asked_for(repo: Repo, dist: Path) -> None:
    good(build(repo, dist))
    assert not (dist / "git").exists()
    root = json.loads((dist / "release.json").read_text())["root"]
    assert "history" not in json.loads((dist / "r" / root).read_text())


LEFT_OUT = {
    "attributes of its own": {"skills/odd/.gitattributes": "* filter=lfs\n"},
    "modules of its own": {"skills/odd/.gitmodules": "[submodule]\n"},
    "a manifest that calls it otherwise": {
        "skills/odd/.claude-plugin/plugin.json": '{"name": "other", "description": "Other."}'
    },
}


@pytest.mark.parametrize("how", LEFT_OUT)
def test_what_would_harm_a_clone_is_left_out_and_said(repo: Repo, dist: Path, how: str) -> None:
    repo.skill("odd")
    for path, body in LEFT_OUT[how].items():
        repo.write(path, body)
    repo.commit()
    told = publish(repo, dist, "--json", "--preset", "lenient").json["findings"]
    assert [row["name"] for row in told if row["rule"] == "git-left-out"] == ["odd"]
    held = files(dist / "git/reg.git", "main")
    assert [path for path in held if "odd" in path] == []
    assert [path for path in held if path.startswith("plugins/alpha/")] != []
    assert "odd" not in git(dist / "git/reg.git", "show", "main:.agents/plugins/marketplace.json")


def test_a_skill_that_is_a_plugin_stands_there_as_it_is(repo: Repo, dist: Path) -> None:
    repo.skill("whole")
    manifest = '{"name": "whole", "description": "Whole."}\n'
    repo.write("skills/whole/.claude-plugin/plugin.json", manifest)
    repo.commit()
    publish(repo, dist)
    assert files(dist / "git/reg.git", "main", "plugins/whole") == files(repo.path, below="skills/whole")


def test_after_a_quarantine_nothing_in_the_folder_holds_the_bytes(repo: Repo, dist: Path) -> None:
    publish(repo, dist)
    secret = "The launch code is 0000."
    repo.skill("alpha", secret)
    repo.commit()
    publish(repo, dist)
    place = dist / "git/reg.git"
    assert secret.encode() in b"".join(git_bytes(dist).values())
    flags = ("-C", repo.path, "--base-url", BASE_URL, *BASE)
    good(skillpress("quarantine", "alpha@2", "--to", dist, "--reason", "leak", *flags))
    assert secret.encode() not in b"".join(git_bytes(dist).values())
    assert git(place, "fsck", "--strict", "--full") == ""
    assert len(git(place, "log", "--format=%H", "main").split()) == 1
    assert "alpha@1" not in git(place, "show", "main:plugins/alpha/.claude-plugin/plugin.json")
    assert (
        json.loads(git(place, "show", "main:plugins/alpha/.claude-plugin/plugin.json"))["version"] == "1.0.0"
    )
    repo.skill("beta", "Later.")
    repo.commit()
    publish(repo, dist)
    assert len(git(place, "log", "--format=%H", "main").split()) == 2


@pytest.mark.parametrize("body", [None, b"", b"other"])
def test_a_lost_index_makes_history_begin_anew(
    repo: Repo, dist: Path, url: str, tmp_path: Path, body: bytes | None
) -> None:
    publish(repo, dist)
    lost = next((dist / "git/reg.git/objects/pack").glob("*.idx"))
    lost.unlink()
    if body is not None:
        lost.write_bytes(body)
    repo.skill("alpha", "Changed.")
    repo.commit()
    answer = publish(repo, dist)
    assert "history begins anew" in answer.err
    git(tmp_path, "clone", "--quiet", url, "clone")
    assert git(tmp_path / "clone", "fsck", "--strict", "--full") == ""
    assert len(git(tmp_path / "clone", "log", "--format=%H").split()) == 1


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A repository on a Git host, empty."""
    place = tmp_path / "host.git"
    subprocess.run(["git", "init", "--quiet", "--bare", place], check=True)
    git(place, "config", "receive.fsckObjects", "true")
    return place


def test_the_same_commits_go_to_a_git_host(repo: Repo, dist: Path, host: Path) -> None:
    remote = ("--git-remote", host.as_uri())
    for text in ("One.", "Two."):
        repo.skill("alpha", text)
        repo.commit()
        assert "pushed " in publish(repo, dist, *remote).err
        assert git(host, "log", "main") == git(dist / "git/reg.git", "log", "main")
    assert len(git(host, "log", "--format=%H", "main").split()) == 2
    git(host, "update-ref", "-d", "refs/heads/main")
    told = publish(repo, dist, *remote, "--git-branch", "releases/now", "--json").json
    assert told["objects"] == 0
    assert told["pushed"] == git(host, "rev-parse", "releases/now").strip()


def test_a_branch_with_commits_of_others_is_refused_and_kept(repo: Repo, dist: Path, host: Path) -> None:
    git(repo.path, "push", "--quiet", host.as_uri(), "HEAD:refs/heads/main")
    before = git(host, "rev-parse", "main")
    answer = build(repo, dist, *BASE, "--git-remote", host.as_uri())
    assert answer.code == 3
    assert "[push-rejected]" in answer.err
    assert "delete it there" in answer.err
    assert git(host, "rev-parse", "main") == before
    assert (dist / "git/reg.git/HEAD").exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--emit", "core", "--git-remote", "x"), 2, "[no-git]"),
        (("--emit", "git", "--git-remote", "x", "--git-branch", "a..b"), 2, "[bad-branch]"),
        (("--emit", "git", "--git-remote", "x", "--git-branch", "a:b"), 2, "[bad-branch]"),
        (("--emit", "git", "--git-remote", "file:///nothing/here.git"), 3, "[push-failed]"),
        (("--emit", "git", "--git-remote", "--upload-pack=x"), 3, "[push-failed]"),
    ],
)
def test_a_remote_that_makes_no_sense_is_refused(
    repo: Repo, dist: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    answer = build(repo, dist, *words)
    assert (answer.code, told in answer.err) == (code, True), answer.err


def test_a_password_in_the_url_is_not_shown(repo: Repo, dist: Path) -> None:
    answer = build(repo, dist, *BASE, "--git-remote", "http://me:s3cret@127.0.0.1:9/x.git")
    assert (answer.code, "[push-failed]" in answer.err) == (3, True)
    assert "s3cret" not in answer.err + answer.out


def test_skill_text_is_what_a_clone_shows(repo: Repo, dist: Path) -> None:
    publish(repo, dist)
    shown = git(dist / "git/reg.git", "show", "main:plugins/alpha/skills/alpha/SKILL.md")
    assert shown == skill_text("alpha")
