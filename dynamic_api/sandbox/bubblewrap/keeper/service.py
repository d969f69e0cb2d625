"""The loop of the keeper. Each message is one JSON object in one packet, with file descriptors beside it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
from pathlib import Path

from dynamic_api.sandbox.bubblewrap.keeper import child, files, system

SESSION_FOLDERS = ("work", "tmp", "shm")
Message = dict[str, object]


def main(arguments: list[str]) -> None:
    """CONTROL_FD UID GID STORE: drop, enter the namespaces, and keep until the other end closes."""
    control, uid, gid, store = int(arguments[0]), int(arguments[1]), int(arguments[2]), arguments[3]
    system.drop(uid, gid)
    system.enter_namespaces(uid, gid)
    if keeper := os.fork():
        os.close(control)
        os.waitpid(keeper, 0)
        os._exit(0)
    system.prctl(system.PR_SET_PDEATHSIG, signal.SIGKILL)
    system.mount("proc", "/proc", "proc", system.MS_NOSUID_NODEV, None)
    sessions = f"{store}/sessions"
    system.mount("tmpfs", sessions, "tmpfs", system.MS_NOSUID_NODEV, "size=1m,mode=0700")
    Keeper(socket.socket(fileno=control), sessions).serve()
    os._exit(0)


class Keeper:
    """Sessions (mounts) and runs (children), driven by messages."""

    def __init__(self, control: socket.socket, sessions: str) -> None:
        self.control = control
        self.sessions = sessions
        self.outer: dict[int, int] = {}  # pid of a bubblewrap → number of the run
        self.status: dict[int, int] = {}  # number of a run → where bubblewrap tells of it
        self.inner: dict[
            int, Message
        ] = {}  # pid of a sandbox's first process → what to report when it is gone
        self.orphans: set[int] = set()  # such processes that were gone before their bubblewrap was

    def serve(self) -> None:
        """Until the control socket closes."""
        wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(wake_read, select.POLLIN)
        self.control.send(b'{"ready": true}')
        while True:
            events = dict(poll.poll())
            if wake_read in events:
                os.read(wake_read, 4096)
                self.reap()
            if self.control.fileno() in events and not self.answer():
                return

    def answer(self) -> bool:
        """Take one message; false when there will be none any more."""
        data, descriptors, _, _ = socket.recv_fds(
            self.control, child.PACKET, child.MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
        if not data:
            return False
        message = json.loads(data)
        reply: Message = {"re": message["re"]}
        give: list[int] = []
        try:
            give = getattr(self, f"do_{message['do']}")(message, descriptors) or []
        except OSError as error:
            reply["errno"] = error.errno
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        socket.send_fds(self.control, [json.dumps(reply).encode()], give)
        for descriptor in give:
            os.close(descriptor)
        return True

    # ---- sessions

    def place(self, session: object) -> str:
        """Where a session is mounted."""
        if not re.fullmatch(r"[a-z0-9-]{1,64}", str(session)):
            raise OSError(22, "no name of a session")
        return f"{self.sessions}/{session}"

    def do_open(self, message: Message, _descriptors: list[int]) -> list[int]:
        """Mount a session, and give its root."""
        place = self.place(message["session"])
        Path(place).mkdir(0o700)
        try:
            options = f"size={message['size']},nr_inodes={message['inodes']},mode=0700"
            system.mount("tmpfs", place, "tmpfs", system.MS_NOSUID_NODEV, options)
        except OSError:
            Path(place).rmdir()
            raise
        for name in SESSION_FOLDERS:
            Path(place, name).mkdir(0o700)
        return [os.open(place, os.O_RDONLY | os.O_DIRECTORY)]

    def do_close(self, message: Message, _descriptors: list[int]) -> None:
        """Forget a session."""
        place = self.place(message["session"])
        system.unmount(place)
        Path(place).rmdir()

    def do_put(self, message: Message, descriptors: list[int]) -> None:
        """Write files, each from its descriptor. With `partial`, what there is room for."""
        root = os.open(self.place(message["session"]), os.O_RDONLY | os.O_DIRECTORY)
        try:
            paths = message["paths"]
            if not isinstance(paths, list):
                raise OSError(22, "no paths")
            for parts, source in zip(paths, descriptors, strict=True):
                files.put(root, parts, source, partial=bool(message.get("partial")))
        finally:
            os.close(root)

    # ---- runs

    def do_prepare(self, message: Message, descriptors: list[int]) -> None:
        """Fork what becomes a bubblewrap: it waits in its control groups, so that no run waits for them."""
        number = message["run"]
        if not isinstance(number, int):
            raise OSError(22, "no number")
        status_read, status_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                child.become(descriptors[0], descriptors[1:], status_write)
            os._exit(120)
        os.close(status_write)
        self.outer[pid] = number
        self.status[number] = status_read

    def do_kill(self, message: Message, _descriptors: list[int]) -> None:
        """Kill a run; its end is reported like any other."""
        for pid, number in self.outer.items():
            if number == message["run"]:
                os.kill(pid, signal.SIGKILL)

    def reap(self) -> None:
        """Take note of every child that ended."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.outer:
                self.settle(self.outer.pop(pid), status, usage.ru_utime + usage.ru_stime)
            elif pid in self.inner:
                self.report(self.inner.pop(pid))
            else:
                self.orphans.add(pid)

    def settle(self, number: int, status: int, cpu_seconds: float) -> None:
        """Report a run as ended, once the first process of its sandbox is gone, and so all the others."""
        lines = _drain(self.status.pop(number))
        ended: Message = {"ended": number, "status": status, "lines": lines, "cpu_seconds": cpu_seconds}
        found = re.search(r'"child-pid": (\d+)', lines)
        first = int(found[1]) if found else self.stray()
        if first in self.orphans:
            self.orphans.discard(first)
        elif first and first not in self.outer and self.is_ours(first):
            os.kill(first, signal.SIGKILL)
            self.inner[first] = ended
            return
        self.report(ended)

    def is_ours(self, pid: int) -> bool:
        """Whether `pid` is a living child of ours, and no longer of its bubblewrap."""
        try:
            reaped, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return False
        return reaped == 0

    def stray(self) -> int:
        """A child that a bubblewrap left behind when it was killed before it could name it; 0 for none."""
        for name in sorted(path.name for path in Path("/proc").iterdir()):
            if name.isdigit() and int(name) not in self.outer and int(name) not in self.inner:
                with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                    if file.read().rpartition(b") ")[2].split()[1] == b"1":
                        return int(name)
        return 0

    def report(self, ended: Message) -> None:
        """Tell the API."""
        self.control.send(json.dumps(ended).encode())


def _drain(descriptor: int) -> str:
    data = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(descriptor, 4096):
            data += part
    os.close(descriptor)
    return data.decode("utf-8", "replace")
