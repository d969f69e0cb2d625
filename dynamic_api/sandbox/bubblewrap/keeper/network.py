"""A network of its own for one run: loopback, and on it one door that only the API answers.

The door is a listening socket. It belongs to the network namespace it was made in, wherever its descriptor
goes; so the API accepts what the script connects, and nothing of ours runs beside the script.
"""

from __future__ import annotations

import fcntl
import socket
import struct

from dynamic_api.sandbox.bubblewrap.keeper import system

DOOR = ("127.0.0.1", 3128)
BACKLOG = 128
BUFFER_BYTES = 64 * 1024
"""The largest buffer of a connection in there: the kernel's memory for them is shared by the whole host."""
TIME_WAITS = 256
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def open_door() -> socket.socket:
    """Enter a new network namespace; from then on this process has nothing but the door. Raises OSError."""
    system.unshare_network()
    for name, value in (
        ("tcp_rmem", f"4096 16384 {BUFFER_BYTES}"),
        ("tcp_wmem", f"4096 16384 {BUFFER_BYTES}"),
        ("tcp_max_tw_buckets", TIME_WAITS),
    ):
        with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="utf-8") as file:
            file.write(str(value))
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    _raise_loopback(door)
    door.bind(DOOR)
    door.listen(BACKLOG)
    return door


def _raise_loopback(any_socket: socket.socket) -> None:
    request = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sH22x", b"lo", 0))
    flags: int = struct.unpack("16sH22x", request)[1]
    fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))
