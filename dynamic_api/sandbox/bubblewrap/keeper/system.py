"""What the standard library has no name for: namespaces, mounts, and giving up rights."""

from __future__ import annotations

import ctypes
import os
import sys

NEW_NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000
"""User, mount and PID."""
NEW_NETWORK = 0x40000000
MS_NOSUID_NODEV, MS_REC, MS_PRIVATE, MNT_DETACH = 2 | 4, 0x4000, 1 << 18, 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def drop(uid: int, gid: int) -> None:
    """Become `uid` for good. A keeper with root's rights is never started."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if 0 in {*os.getresuid(), *os.getresgid()}:
        sys.exit("the keeper must not run as root")
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    # A process that changed its user may not look at itself through /proc, unless it says so.
    prctl(PR_SET_DUMPABLE, 1)


def enter_namespaces(uid: int, gid: int) -> None:
    """New ones, in which this user is itself; the next child is process 1."""
    _check(_libc.unshare(NEW_NAMESPACES), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    mount(None, "/", None, MS_REC | MS_PRIVATE, None)


def unshare_network() -> None:
    """A new network namespace, in which this process has every right."""
    _check(_libc.unshare(NEW_NETWORK), "unshare")


def prctl(option: int, value: int) -> None:
    """prctl(2) with one argument."""
    _check(_libc.prctl(option, value, 0, 0, 0), "prctl")


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None) -> None:
    """mount(2)."""
    words = [None if word is None else word.encode() for word in (source, target, kind)]
    _check(_libc.mount(*words, flags, None if options is None else options.encode()), f"mount {target}")


def unmount(target: str) -> None:
    """umount2(2), also when it is in use."""
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
