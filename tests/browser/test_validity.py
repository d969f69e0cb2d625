"""Every page is valid HTML, as html-validate and the standard see it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .conftest import NODE, PROGRAMS, Served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

VALIDATOR = PROGRAMS / "html-validate" / "bin" / "html-validate.mjs"
RULES = Path(__file__).parent / ".htmlvalidate.json"


def invalid(files: list[Path]) -> list[str]:
    """What is wrong with `files`."""
    if not VALIDATOR.exists() or not NODE.exists():
        pytest.skip("html-validate or the Node that it needs is not installed: make setup")
    command: list[str | Path] = [NODE, VALIDATOR, "--config", RULES, "--formatter", "json", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return [
        f"{report['filePath']}:{item['line']}: {item['message']} [{item['ruleId']}]"
        for report in json.loads(done.stdout)
        for item in report["messages"]
    ]


def test_every_page_of_the_demo_is_valid(site: Served) -> None:
    assert invalid([site.folder / key for key in site.pages()]) == []


def test_the_validator_finds_what_is_wrong(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<!doctype html><html lang='en'><head><title>x</title></head><body><p><div></p></body></html>"
    )
    assert invalid([page])
