"""Output while a script runs, as server-sent events; the client may leave (issue 7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dynamic_api.routes.run_stream import Listener
from tests.api import shelf
from tests.api.lab import PRICE, RUNS, balance, run, scripts_of_runs, states, until
from tests.api.shelf import error
from tests.api.world import Person, World


def events(lines: Any) -> list[tuple[str, Any]]:
    """(name, data) of each event."""
    found, name = [], ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            found.append((name, json.loads(line.removeprefix("data: "))))
    return found


def streaming(person: Person, script: str, *args: str, **more: Any) -> Any:
    body = {"skillSlug": "kit", "scriptName": script, "args": list(args), "stream": True, **more}
    return person.http.stream("POST", RUNS, json=body)


def test_output_comes_before_the_result(lab: World, runner: Person) -> None:
    with streaming(runner, "fail.sh") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        found = events(answer.iter_lines())
    outputs = [data for name, data in found if name == "output"]
    printed = {
        stream: "".join(data["text"] for data in outputs if data["stream"] == stream)
        for stream in ("stdout", "stderr")
    }
    assert printed == {"stdout": "half done\n", "stderr": "no such thing\n"}
    name, last = found[-1]
    assert (name, last["data"]["exit_code"], last["data"]["credits_charged"]) == ("result", 3, PRICE)
    assert balance(lab, runner) == 100 - PRICE


def test_first_piece_arrives_while_the_script_runs(runner: Person) -> None:
    with streaming(runner, "wait.py", "1") as answer:
        lines = answer.iter_lines()
        ((name, first),) = events([next(lines), next(lines)])
        assert (name, first["stream"], first["text"][:5]) == ("output", "stdout", "begun")
        assert events(lines)[-1][1]["data"]["stdout"] == "begun\ndone\n"


def test_client_that_leaves_stops_the_script(lab: World, runner: Person) -> None:
    with streaming(runner, "wait.py", "64") as answer:
        next(answer.iter_lines())
    until(lambda: states(lab, runner) == [("settled", "client_gone")])
    assert not scripts_of_runs("wait.py", "64")
    assert balance(lab, runner) == 100 - PRICE


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"scriptName": "nothing.py"}, (404, "script_not_found")),
        ({"skillSlug": "no"}, (404, "skill_not_found")),
    ],
)
def test_what_is_refused_before_has_its_status(
    runner: Person, body: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = runner.post(RUNS, json={"skillSlug": "kit", "scriptName": "echo.py", "stream": True} | body)
    assert error(answer) == expected


def test_too_few_credits_are_a_plain_answer(lab: World, runner: Person) -> None:
    shelf.set_user(lab, runner, balance=0)
    assert error(run(runner, "echo.py", stream=True)) == (402, "insufficient_credits")
    shelf.set_user(lab, runner, balance=100)


def test_repeat_is_a_plain_answer(runner: Person) -> None:
    """2.5: what was streamed once is there as a whole."""
    key = {"Idempotency-Key": "stream"}
    first = run(runner, "echo.py", "a", stream=True, headers=key)
    again = run(runner, "echo.py", "a", stream=True, headers=key)
    assert again.headers["content-type"] == "application/json"
    assert events(first.text.splitlines())[-1][1] == again.json()


def test_character_in_two_pieces_stays_whole() -> None:
    listener = Listener()
    for piece in (b"caf\xc3", b"\xa9", b"\xff", b"\xc3"):
        listener.heard("stdout", piece)
    listener.end()
    texts = []
    while (event := listener.heard_of.get_nowait()) is not None:
        texts.append(events(event.decode().splitlines())[0][1]["text"])
    assert texts == ["caf", "\xe9", "\ufffd", "\ufffd"]
