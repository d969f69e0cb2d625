"""Usage reports: which events come out of a body, and that a body sent twice gives the same ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamic_api.errors import Invalid, TooLarge
from dynamic_api.sx.usage import Event, UsageLimits, read_usage

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)
LINE = {"asset_name": "aa", "asset_version": "1", "asset_type": "mcp", "timestamp": "2026-11-20T09:00:00Z"}


def body(*lines: object) -> bytes:
    return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()


def events(*lines: object, caller: str = "u1", now: datetime = NOW) -> tuple[Event, ...]:
    return read_usage(body(*lines), caller, now)


def ids(*lines: object, caller: str = "u1", now: datetime = NOW) -> list[str]:
    return [event.id for event in events(*lines, caller=caller, now=now)]


def test_lines_become_events() -> None:
    given_lines = [
        LINE,
        "",
        {"asset_name": "bb", "actor": "a@example.com", "extra": {"x": [1]}, "asset_type": "mcp_server"},
        "  \r",
        {"asset_name": "cc", "asset_type": "planet", "timestamp": "2026-11-20T11:00:00.123456789+02:00"},
    ]
    made = [(e.asset_name, e.asset_version, e.asset_type, e.time, e.actor) for e in events(*given_lines)]
    assert made == [
        ("aa", "1", "mcp", NOW - timedelta(hours=1), None),
        ("bb", "", "mcp", NOW, "a@example.com"),
        ("cc", "", "planet", datetime(2026, 11, 20, 9, 0, 0, 123457, tzinfo=UTC), None),
    ]


@pytest.mark.parametrize("empty", [b"", b"\n", b"\r\n\r\n", b"   "])
def test_empty_report_is_good_and_has_no_events(empty: bytes) -> None:
    assert read_usage(empty, "u1", NOW) == ()


@pytest.mark.parametrize(
    "stamp", ["2027-11-20T10:00:00Z", "9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00"]
)
def test_wrong_clock_counts_as_now(stamp: str) -> None:
    assert [event.time for event in events({**LINE, "timestamp": stamp})] == [NOW]


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[]",
        "null",
        '"aa"',
        "{}",
        '{"asset_name": ""}',
        '{"asset_name": 7}',
        '{"asset_name": null}',
        '{"asset_name": "a\\u0000b"}',
        '{"asset_name": "aa", "actor": "\\\\\\u0000"}',
        '{"asset_name": "\\ud800"}',
        '{"asset_name": "aa", "timestamp": "yesterday"}',
        '{"asset_name": "aa", "timestamp": "2026-11-20T09:00:00"}',
        '{"asset_name": "aa"} {"asset_name": "bb"}',
        '{"asset_name": "' + "a" * 201 + '"}',
        '{"asset_name": NaN}',
        '{"x": ' + "[" * 30_000,
    ],
)
def test_broken_line_among_good_ones_refuses_them_all_by_its_number(broken: str) -> None:
    with pytest.raises(Invalid) as caught:
        events(LINE, "", broken, LINE)
    assert caught.value.code == "usage-line-invalid"
    assert caught.value.message.startswith("line 3: ")
    assert caught.value.place == "body:3"


def test_lines_that_only_add_up_to_the_right_number_are_refused() -> None:
    """Two objects in one line, and one in two, are as many objects as lines."""
    with pytest.raises(Invalid, match="line 1: "):
        events('{"asset_name": "aa"}{"asset_name": "bb"}', '{"asset_name": "cc", "extra":', "{}}")
    with pytest.raises(Invalid, match="line 2: "):
        events(LINE, '{"asset_name":', '"bb"}')


def test_backslash_before_four_zeros_is_no_nul() -> None:
    assert [e.asset_name for e in events('{"asset_name": "a\\\\u0000"}')] == ["a\\u0000"]


def test_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(Invalid, match="line 1: "):
        read_usage(b'{"asset_name": "\xff"}', "u1", NOW)


@pytest.mark.parametrize(
    ("lines", "code", "place"),
    [
        ([LINE, {"asset_name": "x" * (1 << 20)}], "usage-line-too-long", "body:2"),
        ([LINE, LINE, "", LINE], "usage-too-many-lines", "body:4"),
        ([LINE, LINE, LINE], "usage-too-many-lines", "body:3"),
    ],
)
def test_report_that_is_too_long(lines: list[object], code: str, place: str) -> None:
    with pytest.raises(TooLarge) as caught:
        read_usage(body(*lines), "u1", NOW, UsageLimits(lines=2))
    assert (caught.value.code, caught.value.place) == (code, place)


def test_report_sent_again_gives_the_same_ids() -> None:
    lines = [LINE, {**LINE, "asset_name": "bb"}, LINE, {**LINE, "id": "e1"}]
    assert ids(*lines) == ids(*lines, now=LATER)
    assert len(set(ids(*lines))) == 4


@pytest.mark.parametrize(
    ("other", "caller", "is_same"),
    [
        (LINE, "u1", True),
        ({**LINE, "unknown": 1}, "u1", True),
        ({**LINE, "timestamp": "2026-11-20T09:00:00.000Z"}, "u1", True),
        ({**LINE, "timestamp": "2026-11-20T11:00:00+02:00"}, "u1", True),
        (LINE, "u2", False),
        ({**LINE, "actor": "a@example.com"}, "u1", False),
        ({**LINE, "asset_version": "2"}, "u1", False),
        ({**LINE, "asset_type": "skill"}, "u1", False),
        ({**LINE, "timestamp": "2026-11-20T09:00:01Z"}, "u1", False),
    ],
)
def test_what_makes_two_lines_one_event(other: object, caller: str, is_same: bool) -> None:
    assert (ids(LINE) == ids(other, caller=caller)) is is_same


def test_own_id_decides_alone_and_belongs_to_its_caller() -> None:
    first, second = {**LINE, "id": "e1"}, {"asset_name": "bb", "event_id": "e1"}
    assert ids(first) == ids(second)
    assert ids(first, first)[0] == ids(first, first)[1]
    assert ids(first) != ids(first, caller="u2")


def test_wrong_clock_does_not_make_a_replay_new() -> None:
    line = {**LINE, "timestamp": "2027-11-20T10:00:00Z"}
    assert ids(line) == ids(line, now=LATER)


def test_line_without_a_time_is_of_the_time_it_came() -> None:
    line = {"asset_name": "aa"}
    assert ids(line) == ids(line)
    assert ids(line) != ids(line, now=LATER)


@given(st.binary(max_size=60), st.lists(st.sampled_from([b"\n", b"{", b"}", b'"asset_name":', b'"a"', b","])))
def test_any_bytes_give_events_or_a_refusal(noise: bytes, parts: list[bytes]) -> None:
    for text in (noise, b"".join(parts), b"".join(parts) + noise):
        try:
            made = read_usage(text, "u1", NOW)
        except Invalid:
            continue
        assert all(event.asset_name for event in made)
