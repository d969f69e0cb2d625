"""Drive a server over HTTP and count what each request costs it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
HELLO = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
async def hello(request): return JSONResponse({"hello": "world"})
uvicorn.run(Starlette(routes=[Route("/", hello)]), port=int(sys.argv[1]), access_log=False, log_level="error")
"""
CONNECTIONS = 16
SERVER_CORE, CLIENT_CORE = 0, 1
_OF_ALL_THREADS = 2
"""Which clock of a process, as clock_getcpuclockid(3) of Linux makes its number."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request."""

    name: str
    per_second: float
    p50: float
    p99: float
    cpu: float


def pinned(words: Sequence[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A program on the server's core; what it logs is written and thrown away."""
    pin = f"import os, sys; os.sched_setaffinity(0, {{{SERVER_CORE}}}); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", pin, sys.executable, *words]
    return subprocess.Popen(command, env={**os.environ, **env}, stderr=subprocess.DEVNULL, cwd=ROOT)


@contextmanager
def serving(words: Sequence[str], port: int, env: dict[str, str]) -> Iterator[psutil.Process]:
    """A started server that answers on `port`."""
    server = pinned(words, env)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError("the server did not start")
        yield psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spent(server: psutil.Process) -> float:
    """Seconds of CPU that a server has used, to the nanosecond: a few hundred requests take few ticks."""
    return time.clock_gettime((~server.pid << 3) | _OF_ALL_THREADS)


def reads(
    name: str,
    server: psutil.Process,
    url: str,
    seconds: int,
    lua: str = "",
    headers: Sequence[str] = (),
    connections: int = CONNECTIONS,
) -> Row:
    """Drive `url` with wrk for `seconds`. Raises RuntimeError when an answer was an error, or none came."""
    before = spent(server)
    with driving(url, seconds, lua, headers, connections) as wrk:
        told = wrk.communicate()[0]
    used = spent(server) - before
    if wrk.returncode or "Non-2xx or 3xx" in told or "Socket errors" in told:
        raise RuntimeError(f"{name}: {told}")
    count = int(re.search(r"(\d+) requests in", told)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])  # type: ignore[index]
    return Row(name, rate, _latency(told, "50%"), _latency(told, "99%"), used / count * 1e6)


@contextmanager
def driving(
    url: str, seconds: int, lua: str = "", headers: Sequence[str] = (), connections: int = CONNECTIONS
) -> Iterator[subprocess.Popen[str]]:
    """wrk on the client's core, while the block runs; it is waited for at the end."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(lua)
        script.flush()
        words = ["taskset", "-c", str(CLIENT_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
        words += ["--latency", "--timeout", "30s"]
        words += [part for header in headers for part in ("-H", header)]
        words += (["-s", script.name] if lua else []) + [url]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as wrk:
            yield wrk


def _latency(told: str, which: str) -> float:
    number, unit = re.search(rf"{which}\s+([\d.]+)(us|ms|s)", told).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def writes(
    name: str,
    server: psutil.Process,
    port: int,
    path: str,
    key: str | None,
    bodies: Sequence[dict[str, object]],
) -> Row:
    """Send each of `bodies` once, over as many connections as reads have."""
    before, began = spent(server), time.perf_counter()
    took = asyncio.run(_send(port, path, key, bodies))
    wall, used = time.perf_counter() - began, spent(server) - before
    took.sort()
    p50, p99 = (took[int(len(took) * part)] * 1000 for part in (0.5, 0.99))
    return Row(name, len(took) / wall, p50, p99, used / len(took) * 1e6)


async def _send(port: int, path: str, key: str | None, bodies: Sequence[dict[str, object]]) -> list[float]:
    waiting = list(bodies)
    took: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            body = json.dumps(waiting.pop()).encode()
            auth = f"Authorization: Bearer {key}\r\n" if key else ""
            head = f"POST {path} HTTP/1.1\r\nHost: h\r\n{auth}Content-Type: application/json\r\n"
            began = time.perf_counter()
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            status = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: (\d+)", status)[1]) if b"ength" in status else 0  # type: ignore[index]
            answer = await reader.readexactly(length)
            took.append(time.perf_counter() - began)
            if not status.startswith(b"HTTP/1.1 2"):
                raise RuntimeError(f"{path}: {status!r} {answer[:300]!r}")
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return took


def each_of(before: str, asked: Sequence[str]) -> str:
    """A script for wrk that asks for each of `asked` in turn."""
    listed = ", ".join(map(json.dumps, asked))
    return (
        f"local asked = {{{listed}}}\nlocal at = 0\n"
        f'request = function() at = at % #asked + 1\nreturn wrk.format("GET", "{before}" .. asked[at]) end\n'
    )
