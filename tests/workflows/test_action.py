"""The scripts of our action, run as a runner runs them on a repository that somebody else wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from content_repo import Repo, skill_text, skillpress, tree
from workflows.conftest import Runner

from registry_builder.cli.review import markdown, read_plan

LOOSE = '[registry]\nname = "acme"\n[check]\npreset = "lenient"\n'
HOSTILE = "@octocat `x` | <b>y</b> [z](https://evil.example)"


def test_check_annotates_the_lines_of_the_pull_request(runner: Runner, content: Repo) -> None:
    assert runner.run(command="check").code == 0
    content.write("skills/alpha/SKILL.md", "---\nname: alpha\n---\n")
    content.commit()
    step = runner.run(command="check")
    assert step.code == 1
    assert "::error file=skills/alpha/SKILL.md,line=" in step.log


def test_plan_writes_the_summary_and_keeps_the_plan_as_data(
    runner: Runner, content: Repo, web: tuple[Path, str]
) -> None:
    folder, url = web
    assert runner.run(command="publish", store=str(folder)).code == 0
    assert runner.run(command="plan", store=url).summary == "### Skillpress plan\n\nNothing would change.\n"
    content.skill("alpha", "Do it better.")
    content.skill("gamma")
    content.commit()
    step = runner.run(command="plan", store=url)
    assert (step.code, list(step.outputs)) == (0, ["plan"])
    saved = Path(step.outputs["plan"]).read_bytes()
    assert [(row["name"], row["version"]) for row in json.loads(saved)["minted"]] == [
        ("alpha", 2),
        ("gamma", 1),
    ]
    assert step.summary == markdown(read_plan(saved))
    assert "Merging this: 2 versions minted, 0 skills removed, " in step.summary
    assert "| `alpha` | 2 | `" in step.summary
    assert runner.run(command="publish", store=str(folder), args=f"--expect {step.outputs['plan']}").code == 0


def test_plan_of_what_is_refused_fails_and_shows_why(runner: Runner, content: Repo, tmp_path: Path) -> None:
    content.write("skills/alpha/SKILL.md", f"---\nname: alpha\ndescription: 1\n{HOSTILE}: 2\n---\n")
    content.write(f"skills/{HOSTILE.replace('/', '')}/SKILL.md", skill_text("odd"))
    content.commit()
    step = runner.run(command="plan", store=str(tmp_path / "empty"))
    assert step.code == 1
    assert step.summary.startswith("### Skillpress plan\n\n**This would not be published**: `")
    assert step.summary == markdown(read_plan(Path(step.outputs["plan"]).read_bytes()))
    assert "@octocat" in step.summary
    outside = "".join(step.summary.split("`")[::2])
    assert [mark for mark in ("@", "<", "[", "evil") if mark in outside] == []


def test_a_pull_request_does_not_change_the_rules_that_judge_it(
    runner: Runner, content: Repo, tmp_path: Path
) -> None:
    base = content.git("rev-parse", "HEAD")
    content.write("registry.toml", LOOSE)
    content.write("skills/alpha/SKILL.md", skill_text("alpha").replace("license: MIT", "metadata: none"))
    content.commit()
    for command in ("check", "plan"):
        free = runner.run(command=command, store=str(tmp_path / "empty"))
        judged = runner.run(command=command, store=str(tmp_path / "empty"), settings_ref=base)
        assert (free.code, judged.code) == (0, 1)
        assert "metadata-not-mapping" in judged.log + judged.summary


def test_nothing_in_the_workspace_is_run(runner: Runner, content: Repo, tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\nraise SystemExit(9)\n"
    for name in (
        "registry_builder/__init__.py",
        "click.py",
        "sitecustomize.py",
        "json.py",
        "usercustomize.py",
    ):
        content.write(name, trap)
    content.write("git", "#!/bin/sh\nexit 9\n", executable=True)
    content.write(".gitattributes", "* filter=evil diff=evil\n")
    content.commit()
    assert runner.run(command="check").code == 0
    assert runner.run(command="plan", store=str(tmp_path / "empty")).code == 0
    assert not (tmp_path / "sprung").exists()


def test_publish_reconciles_when_its_arguments_say_so(runner: Runner, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert runner.run(command="publish", store=str(store)).code == 0
    whole = tree(store)
    (store / "marketplace.json").unlink()
    assert runner.run(command="publish", store=str(store), args=" --reconcile\n").code == 0
    assert tree(store).keys() >= whole.keys()


def test_publish_signs_with_the_key_it_is_given_and_sign_renews(
    runner: Runner, content: Repo, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    assert skillpress("keys", "init", "--dir", content.path / "keys").code == 0
    private = content.path / "keys/private"
    key = "".join(path.read_text() for path in sorted((private / "online").iterdir()))
    shutil.rmtree(private)
    content.commit()
    assert runner.run(command="publish", store=str(store)).code == 0
    assert not (store / "tuf").exists()
    step = runner.run(command="publish", store=str(store), key=key)
    assert (step.code, "signed r/" in step.log) == (0, True), step.log
    assert (store / "tuf/timestamp.json").is_file()
    step = runner.run(command="sign", store=str(store), key=key)
    assert (step.code, "timestamp 2 holds until" in step.log) == (0, True), step.log
    assert "PRIVATE" not in step.log
    step = runner.run(command="publish", store=str(store), key="no key")
    assert (step.code, "no key" in step.log) == (2, False), step.log


@pytest.mark.parametrize(
    ("inputs", "code", "said"),
    [
        ({"command": "plan"}, 2, "the command plan needs the input store"),
        ({"command": "publish"}, 2, "the command publish needs the input store"),
        ({"command": "sign"}, 2, "the command sign needs the input store"),
        ({"command": "sign", "store": "s3://bucket"}, 0, "nothing to renew"),
        ({"command": "rollback"}, 2, "there are check, plan, publish and sign"),
        ({"command": "check; touch $SPRUNG"}, 2, "there are check, plan, publish and sign"),
        ({"command": "check", "args": "$(touch sprung) ; touch sprung"}, 3, "no asset $(touch"),
        ({"command": "check", "ref": "--help"}, 3, "--help"),
        ({"command": "check", "ref": "$(touch sprung)"}, 3, "touch sprung"),
        ({"command": "check", "content": "../nowhere"}, 1, "nowhere"),
        ({"command": "plan", "store": "https://user:secret@h.example"}, 2, "no registry: https://h.example"),
        ({"command": "publish", "store": "https://h.example"}, 2, "no store: https://h.example"),
    ],
)
def test_inputs_that_make_no_sense_are_refused_and_never_run(
    runner: Runner, tmp_path: Path, inputs: dict[str, str], code: int, said: str
) -> None:
    step = runner.run(**inputs)
    assert (step.code, said in step.log) == (code, True), step.log
    assert [str(path) for path in tmp_path.rglob("sprung")] == []
    assert "secret" not in step.log
