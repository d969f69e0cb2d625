"""The resolution matrix: who gets what, where, and in which version."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

import pytest
from contracts.sx import check_lock
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_resolver import slow_resolve

from dynamic_api.sx.lock import bundle_path, etag, lock
from dynamic_api.sx.repository import read_repository
from dynamic_api.sx.resolve import resolve
from dynamic_api.sx.values import Asset, Caller, Entry, Install, Resolution, Version, catalogue
from registry_builder.core.artifact import pack
from registry_builder.core.folder import File
from registry_builder.core.key import digest
from registry_builder.emit.sx_lock import Scope

API, WEB = "https://git.example.com/acme/api", "https://git.example.com/acme/web"
ORIGIN = "https://skills.example.com/tenant"


def bundle(name: str, label: str) -> bytes:
    metadata = (
        f'[asset]\nname = "{name}"\nversion = "{label}"\ntype = "skill"\n[skill]\nprompt-file = "SKILL.md"\n'
    )
    return pack((File("SKILL.md", b"text"), File("metadata.toml", metadata.encode())))


def version(text: str, ordinal: int = 1, name: str = "aa") -> Version:
    """`text`: label, state after "!", dependencies after blanks: "2!yanked bb>=1 cc"."""
    head, *needs = text.split()
    label, _, state = head.partition("!")
    body = bundle(name, label)
    return Version(
        label=label,
        ordinal=ordinal,
        sha256=digest(body),
        size=len(body),
        state=state or "active",
        dependencies=tuple(needs),
    )


def asset(name: str, *versions: str, rank: int = 0, id: str = "", type: str = "skill") -> Asset:  # noqa: A002
    made = tuple(version(text, number, name) for number, text in enumerate(versions or ("1",), 1))
    return Asset(id=id or name, name=name, type=type, versions=made, rank=rank)


def org(*names: str) -> list[Install]:
    return [Install(asset=name, entity_type="ORGANIZATION") for name in names]


USER = Caller(
    id="u1", teams={"red": (API,), "bare": (), "two": (WEB, API)}, repositories=frozenset({"r-api", "r-web"})
)
BOT = Caller(id="b1", is_bot=True, teams={"red": (API,)})


def shown(resolution: Resolution) -> list[str]:
    """Each row as "name@version -> dependencies @ places"."""
    lines = []
    for entry in resolution.entries:
        needs = f" -> {' '.join(entry.dependencies)}" if entry.dependencies else ""
        scopes = [f"{scope.repo.rpartition('/')[2]}{list(scope.paths) or ''}" for scope in entry.scopes]
        lines.append(
            f"{entry.asset.id}@{entry.version.label}{needs}" + (f" @ {' '.join(scopes)}" if scopes else "")
        )
    return lines


@pytest.mark.parametrize(
    ("install", "user", "bot"),
    [
        (Install(asset="aa", entity_type="ORGANIZATION"), ["aa@1"], ["aa@1"]),
        (Install(asset="aa", entity_type="ORGANIZATION", via_collection="c"), ["aa@1"], ["aa@1"]),
        (Install(asset="aa", entity_type="USER", entity_id="u1"), ["aa@1"], []),
        (Install(asset="aa", entity_type="USER", entity_id="u2"), [], []),
        (Install(asset="aa", entity_type="USER", entity_id="b1"), [], []),
        (Install(asset="aa", entity_type="BOT", entity_id="b1"), [], ["aa@1"]),
        (Install(asset="aa", entity_type="BOT", entity_id="u1"), [], []),
        (Install(asset="aa", entity_type="TEAM", entity_id="red"), ["aa@1 @ api"], ["aa@1 @ api"]),
        (Install(asset="aa", entity_type="TEAM", entity_id="two"), ["aa@1 @ api web"], []),
        (Install(asset="aa", entity_type="TEAM", entity_id="bare"), ["aa@1"], []),
        (Install(asset="aa", entity_type="TEAM", entity_id="blue"), [], []),
        (Install(asset="aa", entity_type="REPOSITORY", entity_id="r-api", url=API), ["aa@1 @ api"], []),
        (Install(asset="aa", entity_type="REPOSITORY", entity_id="r-other", url=API), [], []),
        (Install(asset="aa", entity_type="REPOSITORY", entity_id="r-api"), [], []),
        (
            Install(
                asset="aa", entity_type="REPOSITORY", entity_id="r-api", url=API, paths=("s/b", "/a/", "a")
            ),
            ["aa@1 @ api['a', 's/b']"],
            [],
        ),
        (Install(asset="aa", entity_type="REPOSITORY", entity_id="r-api", url=API, paths=("../x",)), [], []),
        (Install(asset="aa", entity_type="PLANET"), [], []),
        (Install(asset="gone", entity_type="ORGANIZATION"), [], []),
    ],
)
def test_who_gets_an_install_and_where(install: Install, user: list[str], bot: list[str]) -> None:
    known = catalogue([asset("aa")])
    assert shown(resolve(known, [install], USER)) == user
    assert shown(resolve(known, [install], BOT)) == bot


REPO = {"asset": "aa", "entity_type": "REPOSITORY", "entity_id": "r-api"}


@pytest.mark.parametrize(
    ("installs", "row"),
    [
        ([Install(**REPO, url=API), *org("aa")], "aa@1"),
        ([*org("aa"), Install(**REPO, url=API, paths=("a",))], "aa@1"),
        ([Install(**REPO, url=API, paths=("a",)), Install(**REPO, url=API)], "aa@1 @ api"),
        (
            [Install(**REPO, url=API, paths=("b",)), Install(**REPO, url=API, paths=("a",))],
            "aa@1 @ api['a', 'b']",
        ),
        (
            [Install(**REPO, url="git@git.example.com:Acme/api.git"), Install(**REPO, url=API)],
            "aa@1 @ api.git",
        ),
        ([Install(**REPO, url=WEB), Install(**REPO, url=API)], "aa@1 @ api web"),
        (
            [Install(**REPO, url=API), Install(asset="aa", entity_type="TEAM", entity_id="two")],
            "aa@1 @ api web",
        ),
    ],
)
def test_places_are_put_together(installs: list[Install], row: str) -> None:
    for order in (installs, installs[::-1]):
        assert shown(resolve(catalogue([asset("aa")]), order, USER)) == [row]


def test_user_without_a_list_of_repositories_gets_them_all() -> None:
    caller = Caller(id="u9")
    assert shown(resolve(catalogue([asset("aa")]), [Install(**REPO, url=API)], caller)) == ["aa@1 @ api"]


def test_profile_keeps_its_own_and_what_they_need() -> None:
    known = catalogue([asset("aa", "1 cc"), asset("bb"), asset("cc")])
    caller = Caller(id="u1", profile=frozenset({"aa"}))
    assert shown(resolve(known, org("aa", "bb"), caller)) == ["aa@1 -> cc", "cc@1"]
    assert resolve(known, org("bb"), caller).entries == ()


@pytest.mark.parametrize(
    ("versions", "label"),
    [
        (["1", "2", "10", "9"], "10"),
        (["1", "2!deprecated"], "2"),
        (["1", "2!yanked"], "1"),
        (["1", "2!quarantined"], "1"),
        (["1!removed", "2!removed"], None),
        (["1!yanked"], None),
        (["1!quarantined"], None),
        (["1", "2.0.0-rc.1"], "1"),
        (["1.0.0-rc.1", "1.0.0-rc.2"], "1.0.0-rc.2"),
        (["1", "2024-01-02"], "1"),
        (["latest"], None),
        (["1", "1.0"], "1.0"),
    ],
)
def test_newest_version_that_may_be_had(versions: list[str], label: str | None) -> None:
    made = resolve(catalogue([asset("aa", *versions)]), org("aa"), USER)
    assert shown(made) == ([f"aa@{label}"] if label else [])
    assert [finding.rule for finding in made.findings] == ([] if label else ["sx-no-version"])


PUBLISHED, OWN = asset("bb", "1", id="published", rank=4), asset("bb", "7", id="own", rank=0)


@pytest.mark.parametrize(
    ("assets", "installed", "rows", "rules"),
    [
        ([asset("aa", "1 bb"), asset("bb", "1", "2")], ["aa"], ["aa@1 -> bb", "bb@2"], []),
        ([asset("aa", "1 bb<2"), asset("bb", "1", "2")], ["aa", "bb"], ["aa@1 -> bb", "bb@1"], []),
        ([asset("aa", "1 bb"), asset("bb", "1 cc"), asset("cc")], ["aa"],
         ["aa@1 -> bb", "bb@1 -> cc", "cc@1"], []),
        ([asset("aa", "1 bb")], ["aa"], ["aa@1"], ["sx-dependency"]),
        ([asset("aa", "1 bb>=2"), asset("bb")], ["aa"], ["aa@1"], ["sx-dependency"]),
        ([asset("aa", "1 aa")], ["aa"], ["aa@1"], ["sx-dependency"]),
        ([asset("aa", "1 b*b")], ["aa"], ["aa@1"], ["sx-dependency"]),
        ([asset("aa", "1 bb"), asset("bb", "1 aa")], ["aa"], ["aa@1 -> bb", "bb@1"], ["sx-dependency"]),
        (
            [asset("aa", "1 bb"), asset("bb", "1 cc"), asset("cc", "1 aa bb")],
            ["cc"],
            ["aa@1 -> bb", "bb@1", "cc@1 -> aa bb"],
            ["sx-dependency"],
        ),
        (
            [asset("aa", "1 cc<2"), asset("bb", "1 cc>=2"), asset("cc", "1", "2")],
            ["aa", "bb"],
            ["aa@1 -> cc", "bb@1", "cc@1"],
            ["sx-dependency"],
        ),
        ([asset("aa", "1 bb"), asset("bb", "1!yanked")], ["aa"], ["aa@1"], ["sx-dependency"]),
        ([asset("aa", "1 bb<=1"), asset("bb", "1!yanked")], ["aa"], ["aa@1"], ["sx-dependency"]),
        ([asset("aa", "1 bb==1"), asset("bb", "1!yanked", "2")], ["aa"], ["aa@1 -> bb", "bb@1"], []),
        ([asset("aa", "1 bb==1"), asset("bb", "1!yanked")], ["aa", "bb"], ["aa@1 -> bb", "bb@1"], []),
        ([asset("aa", "1 bb==1"), asset("bb", "1!quarantined")], ["aa"], ["aa@1"], ["sx-dependency"]),
        ([asset("aa", "1 bb==1"), asset("bb", "1!removed")], ["aa"], ["aa@1"], ["sx-dependency"]),
        ([asset("aa", "1 bb>=1 bb<3"), asset("bb", "1", "2", "3")], ["aa"], ["aa@1 -> bb", "bb@2"], []),
        ([asset("aa", "1 bb"), asset("bb", type="app-plugin")], ["aa"], ["aa@1"], ["sx-dependency"]),
        ([asset("aa", "1 bb"), PUBLISHED, OWN], ["aa"], ["aa@1 -> bb", "own@7"], []),
        ([asset("aa", "1 bb"), PUBLISHED, OWN], ["aa", "published"], ["aa@1 -> bb", "published@1"], []),
        ([PUBLISHED, OWN], ["published", "own"], ["own@7"], ["sx-name-twice"]),
        ([asset("a.b"), asset("cc", type="app-plugin")], ["a.b", "cc"], [], ["sx-row", "sx-row"]),
    ],
)  # fmt: skip
def test_dependencies_names_and_states(
    assets: Sequence[Asset], installed: list[str], rows: list[str], rules: list[str]
) -> None:
    made = resolve(catalogue(assets), org(*installed), USER)
    assert shown(made) == rows
    assert [finding.rule for finding in made.findings] == rules


def test_what_is_needed_goes_where_its_dependents_go() -> None:
    known = catalogue(
        [asset("aa", "1 cc"), asset("bb", "1 cc"), asset("cc", "1 dd"), asset("dd"), asset("ee")]
    )
    installs = [
        Install(asset="aa", entity_type="REPOSITORY", entity_id="r-api", url=API, paths=("p",)),
        Install(asset="bb", entity_type="REPOSITORY", entity_id="r-web", url=WEB),
        Install(asset="dd", entity_type="REPOSITORY", entity_id="r-api", url=API, paths=("q",)),
    ]
    places = "@ api['p'] web"
    assert shown(resolve(known, installs, USER)) == [
        "aa@1 -> cc @ api['p']",
        "bb@1 -> cc @ web",
        f"cc@1 -> dd {places}",
        "dd@1 @ api['p', 'q'] web",
    ]


def test_finding_says_what_is_left_out_and_how_to_mend_it() -> None:
    (finding,) = resolve(catalogue([asset("aa", "1 bb>=2"), asset("bb")]), org("aa", "bb"), USER).findings
    assert finding.name == "aa"
    assert finding.message == (
        "its dependency bb>=2 does not fit version 1, which others need, so the lock leaves it out"
    )
    assert finding.mend == "publish a version that fits, or drop the dependency"


# --- the text of the lock


def written(entries: Sequence[Entry]) -> bytes:
    return lock(entries, ORIGIN, "skillpress/0.1.0")


def test_lock_of_a_row_with_everything() -> None:
    one = Version(label="1.0+b", ordinal=1, sha256="a" * 64, size=12, clients=("codex", "cursor"))
    entry = Entry(
        Asset(id="7", name="my-skill", type="claude-code-plugin", versions=(one,)),
        one,
        ("other", "more"),
        (Scope(API), Scope(WEB, ("a b", 'q"'))),
    )
    body = written([entry]).decode()
    head, _, row = body.partition("\n\n")
    content = digest(b"\n" + row.encode())
    assert head.splitlines() == [
        'lock-version = "1.0"',
        f'version = "{content}"',
        'created-by = "skillpress/0.1.0"',
    ]
    assert row == (
        '[[assets]]\nname = "my-skill"\nversion = "1.0+b"\ntype = "claude-code-plugin"\n'
        'clients = ["codex", "cursor"]\ndependencies = [{ name = "other" }, { name = "more" }]\n'
        f'[assets.source-http]\nurl = "{ORIGIN}/api/skills/assets/my-skill/1.0+b/my-skill-1.0+b.zip"\n'
        f'hashes = {{ sha256 = "{"a" * 64}" }}\nsize = 12\n'
        f'[[assets.scopes]]\nrepo = "{API}"\n[[assets.scopes]]\nrepo = "{WEB}"\npaths = ["a b", "q\\""]\n'
    )
    assert tomllib.loads(body)["assets"][0]["scopes"][1] == {"repo": WEB, "paths": ["a b", 'q"']}


def test_empty_lock_is_valid_and_says_remove_everything() -> None:
    table = tomllib.loads(written([]).decode())
    assert {**table, "version": ""} == {
        "lock-version": "1.0",
        "version": "",
        "created-by": "skillpress/0.1.0",
    }
    assert check_lock(written([]).decode(), lambda url: None) == []


def test_etag_belongs_to_content_and_caller() -> None:
    tags = {etag(body, caller) for body in (b"a", b"b") for caller in ("u1", "u2", "")}
    assert len(tags) == 6
    assert etag(b"a", "u1") == etag(b"a", "u1")
    assert all(tag[0] == tag[-1] == '"' and tag.strip('"').isalnum() for tag in tags)


# --- against the slow resolver

NAMES = ("aa", "bb", "cc", "dd")
LABELS = ("1", "1.1", "2", "2.1", "3")
SPECS = ("", ">=2", "<2", "==1", "==2", "!=2.1", "~=1.0", ">=1.1,<3", "<=2,==2", ">9")

texts = st.tuples(st.sampled_from((*NAMES, "zz")), st.sampled_from(SPECS)).map("".join)
states = st.sampled_from(["active"] * 6 + ["deprecated", "yanked", "yanked", "quarantined", "removed"])


@st.composite
def drawn_assets(draw: st.DrawFn) -> list[Asset]:
    made = []
    for number in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(NAMES))
        labels = draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=4, unique=True))
        versions = [
            f"{label}!{draw(states)} {' '.join(draw(st.lists(texts, max_size=3)))}" for label in labels
        ]
        made.append(asset(name, *versions, rank=draw(st.integers(0, 2)), id=f"i{number}"))
    return made


drawn_installs = st.lists(
    st.builds(
        Install,
        asset=st.sampled_from([f"i{number}" for number in range(6)]),
        entity_type=st.sampled_from(["ORGANIZATION", "USER", "BOT", "TEAM", "REPOSITORY", "REPOSITORY"]),
        entity_id=st.sampled_from(["u1", "b1", "red", "bare", "two", "r-api", "r-web"]),
        url=st.sampled_from([API, WEB, "git@git.example.com:acme/api.git"]),
        paths=st.sampled_from([(), ("p",), ("p", "q")]),
    ),
    max_size=8,
)
profiles = st.none() | st.frozensets(st.sampled_from([f"i{number}" for number in range(6)]))


def places(entry: Entry) -> object:
    if not entry.scopes:
        return "everywhere"
    keys = [(read_repository(scope.repo), scope.paths) for scope in entry.scopes]
    return {repository.key: set(paths) or "whole" for repository, paths in keys if repository}


@settings(max_examples=400)
@given(drawn_assets(), drawn_installs, st.sampled_from([USER, BOT]), profiles)
def test_resolver_agrees_with_the_slow_one_and_sx_takes_its_lock(
    assets: list[Asset], installs: list[Install], who: Caller, profile: frozenset[str] | None
) -> None:
    caller = Caller(
        id=who.id, is_bot=who.is_bot, teams=who.teams, repositories=who.repositories, profile=profile
    )
    made = resolve(catalogue(assets), installs, caller)
    rows = {
        entry.asset.name: (entry.asset.id, entry.version.label, entry.dependencies, places(entry))
        for entry in made.entries
    }
    assert rows == slow_resolve(assets, installs, caller)
    bodies = {
        ORIGIN + bundle_path(each.name, one.label): bundle(each.name, one.label)
        for each in assets
        for one in each.versions
    }
    assert check_lock(written(made.entries).decode(), bodies.get) == []
    assert resolve(catalogue(assets[::-1]), installs[::-1], caller) == made
