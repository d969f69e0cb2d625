"""From a fork of the keeper to a bubblewrap."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket

from dynamic_api.sandbox.bubblewrap.keeper import network

BWRAP_ARGUMENTS, SECCOMP, STATUS = 3, 4, 5
"""Descriptors of bubblewrap, after its stdin, stdout and stderr."""
PACKET = 65536
MOST_DESCRIPTORS = 16
WANT_DOOR = b"door"


def become(plan_socket: int, groups: list[int], status: int) -> None:
    """In the child: enter the control groups, wait for the plan, and turn into bubblewrap."""
    plan = socket.socket(fileno=plan_socket)
    for group in groups:
        os.write(group, b"0")
    plan.send(b"ready")
    data, descriptors = _receive(plan)
    if data == WANT_DOOR:
        _give_door(plan)
        data, descriptors = _receive(plan)
    if not data:
        os._exit(0)
    message = json.loads(data)
    command = _read_all(descriptors.pop()).split(b"\0")
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    _arrange([*descriptors, status])
    os.umask(0o022)
    for name, soft, hard in message["rlimits"]:
        resource.setrlimit(getattr(resource, name), (soft, hard))
    os.execve(  # noqa: S606 - a shell is what we do not want
        message["bwrap"], [b"bwrap", b"--args", str(BWRAP_ARGUMENTS).encode(), b"--", *command], {}
    )


def _give_door(plan: socket.socket) -> None:
    """The door, or words that say why there is none."""
    try:
        with network.open_door() as door:
            socket.send_fds(plan, [WANT_DOOR], [door.fileno()])
    except OSError as error:
        plan.send(str(error).encode()[:PACKET])


def _receive(plan: socket.socket) -> tuple[bytes, list[int]]:
    data, descriptors, _, _ = socket.recv_fds(plan, PACKET, MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
    return data, descriptors


def _arrange(descriptors: list[int]) -> None:
    """Make `descriptors` the numbers 0, 1, 2 …, inherited, and close all others."""
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 64) for descriptor in descriptors]
    for number, descriptor in enumerate(high):
        os.dup2(descriptor, number)
    os.closerange(len(high), 4096)


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()
