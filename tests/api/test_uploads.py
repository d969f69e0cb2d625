"""Rows 22–24 and section 12.4: tickets, the script, the zip; and what is refused."""

from __future__ import annotations

import concurrent.futures
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dynamic_api.services.keys import KeyOptions
from tests.api.packages import skill_zip, zipped
from tests.api.world import Person, World, world
from tests.content_repo import skill_text
from tests.hostile.archives import HOSTILE, Hostile

PROCESS = "/api/uploads/process-skill"


def ticket(person: Person, **body: Any) -> dict[str, Any]:
    answer = person.post("/api/v1/uploads/ticket", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


def upload(
    api: World, person: Person, data: bytes, name: str = "skill.zip", token: str | None = None
) -> httpx2.Response:
    token = token or ticket(person)["uploadToken"]
    headers = {"authorization": f"Bearer {token}"}
    return api.anonymous.post(PROCESS, headers=headers, files={"file": (name, data)})


def balance(person: Person) -> int:
    return int(person.get("/api/v1/account/credits").json()["data"]["balance"])


def test_ticket_is_the_union_of_both_forms(api: World, person: Person) -> None:
    """Row 22."""
    made = ticket(person, filename="a.zip")
    assert made["uploadToken"].startswith("ut_live_")
    assert made["uploadToken"] not in made["scriptContent"]
    assert made["uploadUrl"].endswith(PROCESS)
    assert (made["targetType"], made["targetCollection"]) == ("drive", None)
    assert made["scriptFilename"] == "upload-skill.sh"


def test_sixth_unused_ticket_is_refused(api: World, person: Person) -> None:
    """Row 22: more than five."""
    for _ in range(5):
        ticket(person)
    answer = person.post("/api/v1/uploads/ticket", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_active_tickets")
    assert 0 < int(answer.headers["retry-after"]) <= 601


def test_scoped_key_uploads_to_its_own_collection(api: World) -> None:
    """12.4, 1."""
    person = api.person(options=KeyOptions(kind="scoped"))
    assert ticket(person)["targetCollection"] == "main"
    done = upload(api, person, skill_zip("own-one")).json()
    assert done["collectionPlacement"] == {"status": "added", "collection": "main"}
    other = person.post("/api/v1/uploads/ticket", json={"collectionName": "other"})
    assert (other.status_code, other.json()["error"]["code"]) == (403, "collection_not_owned")


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("nothing", 404, "collection_not_found"), ("main", 400, "collection_ineligible")],
)
def test_collection_of_a_ticket_must_be_ones_own_and_scoped(
    api: World, person: Person, name: str, status: int, code: str
) -> None:
    """Row 22."""
    answer = person.post("/api/v1/uploads/ticket", json={"collectionName": name})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_upload_becomes_a_version_that_is_paid_for_once(api: World, person: Person) -> None:
    """Row 24 and 12.4, 3."""
    before = balance(person)
    first = upload(api, person, skill_zip("my-skill", script=True, prefix="my-skill/"), "my.skill")
    assert first.status_code == 201, first.text
    body = first.json()
    assert body["success"] is True
    assert set(body["skill"]) == {"id", "slug", "name", "version"}
    assert (body["skill"]["slug"], body["skill"]["version"]) == ("my-skill", 1)
    assert (body["scriptsUploaded"], body["filesUploaded"], body["creditCost"]) == (1, 0, 1)
    assert body["securityGrade"] in {"A", "B"}
    assert balance(person) == before - 1
    again = upload(api, person, skill_zip("my-skill", script=True)).json()
    assert (again["skill"]["version"], again["creditCost"]) == (1, 0)
    second = upload(api, person, skill_zip("my-skill", "Do it better.")).json()
    assert (second["skill"]["version"], second["creditCost"]) == (2, 1)
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert (item["slug"], item["version"], item["category"]) == ("my-skill", 2, "private")


