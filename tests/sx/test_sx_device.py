"""The device flow: codes, and every transition at every moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamic_api.errors import Conflict, Invalid, Withdrawn
from dynamic_api.sx.device import (
    CLIENT,
    GRANT_TYPE,
    RANDOM_BYTES,
    Grant,
    Polled,
    approve,
    deny,
    device_sha256,
    normalized,
    poll,
    start,
)

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def pending() -> Grant:
    return start(bytes(range(RANDOM_BYTES)), CLIENT, NOW).grant


def ask(grant: Grant | None, seconds: float, client: str = CLIENT) -> Polled:
    return poll(grant, GRANT_TYPE, client, at(seconds))


def kept(polled: Polled) -> Grant:
    assert polled.grant is not None
    return polled.grant


def test_answer_has_what_sx_reads() -> None:
    started = start(bytes(range(RANDOM_BYTES)), CLIENT, NOW)
    code = started.grant.user_code
    assert started.body("https://skills.example.com/t") == {
        "device_code": started.device_code,
        "user_code": code,
        "verification_uri": "https://skills.example.com/t/device",
        "verification_uri_complete": f"https://skills.example.com/t/device?user_code={code}",
        "expires_in": 600,
        "interval": 5,
    }
    assert started.device_code not in str(started.grant)
    assert started.grant.device_sha256 == device_sha256(started.device_code)


@given(st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES))
def test_codes_have_their_form_and_can_be_typed_in_any_way(randomness: bytes) -> None:
    started = start(randomness, CLIENT, NOW)
    code = started.grant.user_code
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", code)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", started.device_code)
    for typed in (
        code,
        code.lower(),
        code.replace("-", ""),
        f" {code[:4]} {code[5:]} ",
        code.replace("-", "–"),
    ):
        assert normalized(typed) == code


def test_each_part_of_the_randomness_counts() -> None:
    codes = set()
    for place in range(RANDOM_BYTES):
        made = start(bytes(place) + b"\1" + bytes(RANDOM_BYTES - place - 1), CLIENT, NOW)
        codes.add((made.device_code, made.grant.user_code))
    assert len(codes) == RANDOM_BYTES


@pytest.mark.parametrize(
    "typed", ["", "BCDF", "BCDF-GHJA", "BCDF-GHJK-L", "BCDF-GHJ0", "ＢCDF-GHJK", "x" * 10_000]
)
def test_what_is_no_code_is_none(typed: str) -> None:
    assert normalized(typed) == ""


@pytest.mark.parametrize("client", ["", "x" * 201, "a\nb"])
def test_client_that_cannot_be_shown_is_refused(client: str) -> None:
    with pytest.raises(Invalid):
        start(bytes(RANDOM_BYTES), client, NOW)


def test_login_from_start_to_token_and_no_second_token() -> None:
    waiting = ask(pending(), 5)
    assert waiting.body() == {
        "error": "authorization_pending",
        "error_description": "waiting for the browser",
    }
    done = ask(approve(kept(waiting), "u1", at(7)), 10)
    assert (done.error, kept(done).state, kept(done).subject) == ("", "used", "u1")
    again = ask(kept(done), 15)
    assert (again.error, again.grant) == ("invalid_grant", None)


@pytest.mark.parametrize(
    ("grant", "seconds", "error"),
    [
        (pending(), 1, "authorization_pending"),
        (pending(), 599, "authorization_pending"),
        (pending(), 600, "expired_token"),
        (approve(pending(), "u1", at(1)), 2, ""),
        (approve(pending(), "u1", at(1)), 600, "expired_token"),
        (deny(pending(), "u1", at(1)), 2, "access_denied"),
        (deny(pending(), "u1", at(1)), 600, "expired_token"),
        (None, 1, "invalid_grant"),
    ],
)
def test_answer_by_state_and_time(grant: Grant | None, seconds: float, error: str) -> None:
    assert ask(grant, seconds).error == error


def test_asking_too_fast_makes_the_interval_longer_for_good() -> None:
    grant = kept(ask(pending(), 5))
    seen = []
    for seconds in (6, 16, 20, 30, 45):
        polled = ask(grant, seconds)
        grant = kept(polled)
        seen.append((polled.error, grant.interval_seconds))
    assert seen == [
        ("slow_down", 10),
        ("authorization_pending", 10),
        ("slow_down", 15),
        ("slow_down", 20),
        ("slow_down", 25),
    ]
    assert ask(grant, 70).error == "authorization_pending"


def test_client_whose_timer_is_a_little_early_is_not_slowed() -> None:
    grant = kept(ask(pending(), 5))
    assert ask(grant, 9.2).error == "authorization_pending"
    assert ask(grant, 8.9).error == "slow_down"


def test_too_fast_question_after_approval_loses_nothing() -> None:
    grant = approve(kept(ask(pending(), 5)), "u1", at(6))
    slowed = ask(grant, 7)
    assert (slowed.error, kept(slowed).state) == ("slow_down", "approved")
    assert ask(kept(slowed), 17).error == ""


def test_wrong_grant_type_or_client_is_refused() -> None:
    assert poll(pending(), "password", CLIENT, at(1)).error == "unsupported_grant_type"
    assert ask(pending(), 1, client="other").error == "invalid_client"


@pytest.mark.parametrize("first", [approve, deny])
@pytest.mark.parametrize("second", [approve, deny])
def test_code_is_decided_once(first, second) -> None:  # type: ignore[no-untyped-def]
    decided = first(pending(), "u1", at(1))
    with pytest.raises(Conflict) as caught:
        second(decided, "u2", at(2))
    assert caught.value.code == "device-code-decided"


@pytest.mark.parametrize("decide", [approve, deny])
def test_code_cannot_be_decided_late(decide) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Withdrawn):
        decide(pending(), "u1", at(600))


@given(
    st.lists(st.tuples(st.sampled_from(["approve", "deny", "poll", "poll"]), st.floats(0, 200)), max_size=12)
)
def test_at_most_one_token_and_only_after_approval(steps: list[tuple[str, float]]) -> None:
    grant, clock, tokens, approved = pending(), 0.0, 0, False
    for step, wait in steps:
        clock += wait
        if step == "poll":
            polled = ask(grant, clock)
            grant = polled.grant or grant
            if not polled.error:
                tokens += 1
                assert approved
                assert clock < 600
            continue
        try:
            grant = {"approve": approve, "deny": deny}[step](grant, "u1", at(clock))
            approved = approved or step == "approve"
        except (Conflict, Withdrawn):
            continue
    assert tokens <= 1
