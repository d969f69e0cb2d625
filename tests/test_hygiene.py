"""What is committed names no package registry and no machine's path; the locks cover what is declared."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / ".ci" / "requirements.txt"
CLIENTS = ROOT / "tests" / "clients"

REGISTRY_HOST = re.compile(
    rb"\bregistry\.(?!example\b)[a-z0-9-]+\.(?:org|com|net|io|dev)\b|\b(?:test\.)?py[p]i\.[a-z]{2,}\b|python[h]osted"
)
ANYWHERE = {Path(path) for path in ("/", "/root", "/usr", "/usr/local")}
MACHINE_PATH = re.compile(
    rb"(?<![\w.$}/-])(?:%s)/[\w.-]"
    % b"|".join(
        re.escape(bytes(path)) for path in sorted({ROOT, Path.home(), Path(sys.base_prefix)} - ANYWHERE)
    )
)


def offences(pattern: re.Pattern[bytes], files: dict[str, bytes]) -> list[str]:
    """`path:line: text` of every match."""
    found = []
    for name, data in files.items():
        for match in pattern.finditer(data):
            line = data.count(b"\n", 0, match.start()) + 1
            found.append(f"{name}:{line}: {match.group().decode()}")
    return found


def committed() -> dict[str, bytes]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name.decode() for name in listing.split(b"\0") if name]
    return {str(path.relative_to(ROOT)): path.read_bytes() for path in paths if path.is_file()}


@pytest.mark.parametrize("pattern", [REGISTRY_HOST, MACHINE_PATH], ids=["registry host", "machine path"])
def test_no_committed_file_names_it(pattern: re.Pattern[bytes]) -> None:
    assert offences(pattern, committed()) == []


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (REGISTRY_HOST, "https://registry.n" + "pmjs.org/x", 1),
        (REGISTRY_HOST, "https://py" + "pi.org/simple", 1),
        (REGISTRY_HOST, "files.python" + "hosted.org", 1),
        (REGISTRY_HOST, "registry.toml, https://registry.example.com/x, my registry.", 0),
        (MACHINE_PATH, f"see {ROOT}/tests", 1),
        (MACHINE_PATH, "see tests/conftest.py and /usr/bin/env", 0),
    ],
)
def test_pattern_finds_what_it_is_for(pattern: re.Pattern[bytes], text: str, found: int) -> None:
    assert len(offences(pattern, {"file": b"first\n" + text.encode()})) == found


def test_python_lock_pins_each_package_with_hashes_and_no_place() -> None:
    text = LOCK.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert [row for row in rows if not re.match(r"[a-z0-9][a-z0-9._-]*==[^ ]+ (; .+ )?\\$", row)] == []
    blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"(?m)^ *--(?!hash=sha256:).*|://", text) == []


def test_python_lock_covers_what_pyproject_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins = dict(re.findall(r"(?m)^([a-z0-9._-]+)==([^ ]+)", LOCK.read_text(encoding="utf-8")))
    declared = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["dev"]
    assert [need for need in declared if re.split(r"[<>=~! ;\[]", need)[0] not in pins] == []
    assert project["build-system"]["requires"] == [f"hatchling=={pins['hatchling']}"]


def test_client_lock_has_integrity_and_no_place() -> None:
    packages = json.loads((CLIENTS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    root = packages.pop("")
    declared = json.loads((CLIENTS / "package.json").read_text(encoding="utf-8"))
    assert [name for name, row in packages.items() if "resolved" in row] == []
    assert [
        name for name, row in packages.items() if not row.get("inBundle") and "integrity" not in row
    ] == []
    for group in ("dependencies", "optionalDependencies"):
        assert root[group] == declared[group]
        assert [pin for pin in declared[group].values() if not re.fullmatch(r"\d+\.\d+\.\d+", pin)] == []
