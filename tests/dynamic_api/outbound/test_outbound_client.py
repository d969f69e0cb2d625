"""The outbound client against real servers that mislead, stall, flood and impersonate."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from clients.authority import Authority, certify
from outbound_server import PUBLIC, Detour, Names, ok, saying, serving

from dynamic_api.errors import Invalid, Refusal, TimedOut, Unprocessable, Upstream
from dynamic_api.outbound import Answer, Bounds, Outbound

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
QUICK = Bounds(deadline_seconds=0.4, body_bytes=1000)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    asyncio.run(main())


def client(port: int, names: Names | None = None) -> Outbound:
    """A client that may ask hook.example at `port`, which is on the loopback."""
    resolver = names or Names({"hook.example": [["127.0.0.1"]]})
    return Outbound(allowed=[f"hook.example:{port}"], resolver=resolver, tls=PLAIN)


async def refused(request: Awaitable[object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await request
    return caught.value


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return certify(tmp_path_factory.mktemp("tls"), "hook.example")


def contexts(authority: Authority) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's, and that of a client which trusts its authority."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.cert, authority.key)
    return server, ssl.create_default_context(cafile=authority.root)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://hook.example/", None),
        ("https://hook.example:8443/", None),
        ("https://hook.example:22/", "port_refused"),
        ("https://hook.example:80/", "port_refused"),
        ("http://hook.example:443/", "bad_url"),
        ("https://friend.example:9/", None),
        ("https://friend.example:10/", "port_refused"),
    ],
)
def test_only_some_ports_are_asked(url: str, code: str | None) -> None:
    outbound = Outbound(allowed=["friend.example:9"], ports=(443, 8443), resolver=Names({}))
    if code is None:
        assert outbound.url(url)
        return
    with pytest.raises(Refusal) as caught:
        outbound.url(url)
    assert caught.value.code == code
    assert Outbound().url(url.replace("http:", "https:"))


def test_request_carries_the_name_the_body_and_no_more_than_asked_for() -> None:
    async def scenario() -> None:
        async with serving(saying(ok(b"fine", X_Who="me"))) as served:
            url = f"http://hook.example:{served.port}/a/b?c=d#fragment"
            answer = await client(served.port).send("POST", url, headers={"X-Event": "e"}, body=b"{}")
            assert answer == Answer(200, {"content-length": "4", "x-who": "me"}, b"fine")
            (request,) = served.requests
            assert request == (
                b"POST /a/b?c=d HTTP/1.1\r\nHost: hook.example:%d\r\n"
                b"User-Agent: skillpress\r\nAccept: */*\r\nX-Event: e\r\n"
                b"Accept-Encoding: identity\r\nConnection: close\r\n"
                b"Content-Length: 2\r\n\r\n{}" % served.port
            )

    run(scenario)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "//hook.example",
        "ftp://hook.example/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://a b/",
        "https://[::1",
        "https://hook.example:99999/",
        "https://user:secret@hook.example/",
        "http://hook.example/",
        "http://hook.example:8000/",
        "https://hook.example/\n",
        "gopher://hook.example:70/",
        "https://hook%2eexample/",
    ],
)
def test_address_that_is_refused_before_anybody_is_asked(url: str) -> None:
    names = Names({"hook.example": [["127.0.0.1"]]})
    outbound = Outbound(allowed=["hook.example:9"], resolver=names)
    with pytest.raises(Invalid) as caught:
        outbound.url(url)
    assert caught.value.code == "bad_url"
    assert names.asked == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["169.254.169.254"],
        [PUBLIC, "10.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["127.1"],
        ["0.0.0.0"],
        ["fe80::1%lo"],
    ],
)
def test_name_that_leads_inside_is_never_dialled(addresses: list[str]) -> None:
    async def scenario() -> None:
        detour = Detour({})
        outbound = Outbound(resolver=Names({"hook.example": [addresses]}), dial=detour, tls=PLAIN)
        error = await refused(outbound.send("GET", "https://hook.example/"))
        assert (type(error), error.code, error.place) == (
            Unprocessable,
            "address_refused",
            "hook.example:443",
        )
        assert not any(address in str(error.body()) for address in addresses)
        assert detour.dialled == []
        assert type(await refused(outbound.check("https://hook.example/"))) is Unprocessable

    run(scenario)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:7f00:1]", "169.254.169.254", "0.0.0.0"])
def test_address_in_figures_is_checked_as_well(host: str) -> None:
    async def scenario() -> None:
        detour = Detour({})
        outbound = Outbound(resolver=Names({}), dial=detour, tls=PLAIN)
        assert (await refused(outbound.send("GET", f"https://{host}/"))).code == "address_refused"
        assert detour.dialled == []

    run(scenario)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "017700000001", "localhost."])
def test_other_spellings_of_the_loopback_are_refused_with_the_real_resolver(host: str) -> None:
    async def scenario() -> None:
        error = await refused(Outbound(tls=PLAIN).send("GET", f"https://{host}/"))
        assert error.code in {"address_refused", "host_unknown"}

    run(scenario)


def test_allow_list_is_for_one_port_of_one_name() -> None:
    async def scenario() -> None:
        async with serving(saying(ok(b""))) as served, serving(saying(ok(b""))) as other:
            names = Names({"hook.example": [["127.0.0.1"]], "evil.example": [["127.0.0.1"]]})
            outbound = client(served.port, names)
            assert (await outbound.send("GET", f"http://HOOK.example:{served.port}/")).status == 200
            assert (
                await refused(outbound.send("GET", f"http://hook.example:{other.port}/"))
            ).code == "bad_url"
            for host in ("evil.example", "127.0.0.1"):
                url = f"https://{host}:{served.port}/"
                assert (await refused(outbound.send("GET", url))).code == "address_refused"
            assert (len(served.requests), other.requests) == (1, [])

    run(scenario)


def test_rebinding_name_is_looked_up_once_and_the_checked_address_is_dialled(authority: Authority) -> None:
    async def scenario() -> None:
        tls, trusting = contexts(authority)
        async with serving(saying(ok(b"in")), tls) as inside, serving(saying(ok(b"out")), tls) as outside:
            names = Names({"hook.example": [[PUBLIC], ["127.0.0.1"]]})
            detour = Detour({PUBLIC: outside.port, "127.0.0.1": inside.port})
            outbound = Outbound(resolver=names, dial=detour, tls=trusting)
            assert (await outbound.send("GET", "https://hook.example/")).body == b"out"
            assert (names.asked, detour.dialled) == (["hook.example"], [PUBLIC])
            assert (await refused(outbound.send("GET", "https://hook.example/"))).code == "address_refused"
            assert (detour.dialled, inside.requests) == ([PUBLIC], [])

    run(scenario)


def test_second_checked_address_is_tried_when_the_first_is_dead(authority: Authority) -> None:
    async def scenario() -> None:
        tls, trusting = contexts(authority)
        async with serving(saying(ok(b"second")), tls) as served:
            detour = Detour({"8.8.8.8": served.port})
            names = Names({"hook.example": [[PUBLIC, "8.8.8.8", "1.1.1.1"]]})
            outbound = Outbound(resolver=names, dial=detour, tls=trusting)
            assert (await outbound.send("GET", "https://hook.example/")).body == b"second"
            assert detour.dialled == [PUBLIC, "8.8.8.8"]

    run(scenario)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"])
def test_redirect_is_an_answer_and_never_followed(status: str) -> None:
    async def scenario() -> None:
        async with serving(saying(ok(b"secret"))) as inside:
            location = f"http://127.0.0.1:{inside.port}/"
            async with serving(saying(ok(b"", status, Location=location))) as served:
                answer = await client(served.port).send(
                    "POST", f"http://hook.example:{served.port}/", body=b"x"
                )
                assert (answer.status, answer.headers["location"]) == (int(status[:3]), location)
            assert inside.requests == []

    run(scenario)


async def _silent(head: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def _drip(head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _drip_head(head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("respond", [_silent, _drip, _drip_head])
def test_server_that_stalls_or_drips_is_left_at_the_deadline(
    respond: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]],
) -> None:
    async def scenario() -> None:
        async with serving(respond) as served:
            begun = time.monotonic()
            request = client(served.port).send("GET", f"http://hook.example:{served.port}/", bounds=QUICK)
            error = await refused(request)
            assert (type(error), error.code) == (TimedOut, "outbound_timeout")
            assert 0.3 < time.monotonic() - begun < 2

    run(scenario)


def test_look_up_that_stalls_is_left_at_the_deadline() -> None:
    class Stalled:
        async def resolve(self, host: str, port: int) -> list[str]:
            await asyncio.sleep(30)
            return [PUBLIC]

    async def scenario() -> None:
        outbound = Outbound(resolver=Stalled(), tls=PLAIN)
        assert type(await refused(outbound.send("GET", "https://hook.example/", bounds=QUICK))) is TimedOut

    run(scenario)


async def _endless(head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        await writer.drain()


def test_endless_body_is_left_at_its_cap() -> None:
    async def scenario() -> None:
        async with serving(_endless) as served:
            taken: list[bytes] = []
            bounds = Bounds(deadline_seconds=10, body_bytes=200_000)
            url = f"http://hook.example:{served.port}/"
            error = await refused(client(served.port).send("GET", url, bounds=bounds, sink=taken.append))
            assert (type(error), error.code) == (Upstream, "outbound_too_large")
            assert sum(map(len, taken)) <= 200_000

    run(scenario)


def test_body_of_exactly_the_cap_is_taken_and_compressed_ones_stay_so() -> None:
    async def scenario() -> None:
        body = bytes(1000)
        async with serving(saying(ok(body, Content_Encoding="gzip"))) as served:
            url = f"http://hook.example:{served.port}/"
            assert (await client(served.port).send("GET", url, bounds=QUICK)).body == body

    run(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 20_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_answer_that_is_no_http_is_a_failure_of_the_other_side(answer: bytes) -> None:
    async def scenario() -> None:
        async with serving(saying(answer)) as served:
            error = await refused(client(served.port).send("GET", f"http://hook.example:{served.port}/"))
            assert (type(error), error.code) == (Upstream, "outbound_failed")
            assert "hello" not in str(error.body())

    run(scenario)


def test_nobody_listening_and_nobody_known_are_failures_of_the_other_side() -> None:
    async def scenario() -> None:
        async with serving(saying(b"")) as served:
            port = served.port
        assert (
            await refused(client(port).send("GET", f"http://hook.example:{port}/"))
        ).code == "outbound_failed"
        error = await refused(client(port).send("GET", "https://gone.example/"))
        assert (type(error), error.code) == (Upstream, "host_unknown")

    run(scenario)


def test_tls_is_verified_for_the_name_while_the_checked_address_is_dialled(authority: Authority) -> None:
    async def scenario() -> None:
        server, trusting = contexts(authority)
        shown: list[str | None] = []
        server.sni_callback = lambda connection, name, context: shown.append(name)
        async with serving(saying(ok(b"safe")), server) as served:
            names = Names({"hook.example": [[PUBLIC]], "other.example": [[PUBLIC]]})
            outbound = Outbound(resolver=names, dial=Detour({PUBLIC: served.port}), tls=trusting)
            assert (await outbound.send("GET", "https://hook.example/")).body == b"safe"
            assert b"\r\nHost: hook.example\r\n" in served.requests[0]
            error = await refused(outbound.send("GET", "https://other.example/"))
            assert (type(error), error.code) == (Upstream, "outbound_failed")
            assert "certificate" in error.message
            assert "other.example" in error.message
            assert shown == ["hook.example", "other.example"]
            assert len(served.requests) == 1

    run(scenario)


def test_unknown_authority_is_refused(authority: Authority) -> None:
    async def scenario() -> None:
        server, _ = contexts(authority)
        async with serving(saying(ok(b"safe")), server) as served:
            names = Names({"hook.example": [[PUBLIC]]})
            outbound = Outbound(resolver=names, dial=Detour({PUBLIC: served.port}))
            assert "certificate" in (await refused(outbound.send("GET", "https://hook.example/"))).message
            assert served.requests == []

    run(scenario)


def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(saying(ok(b"proxy"))) as proxy, serving(saying(ok(b"direct"))) as served:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            (tmp_path / ".netrc").write_text("default login somebody password secret\n")
            monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
            answer = await client(served.port).send("GET", f"http://hook.example:{served.port}/")
            assert answer.body == b"direct"
            assert b"uthorization" not in served.requests[0]
            assert proxy.requests == []

    run(scenario)
