"""The checker finds nothing in a whole tree, and names each reference that is broken on purpose."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from contracts.references import check_tree
from emit.samples import SITE, collection, document, row, source

from registry_builder.core.artifact import pack
from registry_builder.core.key import download_key
from registry_builder.core.ledger import REMOVED, Document, Removal
from registry_builder.emit import claude, json_api, npm, well_known
from registry_builder.emit.base import Page, summarise

BASE = "https://skills.example/base"
SKILL = b"---\nname: aa\ndescription: d\n---\n"
DISCOVERY = ".well-known/agent-skills/index.json"
FILES = ".well-known/skills/index.json"
CLAWHUB = "clawhub/aa/api/v1"
MARKET = "copilot/docs.zip"
SCHEMA = "https://schemas.agentskills.io/discovery/0.2.0/schema.json"


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in files.items():
            # Without a time of its own, since parts of these trees are names of tests.
            archive.writestr(zipfile.ZipInfo(path), data)
    return out.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(f"package/{path}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


ZIP = zipped({"SKILL.md": SKILL})
BUNDLE = zipped({".claude-plugin/plugin.json": b'{"name":"docs","dependencies":["aa"]}'})
SX = zipped({"SKILL.md": SKILL, "metadata.toml": b"x = 1\n"})
TGZ = tarred({"SKILL.md": SKILL, "package.json": b"{}"})
ZIP_KEY, BUNDLE_KEY, SX_KEY = (
    f"api/v1/downloads/public/{name}/{sha256(body)}.zip"
    for name, body in (("aa", ZIP), ("docs", BUNDLE), ("aa", SX))
)
TGZ_KEY = f"t/aa/{sha256(TGZ)}.tgz"
ASSET = "api/skills/assets/aa"
LOCK = "sx/docs/api/skills/sx.lock"
ARCHIVE = {"source": "archive", "url": f"{BASE}/{ZIP_KEY}", "sha256": sha256(ZIP)}
NPM = {"source": "npm", "package": "@acme/aa", "version": "1.0.0", "registry": f"{BASE}/npm/"}


def entry(name: str, source: Mapping[str, str], **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "d", "source": dict(source), **more}


def market(source: str = "./plugins/aa", **files: bytes) -> bytes:
    """The zip of a local marketplace that has `aa`, and `files` by name with _ for a dot."""
    catalogue = json.dumps({"name": "acme-docs", "plugins": [{"name": "aa", "source": source}]}).encode()
    own = {".claude-plugin/marketplace.json": catalogue, "plugins/aa/SKILL.md": SKILL}
    return zipped(own | {name.replace("__", "/").replace("_", "."): body for name, body in files.items()})


def whole() -> dict[str, Any]:
    """A tree that holds: key → body, or what becomes its JSON."""
    bundle = {"source": "archive", "url": f"{BASE}/{BUNDLE_KEY}", "sha256": sha256(BUNDLE)}
    plugins = [entry("aa", ARCHIVE, strict=False, skills=["./"]), entry("docs", bundle)]
    skills = [
        {"name": "aa", "type": "archive", "url": f"{BASE}/{ZIP_KEY}", "digest": f"sha256:{sha256(ZIP)}"}
    ]
    discovery = {"$schema": SCHEMA, "skills": skills}
    sha512 = hashlib.sha512(TGZ)
    dist = {
        "tarball": f"{BASE}/{TGZ_KEY}",
        "integrity": f"sha512-{base64.b64encode(sha512.digest()).decode()}",
        "shasum": hashlib.sha1(TGZ).hexdigest(),
    }
    derived = {
        "npm": {"sha256": sha256(TGZ), "sha512": sha512.hexdigest(), "size": len(TGZ)},
        "sx": {"sha256": sha256(SX), "size": len(SX), "metadata": sha256(b"x = 1\n")},
    }
    version = {"version": 1, "state": "active", "sha256": sha256(ZIP), "size": len(ZIP), "derived": derived}
    tree: dict[str, Any] = json.loads(
        json.dumps(
            {
                "marketplace.json": {"name": "acme", "plugins": plugins},
                "marketplace/collections/docs.json": {"name": "acme-docs", "plugins": plugins},
                "marketplace-npm.json": {"name": "acme", "plugins": [entry("aa", NPM, skills=["./"])]},
                DISCOVERY: discovery,
                f"s/aa/{DISCOVERY}": discovery,
                f"s/docs/{DISCOVERY}": discovery,
                FILES: {"skills": [{"name": "aa", "files": ["SKILL.md", "a b.txt"], "version": "1"}]},
                f"{CLAWHUB}/skills/aa": {"skill": {"slug": "aa"}, "latestVersion": {"version": "1.0.0"}},
                f"{CLAWHUB}/resolve": {"match": None, "latestVersion": {"version": "1.0.0"}},
                "api/search": {"skills": [{"name": "aa", "source": f"{BASE}/s/aa"}]},
                "npm/@acme/aa": {
                    "name": "@acme/aa",
                    "dist-tags": {"latest": "1.0.0"},
                    "versions": {"1.0.0": {"name": "@acme/aa", "version": "1.0.0", "dist": dist}},
                },
                "api/v1/index.json": {"schema": 1, "skills": [{"name": "aa", "sha256": sha256(ZIP)}]},
                "api/v1/index/aa.json": {
                    "name": "aa",
                    "state": "active",
                    "versions": [version],
                    "url": f"{BASE}/{ZIP_KEY}",
                },
                "api/v1/skills/aa": {
                    "data": {
                        "skill": {"slug": "aa"},
                        "download": {
                            "content_sha": sha256(ZIP),
                            "content_size": len(ZIP),
                            "url": f"/{ZIP_KEY}",
                        },
                    }
                },
            }
        )
    )
    return tree | {
        ZIP_KEY: ZIP,
        BUNDLE_KEY: BUNDLE,
        SX_KEY: SX,
        TGZ_KEY: TGZ,
        f"{ASSET}/list.txt": b"1\r\n\n",
        f"{ASSET}/1/metadata.toml": b"x = 1\n",
        f"{ASSET}/1/aa-1.zip": SX,
        ".well-known/skills/aa/SKILL.md": SKILL,
        ".well-known/skills/aa/a b.txt": b"",
        ".well-known/skills/aa/broken.json": b"{",
        f"{CLAWHUB}/download": ZIP,
        MARKET: market(),
        LOCK: f'[[assets]]\nname = "aa"\ndependencies = [{{ name = "aa" }}]\n[assets.source-http]\n'
        f'url = "{BASE}/{SX_KEY}"\nhashes = {{ sha256 = "{sha256(SX)}" }}\nsize = {len(SX)}\n'.encode(),
    }


def checked(root: Path, tree: Mapping[str, Any]) -> list[str]:
    for key, value in tree.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return check_tree(root, BASE)


def test_a_whole_tree_has_no_fault(tmp_path: Path) -> None:
    assert checked(tmp_path, whole()) == []


def test_a_slash_after_the_base_url_does_not_count(tmp_path: Path) -> None:
    checked(tmp_path, whole())
    assert check_tree(tmp_path, f"{BASE}/") == []


def test_an_empty_tree_is_a_fault(tmp_path: Path) -> None:
    (fault,) = check_tree(tmp_path, BASE)
    assert fault.endswith("holds no file")


@pytest.mark.parametrize(
    ("gone", "faults"),
    [
        (f"{ASSET}/1/metadata.toml", {f"{ASSET}/list.txt", "api/v1/index/aa.json"}),
        (f"{ASSET}/1/aa-1.zip", {f"{ASSET}/list.txt", "api/v1/index/aa.json"}),
        (TGZ_KEY, {"npm/@acme/aa", "api/v1/index/aa.json"}),
        (SX_KEY, {LOCK, "api/v1/index/aa.json"}),
        (BUNDLE_KEY, {"marketplace.json", "marketplace/collections/docs.json"}),
        ("npm/@acme/aa", {"marketplace-npm.json"}),
        (".well-known/skills/aa/a b.txt", {FILES}),
        (f"{CLAWHUB}/download", {f"{CLAWHUB}/skills/aa"}),
        (f"{CLAWHUB}/resolve", {f"{CLAWHUB}/skills/aa"}),
        (f"s/aa/{DISCOVERY}", {"api/search"}),
        (
            ZIP_KEY,
            {
                "marketplace.json", "marketplace/collections/docs.json", DISCOVERY, f"s/docs/{DISCOVERY}",
                "api/v1/index.json", "api/v1/index/aa.json", "api/v1/skills/aa",
                f"s/aa/{DISCOVERY}", f"{CLAWHUB}/download", MARKET,
            },
        ),
    ],
)  # fmt: skip
def test_an_object_that_is_gone_is_named_by_all_that_refer_to_it(
    tmp_path: Path, gone: str, faults: set[str]
) -> None:
    tree = whole()
    del tree[gone]
    found = checked(tmp_path, tree)
    assert {fault.split(": ")[0] for fault in found} == faults
    assert all(f"{gone}, which is not there" in fault for fault in found if not fault.startswith(MARKET))


@pytest.mark.parametrize(
    ("key", "faults"),
    [
        (f"{ASSET}/1/metadata.toml", {"api/v1/index/aa.json"}),
        (f"{ASSET}/1/aa-1.zip", {"api/v1/index/aa.json"}),
        (SX_KEY, {SX_KEY, LOCK, "api/v1/index/aa.json"}),
        (TGZ_KEY, {TGZ_KEY, "npm/@acme/aa", "api/v1/index/aa.json", "marketplace-npm.json"}),
        (
            ZIP_KEY,
            {
                ZIP_KEY, "marketplace.json", "marketplace/collections/docs.json", DISCOVERY,
                f"s/docs/{DISCOVERY}", "api/v1/index.json", "api/v1/index/aa.json", "api/v1/skills/aa",
                f"s/aa/{DISCOVERY}", MARKET,
            },
        ),
    ],
)  # fmt: skip
def test_other_bytes_are_named_by_all_that_state_a_digest(tmp_path: Path, key: str, faults: set[str]) -> None:
    found = checked(tmp_path, {**whole(), key: b"other"})
    assert {fault.split(": ")[0] for fault in found} == faults


def lock(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(tree: dict[str, Any]) -> None:
        assert old.encode() in tree[LOCK]
        tree[LOCK] = tree[LOCK].replace(old.encode(), new.encode())

    return change


def put(key: str, *path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of what stands at `path` in the file `key`."""

    def change(tree: dict[str, Any]) -> None:
        place: Any = tree
        for step in (key, *path[:-1]):
            place = place[step]
        place[path[-1]] = value

    return change


