"""`skillpress plan` as a person types it: forms of the report, the saved file, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from content_repo import BASE_URL, Repo, skillpress, tree

from registry_builder.cli.review import markdown, read_plan


def plan(repo: Repo, target: Path | str, *words: str | Path) -> tuple[int, str, str]:
    answer = skillpress("plan", "-C", repo.path, "--to", target, "--base-url", BASE_URL, *words)
    return answer.code, answer.out, answer.err


def test_each_form_tells_of_the_same_plan_and_writes_nothing(two: Repo, tmp_path: Path) -> None:
    target, saved = tmp_path / "store", tmp_path / "plan.json"
    code, out, _ = plan(two, target, "--json", "--save", saved)
    assert (code, json.loads(out)) == (0, json.loads(saved.read_bytes()))
    assert plan(two, target, "--format", "markdown")[:2] == (0, markdown(read_plan(saved.read_bytes())))
    assert plan(two, target)[1] == plan(two, target, "--format", "text")[1]
    assert not target.exists()


def test_what_is_refused_is_shown_in_every_form(two: Repo, tmp_path: Path) -> None:
    two.write("skills/alpha/SKILL.md", "no front matter")
    two.commit()
    saved = tmp_path / "plan.json"
    code, out, err = plan(two, tmp_path / "store", "--save", saved)
    assert (code, "skills/alpha/SKILL.md" in out, "[refused]" in err) == (1, True, True)
    document = json.loads(saved.read_bytes())
    assert (sorted(document), document["error"]["code"]) == (["error", "findings", "schema"], "refused")
    code, out, err = plan(two, tmp_path / "store", "--json")
    assert (code, json.loads(out), err) == (1, document, "")
    assert "would not be published" in plan(two, tmp_path / "store", "--format", "markdown")[1]


def move(repo: Repo, *, down: bool) -> None:
    """Put the content into `content/`, or back to the top."""
    names = ["skills", "collections.toml", "registry.toml"]
    (repo.path / "content").mkdir(exist_ok=True)
    if down:
        repo.git("mv", *names, "content")
    else:
        repo.git("mv", *(f"content/{name}" for name in names), ".")


@pytest.mark.parametrize("down", [True, False])
def test_the_rules_of_another_commit_are_found_where_they_were(two: Repo, tmp_path: Path, down: bool) -> None:
    two.write("registry.toml", '[registry]\nname = "first"\n[content]\nseed = "head"\n')
    two.commit()
    if not down:
        move(two, down=True)
    base = two.commit()
    move(two, down=down)
    two.write("content/registry.toml" if down else "registry.toml", "[check]\nno-such-key = 1\n")
    two.commit()
    assert plan(two, tmp_path / "store")[0] == 1
    code, out, err = plan(two, tmp_path / "store", "--settings-rev", base, "--json")
    assert (code, err) == (0, "")
    keys = [row["key"] for row in json.loads(out)["keys"]]
    assert [key for key in keys if key.startswith("npm/")] == [
        f"npm/@first/{name}" for name in ("alpha", "beta", "both")
    ]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--json", "--format", "markdown"], 2, "[json-or-format]"),
        (["--settings-rev", "no-such"], 3, "no-such"),
        (["--to", "https://h.example/?x=1"], 2, "[bad-store]"),
        (["--to", "https://u:secret@h.example"], 2, "[bad-store]"),
        (["--to", "https://"], 2, "[bad-store]"),
        (["--to", "http://127.0.0.1:9"], 3, "[no-answer]"),
        (["--to", "ftp://h.example"], 2, "[bad-store]"),
    ],
)
def test_what_makes_no_sense_is_refused(
    two: Repo, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    before = tree(two.path)
    found, out, err = plan(two, tmp_path / "store", *words)
    assert (found, said in err, "secret" in err, out) == (code, True, False, "")
    assert tree(two.path) == before
