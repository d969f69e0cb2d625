"""A Redis (or Valkey) of our own on a Unix socket, which can die, hang and come back."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Redis:
    """One server; what it kept is lost with it."""

    def __init__(self, program: str, folder: Path) -> None:
        place = folder / "redis.sock"
        self.address = f"redis+unix://{place}"
        self._command = [program, "--port", "0", "--unixsocket", place, "--dir", folder, "--save", ""]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it takes connections."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"ready to accept connections" in line.lower():
                return
        raise AssertionError("Redis did not start")

    def kill(self) -> None:
        """As the kernel would; no error when it is gone already."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def hang(self, hangs: bool = True) -> None:
        """Have it take connections and answer nothing; or go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if hangs else signal.SIGCONT)


@contextmanager
def running() -> Iterator[Redis]:
    """A server that is started."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("Redis is not installed (apt-get install redis-server)")
    folder = Path(tempfile.mkdtemp(prefix="skillpress-redis-"))
    redis = Redis(program, folder)
    try:
        redis.start()
        yield redis
    finally:
        redis.kill()
        shutil.rmtree(folder, ignore_errors=True)
