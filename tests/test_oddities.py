"""Two thousand skills with every oddity at once: what was refused is nowhere in what was built."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from contracts.references import check_tree
from history import Repo, make_repo, skill

from registry_builder.cli import run
from registry_builder.core.artifact import OWN
from registry_builder.core.artifact import read as read_zip

BASE = "https://skills.test"
HUGE = "word " * 26_000

GOOD = {
    "plain": lambda name: {"SKILL.md": skill(name)},
    "crlf": lambda name: {"SKILL.md": skill(name).replace("\n", "\r\n")},
    "bom": lambda name: {"SKILL.md": "\ufeff" + skill(name)},
    "scotland": lambda name: {
        "SKILL.md": skill(name, "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f")
    },
    "flow": lambda name: {"SKILL.md": skill(name, tags='[a, "b c"]', metadata="{x: {y: [1, 2]}}")},
    "tools": lambda name: {"SKILL.md": skill(name, **{"allowed-tools": "Bash(git log:*) Read"})},
    "label-number": lambda name: {"SKILL.md": skill(name, version="1.10", license="2020-01-01")},
    "long line": lambda name: {"SKILL.md": skill(name, HUGE)},
    "odd files": lambda name: {"SKILL.md": skill(name), "a b#'1.txt": "x", "-rf": "y", "dir/ü.txt": "z"},
    "hidden folder": lambda name: {"SKILL.md": skill(name), ".config/x": "1"},
    "lfs pointer": lambda name: {
        "SKILL.md": skill(name),
        "big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 5\n",
    },
    "env": lambda name: {"SKILL.md": skill(name), ".env": "API_TOKEN=3f9c1e77ab2d4c5e9f00112233445566\n"},
    "rules in text": lambda name: {"SKILL.md": skill(name, "a\n\n---\n\nb\n\n---\n")},
}
BAD = {
    "no front matter": lambda name: {"SKILL.md": f"# {name}\n"},
    "unclosed": lambda name: {"SKILL.md": f"---\nname: {name}\ndescription: x\n"},
    "not a mapping": lambda name: {"SKILL.md": "---\n- a\n---\n"},
    "no description": lambda name: {"SKILL.md": f"---\nname: {name}\n---\n"},
    "title as comment": lambda name: {"SKILL.md": f"---\nname: {name}\ndescription: # Title\n---\n"},
    "comment before": lambda name: {"SKILL.md": "# c\n" + skill(name)},
    "blank before": lambda name: {"SKILL.md": "\n" + skill(name)},
    "latin": lambda name: {"SKILL.md": skill(name).encode().replace(b"Text.", b"Caf\xe9.")},
    "tab": lambda name: {"SKILL.md": f"---\nname:\t{name}\n\tdescription: x\n---\n"},
    "merge markers": lambda name: {
        "SKILL.md": f"---\nname: {name}\n<<<<<<< HEAD\ndescription: a\n=======\n>>>>>>> x\n---\n"
    },
    "twice by case": lambda name: {"SKILL.md": skill(name), "skill.md": "x"},
    "duplicate key": lambda name: {"SKILL.md": skill(name, description="again and again")},
    "another name": lambda name: {"SKILL.md": skill("someone-else")},
    "nul": lambda name: {"SKILL.md": skill(name).replace("Does", "Do\0es")},
    "boolean name": lambda name: {"SKILL.md": skill(name).replace(f"name: {name}", "name: yes")},
    "huge file": lambda name: {"SKILL.md": skill(name), "blob": b"x" * (11 * 2**20)},
    "colliding files": lambda name: {"SKILL.md": skill(name), "A.txt": "1", "a.txt": "2"},
    "hidden characters": lambda name: {"SKILL.md": skill(name), "con": "x"},
}


def odd_repo(path: Path, count: int) -> tuple[Repo, dict[str, str], dict[str, str]]:
    """A repository of `count` skills; gives it, and name → oddity of the good and of the bad."""
    chance = random.Random(7)
    repo = make_repo(path)
    good: dict[str, str] = {}
    bad: dict[str, str] = {}
    for number in range(count):
        refused = chance.random() < 0.35
        table = BAD if refused else GOOD
        kind = chance.choice([key for key in table if key != "huge file" or number % 500 == 0])
        name = f"{'refused' if refused else 'kept'}-{number}-{kind.replace(' ', '-')}"
        (bad if refused else good)[name] = kind
        for file, body in table[kind](name).items():
            repo.write(f"skills/{name}/{file}", body)
    link = repo.path / "skills/refused-link"
    link.mkdir()
    (link / "SKILL.md").write_text(skill("refused-link"))
    (link / "passwd").symlink_to("/etc/passwd")
    bad["refused-link"] = "symlink"
    for name in ("--help", "Refused-Upper", "con"):
        repo.write(f"skills/{name}/SKILL.md", skill("x"))
        bad[name] = "folder name"
    repo.commit()
    return repo, good, bad


@pytest.mark.slow
def test_two_thousand_oddities_build_and_what_was_refused_is_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo, good, bad = odd_repo(tmp_path / "repo", 2000)
    out = tmp_path / "out"
    arguments = ["build", "-C", str(repo.path), "--to", str(out), "--base-url", BASE, "--name", "odd"]
    assert run(arguments) == 1
    assert not out.exists()
    capsys.readouterr()

    assert run([*arguments, "--skip-invalid", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["skills"] == len(good)
    assert {row["name"] for row in report["skipped"]} == set(bad)
    assert all(row["findings"] for row in report["skipped"])

    assert check_tree(out, BASE) == []
    served = [path for path in out.rglob("*") if path.is_file()]
    for path in served:
        assert "refused" not in path.relative_to(out).as_posix().lower()
        assert b"refused-" not in path.read_bytes().lower(), path
    zips = {
        path.parent.name: read_zip(path.read_bytes(), OWN)
        for path in out.glob("api/v1/downloads/public/*/*.zip")
    }
    assert set(zips) == set(good)


@pytest.mark.slow
def test_a_report_of_many_findings_is_summed_up_by_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo, _, bad = odd_repo(tmp_path / "repo", 1500)
    assert run(["check", "-C", str(repo.path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 200
    assert any("By rule:" in line for line in lines)
    assert lines[-1].startswith(f"{1500 + 4:,} assets checked:")
    assert bad
