"""What the allocator of the C library is told."""

from __future__ import annotations

import ctypes

ARENAS = 2
_M_ARENA_MAX = -8


def keep_few_arenas() -> bool:
    """Whether it was told to have ARENAS, not eight for each core: only glibc can be, before threads start.

    A thread gets an arena of its own, and what was once used in it stays there: 9 MB of 124 in a worker with
    PostgreSQL that had made 600 locks. Threads that hold the interpreter in turn do not wait for an arena.
    """
    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    return tell is not None and tell(_M_ARENA_MAX, ARENAS) == 1
