"""The skill repo-health, on repositories made here."""

from __future__ import annotations

import pytest

SCRIPT = "skills/repo-health/scripts/repo_health.sh"
SECTIONS = [
    "essential files",
    "tracked although ignored",
    "generated files in Git",
    "files that often hold secrets",
    "large files at HEAD (above 1024 KiB)",
    "large objects only in history",
    "names that differ only in case",
    "CRLF line ends in Git",
    "conflict markers",
    "executable without a shebang",
    "branches merged already",
    "unmerged branches more than 90 days behind HEAD",
    "stashes",
    "uncommitted or untracked",
    "object store",
]


def findings(output: str) -> dict[str, list[str]]:
    """The sections that warn, each with its findings; the count in the title must be theirs."""
    out: dict[str, list[str]] = {}
    title = ""
    for line in output.splitlines():
        if line.startswith("WARN  "):
            title, _, count = line[6:].rpartition(": ")
            out[title] = []
        elif line.startswith("        "):
            out[title].append(line.strip())
        elif line.startswith("      -> "):
            assert len(out[title]) == int(count)
    return out


def test_a_healthy_repository_is_ok_in_every_section(run, repository):
    repository.write("README.md", "# It\n")
    repository.write("LICENSE", "MIT\n")
    repository.write("run me.sh", "#!/bin/sh\n")
    repository.git("update-index", "--chmod=+x", "run me.sh")
    (repository.path / "run me.sh").chmod(0o755)
    head = repository.commit("Begin")
    done = run(SCRIPT, repository.path)
    assert done.stdout == (
        f"repository: repo\nhead: {head}, commits: 1, tracked files: 3, branches: 1\n\n"
        + "".join(f"ok    {title}\n" for title in SECTIONS)
        + "\nsections with findings: 0\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_each_section_reports_what_is_wrong(run, repository):
    files = {
        ".gitignore": "*.log\n",
        "debug.log": "x",
        "web/node_modules/a/index.js": "x",
        "web/node_modules/b/index.js": "x",
        "config/.env": "A=1",
        "data/new.bin": b"\0" * 3000,
        "Docs/a.md": "x",
        "docs/a.md": "x",
        "dos.txt": "a\r\nb\r\n",
        "merge.txt": "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n",
        "tool.py": "print(1)\n",
        "dump.sql": b"x" * 5000,
    }
    repository.git("config", "core.ignorecase", "false")
    for name, data in files.items():
        repository.write(name, data)
    repository.git("update-index", "--chmod=+x", "tool.py")
    (repository.path / "tool.py").chmod(0o755)
    repository.commit("Begin")
    repository.git("branch", "done")
    repository.git("checkout", "--quiet", "-b", "old/idea")
    repository.commit("Try something")
    repository.git("checkout", "--quiet", "main")
    repository.git("rm", "--quiet", "dump.sql")
    repository.commit("Drop the dump", days=200)
    repository.write("tool.py", "print(2)\n")
    repository.git("stash", "--quiet")
    (repository.path / "left over.txt").write_text("x")
    done = run(SCRIPT, "--large", "2", repository.path)
    assert (done.returncode, done.stderr) == (1, "")
    assert findings(done.stdout) == {
        "essential files": ["no LICENSE at the root", "no README at the root"],
        "tracked although ignored": ["debug.log"],
        "generated files in Git": ["web/node_modules/ (files: 2)"],
        "files that often hold secrets": ["config/.env"],
        "large files at HEAD (above 2 KiB)": ["2 KiB  data/new.bin"],
        "large objects only in history": ["4 KiB  dump.sql"],
        "names that differ only in case": ["Docs/a.md | docs/a.md"],
        "CRLF line ends in Git": ["crlf  dos.txt"],
        "conflict markers": ["merge.txt"],
        "executable without a shebang": ["tool.py"],
        "branches merged already": ["done"],
        "unmerged branches more than 90 days behind HEAD": ["200 days  old/idea"],
        "stashes": ["stash@{0}"],
        "uncommitted or untracked": ['?? "left over.txt"'],
    }
    assert done.stdout.endswith("\nsections with findings: 14\n")


def test_a_missing_object_is_found(run, repository):
    repository.write("README", "x")
    repository.write("LICENSE", "y")
    repository.commit("Begin")
    blob = repository.git("rev-parse", "HEAD:README").strip()
    (repository.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    done = run(SCRIPT, repository.path)
    assert done.returncode == 1
    assert f"        missing blob {blob}\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["."], ". is in no Git work tree"),
        (["--large", "big"], "--large takes a whole number, not 'big'"),
        (["--stale"], "--stale needs a number"),
        (["--fix"], "unknown option --fix; see --help"),
    ],
)
def test_bad_arguments_are_refused(run, arguments, message):
    done = run(SCRIPT, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"repo_health: {message}\n")


def test_a_repository_without_a_commit_is_refused(run, repository):
    done = run(SCRIPT, repository.path)
    assert (done.returncode, done.stderr) == (2, f"repo_health: {repository.path} has no commit yet\n")
