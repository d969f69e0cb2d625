"""The MCP server text-facts, spoken to over its standard input and output."""

from __future__ import annotations

import hashlib
import json

import pytest

SCRIPT = "mcp/text-facts/text_facts.py"


def request(identity: int, method: str, **params: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": identity, "method": method, "params": params})


def talk(run, *lines: str) -> list[dict]:
    done = run(SCRIPT, stdin="".join(f"{line}\n" for line in lines))
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_session_starts_lists_its_tools_and_stays_silent_on_notifications(run):
    started, ping, listed = talk(
        run,
        request(1, "initialize", protocolVersion="2025-03-26", capabilities={}, clientInfo={"name": "t"}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        "",
        request(2, "ping"),
        request(3, "tools/list"),
    )
    assert started == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "protocolVersion": "2025-03-26",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "text-facts", "version": "1.0.0"},
        },
    }
    assert ping == {"jsonrpc": "2.0", "id": 2, "result": {}}
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["count_text", "digest_text", "sort_lines"]
    assert {tool["inputSchema"]["type"] for tool in listed["result"]["tools"]} == {"object"}


CALLS = [
    (
        "count_text",
        {"text": "straw berry\u2028größe 🦊", "substring": "r"},
        {"characters": 19, "bytes": 26, "words": 4, "lines": 2, "letters": 15, "occurrences": 4},
    ),
    ("count_text", {"text": ""}, {"characters": 0, "bytes": 0, "words": 0, "lines": 0, "letters": 0}),
    (
        "digest_text",
        {"text": "ä"},
        {"algorithm": "sha256", "digest": hashlib.sha256("ä".encode()).hexdigest()},
    ),
    (
        "digest_text",
        {"text": "", "algorithm": "md5"},
        {"algorithm": "md5", "digest": "d41d8cd98f00b204e9800998ecf8427e"},
    ),
    ("sort_lines", {"text": "b\na\nb", "unique": True}, {"text": "a\nb", "lines": 2, "dropped": 1}),
    ("sort_lines", {"text": "b\na\nB", "reverse": True}, {"text": "b\na\nB", "lines": 3, "dropped": 0}),
]


@pytest.mark.parametrize(("name", "arguments", "facts"), CALLS)
def test_each_tool_gives_exact_facts(run, name, arguments, facts):
    (answer,) = talk(run, request(1, "tools/call", name=name, arguments=arguments))
    assert answer["result"]["structuredContent"] == facts
    assert answer["result"]["isError"] is False
    assert json.loads(answer["result"]["content"][0]["text"]) == facts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "text is missing"),
        ({"text": 7}, "text must be a string"),
        ({"text": "a", "path": "/etc"}, "there is no argument path; known: text, algorithm"),
        ({"text": "a", "algorithm": "crc"}, "algorithm must be one of sha256, sha512, sha1, md5"),
        ({"text": "\ud800"}, "text holds half of a surrogate pair, so it has no UTF-8 form"),
        ([], "arguments must be an object"),
    ],
)
def test_wrong_arguments_are_an_error_that_the_model_can_mend(run, arguments, message):
    (answer,) = talk(run, request(1, "tools/call", name="digest_text", arguments=arguments))
    assert answer["result"] == {"content": [{"type": "text", "text": message}], "isError": True}


@pytest.mark.parametrize(
    ("line", "identity", "code"),
    [
        ("{", None, -32700),
        ("[]", None, -32600),
        ('{"id": 1, "method": "ping"}', None, -32600),
        (request(4, "resources/list"), 4, -32601),
        (request(5, "tools/call", name="rm"), 5, -32602),
        ('{"jsonrpc": "2.0", "id": 6, "method": "ping", "params": 1}', 6, -32602),
    ],
)
def test_a_bad_message_gets_its_error_and_the_server_goes_on(run, line, identity, code):
    error, pong = talk(run, line, request(9, "ping"))
    assert (error["id"], error["error"]["code"]) == (identity, code)
    assert pong == {"jsonrpc": "2.0", "id": 9, "result": {}}