def test_ticket_is_burned_by_its_first_use_even_if_that_fails(api: World, person: Person) -> None:
    """12.4, 4."""
    token, before = ticket(person)["uploadToken"], balance(person)
    assert upload(api, person, b"no zip", token=token).status_code == 422
    again = upload(api, person, skill_zip("x-y"), token=token)
    assert again.status_code == 401
    assert again.json()["error"]["message"] == "Upload ticket invalid, expired, or already used"
    assert balance(person) == before


def test_of_fifty_uses_at_once_exactly_one_wins(api: World, person: Person) -> None:
    token, data = ticket(person)["uploadToken"], skill_zip("raced-one")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda _: upload(api, person, data, token=token).status_code, range(50)))
    assert sorted(codes) == [201, *[401] * 49]


def test_expired_ticket_and_ended_key_are_refused(api: World, person: Person) -> None:
    present = api.clock.ahead
    token = ticket(person)["uploadToken"]
    api.clock.ahead = present + 11 * 60_000
    try:
        assert upload(api, person, skill_zip("late-one"), token=token).status_code == 401
    finally:
        api.clock.ahead = present
    assert upload(api, person, skill_zip("a-b"), token=person.key).status_code == 401
    assert api.anonymous.post(PROCESS, files={"file": ("a.zip", b"x")}).status_code == 401


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case.id)
def test_hostile_zip_is_refused_and_costs_nothing(api: World, person: Person, case: Hostile) -> None:
    before = balance(person)
    answer = upload(api, person, case.data)
    assert answer.status_code in {413, 422}, answer.text
    assert answer.json()["error"]["code"]
    assert balance(person) == before


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"README.md": "no skill"}, "invalid_skill"),
        ({"SKILL.md": "no front matter"}, "invalid_skill"),
        ({"SKILL.md": "---\nname: Bad Name\ndescription: x\n---\nBody\n"}, "invalid_skill"),
        ({"one/SKILL.md": "of two", "two/SKILL.md": "of two"}, "invalid_skill"),
        ({}, "empty-archive"),
    ],
)
def test_what_is_no_skill_is_refused_with_all_problems(
    api: World, person: Person, files: dict[str, str], code: str
) -> None:
    answer = upload(api, person, zipped(files))
    error = answer.json()["error"]
    assert answer.status_code == 422
    assert error["code"] in {code, "zip-no-end", "zip-empty"}
    assert error["mend"]


def test_collection_that_ended_after_the_ticket_gets_nothing(api: World, person: Person) -> None:
    person.post("/api/v1/collections", json={"name": "short-lived", "skillSlugs": []})
    token = ticket(person, collectionName="short-lived")["uploadToken"]
    assert person.delete("/api/v1/collections/short-lived").status_code == 200
    answer = upload(api, person, skill_zip("for-the-drive"), token=token)
    assert answer.status_code == 201
    assert answer.json()["collectionPlacement"] == {"status": "collection_gone", "collection": "short-lived"}
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert item["slug"] == "for-the-drive"


def test_bad_bodies_are_refused(api: World, person: Person) -> None:
    present = api.clock.ahead

    def post(**how: Any) -> httpx2.Response:
        token = ticket(person)["uploadToken"]
        headers = {"authorization": f"Bearer {token}", **how.pop("headers", {})}
        answer = api.anonymous.post(PROCESS, headers=headers, **how)
        api.clock.ahead += 11 * 60_000
        return answer

    try:
        data = skill_zip("fine-one")
        assert post(json={"file": "x"}).status_code == 415
        assert post(files={"other": ("a.zip", data)}).status_code == 400
        two = post(files=[("file", ("a.zip", data)), ("file", ("b.zip", data))])
        assert (two.status_code, two.json()["error"]["message"]) == (400, "2 files were sent")
        assert post(files={"file": ("a.tar", data)}).status_code == 400
        form = {"content-type": "multipart/form-data; boundary=x"}
        cut = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\nPK'
        assert post(content=cut, headers=form).status_code == 400
        assert post(content=data, headers={"content-type": "multipart/form-data"}).status_code == 400
        assert post(files={"file": ("a.zip", b"0" * (11 * 1024 * 1024))}).status_code == 413
    finally:
        api.clock.ahead = present


