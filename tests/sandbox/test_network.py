"""A run that may reach some hosts reaches those, through its own proxy, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from sandbox_far import Far
from sandbox_room import Room, survivors

from dynamic_api.errors import Unprocessable
from dynamic_api.sandbox.base import Job, Limits, Outcome
from dynamic_api.sandbox.egress import AT_ONCE, IN_ALL
from dynamic_api.sandbox.proxy_request import outbound_pair

ASK = """
import json, socket, sys
for request in json.loads(sys.stdin.read()):
    with socket.create_connection(("127.0.0.1", 3128), 20) as connection:
        connection.sendall(request.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    print(answer.decode("latin-1").partition("\\r\\n")[0] if len(sys.argv) == 1 else answer.decode())
"""
FETCH = """
import sys, urllib.error, urllib.request
try:
    sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print(error.reason)
"""


async def echo_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with what was asked."""
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + head)
    await writer.drain()
    writer.close()


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No HTTP: each line comes back in capitals."""
    while line := await reader.readline():
        writer.write(line.upper())
    writer.close()


async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        while True:
            writer.write(bytes(65536))
            await writer.drain()
    except OSError:
        writer.close()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No answer."""
    await reader.read()
    writer.close()


def ask(room: Room, network: tuple[str, ...], *requests: str) -> list[str]:
    """The status line of the proxy's answer to each."""
    outcome = room.python(ASK, stdin=json.dumps(requests).encode(), network=network)
    assert outcome.exit_code == 0, outcome.stderr.text()
    return outcome.stdout.text().splitlines()


def test_allowed_host_is_reached_by_http_and_by_connect(room: Room, far: Far) -> None:
    place = room.do(far.serve("api.test", echo_head))
    outcome = room.python(
        FETCH, args=(f"http://API.test.:{place.rpartition(':')[2]}/a?b=c",), network=(place,)
    )
    asked = outcome.stdout.text().split("\r\n")
    assert asked[:2] == ["GET /a?b=c HTTP/1.1", f"Host: {place}"]
    assert "Connection: close" in asked
    shouted = room.do(far.serve("shout.test", shout))
    request = f"CONNECT {shouted} HTTP/1.1\r\n\r\nhello\n"
    outcome = room.python(
        ASK, args=("whole",), stdin=json.dumps([request]).encode(), network=(place, shouted)
    )
    assert outcome.stdout.text() == "HTTP/1.1 200 Connection established\r\n\r\nHELLO\n\n"
    assert outcome.limits_hit == ()
    assert {address for address, _ in far.dialled} == {"127.0.0.1"}


def test_server_does_not_see_what_is_meant_for_the_proxy(room: Room, far: Far) -> None:
    place = room.do(far.serve("api.test", echo_head))
    fields = ("Host: other.test", "Proxy-Authorization: x", "Connection: X-Mine", "X-Mine: 1", "X-Kept: ü")
    request = "\r\n".join([f"GET http://{place}/ HTTP/1.1", *fields, "", ""])
    outcome = room.python(
        ASK,
        args=("whole",),
        stdin=json.dumps([request.encode().decode("latin-1")]).encode(),
        network=(place,),
    )
    seen = outcome.stdout.text().split("\r\n\r\n")[1].split("\r\n")
    assert seen == ["GET / HTTP/1.1", f"Host: {place}", "X-Kept: ü", "Connection: close"]


REFUSED = [
    (
        "CONNECT other.test:443 HTTP/1.1",
        "403 other.test:443 is not among the hosts that this skill may reach",
    ),
    ("CONNECT api.test:22 HTTP/1.1", "403 api.test:22 is not among the hosts that this skill may reach"),
    ("CONNECT api.test.evil.test:443 HTTP/1.1", "403 api.test.evil.test:443 is not among"),
    ("GET http://other.test/ HTTP/1.1", "403 other.test:80 is not among the hosts that this skill may reach"),
    ("CONNECT 127.0.0.1:3128 HTTP/1.1", "403 127.0.0.1:3128 is not among"),
    ("CONNECT 169.254.169.254:80 HTTP/1.1", "403 169.254.169.254:80 is not among"),
    ("CONNECT 2130706433:443 HTTP/1.1", "403 2130706433:443 is not among"),
    ("CONNECT 0x7f.1:443 HTTP/1.1", "403 0x7f.1:443 is not among"),
    ("CONNECT [::1]:443 HTTP/1.1", "403 [::1]:443 is not among"),
    ("CONNECT [::ffff:127.0.0.1]:443 HTTP/1.1", "403 [::ffff:"),
    ("CONNECT [fe80::1%25eth0]:443 HTTP/1.1", "400 no host and port"),
    ("CONNECT api.test HTTP/1.1", "400 no host and port"),
    ("CONNECT api.test:0 HTTP/1.1", "400 no host and port"),
    ("CONNECT api.test:99999 HTTP/1.1", "400 no host and port"),
    ("CONNECT user@api.test:443 HTTP/1.1", "400 no host and port"),
    ("GET http://api.test:443@other.test/ HTTP/1.1", "400 no host and port"),
    ("GET https://api.test/ HTTP/1.1", "400 a proxy takes CONNECT"),
    ("GET / HTTP/1.1", "400 a proxy takes CONNECT"),
    ("OPTIONS * HTTP/1.1", "400 a proxy takes CONNECT"),
    ("CONNECT api.test:443 HTTP/2", "400 no request of HTTP/1.1"),
    ("CONNECT api.test:443\x00 HTTP/1.1", "400 no request of HTTP/1.1"),
    ("GET http://api.test:443/\nHost:x HTTP/1.1", "400 no request of HTTP/1.1"),
    ("GET http://api.test:443/ HTTP/1.1\r\nno field", "400 a header that is none"),
    ("GET http://api.test:443/ HTTP/1.1\r\nA: b\nC: d", "400 a header that is none"),
    ("GET http://api.test:443/ HTTP/1.1\r\nA: b\r\n folded", "400 a header that is none"),
    ("GET http://api.test:443/ HTTP/1.1\r\nA: " + "b" * 20_000, "400 more than 16384 bytes before the body"),
    ("", "400 no request of HTTP/1.1"),
]


