"""npm: the tarball as npm unpacks it, the packument of each state, and the catalogue with npm sources."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import re
import tarfile
from typing import Any

import pytest
from emit.samples import SITE, collection, derived_npm, document, page, row, sha, source, summary

from registry_builder.core.ledger import (
    DEPRECATED,
    QUARANTINED,
    REMOVED,
    SERVED,
    YANKED,
    Derived,
    Document,
    Removal,
)
from registry_builder.emit import npm
from registry_builder.emit.base import Source

T = "https://skills.acme.example/t"


def unpacked(given: Source) -> dict[str, bytes]:
    made = npm.derive(given, SITE)
    assert made is not None
    ((_, body),) = made.objects
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        return {item.name: archive.extractfile(item).read() for item in archive}  # type: ignore[union-attr]


def manifest(given: Source) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unpacked(given)["package/package.json"])
    return found


def packument(given: Document) -> dict[str, Any]:
    ((key, body),) = npm.emit_skill(page(given), SITE)
    assert key == f"npm/@acme/{given.name}"
    found: dict[str, Any] = json.loads(body)
    return found


def test_the_tarball_holds_the_files_and_a_manifest() -> None:
    given = source({"scripts/x.py": b"\x00\xff", ".gitignore": b"*"}, version=7, tags=("pdf",), licence="MIT")
    assert unpacked(given) == {
        "package/.gitignore": b"*",
        "package/SKILL.md": b"---\nname: aa\ndescription: Does aa.\n---\n",
        "package/package.json": b'{"description":"Does aa.","keywords":["pdf"],"license":"MIT",'
        b'"name":"@acme/aa","version":"7.0.0"}\n',
        "package/scripts/x.py": b"\x00\xff",
    }


def test_the_row_records_what_the_object_is() -> None:
    made = npm.derive(source(), SITE)
    assert made is not None
    ((key, body),) = made.objects
    sha256 = hashlib.sha256(body).hexdigest()
    assert key == f"t/aa/{sha256}.tgz"
    assert made.record == Derived(
        profile=1,
        sha256=sha256,
        size=len(body),
        sha512=hashlib.sha512(body).hexdigest(),
        sha1=hashlib.sha1(body).hexdigest(),
    )


def test_of_the_site_only_the_name_counts() -> None:
    other = dataclasses.replace(
        SITE, title="x", description="y", base_url="http://z", owner={}, source_url=None, builder="b",
        collections=(collection("docs", "aa"),), retired=("old",), assets={"a": "b"},
    )  # fmt: skip
    assert npm.derive(source(), other) == npm.derive(source(), SITE)
    assert npm.derive(source(), dataclasses.replace(SITE, name="beta")) != npm.derive(source(), SITE)


@pytest.mark.parametrize("kind", ["skill", "plugin", "bundle", "agent", "command"])
def test_what_claude_lists_has_a_tarball(kind: str) -> None:
    assert npm.derive(source(type=kind), SITE) is not None


@pytest.mark.parametrize(
    "given",
    [
        source(type="rule"),
        source(type="hook"),
        source(type="mcp"),
        source({"x" * 101: b""}),
        source({"/".join(["long" * 10] * 8): b""}),
        source({"package.json/x": b""}),
        source({"Package.JSON/x": b""}),
        source({"\udcff": b""}),
    ],
)
def test_there_is_no_tarball_of_what_npm_cannot_take(given: Source) -> None:
    assert npm.derive(given, SITE) is None


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, {"description": "Does aa."}),
        ({"description": ""}, {}),
        ({"author": "Jane"}, {"author": "Jane", "description": "Does aa."}),
        ({"homepage": "https://a.b"}, {"homepage": "https://a.b", "description": "Does aa."}),
    ],
)
def test_the_manifest_says_what_the_skill_says(changes: dict[str, Any], more: dict[str, Any]) -> None:
    assert manifest(source(**changes)) == {"name": "@acme/aa", "version": "1.0.0", **more}


OWN = {"name": "@acme/aa", "version": "1.0.0", "description": "Does aa."}


@pytest.mark.parametrize(
    ("own", "found"),
    [
        (b'{"name":"evil","version":"9","private":true,"type":"module"}', {**OWN, "type": "module"}),
        (
            b'{"description":"Mine.","license":{"type":"x"}}',
            {**OWN, "description": "Mine.", "license": {"type": "x"}},
        ),
        (b'\xef\xbb\xbf{"bin":"x.js"}', {**OWN, "bin": "x.js"}),
        (
            b'{"scripts":{"preinstall":"rm","install":"rm","postinstall":"rm","test":"t"}}',
            {**OWN, "scripts": {"test": "t"}},
        ),
        (
            b'{"scripts":{"prepare":"rm","prepublish":"rm","prepublishOnly":"rm","prepack":"rm"}}',
            {**OWN, "scripts": {}},
        ),
        (b'{"scripts":{"preprepare":"rm","postprepare":"rm","dependencies":"rm"}}', {**OWN, "scripts": {}}),
        (b'{"scripts":"rm"}', OWN),
        (b'{"big":123456789012345678901234567890}', {**OWN, "big": 123456789012345678901234567890}),
        (b"", OWN),
        (b"{", OWN),
        (b"[]", OWN),
        (b"null", OWN),
        (b'{"a":NaN}', OWN),
        (b'{"a":"\xff"}', OWN),
        (b'{"a":"\\ud800"}', OWN),
        (b'{"a":' * 33 + b"1" + b"}" * 33, OWN),
        (b'{"a":' * 100_000, OWN),
        (b"[" * 100_000, OWN),
        (b'{"a":' + b"9" * 10_000 + b"}", OWN),
    ],
)
def test_an_own_manifest_keeps_its_fields_but_for_what_runs(own: bytes, found: dict[str, Any]) -> None:
    assert manifest(source({"package.json": own})) == found


def test_no_other_spelling_of_the_manifest_survives_on_a_disk_without_case() -> None:
    files = unpacked(source({"PACKAGE.json": b'{"scripts":{"install":"rm"}}', "sub/package.json": b"{}"}))
    assert sorted(files) == ["package/SKILL.md", "package/package.json", "package/sub/package.json"]


def test_npm_compiles_nothing_that_a_skill_brings() -> None:
    assert manifest(source({"binding.gyp": b"{}", "package.json": b'{"gypfile":true}'})) == {
        **OWN,
        "gypfile": False,
    }


def version(name: str, number: int, **more: Any) -> dict[str, Any]:
    derived = derived_npm(f"{name} {number}")
    integrity = base64.b64encode(hashlib.sha512(f"{name} {number}".encode()).digest()).decode()
    return {
        "name": f"@acme/{name}",
        "version": f"{number}.0.0",
        "dist": {
            "tarball": f"{T}/{name}/{derived.sha256}.tgz",
            "integrity": f"sha512-{integrity}",
            "shasum": derived.sha1,
        },
        **more,
    }


DAYS = {number: f"2026-11-{number:02}T10:00:00Z" for number in (1, 2, 3)}
REMOVAL = Removal(commit="f" * 40, time="2026-12-01T00:00:00Z")


def test_a_whole_packument() -> None:
    given = document(
        "aa",
        row(1),
        row(2),
        tags=("pdf",),
        licence="MIT",
        author="Jane",
        homepage="https://a.b",
        description="Does it.",
    )
    said = {
        "description": "Does it.",
        "keywords": ["pdf"],
        "license": "MIT",
        "author": {"name": "Jane"},
        "homepage": "https://a.b",
    }
    assert packument(given) == {
        "_id": "@acme/aa",
        "name": "@acme/aa",
        **said,
        "dist-tags": {"latest": "2.0.0"},
        "versions": {"1.0.0": version("aa", 1), "2.0.0": version("aa", 2, **said)},
        "time": {"created": DAYS[1], "modified": DAYS[2], "1.0.0": DAYS[1], "2.0.0": DAYS[2]},
    }


@pytest.mark.parametrize(
    ("rows", "changes", "versions", "modified"),
    [
        ([row(1), row(2, state=YANKED)], {}, [1, 2], DAYS[2]),
        ([row(1, state=QUARANTINED), row(2)], {}, [2], DAYS[2]),
        ([row(1, state=YANKED)], {}, [], DAYS[1]),
        ([row(1), row(2)], {"state": REMOVED, "removed": REMOVAL}, [], REMOVAL.time),
        ([row(1)], {"state": YANKED}, [], DAYS[1]),
        ([row(1), row(2, derived={})], {}, [1], DAYS[2]),
        ([row(1, derived={})], {}, [], DAYS[1]),
        ([row(9), row(10)], {}, [9, 10], "2026-11-10T10:00:00Z"),
    ],
)
def test_only_what_is_served_and_has_a_tarball_can_be_installed(
    rows: list[Any], changes: dict[str, Any], versions: list[int], modified: str
) -> None:
    found = packument(document("aa", *rows, **changes))
    assert set(found["versions"]) == {f"{number}.0.0" for number in versions}
    served = [
        row.version for row in rows if row.state in SERVED and f"{row.version}.0.0" in found["versions"]
    ]
    assert found["dist-tags"] == ({"latest": f"{served[-1]}.0.0"} if served else {})
    assert set(found["time"]) == {"created", "modified", *found["versions"]}
    assert found["time"]["modified"] == modified


@pytest.mark.parametrize(
    ("rows", "changes", "deprecated"),
    [
        ([row(1, state=DEPRECATED, reason="Too old."), row(2)], {}, {"1.0.0": "Too old."}),
        ([row(1), row(2, state=DEPRECATED)], {"state": DEPRECATED}, {"2.0.0": "deprecated"}),
        ([row(1, state=DEPRECATED)], {"replacement": "bb"}, {"1.0.0": "use bb instead"}),
        ([row(1), row(2, state=YANKED, reason="It lies.")], {}, {"2.0.0": "It lies."}),
        ([row(1), row(2, state=YANKED)], {}, {"2.0.0": "yanked"}),
        ([row(1)], {}, {}),
    ],
)
def test_npm_warns_of_what_is_deprecated_or_yanked(
    rows: list[Any], changes: dict[str, Any], deprecated: dict[str, str]
) -> None:
    found = packument(document("aa", *rows, **changes))["versions"]
    assert {key: item["deprecated"] for key, item in found.items() if "deprecated" in item} == deprecated


@pytest.mark.parametrize(
    ("given", "count"),
    [
        (document("aa", row(1, derived={}), type="rule"), 0),
        (document("aa", row(1), row(2, derived={}), type="rule"), 1),
        (document("aa", type="bundle"), 1),
    ],
)
def test_who_has_a_packument(given: Document, count: int) -> None:
    assert len(list(npm.emit_skill(page(given), SITE))) == count


def test_the_whole_catalogue() -> None:
    items = [
        summary("aa", licence="MIT"),
        summary("bb", versions=(row(1, "bb", derived={}),)),
        summary("cc", type="rule"),
        summary("dd", type="bundle", manifest=True, dependencies=("aa",)),
        summary("ee", type="bundle", manifest=True, dependencies=("aa", "bb")),
        summary("ff", state=REMOVED),
    ]
    ((key, body),) = npm.emit_registry(items, SITE).entries

    def entry(name: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "description": f"Does {name}.",
            "version": "1.0.0",
            "source": {
                "source": "npm",
                "package": f"@acme/{name}",
                "version": "1.0.0",
                "registry": "https://skills.acme.example/npm/",
            },
            **more,
        }

    assert key == "marketplace-npm.json"
    assert json.loads(body) == {
        "name": "acme",
        "description": "What Acme's agents know.",
        "owner": {"name": "Acme", "email": "skills@acme.example", "url": "https://acme.example"},
        "plugins": [entry("aa", license="MIT", strict=False, skills=["./"]), entry("dd")],
    }


def test_the_catalogue_above_its_limit_lists_the_collection_default() -> None:
    text = "lorem ipsum " * 80
    items = [summary(f"s{i:05}", description=text) for i in range(10_000)]
    emission = npm.emit_registry(items, SITE)
    assert [item.path for item in emission.findings] == ["marketplace-npm.json"]
    assert len(emission.entries[0][1]) <= npm.BUDGETS[0].bytes
    assert re.fullmatch(npm.BUDGETS[0].pattern, emission.entries[0][0])
    site = dataclasses.replace(SITE, collections=(collection("default", "s00007"),))
    emission = npm.emit_registry(items, site)
    assert [item["name"] for item in json.loads(emission.entries[0][1])["plugins"]] == ["s00007"]
    assert emission.findings == ()


def test_the_digest_of_a_tarball_is_part_of_its_address() -> None:
    assert sha("aa 1 tgz") in packument(document("aa"))["versions"]["1.0.0"]["dist"]["tarball"]
