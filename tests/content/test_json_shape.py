"""The skill json-shape: the schema of samples, and what a schema refuses."""

from __future__ import annotations

import json

import pytest

INFER = "skills/json-shape/scripts/infer_schema.mjs"
CHECK = "skills/json-shape/scripts/check_json.mjs"
DRAFT = "https://json-schema.org/draft/2020-12/schema"

IDS = [f"6fa459ea-ee8a-3ca4-894e-db77e160355{digit}" for digit in "abc"]
EVENTS = [
    {"id": IDS[0], "at": "2025-01-31T10:00:00Z", "n": 1, "kind": "a", "tags": []},
    {"id": IDS[1], "at": "2025-02-01T10:00:00+01:00", "n": 2.5, "kind": "b", "tags": ["x"]},
    {"id": IDS[2], "at": "2025-02-02T10:00:00Z", "n": 3, "kind": "a", "tags": [1], "by": None},
]  # fmt: skip


def lines(values) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def test_a_schema_holds_what_all_samples_have_in_common(run):
    done = run(INFER, "--lines", "--title", "Event", "-", stdin=lines(EVENTS))
    assert (done.returncode, done.stderr) == (0, "infer_schema: from 3 samples\n")
    assert json.loads(done.stdout) == {
        "$schema": DRAFT,
        "title": "Event",
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "at": {"type": "string", "format": "date-time"},
            "n": {"type": "number"},
            "kind": {"type": "string"},
            "tags": {"type": "array", "items": {"type": ["string", "integer"]}},
            "by": {"type": "null"},
        },
        "required": ["id", "at", "n", "kind", "tags"],
    }


def test_enums_closed_objects_and_array_elements_are_asked_for(run, tmp_path):
    samples = [{"kind": kind, "__proto__": 1} for kind in "abaabb"]
    (tmp_path / "s.json").write_text(json.dumps(samples))
    done = run(INFER, "--items", "--enum", "2", "--closed", "s.json")
    assert json.loads(done.stdout) == {
        "$schema": DRAFT,
        "type": "object",
        "properties": {"kind": {"type": "string", "enum": ["a", "b"]}, "__proto__": {"type": "integer"}},
        "required": ["kind", "__proto__"],
        "additionalProperties": False,
    }
    assert json.loads(run(INFER, "s.json").stdout)["items"]["properties"]["kind"] == {"type": "string"}


def test_samples_satisfy_their_own_schema_and_a_broken_one_does_not(run, tmp_path):
    (tmp_path / "events.jsonl").write_text(lines(EVENTS))
    (tmp_path / "schema.json").write_text(run(INFER, "--lines", "events.jsonl").stdout)
    good = run(CHECK, "--lines", "schema.json", "events.jsonl")
    assert (good.returncode, good.stdout) == (0, "documents: 3, invalid: 0\n")
    broken = [EVENTS[0], {**EVENTS[0], "id": "x", "n": "1", "tags": ["a", {}]}, {"id": EVENTS[0]["id"]}]
    (tmp_path / "events.jsonl").write_text(lines(broken))
    bad = run(CHECK, "--lines", "schema.json", "events.jsonl")
    assert bad.returncode == 1
    assert bad.stdout.splitlines() == [
        "events.jsonl:2: /id: is no uuid",
        "events.jsonl:2: /n: is string, not number",
        "events.jsonl:2: /tags/1: is object, not string or integer",
        "events.jsonl:3: (root): lacks at",
        "events.jsonl:3: (root): lacks n",
        "events.jsonl:3: (root): lacks kind",
        "events.jsonl:3: (root): lacks tags",
        "documents: 3, invalid: 2",
    ]


LIST = {"properties": {"next": {"$ref": "#/$defs/t"}}, "required": ["v"]}
KEYWORDS = [
    ({"enum": [1, {"a": 1, "b": 2}]}, {"b": 2, "a": 1}, None),
    ({"enum": [1, 2]}, 3, "(root): 3 is none of 1, 2"),
    ({"const": None}, 0, "(root): is not null"),
    ({"minimum": 1, "maximum": 2}, 3, "(root): 3 is above 2"),
    ({"maxLength": 2}, "🦊🦊", None),
    ({"minLength": 3}, "🦊🦊", "(root): has 2 characters, at least 3 are needed"),
    ({"pattern": "^a"}, "ba", "(root): does not match ^a"),
    ({"maxItems": 1}, [1, 2], "(root): has 2 items, at most 1 are allowed"),
    ({"additionalProperties": False, "properties": {"a": True}}, {"a": 1, "x/y": 2}, "/x~1y: is not allowed"),
    ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, 4, "(root): fits none of anyOf"),
    ({"not": {"type": "null"}}, None, "(root): is what not forbids"),
    ({"$defs": {"t": LIST}, "$ref": "#/$defs/t"}, {"v": 1, "next": {}}, "/next: lacks v"),
    ({"required": ["toString"]}, {}, "(root): lacks toString"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "document", "problem"), KEYWORDS)
def test_each_keyword_refuses_what_it_should_and_nothing_else(run, tmp_path, schema, document, problem):
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    done = run(CHECK, "schema.json", "-", stdin=json.dumps(document))
    expected = f"-: {problem}\n" if problem else ""
    count = 1 if problem else 0
    assert (done.returncode, done.stdout) == (count, f"{expected}documents: 1, invalid: {count}\n")


def test_bad_input_is_refused(run, tmp_path):
    (tmp_path / "latin.json").write_bytes(b'"caf\xe9"')
    (tmp_path / "broken.json").write_text('{"a": }')
    (tmp_path / "object.json").write_text("{}")
    (tmp_path / "unknown.json").write_text('{"properties": {"a": {"dependentRequired": {}}}}')
    (tmp_path / "loop.json").write_text('{"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}')
    (tmp_path / "nowhere.json").write_text('{"$ref": "https://example.com/x"}')
    for script, arguments, message in (
        (INFER, ["gone.json"], "infer_schema: gone.json: no such file"),
        (INFER, ["latin.json"], "infer_schema: latin.json: not UTF-8"),
        (INFER, ["broken.json"], "infer_schema: broken.json: not JSON: "),
        (INFER, ["--items", "object.json"], "infer_schema: object.json: --items needs an array, "),
        (INFER, ["--lines", "-"], "infer_schema: there is no sample in the input"),
        (INFER, ["--enum", "x", "object.json"], "infer_schema: --enum takes a whole number, not x"),
        (INFER, ["--frob"], "infer_schema: Unknown option '--frob'"),
        (CHECK, ["object.json"], "check_json: name a schema and at least one file"),
        (CHECK, ["unknown.json", "object.json"],
         "check_json: schema #/properties/a: the keyword dependentRequired is not supported"),
        (CHECK, ["nowhere.json", "object.json"], "check_json: schema #: $ref https://example.com/x leads"),
        (CHECK, ["loop.json", "object.json"], "check_json: nested too deeply, or a $ref that"),
        (CHECK, ["object.json", "broken.json"], "check_json: broken.json: not JSON: "),
    ):  # fmt: skip
        done = run(script, *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.startswith(message), done.stderr
