"""`skillpress serve` and `skillpress api` as programs: first start, lock, settings, kill, graceful end."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from dynamic_api.server.data_folder import open_folder
from tests.content_repo import COMMAND, environment, skillpress


@contextmanager
def running(
    *words: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """A started program, its address, and the lines it wrote before it listened and shortly after."""
    quiet = {
        "SKILLPRESS_API_SERVER_ACCESS_LOG": "false",
        "SKILLPRESS_API_RUNS_BACKEND": "none",
        **(env or {}),
    }
    with subprocess.Popen(
        [*COMMAND, *map(str, words)], cwd=cwd, env=environment(quiet), stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            assert program.stderr is not None
            lines = [program.stderr.readline()]
            found = re.search(r"http://[0-9.:]+", lines[0])
            assert found, lines[0] + program.stderr.read()
            with httpx2.Client(trust_env=False, timeout=60) as client:
                client.get(f"{found[0]}/healthz")
            yield program, found[0], lines
        finally:
            if program.poll() is None:
                program.send_signal(signal.SIGTERM)
                program.wait(30)


def credits_of(url: str, key: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.get(f"{url}/api/v1/account/credits", headers=headers, trust_env=False, timeout=30)


def test_first_start_leaves_one_admin_key_that_stays(tmp_path: Path, registry: Path) -> None:
    words = ("serve", registry, "--port", "0", "--data", tmp_path / "data")
    with running(*words, cwd=tmp_path) as (program, url, _):
        key = (tmp_path / "data" / "admin.key").read_text().strip()
        assert credits_of(url, key).status_code == 200
        assert program.stderr is not None
        assert key in program.stderr.readline()
    assert stat.S_IMODE((tmp_path / "data" / "admin.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    with running(*words, cwd=tmp_path) as (program, url, _):
        assert credits_of(url, key).status_code == 200
    assert program.returncode == 0


def test_killed_first_start_goes_on_with_the_key_that_was_written(tmp_path: Path, registry: Path) -> None:
    """The key is on disk before the account is: here the account never came."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "admin.key").write_text("sk_live_written_before_the_kill_0123456789\n")
    with running("serve", registry, "--port", "0", "--data", data, cwd=tmp_path) as (_, url, _):
        assert credits_of(url, "sk_live_written_before_the_kill_0123456789").status_code == 200


def test_second_process_on_one_data_directory_is_refused(tmp_path: Path, registry: Path) -> None:
    words = ("serve", registry, "--port", "0", "--data", tmp_path / "data")
    with running(*words, cwd=tmp_path):
        other = skillpress(*words, cwd=tmp_path)
    assert (other.code, "[data-in-use]" in other.err) == (3, True), other.err


def test_killed_server_starts_again(tmp_path: Path, registry: Path) -> None:
    words = ("serve", registry, "--port", "0", "--data", tmp_path / "data")
    with running(*words, cwd=tmp_path) as (program, url, _):
        os.kill(program.pid, signal.SIGKILL)
        program.wait(10)
    with running(*words, cwd=tmp_path) as (_, url, _):
        assert httpx2.get(f"{url}/readyz", trust_env=False).json()["status"] == "ok"


def test_static_key_answers_without_a_credential_and_never_with_a_bad_one(
    tmp_path: Path, registry: Path
) -> None:
    with running("serve", registry, "--port", "0", "--data", tmp_path / "data", cwd=tmp_path) as (_, url, _):
        path = f"{url}/api/v1/skills/pdf-tools"
        assert httpx2.get(path, trust_env=False).status_code == 200
        bad = httpx2.get(path, headers={"authorization": "Bearer sk_live_bad"}, trust_env=False)
        assert bad.status_code == 401
        whole = f"{url}/sx/documents/api/skills/sx.lock"
        assert httpx2.get(whole, headers={"authorization": "Bearer any"}, trust_env=False).status_code == 200


