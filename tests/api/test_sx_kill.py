"""Issue 6, the audit log: what a stop and a crash leave of what was only read."""

from __future__ import annotations

import json
import signal
import sqlite3
from pathlib import Path

import httpx2
import pytest

from tests.api.packages import zipped
from tests.api.test_serve import running
from tests.content_repo import skill_text

METADATA = '[asset]\nname = "mine"\nversion = "1"\ntype = "skill"\n[skill]\nprompt-file = "SKILL.md"\n'


def reads(data: Path) -> list[str]:
    """Events of reading in the log, oldest first."""
    with sqlite3.connect(data / "skillpress.db") as db:
        query = "SELECT event FROM audit_events WHERE event IN ('LOCK_FILE_ACCESSED', 'DOWNLOADED')"
        return [event for (event,) in db.execute(f"{query} ORDER BY sequence")]


@pytest.mark.parametrize(
    ("ending", "lock"), [(signal.SIGTERM, 1), (signal.SIGKILL, None)], ids=["stop", "crash"]
)
def test_what_was_read_is_in_the_log(
    tmp_path: Path, registry: Path, ending: signal.Signals, lock: int | None
) -> None:
    """A stop right behind the answer loses nothing; a crash no private download."""
    data = tmp_path / "data"
    with running("serve", registry, "--port", "0", "--data", data, cwd=tmp_path) as (program, url, _):
        headers = {"authorization": f"Bearer {(data / 'admin.key').read_text().strip()}"}
        with httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
            body = zipped({"SKILL.md": skill_text("mine"), "metadata.toml": METADATA})
            assert http.post("/api/skills/assets", files={"file": ("x.zip", body)}).status_code == 201
            assert http.get("/api/skills/assets/mine/1/mine-1.zip").status_code == 200
            assert http.get("/api/skills/sx.lock").status_code == 200
        program.send_signal(ending)
        program.wait(30)
    found = reads(data)
    assert found[0] == "DOWNLOADED"
    if lock is not None:
        assert found == ["DOWNLOADED", "LOCK_FILE_ACCESSED"]
    assert json.dumps(found).count("DOWNLOADED") == 1
