"""The copy of the ledger on a Git ref, with real repositories: never forced, and a bucket comes from it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from history import Repo, make_repo, skill

from registry_builder.cli import run

BASE = "https://skills.test"
ALPHA, BETA = "skills/alpha/SKILL.md", "skills/beta/SKILL.md"
REF = "refs/skillpress/ledger"
SETTINGS = f'[publish]\nledger_ref = "{REF}"\n'
COLLECTIONS = '[things]\ntitle = "Things"\ndescription = "d"\nskills = ["alpha", "beta"]\n'


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """An empty repository on a host."""
    place = tmp_path / "host.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(place)], check=True)
    return place


@pytest.fixture
def repo(tmp_path: Path, host: Path) -> Repo:
    made = make_repo(tmp_path / "repo")
    made.git("remote", "add", "origin", str(host))
    files = {ALPHA: skill("alpha", "one"), BETA: skill("beta", "one"), "collections.toml": COLLECTIONS}
    made.commit({**files, "registry.toml": SETTINGS})
    return made


def publish(repo: Repo, out: Path, *more: str) -> int:
    named = ["--base-url", BASE, "--name", "reg"]
    return run(["publish", "--to", str(out), "-C", str(repo.path), *named, *more])


def restore(repo: Repo, out: Path, *source: str) -> int:
    named = ["--base-url", BASE, "--name", "reg"]
    return run(["ledger", "import", *source, "--to", str(out), "-C", str(repo.path), *named])


def at(host: Path, *words: str) -> str:
    done = subprocess.run(["git", "--git-dir", str(host), *words], capture_output=True, text=True, check=True)
    return done.stdout


def commits(host: Path) -> list[str]:
    """The subjects on the ref, newest first."""
    return at(host, "log", "--format=%s %ct", REF).splitlines()


def tree(out: Path) -> dict[str, bytes]:
    files = (path for path in out.rglob("*") if path.is_file())
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in files}
    return {key: body for key, body in found.items() if key != "release.json" and not key.startswith("r/")}


def test_each_publish_adds_a_commit_with_what_export_prints(
    repo: Repo, host: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert publish(repo, out) == 0
    repo.commit({ALPHA: skill("alpha", "two")})
    assert publish(repo, out) == 0
    assert publish(repo, out) == 0
    assert commits(host) == [
        "Ledger at generation 2 1700000120",
        "Ledger at generation 1 1700000060",
    ]
    capsys.readouterr()
    assert run(["ledger", "export", str(out)]) == 0
    assert at(host, "show", f"{REF}:ledger.jsonl") == capsys.readouterr().out
    assert repo.git("status", "--porcelain") == ""
    assert repo.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_a_lost_bucket_comes_back_from_the_ref_with_its_numbers(
    repo: Repo, host: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for text in ("two", "three"):
        publish(repo, out)
        repo.commit({ALPHA: skill("alpha", text)})
    named = ["--base-url", BASE, "--name", "reg"]
    run(["rollback", "alpha", "--to-generation", "1", "--to", str(out), "-C", str(repo.path), *named])
    publish(repo, out)
    whole = tree(out)
    generation = json.loads((out / "release.json").read_text())["generation"]
    shutil.rmtree(out)
    assert restore(repo, out, "--from-ref", "origin", REF) == 0
    assert tree(out) == whole
    assert json.loads((out / "release.json").read_text())["generation"] == generation + 1
    repo.commit({ALPHA: skill("alpha", "four")})
    assert publish(repo, out) == 0
    rows = json.loads((out / "api/v1/index/alpha.json").read_text())["versions"]
    assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
    assert commits(host)[0].startswith(f"Ledger at generation {generation + 2} ")


def test_a_push_that_somebody_overtook_is_refused_and_the_next_publish_tries_again(
    repo: Repo, host: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert publish(repo, out) == 0
    first = at(host, "rev-parse", REF).strip()
    who = ("-c", "user.name=o", "-c", "user.email=o@x")
    made = at(host, *who, "commit-tree", f"{REF}^{{tree}}", "-p", first, "-m", "overtook")
    other = made.strip()
    hook = host / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f"#!/bin/sh\nrm -f {hook}\nunset GIT_QUARANTINE_PATH\nexec git update-ref {REF} {other}\n"
    )
    hook.chmod(0o755)
    repo.commit({ALPHA: skill("alpha", "two")})
    capsys.readouterr()
    assert publish(repo, out) == 0
    assert "warning: it is published, but the ledger was not copied" in (said := capsys.readouterr().err)
    assert "[push-rejected]" in said
    assert at(host, "rev-parse", REF).strip() == other
    assert publish(repo, out) == 0
    assert [line.rpartition(" ")[0] for line in commits(host)] == [
        "Ledger at generation 2",
        "overtook",
        "Ledger at generation 1",
    ]


def test_a_mirror_that_is_ahead_of_a_new_bucket_is_not_written(
    repo: Repo, host: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(repo, tmp_path / "out")
    repo.commit({ALPHA: skill("alpha", "two")})
    publish(repo, tmp_path / "out")
    before = commits(host)
    assert publish(repo, tmp_path / "new") == 0
    assert "[mirror-ahead]" in capsys.readouterr().err
    assert commits(host) == before


def test_an_old_back_up_is_seen_before_a_number_is_given_out_twice(
    repo: Repo, host: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    publish(repo, out)
    old = tmp_path / "old"
    shutil.copytree(out, old)
    for text in ("two", "three", "four"):
        repo.commit({ALPHA: skill("alpha", text)})
        publish(repo, out)
    before, copy = tree(old), commits(host)
    capsys.readouterr()
    assert publish(repo, old) == 3
    assert "[mirror-ahead]" in capsys.readouterr().err
    assert (tree(old), commits(host)) == (before, copy)
    assert restore(repo, old, "--from-ref", "origin", REF) == 0
    assert tree(old) == tree(out)
    repo.commit({ALPHA: skill("alpha", "five")})
    assert publish(repo, old) == 0
    rows = json.loads((old / "api/v1/index/alpha.json").read_text())["versions"]
    assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))


WRONG = {
    'ledger_ref = "ledger"': "bad-ref",
    'ledger_ref = "refs/x..y"': "bad-ref",
    f'ledger_ref = "{REF}"\nledger_remote = "nowhere"': "bad-remote",
    f'ledger_ref = "{REF}"\nledger_remote = "--upload-pack=x"': "bad-remote",
    f'ledger_ref = "{REF}"\nledger_remote = "../no-such"': "git-failed",
    f'ledger_ref = "{REF}"\nledger_remote = "ext::touch here"': "git-failed",
    'ledger_ref = "refs/heads/main"': "bad-mirror",
}


@pytest.mark.parametrize(("lines", "code"), WRONG.items())
def test_a_mirror_that_cannot_be_is_a_warning_and_harms_nothing(
    repo: Repo, host: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: str, code: str
) -> None:
    repo.commit({"registry.toml": f"[publish]\n{lines}\n"})
    repo.git("push", "-q", "origin", "main")
    before = at(host, "for-each-ref")
    assert publish(repo, tmp_path / "out") == 0
    assert f"[{code}]" in capsys.readouterr().err
    assert at(host, "for-each-ref") == before


def test_the_mirror_is_no_part_of_the_release(repo: Repo, tmp_path: Path) -> None:
    assert publish(repo, tmp_path / "out") == 0
    first = json.loads((tmp_path / "out/release.json").read_text())["settings"]
    repo.commit({"registry.toml": ""})
    assert publish(repo, tmp_path / "out") == 0
    assert json.loads((tmp_path / "out/release.json").read_text())["settings"] == first


SOURCES = {(): 2, ("x.jsonl", "--from-ref", "origin", REF): 2, ("--from-ref", "origin", "refs/none"): 3}


@pytest.mark.parametrize(("source", "code"), SOURCES.items())
def test_there_is_one_back_up_to_import(
    repo: Repo, tmp_path: Path, source: tuple[str, ...], code: int
) -> None:
    assert restore(repo, tmp_path / "out", *source) == code
    assert not (tmp_path / "out").exists()


def test_a_token_in_the_configuration_of_the_repository_reaches_the_host(
    repo: Repo, host: Path, tmp_path: Path
) -> None:
    """CI keeps its way in there: `url.*.insteadOf` stands for it here."""
    repo.git("remote", "set-url", "origin", "https://skills.test/host.git")
    repo.git("config", f"url.{host}.insteadOf", "https://skills.test/host.git")
    assert publish(repo, tmp_path / "out") == 0
    assert len(commits(host)) == 1