def write(key: str, body: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tree: tree.update({key: body})


def both(
    first: Callable[[dict[str, Any]], None], second: Callable[[dict[str, Any]], None]
) -> Callable[[dict[str, Any]], None]:
    def change(tree: dict[str, Any]) -> None:
        first(tree)
        second(tree)

    return change


FILED = {"name": "aa", "files": ["SKILL.md"], "version": "1"}
ZEROS = "0" * 64
ROOT = "marketplace.json"
NPM_ROOT = "marketplace-npm.json"
PACKUMENT = "npm/@acme/aa"
DOWNLOAD = ("api/v1/skills/aa", "data", "download")
DIST = (PACKUMENT, "versions", "1.0.0", "dist")
ROW = ("api/v1/index/aa.json", "versions", 0)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (write(f"{ASSET}/list.txt", b"1\n2\n"), f"{ASSET}/list.txt: version 2 names {ASSET}/2/metadata.toml"),
        (lock(sha256(SX), ZEROS), f"{LOCK}: row aa names {SX_KEY.replace(sha256(SX), ZEROS)}"),
        (lock(f'sha256 = "{sha256(SX)}"', f'sha256 = "{ZEROS}"'), f"{LOCK}: row aa states sha256 {ZEROS}"),
        (lock(f"size = {len(SX)}", "size = 1"), f"{LOCK}: row aa states size 1 of {SX_KEY}"),
        (lock(f"size = {len(SX)}", 'size = "1"'), f"{LOCK}: row aa states size 1 of {SX_KEY}"),
        (lock(BASE, "https://evil.example"), f"{LOCK}: row aa names a URL outside of the registry"),
        (lock('{ name = "aa" }', '{ name = "bb" }'), f"{LOCK}: row aa depends on bb"),
        (
            lock("[[assets]]", '[[assets]]\nname = "x"\n[[assets]]'),
            f"{LOCK}: has not the form of its contract",
        ),
        (lock("[[assets]]", "[[assets"), f"{LOCK}: has not the form of its contract"),
        (put(*DIST, "integrity", value="sha512-AAAA"), f"{PACKUMENT}: version 1.0.0 states sha512 000000"),
        (
            put(*DIST, "integrity", value="sha1-AAAA"),
            f"{PACKUMENT}: version 1.0.0 is of @acme/aa 1.0.0, with sha1",
        ),
        (put(*DIST, "integrity", value="sha512-%"), f"{PACKUMENT}: has not the form of its contract"),
        (put(*DIST, "shasum", value="0"), f"{PACKUMENT}: version 1.0.0 states sha1 0"),
        (put(*DIST, "shasum", value=None), f"{PACKUMENT}: version 1.0.0 states sha1 None"),
        (
            put(*DIST, "tarball", value=f"{BASE}x/{TGZ_KEY}"),
            f"{PACKUMENT}: version 1.0.0 names a URL outside",
        ),
        (put(PACKUMENT, "dist-tags", value={"latest": "2.0.0"}), f"{PACKUMENT}: the tag latest names 2.0.0"),
        (put(PACKUMENT, "name", value="@acme/bb"), f"{PACKUMENT}: is called @acme/bb"),
        (
            put(PACKUMENT, "versions", "1.0.0", "version", value="2.0.0"),
            f"{PACKUMENT}: version 1.0.0 is of @acme/aa 2",
        ),
        (write(PACKUMENT, b"{"), f"{PACKUMENT}: has not the form of its contract"),
        (put(ROOT, "plugins", 0, "source", "sha256", value=ZEROS), f"{ROOT}: entry aa states sha256 {ZEROS}"),
        (put(ROOT, "plugins", 0, "source", "url", value="./aa.zip"), f"{ROOT}: entry aa names a URL outside"),
        (put(ROOT, "plugins", 0, "source", value="./aa"), f"{ROOT}: has not the form of its contract"),
        (
            put(ROOT, "plugins", 0, "source", value={"source": "git"}),
            f"{ROOT}: entry aa has the source",
        ),
        (
            put(ROOT, "plugins", 0, "skills", value=["./x"]),
            f"{ROOT}: entry aa names x, which its archive has not",
        ),
        (put(ROOT, "plugins", 0, "agents", value=["./AGENT.md"]), f"{ROOT}: entry aa names AGENT.md"),
        (put(ROOT, "plugins", 0, "name", value="bb"), f"{ROOT}: entry docs depends on aa, which is no entry"),
        (put(ROOT, "plugins", 1, "name", value="aa"), f"{ROOT}: aa has two entries"),
        (put(ROOT, "padding", value="x" * 5_242_880), f"{ROOT}: has 52"),
        (put(ROOT, "name", value="acme-docs"), "marketplace/collections/docs.json: is called acme-docs"),
        (
            put(NPM_ROOT, "plugins", 0, "source", "version", value="2.0.0"),
            f"{NPM_ROOT}: entry aa names version 2.0.0",
        ),
        (
            put(NPM_ROOT, "plugins", 0, "source", "package", value="@acme/b"),
            f"{NPM_ROOT}: entry aa names npm/@acme/b",
        ),
        (
            put(NPM_ROOT, "plugins", 0, "source", "registry", value=BASE),
            f"{NPM_ROOT}: entry aa has the source",
        ),
        (put(NPM_ROOT, "plugins", 0, "skills", value=["./x"]), f"{NPM_ROOT}: entry aa names x"),
        (
            put(DISCOVERY, "skills", 0, "digest", value=f"sha256:{ZEROS}"),
            f"{DISCOVERY}: entry aa states sha256",
        ),
        (
            put(DISCOVERY, "skills", 0, "digest", value=sha256(ZIP)),
            f"{DISCOVERY}: entry aa has the type archive and a digest",
        ),
        (
            put(DISCOVERY, "skills", 0, "url", value=f"/{ZIP_KEY}"),
            f"{DISCOVERY}: entry aa names a URL outside",
        ),
        (
            put(DISCOVERY, "skills", 0, "type", value="skill-md"),
            f"{DISCOVERY}: entry aa has the type skill-md",
        ),
        (put(DISCOVERY, "$schema", value="x"), f"{DISCOVERY}: has the schema x"),
        (put(DISCOVERY, "skills", value=whole()[DISCOVERY]["skills"] * 201), f"{DISCOVERY}: has 201 entries"),
        (put(*DOWNLOAD, "content_sha", value=ZEROS), "api/v1/skills/aa: the download has the URL"),
        (put(*DOWNLOAD, "content_size", value=1), "api/v1/skills/aa: the download states size 1"),
        (put(*DOWNLOAD, "url", value=f"{BASE}/{ZIP_KEY}"), "api/v1/skills/aa: the download has the URL"),
        (put("api/v1/skills/aa", "data", "skill", "slug", value="bb"), "api/v1/skills/aa: is about bb"),
        (put("api/v1/index.json", "skills", 0, "sha256", value=ZEROS), "api/v1/index.json: entry aa names"),
        (put("api/v1/index/aa.json", "url", value=f"{BASE}/x"), "api/v1/index/aa.json: the url names x"),
        (put(*ROW, "size", value=1), "api/v1/index/aa.json: version 1 states size 1"),
        (
            put(*ROW, "derived", "npm", "size", value=1),
            "api/v1/index/aa.json: version 1 for npm states size 1",
        ),
        (
            put(*ROW, "derived", "npm", "sha512", value=ZEROS),
            "api/v1/index/aa.json: version 1 for npm states sha512",
        ),
        (
            put(*ROW, "derived", "sx", "metadata", value=ZEROS),
            "api/v1/index/aa.json: version 1 for sx states sha256",
        ),
        (put(FILES, "skills", 0, "files", value=["a b.txt"]), f"{FILES}: entry aa has no SKILL.md"),
        (put(FILES, "skills", 0, "version", value=1), f"{FILES}: entry aa has no SKILL.md or no version"),
        *(
            (
                both(
                    put(FILES, "skills", 0, "files", value=["SKILL.md", path]),
                    write(f".well-known/skills/aa/{path}", b""),
                ),
                f"{FILES}: entry aa names {path}, for which its client asks as",
            )
            for path in ("a#b", "a?b", "a%20b", "http:b")
        ),
        (put(FILES, "skills", value=[FILED] * 201), f"{FILES}: has 201 entries"),
        (put(f"{CLAWHUB}/skills/aa", "skill", "slug", value="bb"), f"{CLAWHUB}/skills/aa: is about bb"),
        (write(f"{CLAWHUB}/download", b"x"), f"{CLAWHUB}/download: its artifact names"),
        (write(MARKET, market("./plugins/bb")), f"{MARKET}: entry aa of ./plugins/bb"),
        (write(MARKET, market(plugins__aa__x=b"")), f"{MARKET}: entry aa of ./plugins/aa has not the files"),
        (write(MARKET, market(plugins__bb__x=b"")), f"{MARKET}: plugins/bb/x belongs to no entry"),
        (write(MARKET, b"x"), f"{MARKET}: has not the form of its contract"),
        (put("api/search", "skills", 0, "source", value="aa"), "api/search: entry aa names a URL outside"),
        (write("feed.json", b"{"), "feed.json: has not the form of its contract"),
        (write(f"r/{ZEROS}", b"{}"), f"r/{ZEROS}: its own name states sha256"),
        (write(f"r/{sha256(b'x')}", b"x"), f"r/{sha256(b'x')}: has not the form of its contract"),
    ],
)
def test_a_broken_reference_is_named(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], fault: str
) -> None:
    tree = whole()
    change(tree)
    assert [item for item in checked(tmp_path, tree) if item.startswith(fault)]


