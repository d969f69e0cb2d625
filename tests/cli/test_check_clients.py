"""`check --clients`: a table and reasons for people, the same under each asset as JSON."""

from __future__ import annotations

import json

import pytest
from content_repo import Repo

from registry_builder.cli import run

RUN = "#!/bin/sh\nexit 0\n"
BIT = "executable bit of scripts/run.sh is lost: say `sh scripts/run.sh`"


@pytest.fixture
def three(repo: Repo) -> Repo:
    """A skill that works everywhere, one with a script, and one with errors."""
    repo.skill("plain")
    repo.skill("script")
    repo.write("skills/script/scripts/run.sh", RUN, executable=True)
    repo.write("skills/wrong/SKILL.md", "no front matter\n")
    repo.commit()
    return repo


def check(repo: Repo, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run(["check", "-C", str(repo.path), *words])
    return code, capsys.readouterr().out


def test_json_has_the_verdicts_and_reasons_under_each_asset(
    three: Repo, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = check(three, "--clients", "--json", capsys=capsys)
    report = json.loads(out)
    assets = {item["name"]: item["clients"] for item in report["assets"]}
    words = {client: item["verdict"] for client, item in assets["script"].items()}
    fine = dict.fromkeys(("claude", "claude-npm", "curl", "npm", "sx"), "works")
    assert (code, report["checked"], assets["wrong"]) == (1, 3, None)
    assert words == {**fine, "skills": "field-ignored"}
    (reason,) = assets["script"]["skills"]["reasons"]
    assert (reason["rule"], reason["message"]) == ("bits-lost", BIT)
    assert {item["verdict"] for item in assets["plain"].values()} == {"works"}
    assert all(item["reasons"] == [] for item in assets["plain"].values())


def test_text_has_a_row_for_each_asset_and_each_reason_once(
    three: Repo, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = check(three, "--clients", capsys=capsys)[1].splitlines()
    head = next(at for at, line in enumerate(lines) if line.split()[:2] == ["claude", "claude-npm"])
    rows = {line.split()[0]: line.split()[1:] for line in lines[head + 1 : head + 3]}
    assert rows["plain"] == ["works"] * 6
    assert dict(zip(lines[head].split(), rows["script"], strict=True))["skills"] == "field-ignored"
    assert [line for line in lines if BIT in line] == [
        f"skills/script: skills: field-ignored: {BIT} [bits-lost]"
    ]


def test_without_the_flag_nothing_is_said_of_clients(three: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    assert "claude" not in check(three, capsys=capsys)[1]
    assert "assets" not in json.loads(check(three, "--json", capsys=capsys)[1])


def test_clients_of_emitters_that_are_off_are_not_named(
    three: Repo, capsys: pytest.CaptureFixture[str]
) -> None:
    three.write("registry.toml", '[emit]\nenable = ["sx"]\n')
    three.commit()
    report = json.loads(check(three, "plain", "--clients", "--json", capsys=capsys)[1])
    assert list(report["assets"][0]["clients"]) == ["curl", "sx"]


def test_many_assets_are_counted_and_those_with_reasons_come_first(
    repo: Repo, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(60):
        repo.skill(f"a{number:03}")
    repo.skill("script")
    repo.write("skills/script/scripts/run.sh", RUN, executable=True)
    repo.commit()
    code, out = check(repo, "--clients", capsys=capsys)
    lines = out.splitlines()
    head = next(at for at, line in enumerate(lines) if line.split()[:2] == ["claude", "claude-npm"])
    assert (code, lines[head + 1].split()[0], len(lines) < 90) == (0, "script", True)
    assert "… and 11 more assets; --json prints all. By client:" in lines
    assert "     60  skills       works" in lines


def test_annotations_have_no_place_for_clients(three: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(three, "--clients", "--format", "github", capsys=capsys)[0] == 2
