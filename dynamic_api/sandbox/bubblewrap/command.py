"""What bubblewrap is told, and what it is to run in there."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dynamic_api.errors import Unprocessable
from dynamic_api.sandbox.base import MIB, Job, Limits
from dynamic_api.sandbox.bubblewrap.host import Host
from dynamic_api.sandbox.bubblewrap.keeper.child import SECCOMP, STATUS
from dynamic_api.sandbox.given import CERTIFICATES, check_arguments
from dynamic_api.sandbox.scripts import Language, Script

NODE_DATA_BYTES = 1024 * MIB
ADDRESS_SPACE_BYTES = 4096 * MIB
_UID = "1000"
_AUTHORITIES = (
    CERTIFICATES,
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/ca-bundle.pem"),
    Path("/etc/ssl/cert.pem"),
)
"""Where distributions keep the certificates that programs trust."""
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of the host that a run sees: the session, the skill, its layer, and a small /etc."""

    session: Path
    skill: Path
    layer: Path | None
    etc: Path


def bwrap_arguments(places: Places, environment: Mapping[str, str], *, network: bool) -> bytes:
    """Everything for `--args`, so that nothing of it can be read in a list of processes.

    With `network`, the one to share is no host's: the launcher has made it for this run alone.
    """
    words = [
        *(
            "--unshare-all",
            *(("--share-net",) if network else ()),
            "--unshare-user",
            "--disable-userns",
            "--uid",
            _UID,
            "--gid",
            _UID,
        ),
        *("--hostname", "sandbox", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"),
        *_system(places.etc),
        *("--proc", "/proc", "--dev", "/dev", "--bind", f"{places.session}/shm", "/dev/shm"),  # noqa: S108
        *("--bind", f"{places.session}/tmp", "/tmp", "--bind", f"{places.session}/work", "/work"),  # noqa: S108
        *("--ro-bind", str(places.skill), "/skill"),
        *(("--ro-bind", str(places.layer), "/deps") if places.layer else ()),
        # bubblewrap's own root and /dev are file systems without a bound, so nothing may be written there.
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/work"),
        *("--seccomp", str(SECCOMP), "--json-status-fd", str(STATUS)),
    ]
    for name, value in environment.items():
        words += ["--setenv", name, value]
    return b"\0".join(os.fsencode(word) for word in words) + b"\0"


def _system(etc: Path) -> list[str]:
    words = ["--ro-bind", "/usr", "/usr", "--ro-bind", str(etc), "/etc"]
    for name in _MERGED:
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()).lstrip("/"), f"/{name}"]
        elif path.is_dir():
            words += ["--ro-bind", f"/{name}", f"/{name}"]
    return words


def make_etc(folder: Path) -> None:
    """The /etc of every run: one user, no name server, and what the dynamic linker needs of ours."""
    folder.mkdir(exist_ok=True)
    texts = {
        "passwd": f"skill:x:{_UID}:{_UID}::/work:/bin/sh\n",
        "group": f"skill:x:{_UID}:\n",
        "hosts": "127.0.0.1 localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }
    for name, text in texts.items():
        _write(folder / name, text.encode())
    authorities = next((path for path in _AUTHORITIES if path.is_file()), None)
    if authorities is not None:
        (folder / "ssl/certs").mkdir(parents=True, exist_ok=True)
        _write(folder / CERTIFICATES.relative_to("/etc"), authorities.read_bytes())
    cache = Path("/etc/ld.so.cache")
    if cache.is_file():
        _write(folder / "ld.so.cache", cache.read_bytes())
    alternatives = folder / "alternatives"
    alternatives.mkdir(exist_ok=True)
    for path in sorted(Path("/etc/alternatives").glob("*")):
        if path.is_symlink() and not (alternatives / path.name).is_symlink():
            (alternatives / path.name).symlink_to(path.readlink())


def _write(path: Path, data: bytes) -> None:
    """Only what changed, and at once: another process may have this folder bound into a run."""
    if not path.is_file() or path.read_bytes() != data:
        beside = path.with_suffix(".new")
        beside.write_bytes(data)
        beside.chmod(0o644)
        beside.rename(path)


def command(host: Host, job: Job, script: Script, limits: Limits) -> bytes:
    """The words to run, each ended by a zero byte but the last. Raises TooLarge and Unprocessable."""
    program = host.programs.get(script.program)
    if program is None:
        raise Unprocessable(
            "language_unavailable",
            f"this server has no {script.program} for scripts",
            place=script.path,
            mend="run it on your own machine, or ask the operator",
        )
    check_arguments(job.args, limits)
    words = [host.prlimit, f"--nproc={limits.processes}", "--", program, f"/skill/{script.path}", *job.args]
    return b"\0".join(os.fsencode(word) for word in words)


def rlimits(limits: Limits, language: Language, *, cgroup: bool) -> Sequence[tuple[str, int, int]]:
    """(name, soft, hard) of what holds for each process. Without groups they are all there is for memory.

    Node reserves much more address space than it uses, so with groups only its data is bounded, generously.
    """
    rows = [
        ("RLIMIT_CPU", limits.cpu_seconds, limits.cpu_seconds + 1),
        ("RLIMIT_FSIZE", limits.file_bytes, limits.file_bytes),
        ("RLIMIT_NOFILE", limits.open_files, limits.open_files),
        ("RLIMIT_CORE", 0, 0),
        ("RLIMIT_MEMLOCK", 64 * 1024, 64 * 1024),
        ("RLIMIT_MSGQUEUE", 0, 0),
        ("RLIMIT_RTPRIO", 0, 0),
    ]
    if language == "node":
        most = max(NODE_DATA_BYTES, 2 * limits.memory_bytes)
        rows.append(("RLIMIT_DATA", most, most))
    else:
        most = max(ADDRESS_SPACE_BYTES, 4 * limits.memory_bytes) if cgroup else limits.memory_bytes
        rows.append(("RLIMIT_AS", most, most))
    return [(name, min(soft, _ceiling(name)), min(hard, _ceiling(name))) for name, soft, hard in rows]


def _ceiling(name: str) -> int:
    """What we may set at most: our own hard limit."""
    hard = resource.getrlimit(getattr(resource, name))[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard
