"""Runs (contracts/skillzdrive.md row 27, 7.1–7.3)."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Connection, func, select, update

from dynamic_api.database.tables import audit_events, skill_days, skills, users
from dynamic_api.ids import undashed
from dynamic_api.services.keys import KeyOptions
from tests.api import shelf
from tests.api.lab import PRICE, balance, done, laboratory, run, scientist, until
from tests.api.packages import zipped
from tests.api.shelf import error, published_id
from tests.api.world import Person, World, world
from tests.content_repo import skill_text


def test_answer_of_a_run(lab: World, runner: Person) -> None:
    """Row 27, 7.1: the fields of the reference, and ours beside them."""
    result = done(runner, "echo.py", "one", "two three", stdin="hello\n")
    assert (result.pop("duration_ms") >= 0, len(result.pop("sessionId")), len(result.pop("run_id"))) == (
        True,
        32,
        32,
    )
    assert result.pop("session_expires_at").endswith("Z")
    assert result == {
        "stdout": "args ['one', 'two three']\nhello\n",
        "stderr": "",
        "exit_code": 0,
        "sandbox_level": lab.app.context.runs.parts.sandbox.health.level,
        "limits_hit": [],
        "truncated": False,
        "stdout_bytes": 32,
        "stderr_bytes": 0,
        "credits_charged": PRICE,
        "balance": 100 - PRICE,
    }
    assert balance(lab, runner) == 100 - PRICE


def test_script_that_fails_is_an_answer_like_any_other(runner: Person) -> None:
    """7.4: the script exits non-zero: 200, with what it said."""
    result = done(runner, "fail.sh")
    assert (result["stdout"], result["stderr"], result["exit_code"]) == ("half done\n", "no such thing\n", 3)
    assert result["credits_charged"] == PRICE


def test_scripts_are_listed_by_their_exact_names(runner: Person) -> None:
    """7.3."""
    found = runner.get("/api/v1/skills/kit/scripts").json()["data"]
    assert (found["slug"], found["version"], found["requiredEnvVars"], found["execution_tier"]) == (
        "kit", 1, [], None,
    )  # fmt: skip
    assert (found["credit_cost_per_use"], found["credit_cost_30_minutes"]) == (PRICE, 3 * PRICE)
    rows = {row["name"]: (row["path"], row["language"]) for row in found["scripts"]}
    assert rows["echo.py"] == ("scripts/echo.py", "python")
    assert [rows[name][1] for name in ("fail.sh", "node.mjs", "other.rb", "crlf.sh")] == [
        "sh",
        "node",
        None,
        None,
    ]
    needs = runner.get("/api/v1/skills/needs-token/scripts").json()["data"]
    assert (needs["requiredEnvVars"], [row["name"] for row in needs["scripts"]]) == (["TOKEN"], ["env.py"])
    home = runner.get("/api/v1/skills/at-home/scripts").json()["data"]
    assert home["execution_tier"] == "local"
    assert runner.get("/api/v1/skills/talk/scripts").json()["data"]["scripts"] == []
    assert error(runner.get("/api/v1/skills/nothing/scripts")) == (404, "skill_not_found")


def test_wrong_names(lab: World, runner: Person) -> None:
    """7.4: suggestions, and every valid name of a script."""
    answer = run(runner, "ecko.py")
    assert error(answer) == (404, "script_not_found")
    said = answer.json()["error"]
    assert said["suggestions"][0] == "echo.py"
    assert {"echo.py", "fail.sh", "other.rb"} <= set(said["scripts"])
    assert error(run(runner, "SKILL.md")) == (404, "script_not_found")
    assert error(run(runner, "../../etc/passwd")) == (404, "script_not_found")
    answer = run(runner, "echo.py", slug="kiz")
    assert error(answer) == (404, "skill_not_found")
    assert answer.json()["error"]["suggestions"] == ["kit"]
    assert error(run(runner, "x", slug="talk")) == (404, "script_not_found")
    assert error(run(lab.person(), "echo.py")) == (404, "skill_not_found")
    assert balance(lab, runner) == 100


def test_local_skill_is_refused_with_its_source(lab: World, runner: Person) -> None:
    """7.4: sent to the cloud nevertheless: 422, and where the files are."""
    answer = run(runner, "env.py", slug="at-home")
    assert error(answer) == (422, "local_only")
    source = answer.json()["error"]["source"]
    assert source["method"] == "GET"
    assert lab.anonymous.get(source["url"]).content[:2] == b"PK"


def test_credentials_reach_only_the_scripts_that_declare_them(lab: World, runner: Person) -> None:
    """7.3, 7.4: the stored value, in the environment of that run; missing ones are named."""
    missing = run(runner, "env.py", slug="needs-token")
    assert error(missing) == (422, "missing_credentials")
    assert "TOKEN" in missing.json()["error"]["message"]
    value = "a value that nobody else sees"
    assert runner.put("/api/v1/account/credentials/TOKEN", json={"value": value}).status_code == 200
    given = done(runner, "env.py", slug="needs-token")
    assert given["stdout"].splitlines()[1] == value
    names = done(runner, "env.py")["stdout"].splitlines()
    assert names[1] == "None"
    assert "SKILLPRESS" not in names[0]
    assert error(run(lab.person(), "env.py", slug="needs-token")) == (404, "skill_not_found")


def test_output_that_is_no_text(runner: Person) -> None:
    """Bytes that are not UTF-8 become U+FFFD; the file of the session has them as they were."""
    result = done(runner, "bytes.py")
    assert (result["stdout"], result["stderr"]) == ("caf\ufffd \ufffd\n", "\ufffd")
    kept = runner.get(f"/api/v1/runs/sessions/{result['sessionId']}/files/tmp/last_run.out")
    assert kept.content == b"caf\xe9 \xff\n"


def test_long_output_is_cut_and_the_rest_is_a_file(runner: Person) -> None:
    """A marker says where all of it is."""
    result = done(runner, "much.py")
    size = sum(len(str(n)) + 1 for n in range(20000))
    assert (result["truncated"], result["stdout_bytes"]) == (True, size)
    assert result["stdout"].startswith("0\n1\n")
    assert result["stdout"].endswith(
        f"[cut: the first 65536 of {size} bytes; all of it is in /tmp/last_run.out]\n"
    )
    url = f"/api/v1/runs/sessions/{result['sessionId']}/files/tmp/last_run.out"
    assert len(runner.get(url).content) == size
    assert runner.get(url, params={"startLine": 20000, "limit": 5}).text == "19999\n"


@pytest.mark.parametrize(("script", "limit"), [("flood.py", "output"), ("hog.py", "memory")])
def test_limits_are_named(lab: World, runner: Person, script: str, limit: str) -> None:
    """7.2: what a run hit is in the answer; that it hit it is its own fault."""
    if limit == "memory" and lab.app.context.runs.parts.sandbox.health.level != "full":
        limit = ""
    result = done(runner, script)
    assert result["exit_code"] != 0
    assert limit in {*result["limits_hit"], ""}
    assert result["credits_charged"] == PRICE


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"scriptName": "other.rb"}, (422, "script_unsupported")),
        ({"scriptName": "crlf.sh"}, (422, "script_crlf")),
        ({"scriptName": "echo.py", "args": ["x" * 100_000] * 100}, (413, "args_too_large")),
        ({"scriptName": "echo.py", "args": ["x"] * 1001}, (413, "args_too_large")),
        (
            {"scriptName": "echo.py", "args": ["a\u0001b"], "stdin": "x" * (17 << 20)},
            (413, "stdin_too_large"),
        ),
        ({"scriptName": "echo.py", "args": [1]}, (400, "validation_error")),
        ({"scriptName": "echo.py", "sessionMinutes": 7}, (400, "validation_error")),
        ({"scriptName": "echo.py", "sessionId": "0" * 32}, (404, "session_not_found")),
        ({"scriptName": "echo.py", "nonsense": 1}, (400, "validation_error")),
        ({"scriptName": ""}, (400, "validation_error")),
    ],
)
def test_what_cannot_be_run_costs_nothing(
    lab: World, runner: Person, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = runner.post("/api/v1/runs", json={"skillSlug": "kit", **body})
    assert error(answer) == expected
    assert balance(lab, runner) == 100
    assert lab.read(lambda db: usage(db, runner)) in {0, None}


def test_a_hundred_megabytes_are_refused_before_they_are_read(lab: World, runner: Person) -> None:
    """stdin of 100 MB: only the head of the call was sent when the answer came."""
    place = urlsplit(lab.url)
    head = (
        f"POST /api/v1/runs HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {runner.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {100 << 20}\r\n\r\n"
    )
    with socket.create_connection((str(place.hostname), place.port or 0), 20) as line:
        line.sendall(head.encode())
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"payload_too_large" in answer


def test_many_arguments_arrive(runner: Person) -> None:
    """… and those that fit, do."""
    words = ["x" * 9_000] * 100
    assert len(done(runner, "echo.py", *words)["stdout"]) > 60_000


def test_node(runner: Person, lab: World) -> None:
    """7.2: what cannot be run at a level is refused, and said."""
    answer = run(runner, "node.mjs", "and", "on")
    if "node" in lab.app.context.runs.parts.sandbox.health.languages:
        assert answer.json()["data"]["stdout"] == "from node and on\n"
    else:
        assert answer.status_code == 422


def test_scoped_key_runs_what_is_on_its_list(lab: World, runner: Person) -> None:
    """3.3."""
    key = lab.key(runner, KeyOptions(kind="scoped", skill_ids=(published_id("kit"),)))
    assert done(key, "echo.py")["exit_code"] == 0
    assert error(run(key, "env.py", slug="needs-token")) == (404, "skill_not_found")
    upload = lab.key(runner, KeyOptions(kind="upload_only"))
    assert error(run(upload, "echo.py")) == (403, "access_denied")
    assert error(lab.anonymous.post("/api/v1/runs", json={})) == (401, "access_denied")


def test_private_and_premium_skills(lab: World, runner: Person) -> None:
    """12.3: premium: run by anyone who sees it, its source for the owner only."""
    text = skill_text("mine")
    ticket = runner.post("/api/v1/uploads/ticket", json={}).json()["data"]["uploadToken"]
    data = zipped({"SKILL.md": text, "scripts/hi.py": "print('hi')\n", "run.sh": "echo root\n"})
    sent = lab.anonymous.post(
        "/api/uploads/process-skill",
        headers={"authorization": f"Bearer {ticket}"},
        files={"file": ("mine.zip", data)},
    )
    assert sent.status_code in {200, 201}, sent.text
    before = balance(lab, runner)
    result = done(runner, "hi.py", slug="mine")
    assert (result["stdout"], result["credits_charged"], balance(lab, runner)) == ("hi\n", 0, before)
    assert done(runner, "run.sh", slug="mine")["stdout"] == "root\n"
    other = lab.person()
    skill = undashed(sent.json()["skill"]["id"])
    lab.write(
        lambda db: db.execute(update(skills).where(skills.c.id == skill).values(category="premium")) and None
    )
    shelf.share(lab, runner, skill, other)
    assert done(other, "hi.py", slug="mine")["stdout"] == "hi\n"
    source = other.post("/api/v1/downloads", json={"scope": "skill", "skillSlug": "mine"})
    assert error(source) == (403, "premium_source_restricted")


def test_runs_are_counted(lab: World, runner: Person) -> None:
    """Row 4: executions of the leaderboard; 4.1: use of the month; and the audit log."""
    skill = published_id("kit")
    count = select(func.sum(skill_days.c.executions)).where(skill_days.c.skill_id == skill)
    before = lab.read(lambda db: db.execute(count).scalar_one()) or 0
    done(runner, "echo.py")
    assert lab.read(lambda db: db.execute(count).scalar_one()) == before + 1
    events = select(audit_events.c.event, audit_events.c.target_name).where(
        audit_events.c.actor_id == runner.id
    )
    assert lab.read(lambda db: db.execute(events).all())[-1] == ("RUN_SETTLED", "kit")
    assert runner.get("/api/v1/account/credits").json()["data"]["monthly_skill_calls"] == 1
    page = lab.anonymous.get("/metrics").text
    assert 'skillpress_runs_total{end="exit 0"}' in page
    assert "skillpress_run_startup_seconds_count" in page


def test_level_is_named(lab: World) -> None:
    level = lab.app.context.runs.parts.sandbox.health.level
    assert lab.anonymous.get("/readyz").json()["parts"]["runs"] == f"ok, bubblewrap, level {level}"


def test_without_a_sandbox_nothing_runs(lab_registry: Path, tmp_path: Path) -> None:
    """A server without one says so, and charges nothing."""
    with world(tmp_path / "data", None, {}, lab_registry) as plain:
        person = scientist(plain, "kit")
        answer = run(person, "echo.py")
        assert error(answer) == (503, "sandbox_unavailable")
        assert "turned runs off" in answer.json()["error"]["message"]
        assert "refused" in plain.anonymous.get("/readyz").json()["parts"]["runs"]
        assert plain.read(lambda db: usage(db, person)) in {0, None}


def test_withdrawn_version_does_not_run(lab_registry: Path, tmp_path: Path) -> None:
    """DESIGN.md D14: checked on every run."""
    with laboratory(tmp_path / "data", None, lab_registry) as own:
        person = scientist(own, "kit")
        sha256 = person.get("/api/v1/skills/kit/scripts").json()["data"]["content_sha"]
        assert done(person, "echo.py")["exit_code"] == 0
        shelf.withdraw(own, sha256)
        assert error(run(person, "echo.py")) == (410, "withdrawn")
        until(lambda: not (own.app.context.runs.parts.shelf.folder / sha256).exists())


def usage(db: Connection, person: Person) -> int | None:
    """Runs counted this month."""
    used: int | None = db.execute(select(users.c.skill_calls).where(users.c.id == person.id)).scalar_one()
    return used
