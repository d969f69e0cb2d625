"""A bucket with holes, a lost bucket, a bucket full of left-overs: `--reconcile`, `ledger`, `prune`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from contracts.references import check_tree
from history import Repo, make_repo, skill

from registry_builder.cli import run

BASE = "https://skills.test"
ALPHA, BETA = "skills/alpha/SKILL.md", "skills/beta/SKILL.md"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Three commits: alpha has two versions, beta one, and a bundle of both."""
    made = make_repo(tmp_path / "repo")
    made.commit({ALPHA: skill("alpha", "one")})
    collection = '[things]\ntitle = "Things"\ndescription = "d"\nskills = ["alpha", "beta"]\n'
    made.commit({BETA: skill("beta", "one"), "collections.toml": collection})
    made.commit({ALPHA: skill("alpha", "two")})
    return made


def call(repo: Repo, command: list[str], out: Path, *more: str) -> int:
    return run([*command, "--to", str(out), "-C", str(repo.path), "--base-url", BASE, "--name", "reg", *more])


def publish(repo: Repo, out: Path, *more: str) -> int:
    return call(repo, ["publish"], out, *more)


def tree(out: Path) -> dict[str, bytes]:
    """Every file but the pointer and the nodes."""
    files = (path for path in out.rglob("*") if path.is_file())
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in files}
    return {key: body for key, body in found.items() if key != "release.json" and not key.startswith("r/")}


HOLES = [
    "api/v1/downloads/public/alpha/*.zip",
    "t/beta/*.tgz",
    "api/skills/assets/alpha/1/metadata.toml",
    "api/skills/assets/alpha/list.txt",
    "marketplace.json",
    "sx/things/api/skills/sx.lock",
    "npm/@reg/things",
]


@pytest.mark.parametrize("hole", HOLES)
def test_reconcile_fills_a_hole_with_the_same_bytes(repo: Repo, tmp_path: Path, hole: str) -> None:
    out = tmp_path / "out"
    publish(repo, out)
    whole = tree(out)
    for path in out.glob(hole):
        path.unlink()
    assert tree(out) != whole
    assert publish(repo, out) == 0
    assert tree(out) != whole
    assert publish(repo, out, "--reconcile") == 0
    assert tree(out) == whole


