"""The same commit gives the same tree, in bytes and modes, but for the record (DESIGN.md D13)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from content_repo import BASE_URL, COMMAND, Repo, build, environment, promised, record_keys, tree

GIT_CONFIG = """\
[core]
\tquotepath = true
\tabbrev = 4
\tautocrlf = true
\tprecomposeunicode = true
[diff]
\trenames = copies
\tnoprefix = true
\tmnemonicPrefix = true
\texternal = /bin/false
[log]
\tshowSignature = true
\tdate = relative
[color]
\tui = always
[grep]
\tlineNumber = true
"""


@pytest.fixture
def grown(two: Repo) -> Repo:
    """A history with an edit, a rename, a deletion, odd names and an executable."""
    two.skill("alpha", "Second.")
    two.commit()
    two.write("skills/alpha/references/größe und mehr.md", "# Größe\n")
    two.write("skills/alpha/crlf.txt", b"one\r\ntwo\r\n")
    two.skill("gamma")
    two.commit()
    two.git("mv", "skills/gamma", "skills/delta")
    two.skill("delta")
    two.commit()
    return two


@pytest.fixture
def reference(grown: Repo, tmp_path: Path) -> dict[str, tuple[int, str]]:
    target = tmp_path / "reference"
    assert build(grown, target).code == 0
    return promised(target)


@pytest.mark.parametrize(
    "extra",
    [
        {"TZ": "Pacific/Kiritimati"},
        {"TZ": "America/St_Johns", "LC_ALL": "C"},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii:backslashreplace"},
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "4294967295"},
        {"PYTHONOPTIMIZE": "1"},
        {"COLUMNS": "20", "FORCE_COLOR": "1"},
    ],
    ids="-".join,
)
def test_environment_changes_nothing(
    grown: Repo, reference: dict[str, tuple[int, str]], tmp_path: Path, extra: dict[str, str]
) -> None:
    words = ["build", "-C", str(grown.path), "--to", str(tmp_path / "b"), "--base-url", BASE_URL]
    done = subprocess.run([*COMMAND, *words], env=environment(extra), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert promised(tmp_path / "b") == reference


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777 & ~0o700])
def test_umask_changes_nothing(
    grown: Repo, reference: dict[str, tuple[int, str]], tmp_path: Path, mask: int
) -> None:
    words = ["build", "-C", str(grown.path), "--to", str(tmp_path / "b"), "--base-url", BASE_URL]
    done = subprocess.run([*COMMAND, *words], env=environment(), umask=mask, capture_output=True)
    assert done.returncode == 0
    assert promised(tmp_path / "b") == reference
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "b").rglob("*") if path.is_file()} == {0o644}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "b").rglob("*") if path.is_dir()} == {0o755}


def test_settings_of_git_change_nothing(
    grown: Repo, reference: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.gitconfig").write_text(GIT_CONFIG)
    env = {name: value for name, value in environment().items() if not name.startswith("GIT_")}
    env |= {"HOME": str(tmp_path / "home"), "GIT_PAGER": "false", "GIT_LITERAL_PATHSPECS": "0"}
    words = ["build", "-C", str(grown.path), "--to", str(tmp_path / "b"), "--base-url", BASE_URL]
    done = subprocess.run([*COMMAND, *words], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert promised(tmp_path / "b") == reference


@pytest.mark.parametrize("how", ["clone", "bare", "mirror", "worktree", "packed", "subfolder", "dirty"])
def test_form_of_the_repository_changes_nothing(
    grown: Repo, reference: dict[str, tuple[int, str]], tmp_path: Path, how: str
) -> None:
    place = tmp_path / "other" / "content"
    place.parent.mkdir()
    if how in {"clone", "bare", "mirror"}:
        flag = {"clone": "-q", "bare": "--bare", "mirror": "--mirror"}[how]
        grown.git("clone", "-q", flag, str(grown.path), str(place))
    elif how == "worktree":
        grown.git("worktree", "add", "-q", "--detach", str(place))
    elif how == "packed":
        place = grown.path
        grown.git("gc", "-q", "--aggressive", "--prune=now")
    elif how == "subfolder":
        place = grown.path / "skills" / ".."
    else:
        place = grown.path
        grown.write("skills/alpha/SKILL.md", "not committed")
        grown.write("skills/omega/SKILL.md", "not committed")
        grown.git("add", "skills/omega")
    answer = build(place, tmp_path / "b", "--name", "content")
    assert answer.code == 0, answer.err
    assert build(grown, tmp_path / "named", "--name", "content").code == 0
    assert promised(tmp_path / "b").keys() == reference.keys()
    assert promised(tmp_path / "b") == promised(tmp_path / "named") == reference


def test_relative_folder_and_another_working_directory_change_nothing(
    grown: Repo, reference: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    words = ["build", "--to", "../deep/er/dist", "--base-url", f"{BASE_URL}/"]
    done = subprocess.run([*COMMAND, *words], cwd=grown.path / "skills/..", env=environment())
    assert done.returncode == 0
    assert promised(tmp_path / "deep/er/dist") == reference


def test_only_the_record_tells_when(grown: Repo, tmp_path: Path) -> None:
    assert build(grown, tmp_path / "a").code == 0
    assert build(grown, tmp_path / "b").code == 0
    a, b = tree(tmp_path / "a"), tree(tmp_path / "b")
    differing = {key for key in a.keys() | b.keys() if a.get(key) != b.get(key)}
    assert differing <= record_keys(tmp_path / "a") | record_keys(tmp_path / "b")


def test_same_commit_again_writes_nothing(grown: Repo, tmp_path: Path) -> None:
    target = tmp_path / "dist"
    assert build(grown, target).code == 0
    before = {path: path.stat().st_mtime_ns for path in [target, *target.rglob("*")]}
    answer = build(grown, target, "--json")
    assert (answer.code, answer.json["objects"], answer.json["generation"]) == (0, 0, 1)
    assert {path: path.stat().st_mtime_ns for path in [target, *target.rglob("*")]} == before


def test_build_at_each_commit_gives_the_keys_of_a_build_at_the_end(
    grown: Repo, reference: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    target = tmp_path / "step-by-step"
    for commit in grown.git("rev-list", "--reverse", "HEAD").split():
        assert build(grown, target, "--rev", commit, "--skip-invalid").code == 0
    assert build(grown, target).code == 0
    ours = {key: value for key, value in promised(target).items() if not key.startswith("r/")}
    assert ours == {key: value for key, value in reference.items() if not key.startswith("r/")}


def test_object_format_sha256_builds_too(tmp_path: Path) -> None:
    path = tmp_path / "content"
    subprocess.run(["git", "init", "-q", "--object-format=sha256", str(path)], check=True, env=os.environ)
    repo = Repo(path)
    repo.skill("alpha")
    assert len(repo.commit()) == 64
    answer = build(repo, tmp_path / "dist")
    assert answer.code == 0, answer.err
