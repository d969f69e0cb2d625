"""What a front matter says, as every reader should see it."""

from __future__ import annotations

import pytest

from registry_builder.core.frontmatter import FrontMatter, read_front_matter


def read(text: str | bytes) -> FrontMatter:
    front, _ = read_front_matter(text.encode() if isinstance(text, str) else text)
    assert front is not None
    return front


def fields(block: str) -> dict[str, object]:
    return dict(read(f"---\n{block}\n---\n").fields)


TEXTS = [
    ("name: yes", "yes"),
    ("name: 123", "123"),
    ("name: 007", "007"),
    ("name: 1.10", "1.10"),
    ("name: 2026-01-02", "2026-01-02"),
    ("name: null", "null"),
    ("name: ~", "~"),
    ("name:", ""),
    ("name: # x", ""),
    ("name: 'it''s'", "it's"),
    ('name: "a\\tb"', "a\tb"),
    ("name: !!str 1", "1"),
    ("name: |\n  a\n  b", "a\nb\n"),
    ("name: >-\n  a\n  b", "a b"),
    ("name: a\n  b", "a b"),
]


@pytest.mark.parametrize(("block", "text"), TEXTS)
@pytest.mark.parametrize("key", ["name", "description", "version", "license"])
def test_text_fields_are_what_the_author_wrote(key: str, block: str, text: str) -> None:
    assert fields(block.replace("name", key)) == {key: text}


VALUES = [
    ("1", 1),
    ("-3", -3),
    ("0", 0),
    ("007", "007"),
    ("+1", "+1"),
    ("1.5", 1.5),
    ("1.10", "1.10"),
    ("1e3", "1e3"),
    ("1_000", "1_000"),
    ("0x1f", "0x1f"),
    ("9007199254740991", 9007199254740991),
    ("9007199254740993", "9007199254740993"),
    ("9" * 5000, "9" * 5000),
    (".nan", ".nan"),
    (".inf", ".inf"),
    ("12:30:45", "12:30:45"),
    ("2026-01-02", "2026-01-02"),
    ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
    ("true", True),
    ("yes", "yes"),
    ("'true'", "true"),
    ("null", None),
    ("~", None),
    ("", None),
    ("[]", []),
    ("{}", {}),
    ("[a, [1, {b: c}]]", ["a", [1, {"b": "c"}]]),
    ("{a: {b: [1]}, 2: x, yes: y}", {"a": {"b": [1]}, "2": "x", "yes": "y"}),
    ("[a,]", ["a"]),
    ("{name: 1, version: 2.5}", {"name": 1, "version": 2.5}),
    ("\n  - a\n  - b: c\n    d: e", ["a", {"b": "c", "d": "e"}]),
    ("\n- a", ["a"]),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_other_values_are_plain_data_and_no_digit_is_lost(text: str, value: object) -> None:
    found = fields(f"x: {text}")["x"]
    assert (found, type(found)) == (value, type(value))


def test_lines_are_those_of_the_file() -> None:
    front = read("---\n# comment\nname: a\n\nnested:\n  name: b\n'last': |\n  x\n---\nbody\n")
    assert dict(front.lines) == {"name": 3, "nested": 5, "last": 7}
    assert (front.body, front.body_line) == ("body\n", 10)


BODIES = [
    (b"---\nname: a\n---\n", "", 4),
    (b"---\nname: a\n---", "", 4),
    (b"---\nname: a\n---\nx\n---\ny", "x\n---\ny", 4),
    (b"---\r\nname: a\r\n---\r\nx\r\n", "x\r\n", 4),
    (b"---\nname: a\r\n---\nx", "x", 4),
    (b"\xef\xbb\xbf---\nname: a\n---\nx", "x", 4),
    (b"---\nname: |\n  a\n  ---\n---\nx", "x", 6),
    (b"---\n---\nx", "x", 3),
]


@pytest.mark.parametrize(("data", "body", "line"), BODIES)
def test_front_matter_ends_at_a_line_that_is_exactly_the_fence(data: bytes, body: str, line: int) -> None:
    front = read(data)
    assert (front.body, front.body_line) == (body, line)


PROBLEMS = [
    (b"---\nname: a\n", [("front-matter-unclosed", 1, "no line that is exactly --- ends the front matter")]),
    (
        b"---\nname: a\n  ---\nx\n",
        [
            (
                "front-matter-unclosed",
                1,
                "no line that is exactly --- ends the front matter; line 3 is   ---",
            )
        ],
    ),
    (b"---\nname: a\xff\n---\n", [("not-utf8", 2, "byte 11 (0xff) is not UTF-8")]),
    (
        b"\xef\xbb\xbf\xff",
        [("bom", 1, "the file begins with a byte order mark"), ("not-utf8", 1, "byte 3 (0xff) is not UTF-8")],
    ),
    (
        "---\nx: 1\n---\n".encode("utf-16"),
        [("not-utf8", 1, "byte 0 (0xff) is not UTF-8; the file looks like UTF-16")],
    ),
    (
        b"\n---\nname: a\n---\n",
        [("front-matter-late", 2, "the front matter begins on line 2, not on line 1")],
    ),
    (b"text\n---\nname: a\n---\n", [("front-matter-missing", 1, "line 1 is text, not ---")]),
    (b"\x1b[31m", [("front-matter-missing", 1, "line 1 is \\x1b[31m, not ---")]),
    (
        b"---\nname: a\nname: b\n---\n",
        [("yaml-duplicate-key", 3, "the key name was already given on line 2")],
    ),
    (b"---\nx: *a\n---\n", [("yaml-alias", 2, "the alias *a is not read by every client")]),
    (b"---\nname: a\x00\n---\n", [("front-matter-control", 2, "there is the control character U+0000")]),
]


@pytest.mark.parametrize("root", ["*a", "&a x", "!t [a]", "[a]", "'x'"])
def test_a_root_that_is_no_mapping_is_refused(root: str) -> None:
    front, found = read_front_matter(f"---\n{root}\n---\n".encode())
    assert front is None
    assert found[-1].rule == "yaml-not-mapping"


@pytest.mark.parametrize(("data", "problems"), PROBLEMS)
def test_problems_name_the_thing_and_its_line(data: bytes, problems: list[tuple[str, int, str]]) -> None:
    _, found = read_front_matter(data)
    assert [(problem.rule, problem.line, problem.message) for problem in found] == problems


@pytest.mark.parametrize(
    "block", ["[" * 60_000, "{a: " * 15_000, "- " * 30_000, "? " * 30_000, "&a [" * 15_000]
)
def test_depth_does_no_harm(block: str) -> None:
    _, found = read_front_matter(f"---\nx:\n {block}\n---\n".encode())
    assert {problem.rule for problem in found} <= {"yaml-too-big", "yaml-bad", "yaml-alias", "yaml-key"}
    assert found


def test_many_problems_are_not_all_told() -> None:
    for count in (48, 49, 50, 51):
        lines = ["---", *(f"a{n}: *x" for n in range(count)), "b: 'open", "---"]
        _, found = read_front_matter("\n".join(lines).encode())
        assert len(found) == min(count + 1, 50)


def test_a_bomb_of_aliases_is_refused_and_not_expanded() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 12))]
    front, found = read_front_matter("\n".join(["---", *lines, "---"]).encode())
    assert front is not None
    assert {problem.rule for problem in found} == {"yaml-alias"}
    assert front.fields["a11"] == [None, None]
