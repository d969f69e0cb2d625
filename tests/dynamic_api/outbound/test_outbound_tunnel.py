"""A tunnel leads to the address that was checked, or nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dynamic_api.errors import Unprocessable, Upstream
from dynamic_api.outbound import Tunnel

PUBLIC, OTHER = "192.0.33.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


class Turning:
    """A name that is public when it is first asked for, and private ever after."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, _host: str, _port: int) -> Sequence[str]:
        return self.answers.pop(0)


class Wire:
    """Takes down what is dialled; only `there` answers."""

    def __init__(self, there: str) -> None:
        self.there = there
        self.dialled: list[str] = []

    async def connect(self, address: str, _port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.dialled.append(address)
        if address != self.there:
            raise ConnectionRefusedError
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await reader.read()
            writer.close()
            return reader, writer


def test_what_was_checked_is_dialled_and_the_name_is_asked_once() -> None:
    wire, names = Wire(OTHER), Turning([PUBLIC, OTHER], ["127.0.0.1"])
    asyncio.run(Tunnel(resolver=names, connect=wire.connect)("api.example", 443))
    assert wire.dialled == [PUBLIC, OTHER]
    assert names.answers == [["127.0.0.1"]]


@pytest.mark.parametrize("answer", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:169.254.169.254"]])
def test_nothing_is_dialled_where_one_address_is_not_public(answer: list[str]) -> None:
    wire = Wire(PUBLIC)
    tunnel = Tunnel(allowed=["api.example:80"], resolver=Turning(answer), connect=wire.connect)
    with pytest.raises(Unprocessable) as refusal:
        asyncio.run(tunnel("api.example", 443))
    assert refusal.value.code == "address_refused"
    assert wire.dialled == []


def test_host_that_does_not_answer_is_named() -> None:
    tunnel = Tunnel(resolver=Turning([PUBLIC]), connect=Wire("").connect)
    with pytest.raises(Upstream, match=r"no connection to api\.example:443"):
        asyncio.run(tunnel("api.example", 443))