def test_reconcile_of_a_whole_bucket_writes_nothing(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    publish(repo, out)
    capsys.readouterr()
    assert publish(repo, out, "--reconcile", "--json") == 0
    assert json.loads(capsys.readouterr().out)["objects"] == 0


@pytest.mark.parametrize(
    "key", ["api/v1/index/alpha.json", "api/v1/downloads/public/alpha/*.zip", "t/beta/*.tgz"]
)
def test_bytes_of_the_same_size_are_seen_by_a_deep_look_and_healed(
    repo: Repo, tmp_path: Path, key: str
) -> None:
    out = tmp_path / "out"
    publish(repo, out)
    whole = tree(out)
    for path in out.glob(key):
        path.write_bytes(bytes(len(path.read_bytes())))
    harmed = tree(out)
    assert harmed != whole
    assert publish(repo, out, "--reconcile") == 0
    assert tree(out) == harmed
    assert run(["verify", str(out)]) == 1
    assert publish(repo, out, "--reconcile", "--deep") == 0
    assert tree(out) == whole


def test_reconcile_takes_back_what_somebody_wrote_over(repo: Repo, tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish(repo, out)
    whole = tree(out)
    (out / "marketplace.json").write_text("{}")
    assert publish(repo, out, "--reconcile") == 0
    assert tree(out) == whole


def test_a_lost_bucket_comes_back_with_its_numbers(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    publish(repo, out)
    call(repo, ["rollback", "alpha", "--to-generation", "1"], out)
    repo.commit({BETA: skill("beta", "two")})
    publish(repo, out)
    whole = tree(out)
    capsys.readouterr()
    assert run(["ledger", "export", str(out)]) == 0
    backup = tmp_path / "ledger.jsonl"
    backup.write_text(capsys.readouterr().out)
    generation = json.loads((out / "release.json").read_text())["generation"]
    shutil.rmtree(out)
    assert call(repo, ["ledger", "import", str(backup)], out) == 0
    assert tree(out) == whole
    assert json.loads((out / "release.json").read_text())["generation"] == generation + 1
    assert check_tree(out, BASE) == []
    repo.commit({ALPHA: skill("alpha", "three")})
    assert publish(repo, out) == 0
    rows = json.loads((out / "api/v1/index/alpha.json").read_text())["versions"]
    assert [row["version"] for row in rows] == [1, 2, 3]


def exported(out: Path, backup: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    capsys.readouterr()
    assert run(["ledger", "export", str(out)]) == 0
    backup.write_text(capsys.readouterr().out)
    return backup


@pytest.mark.parametrize("what", ["alpha@1", "alpha", "things"])
def test_a_lost_bucket_comes_back_without_what_was_quarantined(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """Issue 4: the import used to bring the bytes back, for it did not know revoked.json."""
    out = tmp_path / "out"
    publish(repo, out)
    call(repo, ["quarantine", what, "--reason", "leaks"], out)
    whole = tree(out)
    assert "revoked.json" in whole
    backup = exported(out, tmp_path / "ledger.jsonl", capsys)
    shutil.rmtree(out)
    # A first import was killed after its first write.
    out.mkdir()
    (out / "revoked.json").write_bytes(whole["revoked.json"])
    assert call(repo, ["ledger", "import", str(backup)], out) == 0
    assert tree(out) == whole
    assert run(["verify", str(out), "--rebuild", str(repo.path), "--base-url", BASE, "--name", "reg"]) == 0


def test_a_lost_bucket_of_a_registry_that_was_renamed_comes_back_whole(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Issue 4: npm's tarballs carry the name; those of the old one can be made by nobody any more."""
    out, again = tmp_path / "out", tmp_path / "again"
    publish(repo, out, "--name", "old")
    publish(repo, out)
    backup = exported(out, tmp_path / "ledger.jsonl", capsys)
    assert call(repo, ["ledger", "import", str(backup)], again) == 0
    assert "alpha@1: its npm bundle had another name or profile, and is a new one" in capsys.readouterr().err
    assert check_tree(again, BASE) == []
    assert run(["verify", str(again), "--rebuild", str(repo.path), "--base-url", BASE, "--name", "reg"]) == 0
    shutil.copytree(out, tmp_path / "older")
    repo.commit({ALPHA: skill("alpha", "three")})
    publish(repo, out)
    backup = exported(out, tmp_path / "ledger.jsonl", capsys)
    assert call(repo, ["ledger", "import", str(backup)], tmp_path / "older") == 0
    assert tree(tmp_path / "older") == tree(out)


def test_what_git_no_longer_has_stays_in_the_ledger_yanked(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    publish(repo, out)
    capsys.readouterr()
    run(["ledger", "export", str(out)])
    backup = tmp_path / "ledger.jsonl"
    backup.write_text(capsys.readouterr().out)
    shallow = tmp_path / "shallow"
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.path}", str(shallow))
    (shallow / "registry.toml").write_text('[content]\nseed = "head"\n')
    clone = Repo(shallow, repo.clock + 60)
    clone.commit()
    assert call(clone, ["ledger", "import", str(backup)], again) == 0
    rows = json.loads((again / "api/v1/index/alpha.json").read_text())["versions"]
    assert [(row["version"], row["state"]) for row in rows] == [(1, "yanked"), (2, "active")]
    assert check_tree(again, BASE) == []


BROKEN = {"empty": "", "no head": '{"x":1}\n', "not json": '{"schema":1,"generation":1}\n{\n'}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_back_up_is_refused_with_its_line(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    backup = tmp_path / "ledger.jsonl"
    backup.write_text(text)
    assert call(repo, ["ledger", "import", str(backup)], tmp_path / "out") == 1
    assert "line " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.fixture
def aged(repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, Path]:
    """A folder as it was three generations ago, and a back-up of its ledger of today."""
    out, backup = tmp_path / "out", tmp_path / "ledger.jsonl"
    publish(repo, out)
    shutil.copytree(out, tmp_path / "old")
    for text in ("three", "four", "five"):
        repo.commit({ALPHA: skill("alpha", text)})
        publish(repo, out)
    capsys.readouterr()
    run(["ledger", "export", str(out)])
    backup.write_text(capsys.readouterr().out)
    return tmp_path / "old", backup


def numbers(out: Path) -> list[tuple[int, str]]:
    rows = json.loads((out / "api/v1/index/alpha.json").read_text())["versions"]
    return [(row["version"], row["sha256"]) for row in rows]


def test_a_restored_old_back_up_gets_its_numbers_from_the_ledger(
    repo: Repo, tmp_path: Path, aged: tuple[Path, Path]
) -> None:
    old, backup = aged
    wanted = numbers(tmp_path / "out")
    assert len(wanted) == len(numbers(old)) + 3
    assert call(repo, ["ledger", "import", str(backup)], old) == 0
    assert numbers(old) == wanted
    assert tree(old) == tree(tmp_path / "out")
    assert check_tree(old, BASE) == []


def test_an_old_back_up_laid_over_what_was_there_gives_no_number_out_twice(
    repo: Repo, tmp_path: Path, aged: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    old, backup = aged
    out = tmp_path / "out"
    wanted, whole = numbers(out), tree(out)
    shutil.copytree(old, out, dirs_exist_ok=True)
    for _ in range(2):
        assert publish(repo, out) == 3
        assert "[number-taken]" in capsys.readouterr().err
    assert call(repo, ["ledger", "import", str(backup)], out) == 0
    assert numbers(out) == wanted
    assert tree(out).items() >= whole.items()
    assert run(["verify", str(out)]) == 0


def test_a_ledger_is_not_imported_over_another(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    publish(repo, out)
    capsys.readouterr()
    run(["ledger", "export", str(out)])
    backup = tmp_path / "ledger.jsonl"
    backup.write_text(capsys.readouterr().out)
    before = tree(out)
    assert call(repo, ["ledger", "import", str(backup)], out) == 1
    assert "[not-empty]" in capsys.readouterr().err
    assert tree(out) == before


def test_prune_lists_first_and_spares_what_clients_can_reach(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    publish(repo, out)
    for number in range(6):
        repo.commit({ALPHA: skill("alpha", f"change {number}")})
        publish(repo, out)
    (out / "stray.txt").write_text("left over")
    before = {path for path in out.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert run(["prune", str(out), "--keep", "2", "--json"]) == 0
    listed = {row["key"] for row in json.loads(capsys.readouterr().out)["keys"]}
    assert {path for path in out.rglob("*") if path.is_file()} == before
    assert "stray.txt" in listed
    assert all(key == "stray.txt" or key.startswith(("r/", "static/")) for key in listed)
    assert len(listed) > 5
    assert run(["prune", str(out), "--keep", "2", "--yes"]) == 0
    assert {path for path in before if not path.exists()} == {out / key for key in listed}
    assert check_tree(out, BASE) == []
    repo.commit({BETA: skill("beta", "after")})
    assert publish(repo, out) == 0
    assert run(["history", str(out)]) == 0
