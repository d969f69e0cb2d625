"""Requests as sx sends them, each sent once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence

import psutil
from _http import CONNECTIONS, Row, spent

LOCK = "/api/skills/sx.lock"
LINES = 100


def lock_of(key: str) -> bytes:
    """A request for the lock of the caller with this key."""
    return f"GET {LOCK} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def report(number: int, key: str) -> bytes:
    """A report of LINES uses, none of which is in that of another number."""
    lines = [
        {
            "asset_name": f"private-{line:06}",
            "asset_version": "1",
            "asset_type": "skill",
            "timestamp": f"2026-11-28T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.{line:03}Z",
        }
        for line in range(LINES)
    ]
    body = "\n".join(map(json.dumps, lines)).encode()
    head = f"POST /api/skills/usage HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def once_each(name: str, server: psutil.Process, port: int, requests: Sequence[bytes], status: bytes) -> Row:
    """Send each of `requests` once, over as many connections as wrk has."""
    before, began = spent(server), time.perf_counter()
    took = sorted(asyncio.run(_send(port, list(requests), status)))
    wall, used = time.perf_counter() - began, spent(server) - before
    p50, p99 = (took[int(len(took) * part)] * 1000 for part in (0.5, 0.99))
    return Row(name, len(took) / wall, p50, p99, used / len(took) * 1e6)


async def _send(port: int, waiting: list[bytes], status: bytes) -> list[float]:
    took: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            request = waiting.pop()
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
            took.append(time.perf_counter() - began)
            if not head.startswith(b"HTTP/1.1 " + status):
                raise RuntimeError(f"{head!r} {body[:300]!r}")
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return took
