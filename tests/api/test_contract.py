"""Rules of contracts/skillzdrive.md that belong to no single route: keys, paging, prices, packages."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from dynamic_api.database.tables import api_keys
from dynamic_api.routes.endpoint import Auth, Endpoint
from dynamic_api.routes.table import ENDPOINTS
from dynamic_api.services import credits
from dynamic_api.services.keys import KeyOptions
from dynamic_api.settings import Credits, Settings
from registry_builder.core.artifact import pack
from registry_builder.core.folder import File
from tests.api.packages import zipped
from tests.api.shelf import error
from tests.api.world import Person, World
from tests.content_repo import skill_text

IMPORT = "/api/v1/drive/import"
ANONYMOUS = {
    "GET /api/v1/skills",
    "GET /api/v1/skills/{slug}",
    "GET /api/v1/downloads/public/{slug}/{sha256}.zip",
    "GET /marketplace.json",
    "GET /marketplace/collections/{name}.json",
    "POST /api/v1/telemetry/anonymous",
}
OURS = {"GET /api/v1/downloads/private/{sha256}"}
"""Without a key as well: the signature is the credential."""
REFERENCE = [
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.path.startswith(("/api/v1/", "/marketplace")) and not endpoint.path.startswith("/api/v1/runs")
]


def upload(api: World, person: Person, files: dict[str, str | bytes], name: str = "a.zip") -> httpx2.Response:
    token = person.post("/api/v1/uploads/ticket", json={}).json()["data"]["uploadToken"]
    head = {"authorization": f"Bearer {token}"}
    return api.anonymous.post(
        "/api/uploads/process-skill", headers=head, files={"file": (name, zipped(files))}
    )


@pytest.mark.parametrize("word", ["discover", "leaderboard", "import", "updates", "sync", "diff", "toggle"])
def test_words_of_routes_are_no_slugs(api: World, person: Person, word: str) -> None:
    """1.2: literal routes first, and their words are reserved."""
    answer = upload(api, person, {"SKILL.md": skill_text(word)})
    assert answer.status_code == 422
    assert answer.json()["error"]["problems"][0]["code"] == "name-reserved"


def test_name_in_a_path_is_percent_decoded(person: Person) -> None:
    """1.2."""
    person.post("/api/v1/collections", json={"name": "50% of Größe+1?", "skillSlugs": []})
    path = "/api/v1/collections/50%25%20of%20Gr%C3%B6%C3%9Fe%2B1%3F"
    assert person.patch(path, json={"includeTeamSkills": False}).status_code == 200
    assert person.delete(path).json()["data"]["name"] == "50% of Größe+1?"


def test_item_of_a_list_says_what_clients_decide_by(api: World, person: Person) -> None:
    """1.3: hasScripts and what other pages rely on, of a published and of a private skill, in both lists."""
    assert upload(api, person, {"SKILL.md": skill_text("own-facts")}).status_code == 201
    person.post(IMPORT, json={"skillSlug": "text-facts"})
    wanted = {"id", "slug", "name", "description", "tags", "version", "github_url", "category", "hasScripts"}
    wanted |= {"execution_tier", "requiredEnvVars", "credit_cost_per_use"}
    for path in ("/api/v1/drive", "/api/v1/skills", "/api/v1/skills?q=facts"):
        items = {item["slug"]: item for item in person.get(path).json()["data"]["skills"]}
        assert {"own-facts", "text-facts"} <= items.keys()
        assert [wanted - item.keys() for item in items.values()] == [set()] * len(items)
        assert (items["text-facts"]["hasScripts"], items["own-facts"]["hasScripts"]) == (True, False)
        # What is published is graded a moment after somebody has it.
        assert items["text-facts"].get("security_grade") in {None, "A"}
        assert items["own-facts"]["security_grade"] == "A"


def test_only_discover_pages(person: Person) -> None:
    """2.4: discover by offset, in tens; the others leave an offset alone, and nothing tells a total."""
    first = person.get("/api/v1/skills", params={"q": "facts"}).json()
    assert person.get("/api/v1/skills", params={"q": "facts", "offset": 1}).json() == first
    assert person.get("/api/v1/skills/leaderboard", params={"limit": 1}).status_code == 200
    page = person.get("/api/v1/skills/discover", params={"keywords": "facts", "offset": 10})
    assert (page.status_code, page.json()["data"]["skills"]) == (200, [])
    assert not {"total", "next", "cursor"} & page.json()["data"].keys()


def test_key_is_random_and_stored_as_a_digest(api: World, person: Person) -> None:
    """3.1: shown once, and nowhere in the database."""
    made = person.post("/api/v1/collections", json={"name": "one"}).json()["data"]["api_key"]
    assert re.fullmatch(r"sk_live_[\w-]{32,}", made)
    row = api.read(
        lambda db: db.execute(select(api_keys).where(api_keys.c.sha256 == _digest(made))).mappings().one()
    )
    assert made not in json.dumps({name: str(value) for name, value in row.items()})
    assert made not in person.get("/api/v1/collections").text


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@pytest.mark.parametrize("state", ["expired", "disabled", "revoked"])
def test_key_that_does_not_hold_is_refused_everywhere(api: World, person: Person, state: str) -> None:
    """3.2: enabled, expires_at; also where no key is needed."""
    options = KeyOptions(expires_at=api.clock() - 1) if state == "expired" else KeyOptions()
    bad = api.key(person, options)
    api.spoil(bad, state)
    for endpoint in REFERENCE:
        if endpoint.auth in {Auth.KEY, Auth.UPLOAD, Auth.ANONYMOUS}:
            assert error(_call(bad.http, endpoint)) == (401, "unauthorized"), endpoint.path


def test_call_without_a_key_is_told_where_to_get_one(api: World) -> None:
    """3.5."""
    answer = api.anonymous.get("/api/v1/drive")
    refusal = answer.json()["error"]
    assert answer.status_code == 401
    assert (refusal["code"], refusal["message"]) == ("access_denied", "API key required")
    assert refusal["suggestions"]


def test_only_six_routes_are_for_everybody(api: World) -> None:
    """3.6: routes 1, 2, 26, 32, 33 and 34."""
    opened = {
        f"{endpoint.method} {endpoint.path}"
        for endpoint in REFERENCE
        if _call(api.anonymous, endpoint).status_code != 401
    }
    assert opened == ANONYMOUS | OURS


def _call(client: httpx2.Client, endpoint: Endpoint) -> httpx2.Response:
    path = re.sub(r"\{\w+(:\w+)?\}", "x", endpoint.path)
    return client.request(endpoint.method, path, params={"q": "facts"}, json={})


@pytest.mark.parametrize("kind", ["none", "all_skills", "scoped", "upload_only"])
def test_answer_to_each_kind_of_key_is_documented(api: World, person: Person, kind: str) -> None:
    """3.1: also where a key of that kind is of no use."""
    client = api.anonymous if kind == "none" else api.key(person, KeyOptions(kind=kind)).http
    paths = api.anonymous.get("/openapi.json").json()["paths"]
    for endpoint in REFERENCE:
        documented = paths[re.sub(r":\w+}", "}", endpoint.path)][endpoint.method.lower()]["responses"]
        answer = _call(client, endpoint)
        assert str(answer.status_code) in documented, (endpoint.method, endpoint.path, answer.text)


def test_account_shows_its_ten_newest_transactions(api: World, person: Person) -> None:
    """Row 28."""
    for amount in range(1, 12):
        api.write(lambda db, by=amount: credits.credit(db, person.id, by, "grant", now=api.clock()))
    shown = person.get("/api/v1/account/credits").json()["data"]["transactions"]
    assert [entry["amount"] for entry in shown] == list(range(11, 1, -1))


def test_prices_are_settings_with_the_proposed_defaults(api: World) -> None:
    """4.2: the numbers of the contract, each of them a setting."""
    prices = Settings().credits
    assert prices.tiers["free"].drive_max == 10
    assert (prices.upload_base, prices.upload_per_mib, prices.update_accept_cost) == (1, 1, 1)
    assert (prices.import_cost_public, prices.import_cost_github, prices.run_30min_factor) == (1, 1, 3)
    rich = api.person(prices=Credits(initial_grant=7))
    assert rich.get("/api/v1/account/credits").json()["data"]["balance"] == 7


def test_digest_is_that_of_the_canonical_zip(api: World, person: Person) -> None:
    """5.6: what a machine can compute from its folder, whatever packer made the upload."""
    text = skill_text("same-digest").encode()
    files = (File("SKILL.md", text, False), File("notes/a.md", b"a\n", False))
    done = upload(api, person, {"notes/a.md": b"a\n", "SKILL.md": text}).json()
    sha256 = hashlib.sha256(pack(files)).hexdigest()
    assert done["contentSha"] == sha256
    body = {"local": [{"slug": "same-digest", "content_sha": sha256}]}
    assert person.post("/api/v1/drive/diff", json=body).json()["data"] == {
        "local_only": [],
        "drive_only": [],
        "divergent": [],
    }


def test_marketplace_lists_everything_that_is_published(api: World) -> None:
    """9.1: with a name, an owner, and a source for each that needs no other file."""
    answer = api.anonymous.get("/marketplace.json")
    manifest = answer.json()
    assert {plugin["name"] for plugin in manifest["plugins"]} >= {"pdf-tools", "release-helper", "text-facts"}
    assert (manifest["name"], bool(manifest["owner"]["name"])) == ("acme", True)
    assert not [plugin for plugin in manifest["plugins"] if isinstance(plugin["source"], str)]
    assert answer.headers["etag"]


def test_well_known_index_points_at_bytes_by_digest(api: World) -> None:
    """9.5."""
    index = json.loads((_registry(api) / ".well-known/agent-skills/index.json").read_bytes())
    (entry,) = [item for item in index["skills"] if item["name"] == "text-facts"]
    path = "/api/v1/downloads/public/text-facts/" + entry["digest"].removeprefix("sha256:") + ".zip"
    assert entry["url"].endswith(path)
    assert _digest_of(api.anonymous.get(path).content) == entry["digest"]


def _registry(api: World) -> Path:
    assert api.registry is not None
    return api.registry


def _digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_package_as_it_may_come(api: World, person: Person) -> None:
    """12.1: .skill is .zip, tags may be missing, scripts lie under scripts/ or at the root."""
    front = "---\nname: as-it-comes\ndescription: Comes as it may.\nexecution_tier: local\n---\nText.\n"
    files: dict[str, str | bytes] = {
        "SKILL.md": front,
        "send-file.sh": "echo sent\n",
        "scripts/merge.py": "print('merged')\n",
        "notes.md": "Notes.\n",
    }
    done = upload(api, person, files, "as-it-comes.skill")
    assert done.status_code == 201, done.text
    assert (done.json()["scriptsUploaded"], done.json()["filesUploaded"]) == (2, 1)
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["execution_tier"], item["hasScripts"], item["tags"]) == ("local", True, [])
    scripts = person.get("/api/v1/skills/as-it-comes/scripts").json()["data"]["scripts"]
    assert sorted(script["name"] for script in scripts) == ["merge.py", "send-file.sh"]


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("Upper", "x"),
        ("a--b", "x"),
        ("-a", "x"),
        ("a-", "x"),
        ("a" * 65, "x"),
        ("under_score", "x"),
        ("fine", ""),
    ],
)
def test_open_format_is_kept_to(api: World, person: Person, name: str, description: str) -> None:
    """12.2: name and description."""
    text = f'---\nname: "{name}"\ndescription: "{description}"\n---\nText.\n'
    assert error(upload(api, person, {"SKILL.md": text})) == (422, "invalid_skill")


def test_bundle_of_a_skill_is_a_plain_zip(api: World, person: Person) -> None:
    """12.2: any zip program unpacks it into a folder of the skill's name."""
    upload(api, person, {"SKILL.md": skill_text("plain-zip")})
    body = {"scope": "skill", "skillSlug": "plain-zip"}
    url = person.post("/api/v1/downloads", json=body).json()["data"]["url"]
    with zipfile.ZipFile(io.BytesIO(api.anonymous.get(url).content)) as archive:
        assert archive.namelist() == ["plain-zip/SKILL.md"]
