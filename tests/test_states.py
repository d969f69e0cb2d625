"""docs/states.md says what each state does to each format, cell by cell as real builds show it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from history import Registry, Repo, make_repo, skill

from registry_builder.core.artifact import read
from registry_builder.core.key import digest
from registry_builder.core.ledger import Document
from registry_builder.previous import Previous
from registry_builder.revoke import revoke, sweep
from registry_builder.settings import Flags

PAGE = Path(__file__).resolve().parent.parent / "docs" / "states.md"
NAME, OTHER, PAIR = "subject", "fresh", "pair"
COLLECTION = f'[{PAIR}]\nskills = ["{NAME}", "{OTHER}"]\n'


@dataclass(frozen=True)
class Bucket:
    """A registry that serves `OTHER`, and `NAME` in two versions, brought into some state."""

    registry: Registry

    def body(self, key: str) -> bytes:
        return self.registry.store.get(key)

    def json(self, key: str) -> Any:
        return json.loads(self.body(key))

    @cached_property
    def document(self) -> Document:
        found = self.registry.document(NAME)
        assert found is not None
        return found

    def version_of(self, digest: str) -> str:
        """The version that this artifact or bundle belongs to."""
        for row in self.document.versions:
            if digest in {row.sha256, *(made.sha256 for made in row.derived.values())}:
                return str(row.version)
        raise AssertionError(f"no version has {digest}")


def advised(line: str) -> Callable[[Repo, Registry], None]:
    """A commit that adds an advisory, built."""

    def bring(repo: Repo, registry: Registry) -> None:
        repo.commit({"advisories.toml": f'[[advisory]]\nskill = "{NAME}"\n{line}\n'})
        registry.build(repo.path)

    return bring


def revoked(asset: str) -> Callable[[Repo, Registry], None]:
    """What `skillpress quarantine` does, in its order."""

    def bring(repo: Repo, registry: Registry) -> None:
        with registry.store as store:
            made = revoke(store, Previous(store), asset, "harmful", "2026-01-02T03:04:05Z")
            before = Previous(store)
        release = registry.build(repo.path)
        assert release is not None
        sweep(registry.store, before, release, made)

    return bring


def removed(repo: Repo, registry: Registry) -> None:
    """A commit that deletes the folder, built."""
    repo.commit({f"skills/{NAME}/SKILL.md": None, "collections.toml": COLLECTION.replace(f'"{NAME}", ', "")})
    registry.build(repo.path)


STATES: dict[str, Callable[[Repo, Registry], None]] = {
    "active": lambda repo, registry: None,
    "deprecated": advised(f'state = "deprecated"\nreplacement = "{OTHER}"'),
    "newest deprecated": advised('versions = [2]\nstate = "deprecated"\nreason = "slow"'),
    "newest yanked": advised('versions = [2]\nstate = "yanked"\nreason = "broken"'),
    "yanked": advised('state = "yanked"\nreason = "broken"'),
    "newest quarantined": advised('versions = [2]\nstate = "quarantined"\nreason = "harmful"'),
    "quarantined": advised('state = "quarantined"\nreason = "harmful"'),
    "newest revoked": revoked(f"{NAME}@2"),
    "revoked": revoked(NAME),
    "removed": removed,
}


def begin(path: Path) -> tuple[Repo, Registry]:
    """Two versions of `NAME`, built one by one, with another skill in one collection."""
    flags = Flags(name="reg", base_url="https://skills.test", emit=("core", "extras"))
    repo, registry = make_repo(path), Registry(flags=flags)
    repo.commit(
        {
            "collections.toml": COLLECTION,
            f"skills/{NAME}/SKILL.md": skill(NAME, "One."),
            f"skills/{OTHER}/SKILL.md": skill(OTHER),
        }
    )
    registry.build(repo.path)
    repo.commit({f"skills/{NAME}/SKILL.md": skill(NAME, "Two.")})
    registry.build(repo.path)
    return repo, registry


def plugin(key: str) -> Callable[[Bucket], str]:
    """The version that a Claude catalogue offers."""

    def look(bucket: Bucket) -> str:
        found = [item for item in bucket.json(key)["plugins"] if item["name"] == NAME]
        return found[0]["version"].removesuffix(".0.0") if found else "none"

    return look


def bundle(bucket: Bucket) -> str:
    """Whether the newest bundle of the collection depends on it."""
    plugins = bucket.json(f"marketplace/collections/{PAIR}.json")["plugins"]
    (found,) = (item for item in plugins if item["name"] == PAIR)
    document = bucket.registry.document(PAIR)
    assert document is not None
    assert found["version"] == f"{document.newest.version}.0.0"
    return "member" if NAME in document.dependencies else "none"


def discovered(key: str) -> Callable[[Bucket], str]:
    """The version that an index for `skills` offers."""

    def look(bucket: Bucket) -> str:
        found = [item for item in bucket.json(key)["skills"] if item["name"] == NAME]
        return bucket.version_of(found[0]["digest"].removeprefix("sha256:")) if found else "none"

    return look


def locked(bucket: Bucket) -> str:
    """The version in the collection's lock."""
    lock = tomllib.loads(bucket.body(f"sx/{PAIR}/api/skills/sx.lock").decode())
    return next((row["version"] for row in lock.get("assets", []) if row["name"] == NAME), "none")