def test_all_else_is_refused_in_the_status_line(room: Room, far: Far) -> None:
    answers = ask(room, ("api.test:443",), *(f"{request}\r\n\r\n" for request, _ in REFUSED), "CONN")
    for (request, expected), answer in zip(REFUSED, answers, strict=False):
        assert answer.startswith(f"HTTP/1.1 {expected}"), request
    assert answers[-1] == "HTTP/1.1 400 no whole request"
    assert far.dialled == []


@pytest.mark.parametrize(
    ("place", "leads_to", "answer"),
    [
        ("in.test:80", ["10.1.2.3"], "403 in.test does not lead to the public Internet"),
        ("mixed.test:80", ["192.0.33.8", "127.0.0.1"], "403 mixed.test does not lead to the public Internet"),
        ("meta.test:80", ["169.254.169.254"], "403 meta.test does not lead to the public Internet"),
        ("v6.test:80", ["::1"], "403 v6.test does not lead to the public Internet"),
        ("169.254.169.254:80", [], "403 169.254.169.254 does not lead to the public Internet"),
        ("[::1]:80", [], "403 ::1 does not lead to the public Internet"),
        ("gone.test:80", [], "502 gone.test has no address"),
    ],
)
def test_host_on_the_list_that_leads_inside_is_refused(
    room: Room, far: Far, place: str, leads_to: list[str], answer: str
) -> None:
    far.names = {place.rpartition(":")[0]: leads_to} if leads_to else {}
    assert ask(room, (place,), f"CONNECT {place} HTTP/1.1\r\n\r\n") == [f"HTTP/1.1 {answer}"]
    assert far.dialled == []


def test_programs_show_why(room: Room) -> None:
    why = "other.test:443 is not among the hosts that this skill may reach"
    outcome = room.python(FETCH, args=("https://other.test/",), network=("api.test:443",))
    assert outcome.stdout.text() == f"Tunnel connection failed: 403 {why}\n"
    outcome = room.python(FETCH, args=("http://other.test:443/",), network=("api.test:443",))
    assert outcome.stdout.text() == f"403 Forbidden: {why}\n\n"


def test_closed_port_is_a_bad_gateway(room: Room, far: Far) -> None:
    far.names, far.allowed = {"api.test": ["127.0.0.1"]}, {"api.test:1"}
    said = ask(room, ("api.test:1",), "CONNECT api.test:1 HTTP/1.1\r\n\r\n")
    assert said == ["HTTP/1.1 502 no connection to api.test:1"]


def test_answer_without_end_is_cut_and_named(room: Room, far: Far) -> None:
    place = room.do(far.serve("api.test", flood))
    source = FETCH.replace("read().decode()", "read(50_000_000).decode()").replace(
        "except OSError", "except Exception"
    )
    source = f"{source}\nimport os\nprint(len(os.listdir('/work')))"
    outcome = room.python(
        source, args=(f"http://{place}/",), network=(place,), limits=Limits(network_bytes=500_000)
    )
    assert outcome.limits_hit == ("network",)


def test_slow_host_is_ended_by_the_time_of_the_run(room: Room, far: Far) -> None:
    place = room.do(far.serve("api.test", silence))
    outcome = room.python(FETCH, args=(f"http://{place}/",), network=(place,), limits=Limits(wall_seconds=1))
    assert outcome.limits_hit == ("wall",)

    async def left() -> list[str]:
        return [repr(task) for task in asyncio.all_tasks() if "Egress" in repr(task)]

    assert room.do(left()) == []
    assert survivors() == []


