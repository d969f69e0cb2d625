"""What is remembered, and for how long."""

from __future__ import annotations

from dynamic_api.memory.memo import Memo


def test_values_live_as_long_as_their_stamp() -> None:
    memo: Memo[str, int] = Memo(10)
    memo.at(1).keep("a", 7)
    assert memo.at(1).known == {"a": 7}
    assert memo.at(2).known == {}
    assert memo.at(1).known == {}


def test_all_is_forgotten_once_it_weighs_too_much() -> None:
    memo: Memo[str, int] = Memo(10)
    memo.at(1).keep("a", 7, weight=10)
    assert memo.at(1).known == {"a": 7}
    memo.at(1).keep("b", 8, weight=1)
    assert memo.at(1).known == {}


def test_what_was_made_at_an_older_stamp_is_not_taken_for_new() -> None:
    memo: Memo[str, int] = Memo(10)
    before = memo.at(1)
    memo.at(2)
    before.keep("a", 7)
    assert memo.at(2).known == {}
