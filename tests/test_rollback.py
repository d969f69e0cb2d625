"""Taking a release back, and saying before what will happen: rollback, plan, --expect, history, --purge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from contracts.references import check_tree
from history import Repo, make_repo, skill

from registry_builder.cli import run

BASE = "https://skills.test"
ALPHA, BETA = "skills/alpha/SKILL.md", "skills/beta/SKILL.md"


class Bucket:
    """A folder that is published into, and what it says."""

    def __init__(self, repo: Repo, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.repo = repo
        self.out = out
        self.capsys = capsys

    def call(self, command: str, *words: str) -> int:
        self.capsys.readouterr()
        flags = ["-C", str(self.repo.path), "--to", str(self.out), "--base-url", BASE, "--name", "reg"]
        return run([command, *words, *flags])

    def said(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.capsys.readouterr().out)
        return found

    def rows(self, name: str) -> list[tuple[int, str]]:
        document = json.loads((self.out / f"api/v1/index/{name}.json").read_text())
        return [(row["version"], row["state"]) for row in document["versions"]]

    def served(self, name: str) -> str | None:
        """The text that `name` serves now."""
        document = json.loads((self.out / f"api/v1/index/{name}.json").read_text())
        if document["url"] is None:
            return None
        return (self.out / document["url"].removeprefix(f"{BASE}/")).read_bytes().decode("utf-8", "replace")


@pytest.fixture
def bucket(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bucket:
    """Generation 1: alpha and beta are good. Generation 2: both are bad."""
    repo = make_repo(tmp_path / "repo")
    made = Bucket(repo, tmp_path / "out", capsys)
    repo.commit({ALPHA: skill("alpha", "good"), BETA: skill("beta", "good")})
    assert made.call("publish") == 0
    repo.commit({ALPHA: skill("alpha", "bad"), BETA: skill("beta", "bad")})
    assert made.call("publish") == 0
    return made


def test_rollback_mints_the_old_content_anew_and_yanks_the_bad_rows(bucket: Bucket) -> None:
    assert bucket.call("rollback", "alpha", "--to-generation", "1") == 0
    assert bucket.rows("alpha") == [(1, "active"), (2, "yanked"), (3, "active")]
    assert bucket.rows("beta") == [(1, "active"), (2, "active")]
    assert "good" in (bucket.served("alpha") or "")
    assert check_tree(bucket.out, BASE) == []


def test_everything_goes_back_when_no_name_is_given(bucket: Bucket) -> None:
    assert bucket.call("rollback", "--to-generation", "1") == 0
    assert all("good" in (bucket.served(name) or "") for name in ("alpha", "beta"))


def test_an_unrelated_merge_does_not_bring_the_bad_folder_back_and_a_mend_does_go_on(bucket: Bucket) -> None:
    bucket.call("rollback", "alpha", "--to-generation", "1")
    bucket.repo.commit({"README.md": "unrelated", BETA: skill("beta", "better")})
    assert bucket.call("publish") == 0
    assert bucket.rows("alpha") == [(1, "active"), (2, "yanked"), (3, "active")]
    bucket.repo.commit({ALPHA: skill("alpha", "mended")})
    assert bucket.call("publish") == 0
    assert bucket.rows("alpha") == [(1, "active"), (2, "yanked"), (3, "active"), (4, "active")]
    assert "mended" in (bucket.served("alpha") or "")
    document = json.loads((bucket.out / "api/v1/index/alpha.json").read_text())
    assert document["held"] is None
    assert check_tree(bucket.out, BASE) == []


def test_release_holds_publishes_the_held_folder_again(bucket: Bucket) -> None:
    bucket.call("rollback", "alpha", "--to-generation", "1")
    assert bucket.call("publish", "--release-holds") == 0
    assert bucket.rows("alpha") == [(1, "active"), (2, "yanked"), (3, "active"), (4, "active")]
    assert "bad" in (bucket.served("alpha") or "")


def test_what_did_not_exist_then_is_withdrawn(bucket: Bucket) -> None:
    bucket.repo.commit({"skills/gamma/SKILL.md": skill("gamma")})
    bucket.call("publish")
    assert bucket.call("rollback", "gamma", "--to-generation", "2") == 0
    assert bucket.rows("gamma") == [(1, "yanked")]
    assert bucket.served("gamma") is None
    bucket.repo.commit({"README.md": "unrelated"})
    bucket.call("publish")
    assert bucket.rows("gamma") == [(1, "yanked")]


def test_a_deletion_is_undone_until_the_folder_is_there_again(bucket: Bucket) -> None:
    bucket.repo.commit({"skills/alpha": None})
    bucket.call("publish")
    assert bucket.served("alpha") is None
    assert bucket.call("rollback", "alpha", "--to-generation", "1") == 0
    assert bucket.rows("alpha") == [(1, "active"), (2, "yanked"), (3, "active")]
    bucket.repo.commit({"README.md": "unrelated"})
    bucket.call("publish")
    assert "good" in (bucket.served("alpha") or "")
    bucket.repo.commit({ALPHA: skill("alpha", "rewritten")})
    assert bucket.call("publish") == 0
    assert bucket.rows("alpha")[-1] == (4, "active")


def test_history_names_every_generation(bucket: Bucket) -> None:
    bucket.call("rollback", "alpha", "--to-generation", "1")
    bucket.capsys.readouterr()
    assert run(["history", str(bucket.out), "--json"]) == 0
    found = bucket.said()["generations"]
    assert isinstance(found, list)
    assert [(row["generation"], row["minted"]) for row in found] == [
        (3, ["alpha@3"]),
        (2, ["alpha@2", "beta@2"]),
        (1, ["alpha@1", "beta@1"]),
    ]


def test_a_plan_says_what_publish_then_does(bucket: Bucket) -> None:
    bucket.repo.commit({ALPHA: skill("alpha", "three")})
    before = {path: path.read_bytes() for path in bucket.out.rglob("*") if path.is_file()}
    assert bucket.call("plan", "--json") == 0
    plan = bucket.said()
    assert {path: path.read_bytes() for path in bucket.out.rglob("*") if path.is_file()} == before
    assert [(row["name"], row["version"]) for row in plan["minted"]] == [("alpha", 3)]  # type: ignore[attr-defined]
    bucket.call("publish")
    after = {path: path.read_bytes() for path in bucket.out.rglob("*") if path.is_file()}
    written = {path.relative_to(bucket.out).as_posix() for path in after if after[path] != before.get(path)}
    written = {key for key in written if not key.startswith("r/")} - {"release.json"}
    assert {row["key"] for row in plan["keys"]} == written  # type: ignore[attr-defined]


def test_a_plan_says_which_clients_read_what_changes(bucket: Bucket) -> None:
    bucket.repo.commit({ALPHA: skill("alpha", "three")})
    bucket.call("plan", "--emit", "claude,npm,clawhub")
    assert bucket.capsys.readouterr().out.splitlines()[-1] == "read by Claude Code 2, npm 2, clawhub 6"


def test_a_plan_for_what_is_there_is_empty(bucket: Bucket) -> None:
    assert bucket.call("plan") == 0
    assert bucket.capsys.readouterr().out == "nothing to do\n"


def test_publish_refuses_what_was_not_reviewed(bucket: Bucket, tmp_path: Path) -> None:
    bucket.repo.commit({ALPHA: skill("alpha", "three")})
    bucket.call("plan", "--json")
    plan = tmp_path / "plan.json"
    plan.write_text(bucket.capsys.readouterr().out)
    bucket.repo.commit({BETA: skill("beta", "sneaked in")})
    assert bucket.call("publish", "--expect", str(plan)) == 1
    assert "+beta" in bucket.capsys.readouterr().err
    assert bucket.rows("alpha")[-1][0] == 2
    bucket.repo.git("reset", "-q", "--hard", "HEAD~1")
    assert bucket.call("publish", "--expect", str(plan)) == 0
    assert bucket.rows("alpha")[-1][0] == 3


def test_the_purge_command_gets_each_changed_mutable_key(bucket: Bucket, tmp_path: Path) -> None:
    bucket.repo.commit({ALPHA: skill("alpha", "three")})
    told = tmp_path / "told"
    assert bucket.call("publish", "--purge", f"tee {told}") == 0
    keys = [json.loads(line)["key"] for line in told.read_text().splitlines()]
    assert "marketplace.json" in keys
    assert keys[-1] == "release.json"
    assert not any(key.endswith(".zip") for key in keys)


REFUSED = {
    "no-generation": (["--to-generation", "99"], 3),
    "no-skill": (["alfa", "--to-generation", "1"], 3),
    "other-settings": (["--to-generation", "1", "--skip-invalid"], 2),
}


@pytest.mark.parametrize(("code", "words", "exit_code"), [(code, *row) for code, row in REFUSED.items()])
def test_a_wrong_rollback_changes_nothing(
    bucket: Bucket, code: str, words: list[str], exit_code: int
) -> None:
    before = {path: path.read_bytes() for path in bucket.out.rglob("*") if path.is_file()}
    assert bucket.call("rollback", *words) == exit_code
    assert f"[{code}]" in bucket.capsys.readouterr().err
    assert {path: path.read_bytes() for path in bucket.out.rglob("*") if path.is_file()} == before