MANY = """
import socket, sys
kept = []
try:
    for number in range(int(sys.argv[1])):
        connection = socket.create_connection(("127.0.0.1", 3128), 5)
        if sys.argv[2] == "keep":
            kept.append(connection)
        else:
            connection.close()
except (ConnectionRefusedError, ConnectionResetError):  # the door shuts before, or while it is knocked at
    print("refused")
if kept:
    print(kept[-1].recv(100).partition(b"\\r\\n")[0].decode())
"""


def test_connections_are_bounded_at_once_and_in_all(room: Room) -> None:
    few = room.python(MANY, args=(str(AT_ONCE + 1), "keep"), network=("api.test:443",))
    assert few.stdout.text() == f"HTTP/1.1 503 more than {AT_ONCE} connections at once\n"
    many = room.python(MANY, args=(str(20 * IN_ALL), "close"), network=("api.test:443",))
    assert (many.stdout.text(), many.limits_hit) == ("refused\n", ("network",))


WAIT = """
import os, socket, time
server = socket.create_server(("127.0.0.1", 4000))
print("up", flush=True)
while not os.path.exists("/tmp/stop"):
    time.sleep(0.01)
"""
CROSS = (
    ASK
    + """
try:
    socket.create_connection(("127.0.0.1", 4000), 2)
    print("ESCAPED")
except ConnectionRefusedError:
    print("alone")
"""
)


def test_one_run_cannot_use_the_way_out_of_another(room: Room, far: Far) -> None:
    place = room.do(far.serve("api.test", shout))
    first, second = room.session(), room.session()
    waiting, crossing = room.skill(a_py=WAIT), room.skill(a_py=CROSS)
    requests = json.dumps([f"CONNECT {place} HTTP/1.1\r\n\r\n"]).encode()

    async def drive() -> Outcome:
        up = asyncio.Event()
        holder = asyncio.create_task(
            room.sandbox.run(first, Job(waiting, "a.py", network=(place,)), lambda _stream, _data: up.set())
        )
        await asyncio.wait_for(up.wait(), 20)
        job = Job(crossing, "a.py", stdin=requests, network=("other.test:443",))
        outcome = await room.sandbox.run(second, job)
        await room.sandbox.put(first, "/tmp/stop", b"")
        await holder
        return outcome

    outcome: Outcome = room.do(drive())
    refusal = f"HTTP/1.1 403 {place} is not among the hosts that this skill may reach"
    assert outcome.stdout.text() == f"{refusal}\nalone\n", outcome.stderr.text()


def test_cancelled_run_closes_its_connections(room: Room, far: Far) -> None:
    ended = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        ended.set()
        writer.close()

    place = room.do(far.serve("api.test", hold))
    source = f"{FETCH.replace('import sys', 'import sys; print(1, flush=True); import sys')}"
    job = Job(room.skill(a_py=source), "a.py", (f"http://{place}/",), network=(place,))
    session = room.session()

    async def drive() -> None:
        running = asyncio.create_task(room.sandbox.run(session, job))
        while not far.dialled:
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.wait_for(ended.wait(), 10)

    room.do(drive())
    assert survivors() == []


def test_e2b_has_no_way_to_hold_a_script_to_a_list(any_room: Room) -> None:
    if any_room.health.level == "remote":
        with pytest.raises(Unprocessable) as refusal:
            any_room.python("print(1)", network=("api.test:443",))
        assert refusal.value.code == "network_unavailable"


def test_certificates_of_the_host_are_there(room: Room) -> None:
    source = """
import os, ssl
print(os.path.isfile(os.environ["SSL_CERT_FILE"]), len(ssl.create_default_context().get_ca_certs()) > 9)
"""
    assert room.python(source, network=("api.test:443",)).stdout.text() == "True True\n"


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("api.example.com:443", "api.example.com:443"),
        ("API.Example.com.:443", "api.example.com:443"),
        ("[2606:4700:0::1]:443", "[2606:4700::1]:443"),
    ],
)
def test_pair_has_one_spelling(text: str, pair: str) -> None:
    assert outbound_pair(text) == pair


@pytest.mark.parametrize(
    "text", ["", "api.example.com", "https://api.example.com", "*:443", "a:b", "a:0", "[::x]:1"]
)
def test_pair_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no host:port"):
        outbound_pair(text)


STUFF = """
import os, socket

def stuff():
    total, kept = 0, []
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(128)
    try:
        while True:
            kept.append((socket.create_connection(server.getsockname(), 5), server.accept()[0]))
            for end in kept[-1]:
                end.setblocking(False)
                try:
                    while True:
                        total += end.send(bytes(65536))
                except BlockingIOError:
                    pass
    except OSError:
        return total

read, write = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        os.write(write, b"%d\\n" % stuff())
        os._exit(0)
os.close(write)
print(sum(map(int, open(read))))
"""


def test_buffers_of_connections_are_bounded(room: Room, neighbour: str) -> None:
    """Eight processes fill all that they can open; with the kernel's own sizes that would be gigabytes."""
    outcome = room.python(STUFF, network=("api.test:443",), limits=Limits(wall_seconds=30))
    assert 0 < int(outcome.stdout.text()) < 120_000_000, outcome
    assert neighbour
