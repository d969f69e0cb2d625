"""Route 2 as a file, the ledger's document as it is, the list of names, and schemas that our files keep."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
import pytest
from emit.samples import SITE, document, page, row, sha, summary
from jsonschema import Draft202012Validator

from registry_builder.core.ledger import (
    DEPRECATED,
    QUARANTINED,
    REMOVED,
    YANKED,
    Document,
    Removal,
    decode_document,
    encode,
)
from registry_builder.emit import json_api
from registry_builder.emit.base import summarise

REMOVAL = Removal(commit="f" * 40, time="2026-12-01T00:00:00Z")


def made(given: Document, **skill: Any) -> dict[str, bytes]:
    return dict(json_api.emit_skill(page(given, **skill), SITE))


def answer(given: Document, **skill: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made(given, **skill)["api/v1/skills/aa"])["data"]
    return found


def test_the_whole_answer_about_one_skill() -> None:
    given = document(
        "aa", row(1), row(3), title='A "title" 💥', tags=("pdf", "x"), licence="MIT", execution_tier="local",
        required_env=("TOKEN",), credit_cost_per_use=2,
    )  # fmt: skip
    assert answer(given, scripts=("scripts/x.py",)) == {
        "skill": {
            "id": json_api.skill_id("aa"),
            "slug": "aa",
            "name": 'A "title" 💥',
            "description": "Does aa.",
            "tags": ["pdf", "x"],
            "version": 3,
            "github_url": f"https://github.com/acme/skills/tree/{row(3).commit}/skills/aa",
            "category": "public",
            "type": "skill",
            "state": "active",
            "licence": "MIT",
            "hasScripts": True,
            "execution_tier": "local",
            "requiredEnvVars": ["TOKEN"],
            "credit_cost_per_use": 2,
        },
        "download": {
            "content_sha": sha("aa 3"),
            "content_size": 1_003,
            "version": 3,
            "url": f"/api/v1/downloads/public/aa/{sha('aa 3')}.zip",
        },
    }


@pytest.mark.parametrize(
    ("rows", "changes", "version", "download"),
    [
        ([row(1), row(2)], {}, 2, 2),
        ([row(1), row(2, state=DEPRECATED)], {"state": DEPRECATED}, 2, 2),
        ([row(1), row(2, state=YANKED)], {}, 1, 1),
        ([row(1), row(2, state=QUARANTINED)], {}, 1, 1),
        ([row(1, state=YANKED), row(2, state=YANKED)], {}, 2, None),
        ([row(1), row(2)], {"state": REMOVED, "removed": REMOVAL}, 2, None),
        ([row(1), row(2)], {"state": QUARANTINED}, 2, None),
    ],
)
def test_the_download_is_the_newest_that_is_served(
    rows: list[Any], changes: dict[str, Any], version: int, download: int | None
) -> None:
    given = document("aa", *rows, **changes)
    found = answer(given)
    assert (found["skill"]["version"], found["skill"]["state"]) == (version, given.state)
    assert (found["download"] or {}).get("version") == download
    listed = json.loads(dict(json_api.emit_registry([summarise(given)], SITE).entries)["api/v1/index.json"])
    assert [item["version"] for item in listed["skills"]] == ([download] if download else [])


@pytest.mark.parametrize(
    ("source_url", "path", "github_url"),
    [
        ("https://github.com/acme/skills", "skills/aa", "https://github.com/acme/skills/tree/{}/skills/aa"),
        (
            "https://www.github.com/acme/skills.git/",
            "a b#c",
            "https://github.com/acme/skills/tree/{}/a%20b%23c",
        ),
        ("https://github.com/acme/skills", "", "https://github.com/acme/skills/tree/{}"),
        ("https://github.com.evil.example/acme/skills", "skills/aa", None),
        ("https://git.example/github.com/skills", "skills/aa", None),
        ("ssh://git@github.com/acme/skills", "skills/aa", None),
        ("git@github.com:acme/skills.git", "skills/aa", None),
        (None, "skills/aa", None),
    ],
)
def test_github_url_leads_to_the_folder_at_its_commit(
    source_url: str | None, path: str, github_url: str | None
) -> None:
    given = page(document("aa", row(1, path=path)))
    body = dict(json_api.emit_skill(given, dataclasses.replace(SITE, source_url=source_url)))[
        "api/v1/skills/aa"
    ]
    expected = github_url and github_url.format(row(1).commit)
    assert json.loads(body)["data"]["skill"]["github_url"] == expected


def test_the_id_of_a_name_never_changes() -> None:
    assert json_api.skill_id("pdf") == "0216b718-93eb-5e10-a626-c25e1b20b396"
    assert json_api.skill_id("pdf") != json_api.skill_id("docx")


@pytest.mark.parametrize(
    "given",
    [
        document("aa"),
        document("aa", row(1), row(2, state=YANKED, reason="Bad.")),
        document("aa", state=REMOVED, removed=REMOVAL, description='"\\\u202e💥'),
        document("aa", type="bundle", dependencies=("bb",), manifest=True, held="a" * 40),
    ],
)
def test_the_ledgers_document_is_published_as_it_is(given: Document) -> None:
    files = made(given)
    assert list(files) == ["api/v1/skills/aa", "api/v1/index/aa.json"]
    assert files["api/v1/index/aa.json"] == encode(given)
    assert decode_document(files["api/v1/index/aa.json"]) == given


def test_the_list_of_names() -> None:
    items = [summary("bb", type="agent"), summary("aa", description='"💥"'), summary("cc", state=REMOVED)]
    ((key, body), *_) = json_api.emit_registry(items, SITE).entries

    def entry(name: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "type": "skill",
            "version": 1,
            "state": "active",
            "sha256": sha(f"{name} 1"),
            "time": "2026-11-01T10:00:00Z",
            "description": f"Does {name}.",
            **more,
        }

    assert key == "api/v1/index.json"
    assert json.loads(body) == {
        "schema": 1,
        "skills": [entry("aa", description='"💥"'), entry("bb", type="agent")],
    }
    assert body.endswith(b"}\n")


def schemas() -> dict[str, Any]:
    entries = json_api.emit_registry([], SITE).entries
    return {key: json.loads(body) for key, body in entries if key.startswith("schemas/")}


def test_there_is_a_schema_of_each_file_that_is_ours() -> None:
    found = schemas()
    assert list(found) == [key for key, _ in json_api.SCHEMAS]
    for key, schema in found.items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"https://skills.acme.example/{key}"


FULL = document(
    "aa", row(1, label="0.1", state=YANKED, reason="Bad."), row(2), state=REMOVED, removed=REMOVAL,
    tags=("x",), licence="MIT", author="J", homepage="https://a.b", owner="o", execution_tier="local",
    held="a" * 40, required_env=("A",), clients={"claude": "works"}, replacement="bb", url=None,
)  # fmt: skip


@pytest.mark.parametrize("given", [document("aa"), FULL])
def test_a_document_keeps_its_schema(given: Document) -> None:
    Draft202012Validator(schemas()["schemas/ledger-document.json"]).validate(json.loads(encode(given)))


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", 1), ("versions", None), ("versions", [{}]), ("tags", "pdf"), ("title", None)],
)
def test_a_document_that_is_wrong_breaks_its_schema(field: str, value: object) -> None:
    wrong = {**msgspec.to_builtins(FULL), field: value}
    assert not Draft202012Validator(schemas()["schemas/ledger-document.json"]).is_valid(wrong)


def test_the_list_of_names_keeps_its_schema() -> None:
    entries = dict(json_api.emit_registry([summary("aa")], SITE).entries)
    schema = Draft202012Validator(json.loads(entries["schemas/index.json"]))
    schema.validate(json.loads(entries["api/v1/index.json"]))
    assert not schema.is_valid({"schema": 1, "skills": [{"name": "aa"}]})
