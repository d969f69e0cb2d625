"""A question that is wrong, and a provider that hangs, lies or floods: one clear error, and never a token."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from ai_asking import CONTEXT, answer, ask, error, settings
from ai_data import pull
from ai_services import FAULTS, TOKENS, Services

from dynamic_api.ai_query import AiQuery

ASKED = {
    "github": ("GITHUB", "workflow runs"),
    "circleci": ("CIRCLECI", "builds"),
    "linear": ("LINEAR", "tickets"),
}

NO_URL = "not the URL of a repository; send https://host/owner/name or git@host:owner/name.git"
NEEDS = "needs a repository; call from a clone that has a remote"
OR_HIDDEN = "or its token may not see it"
HOSTS = "GITHUB is configured for github.com"
BUILDS = "CIRCLECI builds repositories on github.com and bitbucket.org"


@pytest.mark.parametrize(
    ("query", "provider", "context", "said"),
    [
        ("", "GITHUB", CONTEXT, "the query is empty; ask something"),
        (None, "GITHUB", CONTEXT, "the query is empty; ask something"),
        ("x" * 8001, "GITHUB", CONTEXT, "the query has 8001 characters, at most 8000 are read; ask shorter"),
        ("x", "JIRA", CONTEXT, "unknown provider 'JIRA'; configured: GITHUB, CIRCLECI, LINEAR"),
        ("x", 7, CONTEXT, "unknown provider none; configured: GITHUB, CIRCLECI, LINEAR"),
        ("x", "GITHUB", "main", "the context is no object"),
        ("x", "GITHUB", {}, f"GITHUB {NEEDS}"),
        ("x", "CIRCLECI", {"repo_url": None}, f"CIRCLECI {NEEDS}"),
        ("x", "GITHUB", {"repo_url": 7}, "repo_url is no plain text of up to 1000 characters"),
        ("x", "GITHUB", {**CONTEXT, "branch": "a\nb"}, "branch is no plain text of up to 1000 characters"),
        *(
            ("x", "GITHUB", {"repo_url": url}, NO_URL)
            for url in (
                "acme/shop", "https://github.com/acme", "https://github.com/acme/shop/pulls", "file:///etc/passwd",
                "https://github.com/acme/..", "https://github.com/a%2fb/c", "https://github.com/acme/shop?x=1",
            )
        ),
        ("x", "GITHUB", {"repo_url": "https://git.dev/a/b"}, f"{HOSTS}, the repository lies on git.dev"),
        ("x", "CIRCLECI", {"repo_url": "git@git.dev:a/b"}, f"{BUILDS}, this one lies on git.dev"),
        ("issue 15", "GITHUB", CONTEXT, "15 is a pull request; ask for the pull request"),
        ("issue 99", "GITHUB", CONTEXT, f"GITHUB has no /repos/acme/shop/issues/99, {OR_HIDDEN}"),
        ("ENG-99", "LINEAR", {}, "LINEAR refuses the query: Entity not found: Issue"),
    ],
)  # fmt: skip
def test_wrong_question_is_one_error(
    outside: Services, query: Any, provider: Any, context: Any, said: str
) -> None:
    assert error(ask(query, provider, settings(outside), context)) == said


@pytest.mark.parametrize("context", [CONTEXT, {"repo_url": "ssh://git@github.com:22/acme/shop.git"}])
def test_both_forms_of_the_context_name_the_repository(outside: Services, context: dict[str, str]) -> None:
    ask("commits", "github", settings(outside), context)
    assert outside.paths("github") == ["/repos/acme/shop/commits"]


@pytest.mark.parametrize("provider", ["GITHUB", "CIRCLECI", "LINEAR"])
def test_provider_without_token_names_its_setting(provider: str) -> None:
    key = f"{provider.lower()}_token"
    assert error(ask("x", provider, AiQuery())) == (
        f"the provider {provider} is not configured; configured: none; an operator sets [ai_query] {key} "
        f"(or SKILLPRESS_API_AI_QUERY_{key.upper()})"
    )


SAYS = {
    "flood": "answer was not read: more than 1048576 bytes",
    "large": "answer was not read: more than 1048576 bytes",
    "gzip": "answer was not read: compressed, which was not asked for",
    "page": "answered what cannot be understood",
    "empty": "answered what cannot be understood",
    "list of numbers": "answered what cannot be understood",
    "null": "answered what cannot be understood",
    "wrong types": "answered ",
    "deep": "answered what cannot be understood",
    "bytes": "answered ",
    "elsewhere": "answered HTTP 302; try again later",
    "circle": "answered HTTP 302; try again later",
    "limited": "limits our calls (HTTP 403); try later",
    "401": "refuses our token (HTTP 401): no: ",
    "500": "answered HTTP 500: no: ",
    "204": "answered HTTP 204",
}


@pytest.mark.parametrize("service", list(ASKED))
@pytest.mark.parametrize("fault", [*FAULTS, "401", "500", "204"])
def test_misbehaving_provider_is_one_error(outside: Services, service: str, fault: str) -> None:
    outside.faults[service] = fault
    frames = ask(*reversed(ASKED[service]), settings(outside, answer_bytes=1024 * 1024))
    assert SAYS[fault] in error(frames)
    assert service.upper() in error(frames)
    assert [frame["type"] for frame in frames] == ["ToolCallEvent", "ToolResultEvent", "error"]


def test_hanging_provider_is_left_after_its_time(outside: Services) -> None:
    outside.faults["github"] = "hang"
    frames = ask("commits", "GITHUB", settings(outside, call_seconds=0.2))
    assert error(frames) == "GITHUB did not answer within 0.2 s; try again later"
    assert outside.left.wait(5)


def test_budget_ends_everything(outside: Services) -> None:
    outside.faults["github"] = "hang"
    frames = ask("commits", "GITHUB", settings(outside, budget_seconds=0.2))
    assert error(frames) == "no answer within 0.2 s; ask a narrower question"
    assert outside.left.wait(5)


def test_provider_that_is_not_there_is_named_by_its_host(outside: Services) -> None:
    frames = ask("commits", "GITHUB", settings(outside, github_url="http://127.0.0.1:9/api"))
    assert error(frames) == "cannot reach GITHUB at 127.0.0.1: ConnectError; try again later"


@pytest.mark.parametrize(
    "url", ["ftp://example.com", "https://user:word@example.com", "nonsense", "https://"]
)
def test_setting_that_is_no_web_address_is_named(outside: Services, url: str) -> None:
    said = error(ask("commits", "GITHUB", settings(outside, github_url=url)))
    assert said.startswith("not a web address without a user: [ai_query] github_url (or SKILLPRESS_API_AI_")
    assert "word" not in said


@pytest.mark.parametrize("service", list(ASKED))
@pytest.mark.parametrize("fault", ["401", "500"])
def test_token_that_a_provider_sends_back_is_hidden(
    outside: Services, caplog: pytest.LogCaptureFixture, service: str, fault: str
) -> None:
    """The stand-in answers with the headers that it was sent."""
    caplog.set_level(logging.DEBUG)
    outside.faults[service] = fault
    frames = ask(*reversed(ASKED[service]), settings(outside))
    assert TOKENS[service] not in str(frames)
    assert TOKENS[service] not in caplog.text
    assert outside.seen


def test_settings_show_no_secret_in_their_errors(outside: Services) -> None:
    given = settings(outside, linear_token="Bearer oauth-secret")
    assert given.secrets()[0] == "Bearer oauth-secret"
    assert "oauth-secret" in given.secrets()


def test_pages_of_github_are_bounded(outside: Services) -> None:
    """Each page is full, and none has what is asked for."""
    outside.data["github"] = [pull(1, "x", "alice")] * 100
    said = answer(ask("open PRs by nobody-at-all", "GITHUB", settings(outside)))
    assert said == "Open pull requests in acme/shop by nobody-at-all: None."
    assert [item.query["page"] for item in outside.seen] == ["1", "2", "3"]


def test_pages_of_circleci_are_bounded(outside: Services) -> None:
    outside.data["circleci"] = {"items": [], "next_page_token": "more"}
    assert answer(ask("failed builds", "CIRCLECI", settings(outside))).startswith(
        "Failed builds of acme/shop: None."
    )
    assert outside.paths("circleci") == ["/project/gh/acme/shop/pipeline"] * 3


def test_id_that_would_change_the_path_is_refused(outside: Services) -> None:
    item = {"id": "../../me", "number": 1, "created_at": ""}
    outside.data["circleci"] = {"items": [item]}
    assert error(ask("builds", "CIRCLECI", settings(outside))) == (
        "CIRCLECI names a pipeline by '../../me', which is no id"
    )
