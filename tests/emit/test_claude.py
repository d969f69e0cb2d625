"""Claude's catalogues, whole: what they list, in which form, and what is left out to keep the limit."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from typing import Any

import pytest
from emit.samples import SITE, collection, document, row, sha, summary

from registry_builder.core.folder import File
from registry_builder.core.ledger import DEPRECATED, QUARANTINED, REMOVED, YANKED
from registry_builder.emit import catalogue, claude
from registry_builder.emit.base import Site, Summary, summarise

DOWNLOADS = "https://skills.acme.example/api/v1/downloads/public"
HEAD = {
    "name": "acme",
    "description": "What Acme's agents know.",
    "owner": {"name": "Acme", "email": "skills@acme.example", "url": "https://acme.example"},
}


def files(summaries: list[Summary], site: Site = SITE) -> dict[str, Any]:
    return {key: json.loads(body) for key, body in claude.emit_registry(summaries, site).entries}


def root_of(*summaries: Summary) -> list[dict[str, Any]]:
    plugins: list[dict[str, Any]] = files(list(summaries))["marketplace.json"]["plugins"]
    return plugins


def archive(name: str, version: int = 1) -> dict[str, str]:
    sha256 = sha(f"{name} {version}")
    return {"source": "archive", "url": f"{DOWNLOADS}/{name}/{sha256}.zip", "sha256": sha256}


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"Does {name}.", "version": "1.0.0", "source": archive(name), **more}


def bundle(name: str, *members: str, **changes: Any) -> Summary:
    return summary(name, type="bundle", manifest=True, dependencies=members, **changes)


def test_all_files_of_a_small_registry() -> None:
    site = dataclasses.replace(
        SITE,
        collections=(collection("docs", "aa", "bb"),),
        retired=("docs", "old"),
        base_url="https://h.example/x",
    )
    items = [summary("aa"), summary("bb"), summary("cc"), bundle("docs", "aa", "bb")]
    skill = {"strict": False, "skills": ["./"]}

    def at(name: str) -> dict[str, Any]:
        url = f"https://h.example/x/api/v1/downloads/public/{name}/{sha(f'{name} 1')}.zip"
        return {"source": {**archive(name), "url": url}}

    docs = [entry("aa", **skill) | at("aa"), entry("bb", **skill) | at("bb"), entry("docs") | at("docs")]
    assert files(items, site) == {
        "marketplace.json": {
            **HEAD,
            "plugins": [*docs[:2], entry("cc", **skill) | at("cc"), docs[2]],
        },
        "marketplace/collections/docs.json": {
            **HEAD,
            "name": "acme-docs",
            "description": "All of docs.",
            "plugins": docs,
        },
        "marketplace/collections/old.json": {
            **HEAD,
            "name": "acme-old",
            "description": "Acme skills",
            "plugins": [],
        },
    }


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({}, {"strict": False, "skills": ["./"]}),
        ({"manifest": True}, {}),
        ({"type": "plugin", "manifest": True}, {}),
        ({"type": "plugin"}, {}),
        ({"type": "agent"}, {"strict": False, "agents": ["./AGENT.md"]}),
        ({"type": "agent", "manifest": True}, {}),
        ({"type": "command"}, {"strict": False, "commands": ["./COMMAND.md"]}),
    ],
)
def test_component_keys_stand_only_where_no_manifest_does(
    given: dict[str, Any], more: dict[str, Any]
) -> None:
    assert root_of(summary("aa", **given)) == [entry("aa", **more)]


@pytest.mark.parametrize("kind", ["rule", "hook", "mcp", "unheard-of"])
def test_what_claude_cannot_install_is_not_listed(kind: str) -> None:
    assert root_of(summary("aa", type=kind)) == []


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({"tags": ("pdf", "ünïcode")}, {"keywords": ["pdf", "ünïcode"]}),
        ({"tags": ("", "x" * 129)}, {}),
        ({"tags": tuple(str(i) for i in range(60))}, {"keywords": [str(i) for i in range(50)]}),
        ({"licence": "MIT"}, {"license": "MIT"}),
        ({"licence": "  "}, {}),
        ({"licence": "see " + "x" * 200}, {"license": "see…"}),
        ({"author": "Jane Doe"}, {"author": {"name": "Jane Doe"}}),
        ({"author": "\n"}, {}),
        ({"homepage": "https://example.com/a?b#c"}, {"homepage": "https://example.com/a?b#c"}),
        ({"homepage": "example.com"}, {}),
    ],
)
def test_what_an_entry_says_beside_its_description(given: dict[str, Any], more: dict[str, Any]) -> None:
    assert root_of(summary("aa", **given)) == [entry("aa", strict=False, skills=["./"], **more)]


@pytest.mark.parametrize(
    "url",
    [
        "http://a", "HTTPS://A.B", "https://a.b:443/x", "https://1.2.3.4/", "https://[::1]/", "https://a_b.c/",
        "https://a.b./", "https://münchen.de/", "https://xn--mnchen-3ya.de/ü", "https://localhost",
    ],
)  # fmt: skip
def test_a_homepage_of_the_web_is_kept(url: str) -> None:
    assert catalogue.is_web(url)


@pytest.mark.parametrize(
    "url",
    [
        None, "", "a.b", "//a.b", "ftp://a.b", "javascript:alert(1)", "https://", "http:///a.b",
        "https://a b/", "https://a.b/\n", "https://a.b:99999/", "https://a.b:8x/", "https://1.2.3.999/", "https://a.1/",
        "https://a.0x1/", "https://[::1/", "https://[::1%25lo]/", "https://[v1.a]/", "https://xn--zzzzzzzz.de/",
        "https://xn--.de/", "https://١.de/", f"https://{'a' * 64}.de/", "https://a.b/<script>",
        "https://a.b/" + "x" * 2_000,
    ],
)  # fmt: skip
def test_a_homepage_that_claude_would_call_invalid_is_dropped(url: str | None) -> None:
    assert not catalogue.is_web(url)


@pytest.mark.parametrize(
    ("rows", "changes", "versions"),
    [
        ([row(1), row(2)], {}, ["2.0.0"]),
        ([row(1), row(2, state=YANKED)], {}, ["1.0.0"]),
        ([row(1, state=QUARANTINED), row(2, state=YANKED)], {}, []),
        ([row(1), row(2, state=DEPRECATED)], {"state": DEPRECATED}, ["2.0.0"]),
        ([row(1), row(2)], {"state": REMOVED}, []),
        ([row(1)], {"state": YANKED}, []),
        ([row(1)], {"state": QUARANTINED}, []),
    ],
)
def test_the_newest_served_version_is_listed(
    rows: list[Any], changes: dict[str, Any], versions: list[str]
) -> None:
    listed = root_of(summarise(document("aa", *rows, **changes)))
    assert [item["version"] for item in listed] == versions
    assert [item["source"] for item in listed] == [archive("aa", int(text[0])) for text in versions]


@pytest.mark.parametrize(
    ("others", "listed"),
    [
        ([], False),
        ([summary("aa")], False),
        ([summary("aa"), summary("bb", type="rule")], False),
        ([summary("aa"), summary("bb", state=REMOVED)], False),
        ([summary("aa"), summary("bb")], True),
    ],
)
def test_a_bundle_is_listed_beside_all_its_dependencies(others: list[Summary], listed: bool) -> None:
    names = [item["name"] for item in root_of(bundle("docs", "aa", "bb"), *others)]
    assert ("docs" in names) is listed


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ('"quoted" \\ <b>\u202e\u0000💥\u2028.', '"quoted" \\ <b>\u202e\u0000💥\u2028.'),
        ("  outer space ", "outer space"),
        (" " * 90, "Title"),
        ("word " * 206, "word " * 203 + "word…"),
        (" " * 2_000 + "x", "x"),
        ("x" * 2_000, "x" * 1_023 + "…"),
    ],
)
def test_any_description_is_shown(description: str, shown: str) -> None:
    (plugin,) = root_of(summary("aa", description=description, title="Title"))
    assert plugin["description"] == shown


@pytest.mark.parametrize(
    ("changes", "head"),
    [
        ({"owner": {}}, {"owner": {"name": "Acme skills"}}),
        ({"owner": {}, "title": ""}, {"owner": {"name": "acme"}}),
        ({"owner": {"name": "A", "phone": "1"}}, {"owner": {"name": "A"}}),
        ({"description": " "}, {"description": "Acme skills"}),
    ],
)
def test_the_head_is_never_without_owner_and_description(
    changes: dict[str, Any], head: dict[str, Any]
) -> None:
    assert files([], dataclasses.replace(SITE, **changes)) == {
        "marketplace.json": {**HEAD, "plugins": [], **head}
    }


def words(count: int) -> str:
    return ("lorem ipsum dolor sit amet " * 40)[:count]


def many(count: int, length: int = 1_024) -> list[Summary]:
    """Skills whose time, day by day, is not in the order of their names."""
    days = [f"2026-{1 + i * 7 % 12:02}-{1 + i * 11 % 28:02}T00:00:00Z" for i in range(count)]
    return [
        summarise(document(f"s{i:05}", row(1, f"s{i}", time=days[i]), description=words(length)))
        for i in range(count)
    ]


@pytest.mark.parametrize(("count", "listed"), [(1_000, 1_000), (10_000, 10_000), (20_000, None)])
def test_the_root_keeps_its_limit_and_is_quick(count: int, listed: int | None) -> None:
    items = many(count)
    start = time.process_time()
    emission = claude.emit_registry(items, SITE)
    assert time.process_time() - start < 2
    ((key, body),) = emission.entries
    plugins = json.loads(body)["plugins"]
    assert len(body) <= 5_242_880
    assert len(body) > 5_000_000 or listed == 1_000
    assert listed is None or len(plugins) == listed
    assert [item["name"] for item in plugins] == sorted(item["name"] for item in plugins)
    assert [(item.rule, item.level, item.path) for item in emission.findings] == (
        [] if listed == 1_000 else [("catalogue-cut", "warning", key)]
    )


def cut_to(
    limit: int, items: list[Summary], preferred: tuple[str, ...] = ()
) -> tuple[list[dict[str, Any]], Any]:
    plugins = tuple(catalogue.Plugin(item, archive(item.name)) for item in items)
    emission = catalogue.write(catalogue.Catalogue("marketplace.json", HEAD, plugins, limit), preferred)
    ((_, body),) = emission.entries
    assert len(body) <= limit
    return json.loads(body)["plugins"], emission.findings


def test_descriptions_are_cut_to_the_largest_common_length_that_fits() -> None:
    items = [*many(40), summary("tiny", description="Small.")]
    whole = sum(len(str(item)) for item in cut_to(10**6, items)[0])
    lengths = []
    for limit in range(whole // 2, whole, 997):
        plugins, findings = cut_to(limit, items)
        assert len(plugins) == len(items)
        assert next(item for item in plugins if item["name"] == "tiny")["description"] == "Small."
        (length,) = {int(item.message.split("cut to ")[1].split(" ")[0]) for item in findings}
        assert max(len(item["description"]) for item in plugins) <= length
        longer = [{**item, "description": catalogue.cut(words(1_024), length + 1)} for item in plugins[:-1]]
        body = catalogue.encode({**HEAD, "plugins": [*longer, plugins[-1]]})
        assert len(body) > limit
        lengths.append(length)
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 5


def test_what_fits_at_the_least_length_is_the_newest_first() -> None:
    items = many(40)
    newest = sorted(sorted(items, key=lambda item: item.name), key=lambda item: item.time, reverse=True)
    for limit in range(1_000, 12_000, 501):
        plugins, (finding,) = cut_to(limit, items)
        assert {item["name"] for item in plugins} == {item.name for item in newest[: len(plugins)]}
        assert all(len(item["description"]) <= 80 for item in plugins)
        assert finding.message.startswith(
            f"{len(plugins)} of 40 entries are listed, their descriptions cut to 80 "
        )
        missing = newest[len(plugins)]
        (extra,) = cut_to(10**6, [missing])[0]
        one_more = [*plugins, {**extra, "description": catalogue.cut(extra["description"], 80)}]
        assert len(catalogue.encode({**HEAD, "plugins": one_more})) > limit


@pytest.mark.parametrize("start", [10**6, 20_000, 9_000, 3_000])
def test_a_file_may_fill_its_limit_to_the_last_byte(start: int) -> None:
    items = [*many(30), bundle("b", "s00003", "s00007"), summary("zz", description="💥" * 900)]

    def size(limit: int) -> int:
        plugins, _ = cut_to(limit, items)
        return len(catalogue.encode({**HEAD, "plugins": plugins}))

    full = size(start)
    assert size(full) == full
    assert size(full - 1) < full


def test_a_cut_catalogue_lists_no_bundle_without_its_dependencies() -> None:
    items = many(30)
    newest = sorted(sorted(items, key=lambda item: item.name), key=lambda item: item.time, reverse=True)
    late = {"time": "2027-01-01T00:00:00Z"}
    bundles = [
        bundle(f"b{i}", newest[i].name, newest[3 * i].name, versions=(row(1, f"b{i}", **late),))
        for i in range(1, 10)
    ]
    seen = set()
    for limit in range(1_000, 15_000, 83):
        plugins, findings = cut_to(limit, [*items, *bundles])
        names = {item["name"] for item in plugins}
        assert all(item.message.startswith(f"{len(names)} of 39 entries") for item in findings)
        for item in bundles:
            assert item.name not in names or names.issuperset(item.dependencies)
        seen |= names
    assert "b1" in seen


def test_a_root_above_its_limit_lists_the_collection_default() -> None:
    items = [*many(40), bundle("all", "s00001", "s00002"), bundle("some", "s00001", "s00003")]
    plugins, findings = cut_to(20_000, items, ("s00001", "s00002", "not-there"))
    assert [item["name"] for item in plugins] == ["all", "s00001", "s00002"]
    assert plugins[1]["description"] == words(1_024).strip()
    assert findings == ()


@pytest.mark.parametrize("preferred", [("not-there",), ()])
def test_a_default_that_lists_nothing_counts_as_none(preferred: tuple[str, ...]) -> None:
    plugins, (finding,) = cut_to(20_000, many(40), preferred)
    assert plugins
    assert finding.rule == "catalogue-cut"


def test_a_default_above_the_limit_is_cut() -> None:
    items = many(40)
    plugins, (finding,) = cut_to(2_000, items, tuple(item.name for item in items[:20]))
    assert 0 < len(plugins) < 20
    assert {item["name"] for item in plugins} < {item.name for item in items[:20]}
    assert f"{len(plugins)} of 20 entries" in finding.message


def test_the_collection_default_of_the_site_is_what_the_root_falls_back_to() -> None:
    items = many(10_000)
    members = [item.name for item in items[:5]]
    site = dataclasses.replace(SITE, collections=(collection("default", *members),))
    assert [item["name"] for item in files(items, site)["marketplace.json"]["plugins"]] == members


def test_a_collection_above_its_limit_is_cut_too() -> None:
    items = many(10_000)
    site = dataclasses.replace(SITE, collections=(collection("huge", *(item.name for item in items)),))
    emission = claude.emit_registry(items, site)
    assert [(item.rule, item.path) for item in emission.findings] == [
        ("catalogue-cut", "marketplace.json"),
        ("catalogue-cut", "marketplace/collections/huge.json"),
    ]
    assert all(len(body) <= 5_242_880 for _, body in emission.entries)


def test_one_stranger_cannot_push_the_others_out() -> None:
    items = [
        *many(50, 60),
        summary("zz", tags=("x" * 10**6,) * 9, author="x" * 10**7, licence="y" * 10**7, homepage=None),
    ]
    ((_, body),) = claude.emit_registry(items, SITE).entries
    assert len(json.loads(body)["plugins"]) == 51
    assert len(body) < 50_000


@pytest.mark.parametrize(
    ("given", "description"),
    [(collection("docs", "bb", "aa"), "All of docs."), (collection("docs"), "All of docs.")],
)
def test_a_bundle_is_one_file_without_a_version(given: Any, description: str) -> None:
    (file,) = claude.bundle_files(given)
    assert file == File(".claude-plugin/plugin.json", file.data)
    assert json.loads(file.data) == {
        "name": "docs",
        "description": description,
        "dependencies": sorted(given.members),
    }


def test_the_order_of_summaries_does_not_count() -> None:
    items = [summary("aa"), summary("bb"), bundle("docs", "aa", "bb")]
    assert claude.emit_registry(items, SITE) == claude.emit_registry(items[::-1], SITE)


def test_the_budget_names_each_catalogue() -> None:
    (budget,) = claude.BUDGETS
    site = dataclasses.replace(SITE, collections=(collection("docs", "aa"),))
    keys = files([summary("aa")], site)
    assert all(re.fullmatch(budget.pattern, key) for key in keys)
    assert budget.bytes == 5_242_880
