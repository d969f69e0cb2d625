"""What this machine offers: the programs, and the user that runs belong to."""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from dynamic_api.sandbox.given import PATH
from dynamic_api.sandbox.scripts import Language

SYSTEM_PATH = PATH
"""Where programs are looked for: what is bound into the sandbox, never what the API itself runs on."""
FALLBACK_USER = "nobody"
STORE_OF_ROOT = Path("/var/lib/skillpress-sandbox")
STORE_FOLDERS = ("sessions", "etc", "selftest", "skills", "layers")
_PROGRAMS = {"python": "python3", "sh": "sh", "bash": "bash", "node": "node"}

_CLOSED = {
    "user.max_user_namespaces": ("0", "set it to 10000 or so"),
    "kernel.unprivileged_userns_clone": ("0", "set it to 1"),
    "kernel.apparmor_restrict_unprivileged_userns": (
        "1",
        "set it to 0, or load a profile that allows userns",
    ),
}


class Unfit(Exception):  # noqa: N818 - named by what is wrong with the machine
    """Nothing may run here, and why."""


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged user of the host."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Host:
    """Full paths; `programs` maps what a script needs to what runs it."""

    bwrap: str
    prlimit: str
    programs: dict[str, str]
    account: Account

    def languages(self) -> tuple[Language, ...]:
        """Those whose interpreter is here."""
        languages: tuple[Language, ...] = ("python", "sh", "node")
        return tuple(language for language in languages if language in self.programs)


def find_host(user: str = "", path: str = SYSTEM_PATH) -> Host:
    """Raises Unfit, saying what is missing and how to get it."""
    bwrap = shutil.which("bwrap", path=path)
    if bwrap is None:
        raise Unfit("bubblewrap is not installed (Debian, Ubuntu: apt-get install bubblewrap)")
    prlimit = shutil.which("prlimit", path=path)
    if prlimit is None:
        raise Unfit("prlimit is not installed (Debian, Ubuntu: apt-get install util-linux)")
    found = {name: shutil.which(program, path=path) for name, program in _PROGRAMS.items()}
    programs = {name: program for name, program in found.items() if program is not None}
    return Host(bwrap, prlimit, programs, find_account(user))


def find_account(user: str = "") -> Account:
    """Who runs belong to: ourselves, or when we are root the named user, else `nobody`. Raises Unfit."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    name = user or FALLBACK_USER
    try:
        row = pwd.getpwnam(name)
    except KeyError:
        raise Unfit(f"started as root, and there is no user {name!r} to drop to") from None
    if row.pw_uid == 0 or row.pw_gid == 0:
        raise Unfit(f"started as root, and {name!r} is root as well; name an unprivileged user")
    return Account(row.pw_uid, row.pw_gid)


def closed_namespaces(sys: Path = Path("/proc/sys")) -> str:
    """Why this machine gives unprivileged users no namespaces, and what opens them; empty if it may."""
    for name, closed in _CLOSED.items():
        path = sys / name.replace(".", "/")
        if path.is_file() and path.read_text().strip() == closed[0]:
            return f" ({name} is {closed[0]}; {closed[1]})"
    return ""


def default_store(data: Path) -> Path:
    """In the data folder of the API; for root elsewhere, for whom runs belong to cannot enter that."""
    return STORE_OF_ROOT if os.geteuid() == 0 else data / "sandbox"


def make_store(store: Path, account: Account) -> None:
    """The folders of a sandbox: ours, to be read by the account, closed to all others. Raises Unfit."""
    for folder in (store, *(store / name for name in STORE_FOLDERS)):
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(folder, -1, account.gid)
        folder.chmod(0o750)
    for parent in store.resolve().parents:
        facts = parent.stat()
        whose = 6 if facts.st_uid == account.uid else 3 if facts.st_gid == account.gid else 0
        if not facts.st_mode >> whose & 1:
            raise Unfit(f"the user that runs belong to cannot enter {parent}; choose another store")