@pytest.mark.parametrize(("more", "cost"), [(-4000, 2), (4000, 3)])
def test_price_goes_by_whole_mebibytes_of_the_zip(api: World, person: Person, more: int, cost: int) -> None:
    """4.2: 1 and the whole MiB of the zip."""
    filler = random.Random(1).randbytes(2 * 1024 * 1024 + more)
    data = zipped({"SKILL.md": skill_text("heavy-one"), "filler.bin": filler})
    assert (len(data) > 2 * 1024 * 1024) == (cost == 3)
    assert upload(api, person, data).json()["creditCost"] == cost


def test_too_few_credits_keep_nothing(api: World) -> None:
    """Row 24, 402."""
    from dynamic_api.settings import Credits

    poor = api.person(prices=Credits(initial_grant=0))
    answer = upload(api, poor, skill_zip("dear-one"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "insufficient_credits")
    assert poor.get("/api/v1/drive").json()["data"]["skills"] == []


def test_full_drive_takes_no_new_skill(api: World, person: Person) -> None:
    """4.3."""
    for number in range(10):
        assert upload(api, person, skill_zip(f"one-{number}")).status_code == 201
    answer = upload(api, person, skill_zip("one-too-many"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "quota_exceeded")
    assert upload(api, person, skill_zip("one-3", "Changed.")).status_code == 201


def test_inline_script_uploads_with_sh(api: World, person: Person, tmp_path: Path) -> None:
    """Row 22: the script is real."""
    made = ticket(person, filename="it.zip")
    (tmp_path / made["scriptFilename"]).write_text(made["scriptContent"])
    (tmp_path / "it.zip").write_bytes(skill_zip("by-script"))

    def run(*words: str, token: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "SKILLZDRIVE_UPLOAD_TOKEN": token}
        command = ["sh", made["scriptFilename"], "--server-url", api.url, *words]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)

    done = run(token=made["uploadToken"])
    assert (done.returncode, '"success":true' in done.stdout) == (0, True), done.stderr
    assert run(token=made["uploadToken"]).returncode == 3
    assert run("--file", "none.zip", token="x").returncode == 2
    assert run("--odd", token="x").returncode == 2
    assert run(token="").returncode == 2


def test_page_of_uploads_names_a_scoped_key(api: World, person: Person) -> None:
    """Row 23."""
    assert person.get("/api/v1/uploads/url").json()["data"]["url"].endswith("/upload")
    scoped = api.person(options=KeyOptions(kind="scoped"))
    url = scoped.get("/api/v1/uploads/url").json()["data"]["url"]
    assert "key_name=main" in url
    assert scoped.key not in url
    page = api.anonymous.get("/upload")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for name in ("upload.js", "upload.css"):
        assert api.anonymous.get(f"/{name}").status_code == 200


def test_operator_adds_advisories(tmp_path: Path, registry: Path) -> None:
    """12.3: a folder of OSV records, named by a setting."""
    record = {
        "id": "OSV-1",
        "summary": "bad",
        "affected": [
            {"package": {"ecosystem": "PyPI", "name": "leftpadding"}, "versions": ["1.0"], "ranges": []}
        ],
    }
    osv = tmp_path / "osv"
    osv.mkdir()
    (osv / "one.json").write_text(json.dumps(record))
    files = {"SKILL.md": skill_text("needs-it"), "requirements.txt": "leftpadding==1.0\n"}
    with world(tmp_path / "data", None, {"uploads": {"osv_folder": str(osv)}}, registry) as api:
        body = upload(api, api.person(), zipped(files)).json()
    assert any("OSV-1" in finding["message"] for finding in body["findings"]), body
