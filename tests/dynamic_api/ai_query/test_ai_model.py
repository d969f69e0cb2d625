"""The planner with a model, through both vendors' SDKs: bounded rounds, honest failures, no leak."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from ai_asking import answer, ask, error, settings
from ai_data import TICKETS
from ai_services import TOKENS, Services, call
from starlette.responses import JSONResponse, Response

KINDS = ["openai", "anthropic"]
QUESTION = "Who should look at the payments?"


def told(outside: Services, kind: str) -> list[Any]:
    """The bodies that reached the model."""
    return [item.body for item in outside.seen if item.service == kind]


@pytest.mark.parametrize("kind", KINDS)
def test_model_calls_tools_and_answers(outside: Services, kind: str) -> None:
    outside.turns += [
        {"text": "Let me look.", **call("list_pull_requests", author="bob")},
        call("get_pull_request", number=14),
        "Bob: #14 has requested changes.",
    ]
    frames = ask(QUESTION, "GITHUB", settings(outside, model=kind))
    assert answer(frames) == "Bob: #14 has requested changes."
    assert [(frame["type"], frame.get("tool", frame.get("text"))) for frame in frames[:-1]] == [
        ("TextEvent", "Let me look."),
        ("ToolCallEvent", "github.list_pull_requests"),
        ("ToolResultEvent", "github.list_pull_requests"),
        ("ToolCallEvent", "github.get_pull_request"),
        ("ToolResultEvent", "github.get_pull_request"),
    ]


def test_openai_gets_the_protocol_of_chat_completions(outside: Services) -> None:
    outside.turns += [call("get_pull_request", number=14), "Done."]
    answer(ask(QUESTION, "GITHUB", settings(outside, model="openai")))
    first, second = told(outside, "openai")
    assert outside.paths("openai") == ["/v1/chat/completions"] * 2
    assert [message["role"] for message in first["messages"]] == ["system", "user"]
    assert first["messages"][1]["content"] == QUESTION
    assert "acme/shop, branch main, commit 0123" in first["messages"][0]["content"]
    assert first["tools"][2]["function"]["parameters"] == {
        "type": "object",
        "properties": {"number": {"type": "integer", "minimum": 1}},
        "required": ["number"],
        "additionalProperties": False,
    }
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "tool"]
    result = second["messages"][3]
    assert result["tool_call_id"] == second["messages"][2]["tool_calls"][0]["id"] == "call_0"
    assert json.loads(result["content"])["rows"][0]["review"] == "changes requested"
    headers = next(item.headers for item in outside.seen if item.service == "openai")
    assert headers["authorization"] == f"Bearer {TOKENS['model']}"


def test_anthropic_gets_the_protocol_of_messages(outside: Services) -> None:
    outside.turns += [{"text": "Look.", **call("get_pull_request", number=14)}, "Done."]
    answer(ask(QUESTION, "GITHUB", settings(outside, model="anthropic")))
    first, second = told(outside, "anthropic")
    assert outside.paths("anthropic") == ["/v1/messages"] * 2
    assert first["messages"] == [{"role": "user", "content": QUESTION}]
    assert first["tools"][2]["input_schema"]["required"] == ["number"]
    assert [block["type"] for block in second["messages"][1]["content"]] == ["text", "tool_use"]
    (result,) = second["messages"][2]["content"]
    assert (result["type"], result["tool_use_id"], result["is_error"]) == ("tool_result", "call_0", False)
    assert TOKENS["model"] in next(item.headers for item in outside.seen)["authorization"]


@pytest.mark.parametrize("kind", KINDS)
def test_model_that_never_ends_has_to_answer_after_its_rounds(outside: Services, kind: str) -> None:
    outside.turns += [call("list_commits")] * 3 + ["Enough."]
    frames = ask(QUESTION, "GITHUB", settings(outside, model=kind, rounds=3))
    assert answer(frames) == "Enough."
    bodies = told(outside, kind)
    choices = [body["tool_choice"] for body in bodies]
    assert (
        choices
        == {
            "openai": ["auto", "auto", "auto", "none"],
            "anthropic": [{"type": "auto"}] * 3 + [{"type": "none"}],
        }[kind]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_model_that_calls_even_then_is_an_error(outside: Services, kind: str) -> None:
    outside.turns += [call("list_commits")] * 9
    frames = ask(QUESTION, "GITHUB", settings(outside, model=kind, rounds=3))
    assert error(frames) == (
        "the model gave no answer after 3 calls of tools, in at most 3 rounds; ask a narrower question"
    )
    assert len(outside.paths("github")) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_calls_of_one_turn_are_bounded(outside: Services, kind: str) -> None:
    many = {"calls": [("list_commits", {"limit": 1})] * 30}
    outside.turns += [many, "Well."]
    frames = ask(QUESTION, "GITHUB", settings(outside, model=kind, calls=4))
    assert answer(frames) == "Well."
    assert len(outside.paths("github")) == 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("delete_repository", {}, "there is no tool 'delete_repository' (the tools are list_pull_requests, "),
        ("get_pull_request", {}, "get_pull_request: Object missing required field `number`"),
        ("get_pull_request", {"number": 0}, "get_pull_request: Expected `int` >= 1 - at `$.number`"),
        ("list_commits", {"repository": "acme/secrets"}, "Object contains unknown field `repository`"),
        ("list_checks", {"commit": "../../user"}, "list_checks: Expected `str` matching regex"),
        ("get_pull_request", {"number": 99}, "GITHUB has no /repos/acme/shop/pulls/99"),
    ],
)  # fmt: skip
def test_wrong_call_is_told_to_the_model(
    outside: Services, kind: str, tool: str, arguments: dict[str, Any], said: str
) -> None:
    outside.turns += [{"calls": [(tool, arguments)]}, "I could not find out."]
    frames = ask(QUESTION, "GITHUB", settings(outside, model=kind))
    assert answer(frames) == "I could not find out."
    assert said in json.dumps(told(outside, kind)[1]["messages"][-1]).replace('\\"', '"')
    assert len(outside.paths("github")) == (1 if arguments == {"number": 99} else 0)


def test_arguments_that_are_no_json_are_told_to_the_model(outside: Services) -> None:
    outside.turns += [{"calls": [("list_commits", "{"), ("list_commits", "[]")]}, "Sorry."]
    assert answer(ask(QUESTION, "GITHUB", settings(outside, model="openai"))) == "Sorry."
    results = [message["content"] for message in told(outside, "openai")[1]["messages"][3:]]
    assert results == ["the arguments are no JSON object"] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_answer_over_a_failed_provider_is_not_passed_on(outside: Services, kind: str) -> None:
    outside.faults["github"] = "500"
    outside.turns += [call("list_commits"), "Everything is fine!"]
    said = error(ask(QUESTION, "GITHUB", settings(outside, model=kind)))
    assert said.startswith("GITHUB answered HTTP 500")
    assert TOKENS["github"] not in json.dumps(told(outside, kind))


def test_large_result_is_cut_for_the_model(outside: Services) -> None:
    rows = [{**TICKETS[0], "title": "x" * 1000}] * 100
    outside.data["linear"] = {"data": {"issues": {"nodes": rows}}}
    outside.turns += [call("list_issues"), "Read."]
    answer(ask(QUESTION, "LINEAR", settings(outside, model="openai")))
    result = told(outside, "openai")[1]["messages"][-1]["content"]
    assert result.endswith("… [cut: the result was longer]")
    assert len(result) < 41_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("401", "the model's endpoint refuses our key (HTTP 401); an operator checks [ai_query] model_key"),
        ("404", "the model's endpoint answered HTTP 404; try again later"),
        ("flood", "the model's answer was not read: more than 1048576 bytes"),
        ("gzip", "the model's answer was not read: compressed, which was not asked for"),
        ("page", "the model's endpoint answered what cannot be understood"),
        ("null", "the model's endpoint answered what cannot be understood"),
        ("list of numbers", "the model's endpoint answered what cannot be understood"),
        ("deep", "the model's endpoint answered what cannot be understood"),
        ("elsewhere", "the model's endpoint answered HTTP 302"),
    ],
)  # fmt: skip
def test_misbehaving_model_is_one_error(outside: Services, kind: str, fault: str, said: str) -> None:
    outside.faults[kind] = fault
    frames = ask(QUESTION, "GITHUB", settings(outside, model=kind, answer_bytes=1024 * 1024))
    assert error(frames).startswith(said)
    assert len(frames) == 1
    assert TOKENS["model"] not in str(frames)


@pytest.mark.parametrize("kind", KINDS)
def test_hanging_model_is_left_at_the_end_of_the_budget(outside: Services, kind: str) -> None:
    outside.faults[kind] = "hang"
    frames = ask(QUESTION, "GITHUB", settings(outside, model=kind, budget_seconds=0.3))
    assert error(frames) in {
        "no answer within 0.3 s; ask a narrower question",
        "the model did not answer within 0.3 s",
    }
    assert outside.left.wait(5)


@pytest.mark.parametrize(
    ("kind", "odd"),
    [
        ("openai", {"choices": []}),
        ("openai", {}),
        ("openai", {"choices": [{"message": {"content": None}}]}),
        ("anthropic", {"content": []}),
        ("anthropic", {"content": [{"type": "thinking"}]}),
    ],
)
def test_model_that_says_nothing_is_an_error(outside: Services, kind: str, odd: dict[str, Any]) -> None:
    outside.turns.append(JSONResponse(odd))
    said = error(ask(QUESTION, "GITHUB", settings(outside, model=kind)))
    assert said.startswith("the model gave no answer after 0 calls of tools")


def test_model_that_says_our_tokens_is_hidden(outside: Services) -> None:
    outside.turns.append(f"The token is {TOKENS['github']}, the key {TOKENS['model']}.")
    frames = ask(QUESTION, "GITHUB", settings(outside, model="openai"))
    assert answer(frames) == "The token is [hidden], the key [hidden]."


def test_half_a_surrogate_from_a_model_can_be_sent_on(outside: Services) -> None:
    outside.turns.append(Response(b'{"choices": [{"message": {"content": "\\ud83d"}}]}'))
    said = ask(QUESTION, "GITHUB", settings(outside, model="openai"))[-1]
    assert said["type"] in {"done", "error"}


@pytest.mark.parametrize("kind", KINDS)
def test_missing_library_names_the_extra(
    outside: Services, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, kind, None)
    said = error(ask(QUESTION, "GITHUB", settings(outside, model=kind)))
    assert said == f"the library for {kind} is not installed; an operator installs skillpress[ai]"


def test_model_without_a_name_names_the_setting(outside: Services) -> None:
    said = error(ask(QUESTION, "GITHUB", settings(outside, model="openai", model_name="")))
    assert said.startswith("the language model has no name; an operator sets [ai_query] model_name")