def test_an_archive_without_a_skill_is_named(tmp_path: Path) -> None:
    body = zipped({"aa/SKILL.md": SKILL})
    key = f"api/v1/downloads/public/aa/{sha256(body)}.zip"
    tree = {**whole(), key: body}
    tree[DISCOVERY]["skills"][0] |= {"url": f"{BASE}/{key}", "digest": f"sha256:{sha256(body)}"}
    assert checked(tmp_path, tree) == [
        f"{DISCOVERY}: entry aa names an archive without a SKILL.md at its root",
    ]


@pytest.mark.parametrize("state", ["yanked", "quarantined"])
def test_what_is_not_served_may_be_gone(tmp_path: Path, state: str) -> None:
    tree = whole()
    tree["api/v1/index/aa.json"]["versions"].append({"version": 2, "state": state, "sha256": ZEROS})
    assert checked(tmp_path, tree) == []


def emitted(root: Path, documents: list[tuple[Document, Page]], base_url: str) -> None:
    members = [given.name for given, _ in documents]
    site = dataclasses.replace(
        SITE, base_url=base_url, collections=(collection("docs", *members),), retired=("old",)
    )
    made: list[tuple[str, bytes]] = []
    for emitter in (npm, well_known, json_api):
        for _, page in documents:
            made += emitter.emit_skill(page, site)
    for emit_registry in (
        claude.emit_registry,
        npm.emit_registry,
        well_known.emit_registry,
        json_api.emit_registry,
    ):
        made += emit_registry([summarise(given) for given, _ in documents], site).entries
    for key, body in made:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(body)


