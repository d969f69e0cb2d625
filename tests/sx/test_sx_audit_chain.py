"""The audit chain: any change of a row, of their order or of their number is found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dynamic_api.sx.audit_chain import GENESIS, Anchor, Head, Link, anchor, canonical, link, link_all, verify

TIME = "2026-11-20T10:00:00Z"


def rows(count: int, prefix: str = "row") -> list[dict[str, object]]:
    return [{"event": prefix, "number": number, "data": {"x": [True, None, "é"]}} for number in range(count)]


def head(links: list[Link]) -> Head:
    return Head(links[-1].sequence, links[-1].hash)


def log() -> tuple[list[Link], list[Anchor]]:
    """Two writers of four rows each, in two batches, and an anchor after each batch."""
    a, b = link_all(None, rows(2), "a"), link_all(None, rows(2), "b")
    first = anchor(None, TIME, {"a": head(a), "b": head(b)})
    a += link_all(head(a), rows(2, "more"), "a")
    b += link_all(head(b), rows(2, "more"), "b")
    second = anchor(first, TIME, {"a": head(a), "b": head(b)})
    return [*a, *b], [first, second]


def test_whole_log_has_no_problems_in_any_mixture_of_writers() -> None:
    links, anchors = log()
    assert verify(links, anchors) == []
    assert verify([link for pair in zip(links[:4], links[4:], strict=True) for link in pair], anchors) == []
    assert verify([], []) == []


def test_link_is_the_hash_that_its_description_says() -> None:
    made = link(GENESIS, {"b": 1, "a": "é"}, "w", 1)
    content = '{"row":{"a":"é","b":1},"sequence":1,"writer":"w"}'.encode()
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()
    assert made.hash == hashlib.sha256(b"skillpress-audit-link-1\0" + bytes(32) + content).hexdigest()


def test_batches_make_the_same_chain_as_single_rows() -> None:
    whole = link_all(None, rows(4), "a")
    parts = link_all(None, rows(4)[:1], "a")
    parts += link_all(head(parts), rows(4)[1:], "a")
    assert parts == whole
    assert link_all(head(whole), [], "a") == []


def changed(links: list[Link], at: int, **fields: object) -> list[Link]:
    return [*links[:at], replace(links[at], **fields), *links[at + 1 :]]  # type: ignore[arg-type]


def relinked(links: list[Link], at: int) -> list[Link]:
    """What somebody would do who can compute: change a row of `a`, and hash everything after it anew."""
    before = head(links[:at]) if at else None
    made = link_all(before, [{"event": "forged"}, *(link.row for link in links[at + 1 : 4])], "a")
    return [*links[:at], *made, *links[4:]]


TAMPERINGS: dict[str, tuple[Callable[[list[Link]], list[Link]], list[str]]] = {
    "a row is changed": (lambda links: changed(links, 2, row={"event": "x"}), ["audit-row-changed a 3"]),
    "a value takes another type": (
        lambda links: changed(links, 2, row={**links[2].row, "number": True}),
        ["audit-row-changed a 3"],
    ),
    "a float comes in": (lambda links: changed(links, 2, row={"number": 1.0}), ["audit-row-changed a 3"]),
    "a row and its hash are changed": (
        lambda links: [*links[:2], link(links[1].hash, {"event": "x"}, "a", 3), *links[3:]],
        ["audit-previous-differs a 4"],
    ),
    "a row is removed": (lambda links: links[:2] + links[3:], ["audit-sequence a 4"]),
    "two rows change places": (
        lambda links: [links[0], links[2], links[1], *links[3:]],
        ["audit-sequence a 3", "audit-sequence a 2", "audit-sequence a 4"],
    ),
    "a row comes twice": (lambda links: [*links[:2], links[1], *links[2:]], ["audit-sequence a 2"]),
    "a row goes to another writer": (
        lambda links: changed(links, 7, writer="a"),
        ["audit-sequence a 4", "audit-row-changed a 4", "audit-row-missing b 4"],
    ),
    "the end is cut off": (lambda links: links[:7], ["audit-row-missing b 4"]),
    "a whole writer is gone": (lambda links: links[:4], ["audit-row-missing b 2", "audit-row-missing b 4"]),
    "everything from a row on is computed anew": (
        lambda links: relinked(links, 1),
        ["audit-anchor-differs a 2", "audit-anchor-differs a 4"],
    ),
    "all of a writer is computed anew": (
        lambda links: relinked(links, 0),
        ["audit-anchor-differs a 2", "audit-anchor-differs a 4"],
    ),
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_tampering_is_found(how: str) -> None:
    links, anchors = log()
    tamper, told = TAMPERINGS[how]
    found = [f"{problem.code} {problem.place}" for problem in verify(tamper(links), anchors)]
    assert found == told


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (lambda first, second: [second], ["order anchor 2"]),
        (
            lambda first, second: [second, first],
            ["order anchor 2", "order anchor 1", "backwards anchor 1", "backwards anchor 1"],
        ),
        (lambda first, second: [replace(first, time="2020"), second], ["changed anchor 1"]),
        (lambda first, second: [first, anchor(first, TIME, {"a": first.heads["a"]})], ["backwards anchor 2"]),
        (
            lambda first, second: [first, second, anchor(second, TIME, first.heads)],
            ["backwards anchor 3", "backwards anchor 3"],
        ),
    ],
)
def test_anchors_are_a_chain_that_only_grows(
    tamper: Callable[[Anchor, Anchor], list[Anchor]], told: list[str]
) -> None:
    links, (first, second) = log()
    found = [f"{problem.code} {problem.place}" for problem in verify(links, tamper(first, second))]
    assert found == [f"audit-anchor-{line}" for line in told]


def test_rows_after_the_last_anchor_are_checked_as_well() -> None:
    links, anchors = log()
    more = link_all(head(links[4:]), rows(2), "b")
    assert verify([*links, *more], anchors) == []
    assert [each.code for each in verify([*links, more[1]], anchors)] == ["audit-sequence"]


@pytest.mark.parametrize("value", [1.5, b"x", {1: 2}, {"a": {"b": {1, 2}}}, 1 << 63, "\ud800", object()])
def test_row_that_could_be_written_in_two_ways_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"audit row|surrogates"):
        canonical({"value": value})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)
row_values = st.dictionaries(st.text("abc", max_size=2), json_values, max_size=3)


@given(st.lists(row_values, min_size=1, max_size=6), st.data())
def test_any_changed_row_is_found(given_rows: list[dict[str, object]], data: st.DataObject) -> None:
    links = link_all(None, given_rows, "w")
    assert verify(links, []) == []
    at = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(row_values.filter(lambda row: canonical(row) != canonical(links[at].row)))
    (problem,) = verify(changed(links, at, row=other), [])
    assert (problem.code, problem.place) == ("audit-row-changed", f"w {at + 1}")
