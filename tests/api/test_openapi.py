"""What the server answers is what its OpenAPI document says: Schemathesis against a real server."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.world import World, world

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, registry: Path) -> Iterator[World]:
    """A world in which nothing is limited and credits do not run out."""
    settings = {
        "limits": {"telemetry_per_minute": 0, "telemetry_address_per_minute": 0},
        "credits": {"initial_grant": 1_000_000, "default_tier": "pro"},
        "uploads": {"active_tickets": 1_000_000},
        "server": {"access_log": False},
    }
    with world(tmp_path_factory.mktemp("openapi") / "data", None, settings, registry) as made:
        yield made


@pytest.mark.slow
def test_no_answer_is_a_fault_or_undocumented(api: World, tmp_path: Path) -> None:
    person = api.person()
    program = Path(sys.executable).with_name("schemathesis")
    command = [program, "run", f"{api.url}/openapi.json", "--url", api.url, "--checks", CHECKS]
    command += ["--header", f"Authorization: Bearer {person.key}", "--seed", "20261128"]
    command += ["--max-examples", "12", "--phases", "examples,coverage,fuzzing", "--no-color"]
    command += ["--continue-on-failure", "--warnings", "off", "--suppress-health-check", "all"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stdout[-20_000:]
    tested = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", run.stdout)
    assert tested, run.stdout[-2000:]
    assert len(set(tested.groups())) == 1
    assert int(tested[1]) > 40
