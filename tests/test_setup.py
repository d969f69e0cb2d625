"""`.ci/setup` on a machine that lacks a part: it says what is missing and what to do, or goes on without."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALWAYS_THERE = ("bash", "cat", "dirname", "id", "uname")
NEITHER_VENV = f"""#!/bin/sh
case "$*" in *ensurepip*) exit 1 ;; esac
exec "{sys.executable}" "$@"
"""
TOO_OLD = "#!/bin/sh\nexit 1\n"


def run_setup(folder: Path, part: str, programs: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `.ci/setup part` in `folder`, with only `programs` and what every machine has on the PATH."""
    path = folder / "bin"
    path.mkdir()
    for name in ALWAYS_THERE:
        found = shutil.which(name)
        assert found, name
        (path / name).symlink_to(found)
    for name, text in programs.items():
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "setup", folder / ".ci")
    environment = {"PATH": str(path), "HOME": str(folder)}
    command = [str(path / "bash"), str(folder / ".ci" / "setup"), part]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("part", "programs", "status", "message"),
    [
        ("python", {}, 3, "needs Python 3.11 or newer"),
        ("python", {"python3": TOO_OLD}, 3, "needs Python 3.11 or newer"),
        ("python", {"python3.11": NEITHER_VENV}, 3, "python3.11 lacks venv or ensurepip"),
        ("python", {"python3.11": TOO_OLD, "python3": NEITHER_VENV}, 3, "python3 lacks venv or ensurepip"),
        ("clients", {}, 0, "skipped the client programs: "),
        ("", {}, 3, "usage: .ci/setup python|clients"),
    ],
)
def test_setup_names_what_is_missing(
    tmp_path: Path, part: str, programs: dict[str, str], status: int, message: str
) -> None:
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    run = run_setup(folder, part, programs)
    assert message in run.stdout + run.stderr
    assert run.returncode == status
    assert not (folder / ".venv").exists()