def minted(root: Path, name: str, **changes: Any) -> tuple[Document, Page]:
    """A skill with two versions, their objects written below `root`."""
    rows = []
    for number in (1, 2):
        given = source({"scripts/x.py": f"print({number})\n".encode()}, version=number, name=name)
        body, derivation = pack(given.files), npm.derive(given, SITE)
        assert derivation is not None
        for key, data in ((download_key(name, sha256(body)), body), *derivation.objects):
            (root / key).parent.mkdir(parents=True, exist_ok=True)
            (root / key).write_bytes(data)
        derived = {"npm": derivation.record}
        rows.append(row(number, name, sha256=sha256(body), size=len(body), derived=derived))
    made = document(name, *rows, **changes)
    return made, Page(made, given.skill, given.files)


@pytest.mark.parametrize("base_url", ["https://skills.example", BASE])
def test_what_the_emitters_make_holds(tmp_path: Path, base_url: str) -> None:
    removal = Removal(commit="f" * 40, time="2026-12-01T00:00:00Z")
    documents = [minted(tmp_path, "aa"), minted(tmp_path, "bb", state=REMOVED, removed=removal)]
    emitted(tmp_path, documents, base_url)
    assert check_tree(tmp_path, base_url) == []
    assert check_tree(tmp_path, "https://other.example")
