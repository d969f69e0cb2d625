"""Our workflows, and those that `skillpress init` writes: sound to their linters, and with few rights."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from content_repo import ROOT

from registry_builder.cli.workflows import workflows

ACTION = "acme/skillpress@0123456789abcdef0123456789abcdef01234567"
WRITTEN = {Path(path).name: text for path, text in workflows(ACTION, "main")}
OURS = {path.name: path.read_text("utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")}
ACTIONS = {str(path.parent.name): path for path in (ROOT / ".github/actions").glob("*/action.yml")}
ALL = [("ours", name, text) for name, text in sorted(OURS.items())]
ALL += [("written", name, text) for name, text in sorted(WRITTEN.items())]
EVERY = pytest.mark.parametrize(
    ("whose", "name", "text"), ALL, ids=[f"{whose}-{name}" for whose, name, _ in ALL]
)


def program(name: str, *words: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name(name), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def steps(text: str) -> Iterator[Mapping[str, Any]]:
    for job in yaml.safe_load(text)["jobs"].values():
        yield from job["steps"]


@pytest.fixture(params=["ours", "written"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A repository with such workflows."""
    if request.param == "ours":
        return ROOT
    for name, text in WRITTEN.items():
        place = tmp_path / ".github/workflows" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    return tmp_path


def test_zizmor_finds_nothing(repository: Path) -> None:
    done = program("zizmor", "--offline", "--pedantic", "--no-progress", ".github", cwd=repository)
    assert (done.returncode, "No findings to report" in done.stdout + done.stderr) == (0, True), done.stdout


def test_they_fit_the_schemas(repository: Path) -> None:
    files = sorted((repository / ".github/workflows").glob("*.yml"))
    done = program("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files)
    assert done.returncode == 0, done.stdout
    done = program("check-jsonschema", "--builtin-schema", "vendor.github-actions", *ACTIONS.values())
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("on:\n  pull_request:", "on:\n  pull_request_target:", "dangerous-triggers"),
        ("          persist-credentials: false\n", "", "artipacked"),
        ("permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0", "@v5", "unpinned-uses"),
        (
            "    steps:\n",
            '    steps:\n      - run: echo "${{ github.event.pull_request.title }}"\n',
            "template-injection",
        ),
    ],
)
def test_zizmor_would_find_it(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = WRITTEN["check.yml"]
    assert old in text
    place = tmp_path / ".github/workflows/check.yml"
    place.parent.mkdir(parents=True)
    place.write_text(text.replace(old, new), "utf-8")
    done = program("zizmor", "--offline", "--pedantic", "--no-progress", ".github", cwd=tmp_path)
    assert (done.returncode != 0, f"[{said}]" in done.stdout) == (True, True), done.stdout


@EVERY
def test_rights_are_given_by_the_job_and_every_job_ends(whose: str, name: str, text: str) -> None:
    workflow = yaml.safe_load(text)
    given = [job.get("permissions", workflow["permissions"]) for job in workflow["jobs"].values()]
    assert (
        given
        == {
            "ci.yml": [{"contents": "read"}],
            "check.yml": [{"contents": "read"}],
            "comment.yml": [
                {"actions": "read", "pull-requests": "write"}
                | ({"contents": "read"} if whose == "ours" else {})
            ],
            "publish.yml": [{"contents": "read", "id-token": "write"}],
        }[name]
    )
    assert [job for job in workflow["jobs"].values() if not 0 < job["timeout-minutes"] <= 60] == []
    assert "concurrency" in workflow


@EVERY
def test_every_action_is_pinned_by_commit_and_names_its_version(whose: str, name: str, text: str) -> None:
    local = [use for step in steps(text) if "uses" in step and (use := step["uses"]).startswith("./")]
    assert local == [] or whose == "ours"
    rows = [row for row in re.findall(r"uses: (.+)", text) if not row.startswith("./")]
    pin = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}( # v\d+\.\d+\.\d+)?")
    assert [row for row in rows if not pin.fullmatch(row)] == []
    assert [row for row in rows if "#" not in row and not row.startswith("acme/")] == []


def test_one_action_has_one_pin_everywhere() -> None:
    texts = [*OURS.values(), *WRITTEN.values(), *(path.read_text("utf-8") for path in ACTIONS.values())]
    pins = {row for text in texts for row in re.findall(r"uses: ((?!acme/)[^.\s][^@\s]*@.+)", text)}
    assert sorted(pins) == sorted({row.partition("@")[0]: row for row in pins}.values())


@pytest.mark.parametrize("text", [OURS["check.yml"], WRITTEN["check.yml"]], ids=["ours", "written"])
def test_the_check_of_a_pull_request_has_no_secret_and_runs_none_of_it(text: str) -> None:
    assert list(yaml.safe_load(text)[True]) == ["pull_request"]
    assert [word for word in ("secrets.", "github.token", "id-token", ": write") if word in text] == []
    assert [step for step in steps(text) if "run" in step] == []
    ours = [step["with"] for step in steps(text) if "actions/skillpress" in step["uses"]]
    assert [step["command"] for step in ours] == ["check", "plan"]
    assert {step["settings-ref"] for step in ours} == {"${{ github.event.pull_request.base.sha }}"}


@pytest.mark.parametrize("text", [OURS["comment.yml"], WRITTEN["comment.yml"]], ids=["ours", "written"])
def test_the_comment_takes_nothing_of_a_pull_request_but_its_plan(text: str) -> None:
    workflow = yaml.safe_load(text)
    names = {yaml.safe_load(other)["name"] for other in (OURS["check.yml"], WRITTEN["check.yml"])}
    assert set(workflow[True]["workflow_run"]["workflows"]) == names
    assert [step for step in steps(text) if "run" in step or "ref" in step.get("with", {})] == []


@pytest.mark.parametrize("text", [OURS["publish.yml"], WRITTEN["publish.yml"]], ids=["ours", "written"])
def test_publishing_waits_for_its_turn_and_takes_the_newest_commit(text: str) -> None:
    workflow = yaml.safe_load(text)
    assert workflow["concurrency"] == {"group": "skillpress-publish", "cancel-in-progress": False}
    assert next(steps(text))["with"]["ref"] == "main"
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"SKILLPRESS_KEY"}
    crons = [row["cron"] for row in workflow[True]["schedule"]]
    assert [len(cron.split()) for cron in crons] == [5, 5]
    used = re.findall(r"github\.event\.schedule [!=]= '([^']+)'", text)
    assert set(used) == {crons[1]}
