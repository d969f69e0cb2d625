"""R1 to R9 of contracts/sx.md, by the strict client over real HTTP."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from sqlalchemy import select
from sx_client import NotFound, PermissionDenied, SxFailure, VersionExists

from dynamic_api.database.tables import audit_events, usage_events
from tests.api.sx_room import api, client, installed, skill_folder
from tests.api.world import Person, World

__all__ = ["api"]
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"made-{next(_numbers)}"


def test_a_new_name_has_an_empty_list(api: World, person: Person, name: str) -> None:
    """R3, row 2 of section 0."""
    answer = person.get(f"/api/skills/assets/{name}/list.txt")
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_published_folder_is_installed_by_everybody(
    api: World, person: Person, name: str, tmp_path: Path
) -> None:
    """R1 to R6: the first version goes to the whole organisation."""
    author = client(api, person, tmp_path / "author")
    published = author.add(skill_folder(tmp_path, name), name=name)
    assert published.uploaded is not None
    assert (published.uploaded.name, published.uploaded.is_first_version) == (name, True)
    other = client(api, api.person(), tmp_path / "other")
    assert name in other.install().installed
    assert (tmp_path / f"other/.claude/skills/{name}/SKILL.md").is_file()
    assert name in other.install().unchanged


def test_the_next_version_inherits_the_installs(
    api: World, person: Person, name: str, tmp_path: Path
) -> None:
    sx = client(api, person, tmp_path / "home")
    sx.add(skill_folder(tmp_path, name), name=name)
    again = sx.add(skill_folder(tmp_path, name), name=name)
    assert (again.version, again.uploaded) == ("1", None)
    changed = sx.add(skill_folder(tmp_path, name, " better"), name=name)
    assert changed.uploaded is not None
    assert (changed.version, changed.uploaded.is_first_version) == ("2", False)
    assert installed(sx)[name] == "2"


@pytest.mark.parametrize("version", ["1", "1.0", "v1", "1.0.0+x"])
def test_a_version_is_never_given_twice(
    api: World, person: Person, name: str, tmp_path: Path, version: str
) -> None:
    """1.3: 409, with the slug."""
    sx = client(api, person, tmp_path / "home")
    sx.add(skill_folder(tmp_path, name), name=name)
    with pytest.raises(VersionExists) as refused:
        sx.add(skill_folder(tmp_path, name, " else"), name=name, version=version)
    assert refused.value.slug == name


def test_what_others_answer_for_needs_a_change_request(
    api: World, person: Person, name: str, tmp_path: Path
) -> None:
    """1.3: 403 with permission_denied."""
    client(api, person, tmp_path / "home").add(skill_folder(tmp_path, name), name=name)
    other = client(api, api.person(), tmp_path / "other")
    with pytest.raises(PermissionDenied) as refused:
        other.add(skill_folder(tmp_path, name, " other"), name=name)
    assert refused.value.skill_slug == name
    assert refused.value.skill_id


def test_the_public_catalogue_needs_a_change_request(api: World, person: Person, tmp_path: Path) -> None:
    sx = client(api, person, tmp_path / "home")
    with pytest.raises(PermissionDenied) as refused:
        sx.add(skill_folder(tmp_path, "pdf-tools", " mine"), name="pdf-tools")
    assert refused.value.skill_slug == "pdf-tools"


def test_bad_uploads_tell_all_that_is_wrong(api: World, person: Person) -> None:
    answer = person.post("/api/skills/assets", files={"file": ("x-1.zip", b"no zip")})
    assert answer.status_code == 400
    body = answer.json()
    assert body["success"] is False
    assert isinstance(body["error"], str)
    assert body["error"]


def test_a_lock_is_not_built_again_for_its_tag(api: World, person: Person) -> None:
    first = person.get("/api/skills/sx.lock")
    assert first.status_code == 200
    assert first.headers["content-type"].startswith("application/toml")
    again = person.get("/api/skills/sx.lock", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = api.person().get("/api/skills/sx.lock", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200
    assert other.headers["etag"] != first.headers["etag"]


def test_private_bytes_are_not_for_shared_caches(
    api: World, person: Person, name: str, tmp_path: Path
) -> None:
    sx = client(api, person, tmp_path / "home")
    sx.add(skill_folder(tmp_path, name), name=name)
    mine = person.get(f"/api/skills/assets/{name}/1/{name}-1.zip")
    assert mine.headers["cache-control"] == "private, max-age=31536000, immutable"
    published = person.get("/api/skills/assets/pdf-tools/2/pdf-tools-2.zip")
    assert published.status_code == 200, published.text
    assert published.headers["cache-control"] == "public, max-age=31536000, immutable"
    text = person.get("/api/skills/assets/pdf-tools/2/metadata.toml")
    assert 'name = "pdf-tools"' in text.text


@pytest.mark.parametrize("cut", [8, 200])
def test_form_that_is_cut_off_says_so(person: Person, cut: int) -> None:
    """Not that the file is missing, which was sent."""
    file = b'--B\r\nContent-Disposition: form-data; name="file"; filename="x.zip"\r\n\r\n' + b"PK" * 200
    whole = file + b"\r\n--B--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=B"}
    answer = person.post("/api/skills/assets", content=whole[:-cut], headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "truncated_body")


def test_form_of_too_many_fields_says_so(person: Person) -> None:
    fields = {f"x{number}": "1" for number in range(100)}
    answer = person.post("/api/skills/assets", files={"file": ("x.zip", b"PK")}, data=fields)
    assert (answer.status_code, "100 fields were sent" in answer.text) == (400, True)


@pytest.mark.parametrize("slug", [None, "pdf-tools"])
def test_bundle_has_its_own_file_name_alone(
    api: World, person: Person, name: str, tmp_path: Path, slug: str | None
) -> None:
    """R5: `{name}-{version}.zip`, of the asset that is asked for."""
    client(api, person, tmp_path / "home").add(skill_folder(tmp_path, name), name=name)
    slug, version = (slug, "2") if slug else (name, "1")
    folder = f"/api/skills/assets/{slug}/{version}"
    good = f"{slug}-{version}.zip"
    assert person.get(f"{folder}/{good}").status_code == 200
    for bad in ("x.zip", good.upper(), good[:-4], f"{good}.zip", f"{slug}-9.zip", "text-facts-2.zip", "%20"):
        answer = person.get(f"{folder}/{bad}")
        assert answer.status_code == 404, (bad, answer.text)
        assert f"it is {good}" in answer.text


def test_reads_are_in_the_audit_log(api: World, person: Person, name: str, tmp_path: Path) -> None:
    sx = client(api, person, tmp_path / "home")
    sx.add(skill_folder(tmp_path, name), name=name)
    headers = {"x-session-id": f"session {name}", "user-agent": "skills/2.3.4"}
    person.get("/api/skills/sx.lock", headers=headers)
    person.get(f"/api/skills/assets/{name}/1/{name}-1.zip", headers=headers)
    rows = wait_for_rows(api, f"session {name}", 2)
    assert {row.event for row in rows} == {"LOCK_FILE_ACCESSED", "DOWNLOADED"}
    assert {(row.user_agent, row.address, row.key_prefix) for row in rows} == {
        ("skills/2.3.4", "127.0.0.1", person.key[:12])
    }


def wait_for_rows(api: World, session: str, count: int) -> list[object]:
    """What the process has written of it."""
    api.settle()
    query = select(audit_events).where(audit_events.c.session_id == session)
    rows = list(api.read(lambda db: db.execute(query).fetchall()))
    assert len(rows) == count, rows
    return rows


def test_usage_is_on_disk_at_204_and_counts_once(api: World, person: Person, name: str) -> None:
    """R7: exactly 204."""
    lines = "\n".join(
        json.dumps(
            {
                "asset_name": name,
                "asset_version": "1",
                "asset_type": "skill",
                "timestamp": f"2026-11-0{day}T10:00:00Z",
            }
        )
        for day in (1, 2)
    )
    for _ in range(2):
        answer = person.post("/api/skills/usage", content=lines)
        assert (answer.status_code, answer.content) == (204, b"")
    assert len(uses(api, name)) == 2
    assert person.post("/api/skills/usage", content=b"").status_code == 204


def test_what_a_process_left_uncounted_counts_once(api: World, person: Person, name: str) -> None:
    """A report is on disk at 204; whoever comes first counts it, also when several do at the same time."""
    import asyncio

    from dynamic_api.services import asset_usage
    from dynamic_api.tasks.usage import Usage

    lines = "\n".join(json.dumps({"asset_name": name, "actor": f"p{n}@example.com"}) for n in range(300))
    report = asset_usage.Report(received_at=1, reporter_id="r" * 32, actor="", body=lines.encode())
    api.write(lambda db: asset_usage.keep(db, [report, report]))

    async def count_at_once() -> None:
        await asyncio.gather(*(Usage(api.app.context.database).count() for _ in range(3)))

    asyncio.run(count_at_once())
    assert len(uses(api, name)) == 300
    assert api.read(asset_usage.waiting) == {}


def test_report_that_no_version_can_read_does_not_hold_up_the_others(
    api: World, person: Person, name: str
) -> None:
    from dynamic_api.services import asset_usage

    good = json.dumps({"asset_name": name}).encode()
    reports = [
        asset_usage.Report(received_at=1, reporter_id="r" * 32, actor="", body=body)
        for body in (b"{broken", good)
    ]
    api.write(lambda db: asset_usage.keep(db, reports))
    assert len(uses(api, name)) == 1


def test_one_broken_line_counts_none(api: World, person: Person, name: str) -> None:
    good = json.dumps({"asset_name": name})
    answer = person.post("/api/skills/usage", content=f"{good}\n{{broken\n{good}")
    assert answer.status_code == 400
    assert "line 2" in answer.json()["error"]
    long = person.post("/api/skills/usage", content=good + "\n" + "x" * (1 << 20))
    assert long.status_code == 413
    assert uses(api, name) == []


def uses(api: World, name: str) -> list[object]:
    """What was counted of it; the queue is told to count now."""
    api.settle()
    query = select(usage_events).where(usage_events.c.asset_name == name)
    return list(api.read(lambda db: db.execute(query).fetchall()))


def test_the_hook_reports_use(api: World, person: Person, name: str, tmp_path: Path) -> None:
    sx = client(api, person, tmp_path / "home")
    event = {"asset_name": name, "asset_version": "1", "asset_type": "skill"}
    assert sx.report_usage({**event, "timestamp": "2026-11-28T10:00:00Z"}) == 1
    assert len(uses(api, name)) == 1


def test_roles_are_listed_set_and_cleared(api: World, person: Person, tmp_path: Path) -> None:
    """R8 and R9."""
    from dynamic_api.services import profiles

    number = next(_numbers)
    api.write(lambda db: profiles.create(db, f"Backend {number}", "Python", [], api.clock()))
    sx = client(api, person, tmp_path / "home")
    slug = f"backend-{number}"
    assert slug in {role.slug for role in sx.role_list()}
    assert sx.role_current() is None
    chosen = sx.role_set(slug)
    assert chosen is not None
    assert chosen.title == f"Backend {number}"
    assert sx.role_current() == slug
    assert installed(sx) == {}
    sx.role_clear()
    assert sx.role_current() is None
    with pytest.raises(NotFound):
        sx.role_set("no-such-role")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/skills/sx.lock", 405),
        ("GET", "/api/skills/usage", 405),
        ("DELETE", "/api/skills/assets", 405),
        ("POST", "/mcp/", 405),
        ("GET", "//api//skills/sx.lock", 200),
        ("GET", "/api/skills/assets/%2e%2e/sx.lock", 404),
        ("GET", "/api/skills/assets/a%2Fb/1/metadata.toml", 404),
        ("GET", "/api/skills/assets/no-such/1/no-such-1.zip", 404),
    ],
)
def test_paths_and_methods(person: Person, method: str, path: str, status: int) -> None:
    """Section 0 row 15: doubled slashes are one; 405 for another method."""
    import httpx2

    answer = person.http.send(
        person.http.build_request(method, httpx2.URL(str(person.http.base_url).rstrip("/") + path))
    )
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("path", ["sx.lock", "sx.profiles", "assets/x/1/x-1.zip"])
def test_without_a_credential_nothing_is_given(api: World, path: str) -> None:
    answer = api.anonymous.get(f"/api/skills/{path}")
    assert answer.status_code == 401
    assert isinstance(answer.json()["error"], str)


def test_a_question_without_a_provider_is_told_in_the_stream(
    api: World, person: Person, tmp_path: Path
) -> None:
    """R10: sx reads nothing but frames."""
    sx = client(api, person, tmp_path / "home")
    with pytest.raises(SxFailure, match="not configured"):
        sx.query("Which changes wait?", "GITHUB", {"repoUrl": "https://github.com/acme/api"})
