"""A stand-in for E2B on loopback: the part of its interface that we use, over real folders and processes.

Create, kill, files and commands, as the installed SDK asks for them. Commands run in a bare bubblewrap, in
which /work, /tmp and /skill are folders of the made-up machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from e2b.envd.filesystem import filesystem_connect, filesystem_pb
from e2b.envd.process import process_connect, process_pb
from protobuf import Oneof
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

KEY = "e2b_" + "0" * 40
FOLDERS = ("work", "tmp", "skill")


class Machines:
    """Folder of each machine by its id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: set[str] = set()
        self.processes: dict[int, asyncio.subprocess.Process] = {}

    def create(self) -> str:
        name = secrets.token_hex(8)
        for top in FOLDERS:
            (self.folder / name / top).mkdir(parents=True)
        self.known.add(name)
        return name

    def place(self, machine: str | None, path: str) -> Path:
        if machine not in self.known:
            raise ConnectError(Code.NOT_FOUND, "no such machine")
        return self.folder / str(machine) / path.lstrip("/")


class Processes:
    """envd's service of processes."""

    def __init__(self, machines: Machines) -> None:
        self.machines = machines

    async def start(
        self, request: process_pb.StartRequest, ctx: object
    ) -> AsyncIterator[process_pb.StartResponse]:
        config = request.process
        machine = self.machines.place(_machine(ctx), "")
        binds = [word for top in FOLDERS for word in ("--bind", str(machine / top), f"/{top}")]
        words = [
            "bwrap",
            "--unshare-all",
            "--die-with-parent",
            "--ro-bind",
            "/usr",
            "/usr",
            "--proc",
            "/proc",
        ]
        words += ["--dev", "/dev", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"]
        words += ["--symlink", "usr/lib64", "/lib64", *binds, "--chdir", config.cwd or "/", "--"]
        process = await asyncio.create_subprocess_exec(
            *words,
            config.cmd,
            *config.args,
            env={"PATH": "/usr/bin", **dict(config.envs)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.machines.processes[process.pid] = process
        try:
            yield _event("start", process_pb.ProcessEvent.StartEvent(pid=process.pid))
            heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(4)
            pumps = [
                asyncio.create_task(_pump(name, stream, heard))
                for name, stream in (("stdout", process.stdout), ("stderr", process.stderr))
                if stream is not None
            ]
            open_streams = len(pumps)
            while open_streams:
                name, data = await heard.get()
                open_streams -= not data
                if data:
                    yield _event("data", process_pb.ProcessEvent.DataEvent(output=Oneof(name, data)))
            code = await process.wait()
            code = 128 - code if code < 0 else code
            yield _event(
                "end", process_pb.ProcessEvent.EndEvent(exit_code=code, exited=True, status="exited")
            )
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            del self.machines.processes[process.pid]

    async def send_signal(
        self, request: process_pb.SendSignalRequest, _ctx: object
    ) -> process_pb.SendSignalResponse:
        process = self.machines.processes.get(int(request.process.selector.value))
        if process is None:
            raise ConnectError(Code.NOT_FOUND, "no such process")
        process.kill()
        return process_pb.SendSignalResponse()

    def __getattr__(self, name: str) -> object:
        return getattr(process_connect.Process, name)


async def _pump(name: str, stream: asyncio.StreamReader, heard: asyncio.Queue[tuple[str, bytes]]) -> None:
    while data := await stream.read(65536):
        await heard.put((name, data))
    await heard.put((name, b""))


def _event(kind: str, value: object) -> process_pb.StartResponse:
    return process_pb.StartResponse(event=process_pb.ProcessEvent(event=Oneof(kind, value)))


def _machine(ctx: object) -> str | None:
    return ctx.request_headers.get("e2b-sandbox-id")  # type: ignore[attr-defined, no-any-return]


class Files:
    """envd's service of folders."""

    def __init__(self, machines: Machines) -> None:
        self.machines = machines

    async def list_dir(
        self, request: filesystem_pb.ListDirRequest, ctx: object
    ) -> filesystem_pb.ListDirResponse:
        folder = self.machines.place(_machine(ctx), request.path)
        if not folder.is_dir():
            raise ConnectError(Code.NOT_FOUND, "no such folder")
        kinds = filesystem_pb.FileType
        entries = [
            filesystem_pb.EntryInfo(
                name=path.name,
                path=f"{request.path.rstrip('/')}/{path.name}",
                type=kinds.DIRECTORY if path.is_dir() else kinds.FILE,
                size=path.stat().st_size,
            )
            for path in folder.iterdir()
        ]
        return filesystem_pb.ListDirResponse(entries=entries)

    def __getattr__(self, name: str) -> object:
        return getattr(filesystem_connect.Filesystem, name)


def application(machines: Machines) -> Starlette:
    """Both of its servers in one: the one that makes machines, and the one in a machine."""

    async def create(request: Request) -> Response:
        if request.headers.get("x-api-key") != KEY:
            return JSONResponse({"code": 401, "message": "Invalid API key"}, 401)
        row = {"templateID": "base", "sandboxID": machines.create(), "clientID": "", "envdVersion": "0.4.0"}
        return JSONResponse(row, 201)

    async def kill(request: Request) -> Response:
        machines.known.discard(request.path_params["name"])
        return Response(status_code=204)

    async def read(request: Request) -> Response:
        path = machines.place(request.headers["e2b-sandbox-id"], request.query_params["path"])
        if path.is_dir():
            return JSONResponse({"code": 400, "message": "path is a directory"}, 400)
        if not path.is_file():
            return JSONResponse({"code": 404, "message": "no such file"}, 404)
        return Response(path.read_bytes())

    async def write(request: Request) -> Response:
        rows = []
        async with request.form(max_part_size=1 << 30) as form:
            for _, upload in form.multi_items():
                name = request.query_params.get("path") or upload.filename  # type: ignore[union-attr]
                path = machines.place(request.headers["e2b-sandbox-id"], str(name))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(await upload.read())  # type: ignore[union-attr]
                rows.append({"name": path.name, "path": str(name), "type": "file"})
        return JSONResponse(rows)

    return Starlette(
        routes=[
            Route("/v2/sandboxes", create, methods=["POST"]),
            Route("/sandboxes/{name}", kill, methods=["DELETE"]),
            Route("/files", read, methods=["GET"]),
            Route("/files", write, methods=["POST"]),
            Route("/health", lambda _request: Response(status_code=204)),
            Mount("/", _Services(machines)),
        ]
    )


class _Services:
    """Both services, told apart by the start of the path."""

    def __init__(self, machines: Machines) -> None:
        self.processes = process_connect.ProcessASGIApplication(Processes(machines))  # type: ignore[arg-type]
        self.files = filesystem_connect.FilesystemASGIApplication(Files(machines))  # type: ignore[arg-type]

    async def __call__(self, scope: dict[str, object], receive: object, send: object) -> None:
        which = self.processes if str(scope["path"]).startswith("/process.") else self.files
        await which(scope, receive, send)  # type: ignore[arg-type]


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of a stand-in."""
    config = uvicorn.Config(application(Machines(folder)), port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        os.sched_yield()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
