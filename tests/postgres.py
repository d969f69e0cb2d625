"""A PostgreSQL server of our own: made in a temporary folder, on a Unix socket, ended with the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"


def programs() -> Path | None:
    """The folder of PostgreSQL's server programs; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    beside = shutil.which("initdb")
    return Path(beside).parent if beside else None


@contextmanager
def running() -> Iterator[str]:
    """The URL of a server's first database. It runs as another user when we are root, as it must."""
    bin_folder = programs()
    assert bin_folder is not None
    folder = Path(tempfile.mkdtemp(prefix="skillpress-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        account = pwd.getpwnam(USER)
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    data = folder / "data"
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c shared_buffers=32MB"

    def run(*words: str | Path) -> None:
        subprocess.run([*as_user, *words], env=environment, cwd=folder, capture_output=True, check=True)

    try:
        run(bin_folder / "initdb", "-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync", "-D", data)
        run(bin_folder / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
        try:
            yield f"postgresql:///postgres?host={folder}&user={USER}"
        finally:
            run(bin_folder / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
