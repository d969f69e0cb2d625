"""Names are one namespace, and two that look alike are told."""

from __future__ import annotations

import pytest

from registry_builder.core.rules import Policy, check_names, name_problem

PORTABLE = Policy()


def rows(
    names: dict[str, str] | list[tuple[str, str]], policy: Policy = PORTABLE
) -> list[tuple[str, str, str, str]]:
    pairs = list(names.items()) if isinstance(names, dict) else names
    return [(found.rule, found.level, found.name, found.path) for found in check_names(pairs, policy)]


def alike(one: str, other: str, level: str = "error") -> list[tuple[str, str, str, str]]:
    return [("name-confusable", level, name, f"skills/{name}") for name in sorted((one, other))]


PAIRS = [
    ("modern", "modem"),
    ("vvrite", "write"),
    ("docs", "clocs"),
    ("tool", "to0l"),
    ("list", "1ist"),
    ("pdf-mail", "pdf-mall"),
    ("rnvv", "mw"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_names_that_look_alike_are_found_on_both(one: str, other: str) -> None:
    names = {one: f"skills/{one}", other: f"skills/{other}"}
    assert rows(names) == alike(one, other)
    assert rows(names, Policy(preset="lenient")) == alike(one, other, "warning")
    assert rows(names, Policy(levels={"name-confusable": "off"})) == []
    for pair in ((one, other), (other, one)):
        assert rows(names, Policy(allow_confusable=frozenset({pair}))) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pdf-tools", "pdf-tool"),
        ("setup-ci", "setup-d"),
        ("s3", "ss"),
        ("a-b", "ab"),
        ("nn", "m"),
        ("git-log", "git-blog"),
    ],
)
def test_names_that_only_resemble_each_other_are_fine(one: str, other: str) -> None:
    assert rows({one: "skills/a", other: "skills/b"}) == []


def test_one_name_in_two_roots_or_as_a_collection_is_refused_on_both_whatever_the_policy() -> None:
    names = [
        ("pdf", "skills/pdf"),
        ("pdf", "agents/pdf"),
        ("docs", "skills/docs"),
        ("docs", "collections.toml"),
    ]
    policy = Policy(preset="lenient", levels={"name-twice": "off"})
    assert rows(names, policy) == [
        ("name-twice", "error", "pdf", "agents/pdf"),
        ("name-twice", "error", "docs", "collections.toml"),
        ("name-twice", "error", "docs", "skills/docs"),
        ("name-twice", "error", "pdf", "skills/pdf"),
    ]


def test_case_and_unicode_form_make_no_other_name() -> None:
    names = [
        ("PDF", "skills/PDF"),
        ("pdf", "skills/pdf"),
        ("caf\u00e9", "skills/1"),
        ("cafe\u0301", "skills/2"),
    ]
    assert {row[0] for row in rows(names)} == {"name-twice"}
    assert len(rows(names)) == 4


def test_an_allowed_pair_does_not_allow_a_third() -> None:
    names = {name: f"skills/{name}" for name in ("modern", "modem", "m0dem")}
    found = check_names(names.items(), Policy(allow_confusable=frozenset({("modern", "modem")})))
    assert [(finding.name, finding.message) for finding in found] == [
        ("m0dem", "m0dem looks like modem, modern"),
        ("modem", "modem looks like m0dem"),
        ("modern", "modern looks like m0dem"),
    ]
    assert all(finding.mend for finding in found)


def test_the_order_of_names_does_not_matter() -> None:
    names = [("modern", "skills/modern"), ("modem", "skills/modem"), ("a", "skills/a"), ("a", "rules/a")]
    assert check_names(names, PORTABLE) == check_names(names[::-1], PORTABLE)


@pytest.mark.parametrize("name", ["a", "a-b", "3d", "a" * 64, "x1-y2-z3"])
def test_a_good_name_has_no_problem(name: str) -> None:
    assert name_problem(name) == ""


@pytest.mark.parametrize("name", ["", "A", "a_b", "a--b", "-a", "a-", "a" * 65, "a\n", "ä", "a.b", "--help"])
def test_a_bad_name_has_one(name: str) -> None:
    assert name_problem(name)
