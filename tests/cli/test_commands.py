"""Every command as a person types it: exit code, what is said where, and what --json holds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from content_repo import BASE_URL, COMMAND, Repo, build, environment, skillpress, tree

COMMANDS = sorted(
    ["build", "check", "completion", "init", "new", "pack", "serve", "show", "versions", "publish", "plan"]
)
TYPES = ["agent", "command", "hook", "mcp", "plugin", "rule", "skill"]


def test_alone_it_shows_its_help_and_the_two_first_steps() -> None:
    answer = skillpress()
    assert "skillpress init my-skills" in answer.out + answer.err
    assert answer.code == 2


def test_version_is_one_line() -> None:
    answer = skillpress("--version")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("skillpress, version ")
    assert answer.out.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "near"), [("biuld", "build"), ("chek", "check"), ("version", "versions"), ("xyzzy", "")]
)
def test_unknown_command_is_refused_with_the_nearest(typed: str, near: str) -> None:
    answer = skillpress(typed)
    assert answer.code == 2
    assert f"No such command '{typed}'" in answer.err
    assert (f"Did you mean {near}?" in answer.err) == bool(near)


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, flag: str) -> None:
    answer = skillpress(command, flag)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"Usage: skillpress {command}")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_its_shell_can_read(shell: str) -> None:
    answer = skillpress("completion", shell)
    assert (answer.code, answer.err) == (0, "")
    assert "_SKILLPRESS_COMPLETE" in answer.out
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=answer.out, text=True, capture_output=True).returncode == 0


def test_completion_completes_commands_and_options() -> None:
    env = {"_SKILLPRESS_COMPLETE": "bash_complete", "COMP_WORDS": "skillpress bu", "COMP_CWORD": "1"}
    assert skillpress(env=env).out == "plain,build\n"
    env |= {"COMP_WORDS": "skillpress build --skip", "COMP_CWORD": "2"}
    assert skillpress(env=env).out == "plain,--skip-invalid\n"


def test_init_new_commit_check_build_show_is_a_whole_first_day(tmp_path: Path) -> None:
    assert skillpress("init", "my skills", cwd=tmp_path).code == 0
    place = tmp_path / "my skills"
    for kind in TYPES:
        answer = skillpress("new", f"my-{kind}", "--type", kind, cwd=place)
        assert answer.code == 0, answer.err
    repo = Repo(place)
    assert skillpress("check", "--worktree", cwd=place).code == 0
    repo.commit()
    checked = skillpress("check", "--json", cwd=place)
    assert (checked.code, checked.json["checked"], checked.json["errors"]) == (0, 7, 0)
    built = skillpress("build", "--to", "dist", "--json", cwd=place)
    assert (built.code, built.json["minted"], built.json["skipped"]) == (0, 7, [])
    assert skillpress("show", "my-skill", cwd=place).out.startswith("my-skill@1  skill, active\n")


def test_init_again_leaves_every_file_as_it_is(tmp_path: Path) -> None:
    assert skillpress("init", tmp_path).code == 0
    (tmp_path / "registry.toml").write_text("# mine\n")
    before = tree(tmp_path)
    answer = skillpress("init", tmp_path)
    assert answer.code == 0
    assert "wrote" not in answer.out
    assert tree(tmp_path) == before


def test_init_in_a_repository_adds_files_and_no_second_repository(repo: Repo) -> None:
    assert skillpress("init", "registry", cwd=repo.path).code == 0
    assert not (repo.path / "registry/.git").exists()
    assert (repo.path / "registry/registry.toml").is_file()


@pytest.mark.parametrize("what", ["file", "folder-called-registry.toml", "closed"])
def test_init_where_something_is_in_the_way_says_what(tmp_path: Path, what: str) -> None:
    place = tmp_path / "here"
    if what == "file":
        place.write_text("mine")
    else:
        (place / "registry.toml").mkdir(parents=True)
    if what == "closed":
        (place / "registry.toml").rmdir()
        place.chmod(0o555)
    prefix = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.geteuid() == 0 else ()
    answer = skillpress("init", place, prefix=prefix)
    assert answer.code == (0 if what == "folder-called-registry.toml" else 3)
    assert "Traceback" not in answer.err
    if what != "folder-called-registry.toml":
        assert str(place) in answer.err


@pytest.mark.parametrize(
    "name", ["Upper", "two--hyphens", "-x", "con", "sync", "a" * 65, "ümlaut", "a/b", "..", "a b", ""]
)
def test_new_refuses_a_name_that_some_client_would(two: Repo, name: str) -> None:
    before = tree(two.path)
    answer = skillpress("new", "--", name, cwd=two.path)
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert tree(two.path) == before


def test_new_leaves_what_is_there_alone(two: Repo) -> None:
    before = tree(two.path)
    answer = skillpress("new", "alpha", cwd=two.path)
    assert answer.code == 3
    assert "is there already [exists] (choose another name)" in answer.err
    assert tree(two.path) == before


def test_new_outside_of_a_repository_says_how_to_make_one(tmp_path: Path) -> None:
    answer = skillpress("new", "alpha", cwd=tmp_path)
    assert (answer.code, list(tmp_path.iterdir())) == (3, [])
    assert "skillpress init" in answer.err


def test_pack_gives_the_digest_that_the_build_gives(two: Repo, tmp_path: Path) -> None:
    assert build(two, tmp_path / "dist").code == 0
    (two.path / ".gitignore").write_text("*.log\n")
    two.write("skills/beta/debug.log", "ignored")
    packed = skillpress("pack", two.path / "skills/beta", "-o", tmp_path / "beta.zip", "--json").json
    row = skillpress("show", "beta@1", "--from", tmp_path / "dist", "--json").json
    assert (packed["sha256"], packed["size"], packed["tree"]) == (row["sha256"], row["size"], row["tree"])
    key = tmp_path / f"dist/api/v1/downloads/public/beta/{row['sha256']}.zip"
    assert key.read_bytes() == (tmp_path / "beta.zip").read_bytes()
    assert skillpress("pack", ".", cwd=two.path / "skills/beta").out == f"{row['sha256']}\n"


@pytest.mark.parametrize(
    ("make", "code"),
    [("nothing", 3), ("empty", 1), ("file", 3), ("link", 1), ("pipe", 1)],
)
def test_pack_refuses_what_is_no_folder_of_files(tmp_path: Path, make: str, code: int) -> None:
    place = tmp_path / "thing"
    if make == "file":
        place.write_text("text")
    elif make != "nothing":
        place.mkdir()
    if make == "link":
        (place / "link").symlink_to("/etc/passwd")
    if make == "pipe":
        os.mkfifo(place / "pipe")
    answer = skillpress("pack", place)
    assert answer.code == code
    assert "Traceback" not in answer.err
    assert answer.out == ""


@pytest.fixture
def bad(two: Repo) -> Repo:
    """One skill with an error, one with a warning, in a file whose name would break a workflow command."""
    two.write("skills/one/SKILL.md", "no front matter\n")
    two.write("skills/alpha/100%::x,y.txt~", "left by a tool")
    two.commit()
    return two


def test_check_prints_place_level_message_rule_and_mend(bad: Repo) -> None:
    answer = skillpress("check", "-C", bad.path)
    assert (answer.code, answer.err) == (1, "")
    assert "skills/one/SKILL.md:1: error: " in answer.out
    assert answer.out.splitlines()[-1].startswith("3 assets checked: 1 error, ")


def test_check_json_is_one_document_with_every_finding(bad: Repo) -> None:
    answer = skillpress("check", "-C", bad.path, "--json")
    assert answer.code == 1
    assert answer.json.keys() == {"checked", "errors", "warnings", "findings"}
    assert {item["name"] for item in answer.json["findings"]} >= {"one", "alpha"}
    for item in answer.json["findings"]:
        assert item.keys() >= {"rule", "level", "name", "path", "line", "message", "mend"}


def test_check_for_github_escapes_what_would_end_a_command(bad: Repo) -> None:
    answer = skillpress("check", "-C", bad.path, "--format", "github")
    lines = answer.out.splitlines()
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)
    assert any("file=skills/alpha/100%25%3A%3Ax%2Cy.txt~,line=1" in line for line in lines)


def test_check_of_one_name_tells_only_of_it(bad: Repo) -> None:
    answer = skillpress("check", "-C", bad.path, "beta", "--json")
    assert (answer.code, answer.json["checked"], answer.json["findings"]) == (0, 1, [])
    answer = skillpress("check", "-C", bad.path, "alhpa")
    assert answer.code == 3
    assert "no asset alhpa [no-skill] (did you mean alpha?)" in answer.err


def test_check_strict_fails_on_warnings(bad: Repo) -> None:
    assert skillpress("check", "-C", bad.path, "alpha").code == 0
    assert skillpress("check", "-C", bad.path, "alpha", "--strict").code == 1


def test_check_reads_the_commit_unless_told_to_read_the_disk(two: Repo) -> None:
    two.write("skills/one/SKILL.md", "no front matter\n")
    assert skillpress("check", "-C", two.path).code == 0
    assert skillpress("check", "-C", two.path, "--worktree").code == 1
    two.commit()
    assert skillpress("check", "-C", two.path, "--rev", "HEAD~1").code == 0
    answer = skillpress("check", "-C", two.path, "--rev", "HEAD", "--worktree")
    assert answer.code == 2
    assert "--rev cannot go with --worktree" in answer.err


def test_check_fix_mends_on_disk_and_says_which_files(two: Repo) -> None:
    text = (two.path / "skills/alpha/SKILL.md").read_bytes()
    two.write("skills/alpha/SKILL.md", b"\xef\xbb\xbf" + text.replace(b"name: alpha", b"name: other"))
    answer = skillpress("check", "-C", two.path, "--fix")
    assert answer.code == 0, answer.out
    assert "fixed skills/alpha/SKILL.md" in answer.err
    assert (two.path / "skills/alpha/SKILL.md").read_bytes() == text


def test_check_in_a_bare_repository(two: Repo, tmp_path: Path) -> None:
    two.git("clone", "-q", "--bare", str(two.path), str(tmp_path / "bare.git"))
    assert skillpress("check", "-C", tmp_path / "bare.git").code == 0
    answer = skillpress("check", "-C", tmp_path / "bare.git", "--worktree")
    assert answer.code == 2
    assert "a bare repository has no files on disk" in answer.err


def test_check_of_a_repository_without_assets_says_zero(repo: Repo) -> None:
    repo.write("README.md", "nothing yet")
    repo.commit()
    answer = skillpress("check", "-C", repo.path)
    assert (answer.code, answer.out) == (0, "0 assets checked: 0 errors, 0 warnings\n")


def test_build_json_has_the_counts(two: Repo, tmp_path: Path) -> None:
    answer = build(two, tmp_path / "dist", "--json")
    assert answer.code == 0
    assert answer.json.keys() >= {"skills", "versions", "minted", "objects", "skipped", "seconds"}
    assert (answer.json["skills"], answer.json["generation"]) == (2, 1)
    pointer = json.loads((tmp_path / "dist/release.json").read_bytes())
    assert (answer.json["commit"], answer.json["root"]) == (pointer["commit"], pointer["root"])
    assert pointer.keys() == {
        "schema", "generation", "state", "commit", "root", "previous", "record", "skills", "versions",
        "builder", "settings",
    }  # fmt: skip


def test_build_skip_invalid_leaves_the_last_good_version_and_lists_it(two: Repo, tmp_path: Path) -> None:
    assert build(two, tmp_path / "dist").code == 0
    two.write("skills/alpha/SKILL.md", "broken\n")
    two.commit()
    assert build(two, tmp_path / "dist").code == 1
    answer = build(two, tmp_path / "dist", "--skip-invalid", "--json")
    assert answer.code == 0
    assert [item["name"] for item in answer.json["skipped"]] == ["alpha"]
    assert (
        skillpress("show", "alpha", "--from", tmp_path / "dist", "--json").json["versions"][-1]["version"]
        == 1
    )


@pytest.mark.parametrize("where", ["folder", "content"])
def test_versions_and_show_read_a_built_folder_or_seed_the_content(
    two: Repo, tmp_path: Path, where: str
) -> None:
    two.skill("alpha", "Second.")
    two.commit()
    assert build(two, tmp_path / "dist").code == 0
    source = ["--from", tmp_path / "dist"] if where == "folder" else ["-C", two.path]
    answer = skillpress("versions", "alpha", *source, "--json", cwd=tmp_path / "dist")
    assert [row["version"] for row in answer.json["versions"]] == [1, 2]
    lines = skillpress("versions", "alpha", *source, cwd=tmp_path / "dist").out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert skillpress("show", "alpha@1", *source, cwd=tmp_path / "dist").out.startswith(
        "alpha@1  skill, active\n"
    )
    for asset, said in (
        ("alpha@9", "alpha has no version 9 [no-version] (there are 1 to 2)"),
        ("alhpa", "no asset alhpa [no-skill] (did you mean alpha?)"),
        ("alpha@", "[no-version]"),
    ):
        answer = skillpress("show", asset, *source, cwd=tmp_path / "dist")
        assert answer.code == 3
        assert said in answer.err


def test_show_from_a_folder_without_release_says_what_to_do(tmp_path: Path) -> None:
    answer = skillpress("show", "alpha", "--from", tmp_path)
    assert answer.code == 3
    assert "holds no release [no-release] (skillpress build --to DIR)" in answer.err


def test_reader_that_goes_away_is_no_error(bad: Repo) -> None:
    for number in range(80):
        bad.write(f"skills/bad-{number}/SKILL.md", "no front matter\n")
    bad.commit()
    script = f"{' '.join(COMMAND)} check -C {bad.path} --json | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], env=environment(), capture_output=True, text=True)
    assert done.stdout.splitlines()[0] == "{"
    assert done.stdout.splitlines()[1] in {"0", "1"}
    assert done.stderr == ""


def test_interrupt_in_the_middle_of_an_import_ends_with_130_as_well(tmp_path: Path) -> None:
    """Where `exec` runs, as for a dataclass, `python -m` notes an interrupt for its end, caught or not."""
    (tmp_path / "program.py").write_text("""
import registry_builder.cli as cli
import click

@click.command()
def interrupted():
    exec("raise KeyboardInterrupt")

cli.skillpress.add_command(interrupted)
cli.COMMANDS["interrupted"] = "__main__:interrupted"
cli.main()
""")
    words = [sys.executable, "-m", "program", "interrupted"]
    done = subprocess.run(words, env=environment(), cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "interrupted")


def test_interrupt_ends_with_130_and_one_word(two: Repo, tmp_path: Path) -> None:
    for number in range(400):
        two.skill(f"more-{number}", "Words. " * 200)
    two.commit()
    command = [*COMMAND, "build", "-C", str(two.path), "--to", str(tmp_path / "dist"), "--base-url", BASE_URL]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "dist").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.strip()) == (130, "interrupted")
    assert build(two, tmp_path / "dist").code == 0