def listed(bucket: Bucket) -> str:
    """The lines of list.txt."""
    return ", ".join(bucket.body(f"api/skills/assets/{NAME}/list.txt").decode().split()) or "none"


def packument(bucket: Bucket) -> str:
    """The versions that npm sees, and the one called latest."""
    found = bucket.json(f"npm/@reg/{NAME}")
    rows = [
        version.removesuffix(".0.0") + (" warns" if "deprecated" in item else "")
        for version, item in sorted(found["versions"].items())
    ]
    current = [version for version, item in found["versions"].items() if "description" in item]
    assert found["dist-tags"].get("latest", "none") == max(current, default="none")
    return ", ".join(rows) or "none"


def answer(bucket: Bucket) -> str:
    """Route 2: state, and the version to download."""
    data = bucket.json(f"api/v1/skills/{NAME}")["data"]
    offered = data["download"]["version"] if data["download"] else "none"
    assert offered == "none" or data["skill"]["version"] == offered
    return f"{data['skill']['state']}, {offered}"


def names(bucket: Bucket) -> str:
    """The list of names."""
    found = [item for item in bucket.json("api/v1/index.json")["skills"] if item["name"] == NAME]
    return f"{found[0]['state']}, {found[0]['version']}" if found else "none"


def ledger(bucket: Bucket) -> str:
    """The document: its state, that of each row, and the version that `url` leads to."""
    found = bucket.json(f"api/v1/index/{NAME}.json")
    rows = ", ".join(f"{row['version']} {row['state']}" for row in found["versions"])
    leads = bucket.version_of(found["url"].rsplit("/", 1)[1].removesuffix(".zip")) if found["url"] else "none"
    return f"{found['state']}: {rows}; url {leads}"


def page(bucket: Bucket) -> str:
    """The banner, whether the description is repeated, and the version that the commands install."""
    text = bucket.body(f"skills/{NAME}/index.html").decode()
    banner = re.search(r'class="banner (\w+)"', text)
    told = [banner[1] if banner else "plain"]
    if f'skills/{OTHER}/index.html">{OTHER}</a> instead' in text:
        told.append("replacement")
    if f"Does {NAME} for tests." not in text:
        told.append("no text")
    digest = re.search(r"echo &#34;([0-9a-f]{64})  ", text)
    return f"{', '.join(told)}; installs {bucket.version_of(digest[1]) if digest else 'none'}"


def on_front_page(bucket: Bucket) -> str:
    """Whether the front page and the collection's page link to it."""
    links = {
        f"skills/{NAME}/index.html" in bucket.body(key).decode() for key in ("index.html", COLLECTION_PAGE)
    }
    (linked,) = links
    return "linked" if linked else "none"


COLLECTION_PAGE = f"collections/{PAIR}/index.html"


def bytes_there(bucket: Bucket) -> str:
    """The versions whose artifact, sx bundle and tarball are in the bucket."""
    return ", ".join(str(row.version) for row in bucket.document.versions if _there(bucket, row)) or "none"


def bytes_pinned(bucket: Bucket) -> str:
    """The versions whose bytes the release vouches for."""
    pins = bucket.registry.pins()
    rows = [
        row for row in bucket.document.versions if f"api/v1/downloads/public/{NAME}/{row.sha256}.zip" in pins
    ]
    assert all(pins[key].sha256 in key for key in pins if key.startswith(f"t/{NAME}/"))
    return ", ".join(str(row.version) for row in rows) or "none"


def _there(bucket: Bucket, row: Any) -> bool:
    """All of a version's keys are in the bucket, or none is."""
    folder = f"api/skills/assets/{NAME}/{row.version}"
    keys = [
        f"api/v1/downloads/public/{NAME}/{row.sha256}.zip",
        f"api/v1/downloads/public/{NAME}/{row.derived['sx'].sha256}.zip",
        f"t/{NAME}/{row.derived['npm'].sha256}.tgz",
        f"{folder}/metadata.toml",
        f"{folder}/{NAME}-{row.version}.zip",
    ]
    (found,) = {bucket.registry.store.tag(key) is not None for key in keys}
    return found


def listed_v01(bucket: Bucket) -> str:
    """The version that the index for OpenCode offers."""
    found = [item for item in bucket.json(".well-known/skills/index.json")["skills"] if item["name"] == NAME]
    return found[0]["version"] if found else "none"


def clawhub(bucket: Bucket) -> str:
    """The version that clawhub is told of, with the bytes that it then downloads."""
    latest = bucket.json(f"clawhub/{NAME}/api/v1/skills/{NAME}")["latestVersion"]
    if latest is None:
        return "none"
    version = bucket.version_of(digest(bucket.body(f"clawhub/{NAME}/api/v1/download")))
    assert latest["version"] == f"{version}.0.0"
    return version


