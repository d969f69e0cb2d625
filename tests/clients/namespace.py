"""A network and mount namespace that has only loopback, and programs that run inside it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOST = "skills.test"
# Out of the range for documentation: clients refuse archives from hosts that are loopback by their spelling.
ADDRESS = "192.0.2.10"
NEEDED = ("unshare", "nsenter", "ip", "mount")

_PREPARE = f"""
set -e
ip link set lo up
ip addr add {ADDRESS}/32 dev lo
mount --bind "$1" /etc/hosts
echo ready
exec cat
"""


class NoNamespace(Exception):  # noqa: N818 - named by what happened, as the project's own errors are
    """This machine cannot make the namespace; the message says why."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended: exit code, and what it wrote to both streams, in order."""

    code: int
    output: str


@dataclass(frozen=True, slots=True)
class Namespace:
    """Held open by one process, `holder`, that ends with us, however we end: its input closes."""

    holder: int
    as_root: bool

    def run(
        self, command: Sequence[str | Path], env: Mapping[str, str], folder: Path, timeout_seconds: float = 50
    ) -> Finished:
        """Run `command` in `folder` with exactly `env`, and end with it all that it started."""
        with self.started(command, env, folder, stderr=subprocess.STDOUT) as process:
            try:
                output, _ = process.communicate(timeout=timeout_seconds)
            except subprocess.TimeoutExpired:
                _end(process)
                output, _ = process.communicate()
                raise TimeoutError(f"{command} took over {timeout_seconds} s and said:\n{output}") from None
        return Finished(process.returncode, output)

    @contextmanager
    def started(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str],
        folder: Path,
        stderr: int = subprocess.PIPE,
    ) -> Iterator[subprocess.Popen[str]]:
        """`command` while it runs. Entering a mount namespace loses the folder, so `env` goes back to it."""
        process = subprocess.Popen(
            [*self._enter(), "env", f"--chdir={folder}", *map(str, command)],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        with process:
            try:
                yield process
            finally:
                _end(process)

    def _enter(self) -> list[str]:
        user = [] if self.as_root else ["--user", "--preserve-credentials"]
        nsenter = shutil.which("nsenter")
        assert nsenter is not None
        return [nsenter, f"--target={self.holder}", *user, "--net", "--mount"]


@contextmanager
def loopback_only(folder: Path) -> Iterator[Namespace]:
    """A namespace in which HOST is ADDRESS, and nothing else can be reached. Raises NoNamespace."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        raise NoNamespace(f"not installed: {', '.join(missing)}")
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n::1 localhost\n{ADDRESS} {HOST}\n")
    as_root = os.geteuid() == 0
    user = [] if as_root else ["--user", "--map-root-user"]
    with subprocess.Popen(
        ["unshare", *user, "--net", "--mount", "sh", "-c", _PREPARE, "sh", hosts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline() != "ready\n":
            raise NoNamespace(holder.stderr.read().strip())
        try:
            yield Namespace(holder.pid, as_root)
        finally:
            holder.terminate()


def _end(process: subprocess.Popen[str]) -> None:
    """End the session that `process` leads: politely, then at once; what it left behind as well."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
