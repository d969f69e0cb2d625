"""Runs inside the sandbox, in its self-test: tries what must not work, and prints what came of it.

Standard library only; each function is one attempt, named by the first argument.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import time
from pathlib import Path

CLONE_NEWUSER = 0x10000000
_UNWRITABLE = ("/", "/usr", "/etc", "/skill", "/dev", "/proc/sys/kernel")
_HIDDEN = ("/root", "/home", "/var", "/sys", "/run", "/etc/shadow", "/mnt", "/boot")


def walls() -> None:
    """What is there, and what can be changed."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    facts = {
        "writable": [path for path in _UNWRITABLE if _writable(path)],
        "visible": [path for path in _HIDDEN if Path(path).exists()],
        "processes": [path.name for path in Path("/proc").iterdir() if path.name.isdigit()],
        "environment": sorted(os.environ),  # noqa: TID251 - that is the question
        "status": [status[name] for name in ("NoNewPrivs", "Seccomp", "CapEff", "CapBnd")],
        "user": os.getuid(),
        "user_namespace": ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0,
        "sockets": [name for name in ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_VSOCK") if _opens(name)],
        "interfaces": [name for _, name in socket.if_nameindex()] if _opens("AF_NETLINK") else [],
        "descriptors": [path.name for path in Path("/proc/self/fd").iterdir() if int(path.name) > 2],
    }
    sys.stdout.write(json.dumps(facts))


def _writable(folder: str) -> bool:
    try:
        Path(folder, "probe").write_text("x")
    except OSError:
        return False
    return True


def _opens(family: str, kind: int = socket.SOCK_STREAM) -> bool:
    try:
        socket.socket(getattr(socket, family), kind).close()
    except OSError:
        return False
    return True


def way_out() -> None:
    """What a run with a network has: one door, and a proxy behind it that lets nothing else through."""
    kinds = [("AF_INET", socket.SOCK_DGRAM), ("AF_INET", socket.SOCK_RAW)]
    kinds += [(family, socket.SOCK_STREAM) for family in ("AF_INET6", "AF_NETLINK", "AF_VSOCK")]
    rows = Path("/proc/net/dev").read_text().splitlines()[2:]
    facts = {
        "interfaces": [row.partition(":")[0].strip() for row in rows],
        "sockets": [f"{family} {int(kind)}" for family, kind in kinds if _opens(family, kind)],
        "direct": _connects("192.0.2.1", 80),
        "proxy": _ask_proxy("other.invalid:443"),
    }
    sys.stdout.write(json.dumps(facts))


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def _ask_proxy(place: str) -> str:
    host, _, port = os.environ["HTTP_PROXY"].removeprefix("http://").partition(":")  # noqa: TID251 - as above
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(f"CONNECT {place} HTTP/1.1\r\n\r\n".encode())
        return connection.recv(64).decode().split(" ")[1]


def memory() -> None:
    """Until something says no."""
    kept = []
    while True:
        kept.append(bytearray(os.urandom(4096)) * 1024)


def processes() -> None:
    """As many children as there can be."""
    count = 0
    try:
        while count < 1000:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            count += 1
    except OSError:
        sys.stdout.write(str(count))


def wall() -> None:
    """Wait for ever."""
    time.sleep(3600)


def cpu() -> None:
    """Work for ever."""
    while True:
        pass


def disk() -> None:
    """Fill the session, in many files."""
    for number in range(10_000):
        Path(f"/work/{number}").write_bytes(bytes(64 * 1024))


def file_size() -> None:
    """One file without end."""
    with open("/work/large", "wb") as file:
        while True:
            file.write(bytes(64 * 1024))


def output() -> None:
    """Print without end."""
    while True:
        os.write(1, bytes(64 * 1024))


def survivor() -> None:
    """A daemon that would outlive its run, and say so."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                Path("/work/alive").write_text(str(time.monotonic()))
                time.sleep(0.01)
        os._exit(0)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
