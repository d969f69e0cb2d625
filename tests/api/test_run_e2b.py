"""Runs at E2B through the API, with the service's stand-in on loopback (issue 7)."""

from __future__ import annotations

from pathlib import Path

import e2b_stand_in

from tests.api.lab import PRICE, SESSIONS, done, laboratory, scientist


def test_runs_at_e2b(lab_registry: Path, tmp_path: Path) -> None:
    with e2b_stand_in.running(tmp_path / "machines") as url:
        rules = {
            "backend": "e2b",
            "e2b_api_key": e2b_stand_in.KEY,
            "e2b_api_url": url,
            "e2b_sandbox_url": url,
        }
        with laboratory(tmp_path / "data", None, lab_registry, runs=rules) as own:
            person = scientist(own, "kit")
            first = done(person, "keep.py", "one ", reuseSession=True)
            assert (first["sandbox_level"], first["stdout"], first["credits_charged"]) == (
                "remote", "one \n", PRICE,
            )  # fmt: skip
            again = done(person, "keep.py", "two", sessionId=first["sessionId"])
            assert again["stdout"] == "one two\n"
            answer = person.get(f"{SESSIONS}/{first['sessionId']}/files/work/notes")
            assert answer.content == b"one two"
            assert own.anonymous.get("/readyz").json()["parts"]["runs"] == "ok, e2b, level remote"