def in_copilot_zip(bucket: Bucket) -> str:
    """The version whose SKILL.md is in the zip of the collection."""
    files = {file.path: file.data for file in read(bucket.body(f"copilot/{PAIR}.zip"))}
    text = files.get(f"plugins/{NAME}/SKILL.md", b"")
    assert (NAME.encode() in files[".claude-plugin/marketplace.json"]) == bool(text)
    return "2" if b"Two." in text else "1" if text else "none"


def searched(bucket: Bucket) -> str:
    """Whether `skills find` lists it."""
    return "listed" if NAME in {item["name"] for item in bucket.json("api/search")["skills"]} else "none"


def loose_files(bucket: Bucket) -> str:
    """The version whose SKILL.md lies below .well-known/skills/, and whether it is pinned."""
    key = f".well-known/skills/{NAME}/SKILL.md"
    if bucket.registry.store.tag(key) is None:
        return "none"
    version = "2" if b"Two." in bucket.body(key) else "1"
    return version if key in bucket.registry.pins() else f"{version}, unpinned"


FORMATS: dict[str, Callable[[Bucket], str]] = {
    "marketplace.json": plugin("marketplace.json"),
    "marketplace-npm.json": plugin("marketplace-npm.json"),
    "marketplace/collections/": plugin(f"marketplace/collections/{PAIR}.json"),
    "bundle": bundle,
    "well-known, whole": discovered(".well-known/agent-skills/index.json"),
    "well-known, own": discovered(f"s/{NAME}/.well-known/agent-skills/index.json"),
    "well-known, collection": discovered(f"s/{PAIR}/.well-known/agent-skills/index.json"),
    "sx.lock": locked,
    "list.txt": listed,
    "packument": packument,
    "api/v1/skills": answer,
    "api/v1/index.json": names,
    "api/v1/index/": ledger,
    "page": page,
    "front page": on_front_page,
    "skills/index.json": listed_v01,
    "SKILL.md": loose_files,
    "clawhub": clawhub,
    "copilot": in_copilot_zip,
    "api/search": searched,
    "pinned": bytes_pinned,
    "bytes": bytes_there,
}


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bucket]:
    found = {}
    for state, bring in STATES.items():
        repo, registry = begin(tmp_path_factory.mktemp("state") / "repo")
        bring(repo, registry)
        found[state] = Bucket(registry)
    return found


def documented() -> dict[tuple[str, str], str]:
    """(state, format) → cell, out of every table of the page whose first column is "state"."""
    found: dict[tuple[str, str], str] = {}
    header: list[str] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = (
            [cell.strip().strip("`") for cell in line.strip("| ").split("|")] if line.startswith("|") else []
        )
        if not cells or set(cells[0]) <= {"-", ":"}:
            header = header if cells else []
        elif cells[0] == "state":
            header = cells
        elif header:
            found |= {(cells[0], name): cell for name, cell in zip(header[1:], cells[1:], strict=True)}
    return found


def test_every_state_and_format_is_on_the_page() -> None:
    assert set(documented()) == {(state, name) for state in STATES for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("state", STATES)
def test_the_page_says_what_the_build_does(buckets: dict[str, Bucket], state: str, name: str) -> None:
    assert FORMATS[name](buckets[state]) == documented()[state, name]


def test_a_quarantined_version_takes_every_version_with_its_bytes_along(tmp_path: Path) -> None:
    """A revert gives an old digest a new number: harmful bytes stay harmful under it."""
    repo, registry = begin(tmp_path / "repo")
    repo.commit({f"skills/{NAME}/SKILL.md": skill(NAME, "One.")})
    advised('versions = [1]\nstate = "quarantined"\nreason = "harmful"')(repo, registry)
    bucket = Bucket(registry)
    assert ledger(bucket) == "active: 1 quarantined, 2 active, 3 quarantined; url 2"
    assert bytes_pinned(bucket) == "2"


def test_a_new_bucket_never_gets_what_an_advisory_quarantines(tmp_path: Path) -> None:
    repo, registry = begin(tmp_path / "repo")
    advised('versions = [2]\nstate = "quarantined"\nreason = "harmful"')(repo, registry)
    other = Registry(flags=registry.flags)
    other.build(repo.path)
    assert bytes_there(Bucket(other)) == "1"


def test_lifting_an_advisory_brings_everything_back(tmp_path: Path) -> None:
    repo, registry = begin(tmp_path / "repo")
    before = registry.pins()
    for line in ('state = "yanked"\nreason = "x"', 'state = "quarantined"\nreason = "x"'):
        advised(line)(repo, registry)
        assert registry.pins() != before
        repo.commit({"advisories.toml": ""})
        registry.build(repo.path)
        after = registry.pins()
        assert {key: item for key, item in after.items() if NAME in key} == {
            key: item for key, item in before.items() if NAME in key
        }