def test_folder_alone_makes_no_data(tmp_path: Path, registry: Path) -> None:
    with running("serve", registry, "--no-api", "--port", "0", cwd=tmp_path) as (_, url, _):
        assert httpx2.get(f"{url}/release.json", trust_env=False).status_code == 200
        assert httpx2.get(f"{url}/readyz", trust_env=False).status_code == 404
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("toml", "env", "code", "says"),
    [
        ("[limits]\nanonymus_per_minute = 1\n", {}, 2, "did you mean limits.anonymous_per_minute?"),
        ("[limit]\n", {}, 2, "did you mean limits?"),
        ("[limits]\nkey_per_minute = 'many'\n", {}, 2, "[bad-setting]"),
        ("[limits\n", {}, 2, "[bad-toml]"),
        ("", {"SKILLPRESS_API_LIMITS_KEY_PER_MINUT": "1"}, 2, "SKILLPRESS_API_LIMITS_KEY_PER_MINUTE"),
        ("", {"SKILLPRESS_API_DATA_SECRET": "short"}, 2, "[weak-secret]"),
        ("[limits]\nstorage = 'nonsense://'\n", {}, 2, "limits.storage"),
    ],
)
def test_wrong_setting_is_refused_with_its_mend(
    tmp_path: Path, registry: Path, toml: str, env: dict[str, str], code: int, says: str
) -> None:
    (tmp_path / "api.toml").write_text(toml)
    words = ("serve", registry, "--port", "0", "--data", "data", "--settings", "api.toml")
    answer = skillpress(*words, cwd=tmp_path, env=env)
    assert (answer.code, says in answer.err) == (code, True), answer.err


@pytest.mark.parametrize("state", ["unreachable", "no file of ours", "newer"])
def test_database_that_cannot_be_used_is_told_in_a_line(tmp_path: Path, registry: Path, state: str) -> None:
    env = {"SKILLPRESS_API_DATA_DATABASE_URL": "postgresql://u:hidden@127.0.0.1:1/x"}
    file = open_folder(tmp_path / "data").path / "skillpress.db"
    if state == "no file of ours":
        file.write_bytes(b"something else " * 999)
    if state == "newer":
        with closing(sqlite3.connect(file)) as db:
            db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            db.execute("INSERT INTO alembic_version VALUES ('9999')")
            db.commit()
    for words in (
        ("serve", registry, "--port", "0", "--data", "data"),
        ("admin", "--data", "data", "user", "list"),
    ):
        answer = skillpress(*words, cwd=tmp_path, env=env if state == "unreachable" else {})
        assert answer.code == 3, answer.err
        (line,) = answer.err.strip().splitlines()
        assert "data.database_url" in line
        assert "hidden" not in line


def test_many_workers_need_postgresql(tmp_path: Path) -> None:
    answer = skillpress("api", "--workers", "2", "--port", "0", cwd=tmp_path)
    assert (answer.code, "[one-process]" in answer.err) == (2, True)


def test_api_alone_needs_a_registry(tmp_path: Path) -> None:
    answer = skillpress("api", "--port", "0", cwd=tmp_path)
    assert (answer.code, "[no-registry]" in answer.err) == (2, True)


def test_two_workers_share_a_postgresql_database(
    tmp_path: Path, registry: Path, request: pytest.FixtureRequest
) -> None:
    from tests.databases import new_url

    env = {
        "SKILLPRESS_API_DATA_DATABASE_URL": new_url("postgresql", tmp_path, request),
        "SKILLPRESS_API_DATA_REGISTRY": str(registry),
    }
    words = ("api", "--workers", "2", "--port", "0", "--data", tmp_path / "data")
    with running(*words, cwd=tmp_path, env=env) as (_, url, _):
        key = (tmp_path / "data" / "admin.key").read_text().strip()
        assert {credits_of(url, key).status_code for _ in range(8)} == {200}


_MADE = """
import gc, sys
from pathlib import Path
from dynamic_api.server.data_folder import open_folder
from dynamic_api.server.running import Make
from dynamic_api.settings import parse
make = Make(parse({}, "test"), open_folder(Path(sys.argv[1])), "http://h", Path(sys.argv[2]))
make().context.database.close()
print(gc.get_freeze_count())
"""


def test_what_lasts_as_long_as_the_server_is_not_collected_again(tmp_path: Path, registry: Path) -> None:
    words = [sys.executable, "-c", _MADE, str(tmp_path / "data"), str(registry)]
    told = subprocess.run(words, capture_output=True, text=True, check=True, env=environment({}))
    assert int(told.stdout) > 50_000
