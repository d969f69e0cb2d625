"""Threads share two arenas of glibc's allocator."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from dynamic_api.server.allocator import ARENAS

TOLD = """
import ctypes, sys, threading
from dynamic_api.server.allocator import keep_few_arenas
few = sys.argv[1] == "few"
assert not few or keep_few_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
together = threading.Barrier(6)
def take():
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="another library than glibc")
def test_threads_share_two_arenas() -> None:
    def arenas(how: str) -> int:
        command = [sys.executable, "-c", TOLD, how]
        return subprocess.run(command, capture_output=True, check=True).stdout.count(b"<heap ")

    assert arenas("few") <= ARENAS < arenas("many")
