"""What tests put behind the API: private skills, teams, shares, old pins."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from dynamic_api.catalogue import skill_id
from dynamic_api.catalogue.revocations import known_revocations
from dynamic_api.catalogue.status import replace_file
from dynamic_api.database.tables import (
    credit_entries,
    drive_items,
    shares,
    skills,
    team_members,
    team_skills,
    teams,
    users,
)
from dynamic_api.ids import new_id, undashed
from dynamic_api.services import drive
from dynamic_api.services.drive import Placed
from dynamic_api.services.private_skills import Added, Facts, NewVersion, add_private_version
from registry_builder.core.revoked import Revocation, encode_revoked
from tests.api.world import Person, World
from tests.content_repo import Repo, build


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def private(api: World, owner: Person, slug: str, text: str = "", **more: Any) -> Added:
    """A version of a private skill, as an upload would make it; its digest is that of `text` or slug."""
    new = NewVersion(
        slug=slug,
        type="skill",
        name=slug,
        description=f"Does {slug}.",
        tags=("mine",),
        sha256=sha256_of(text or slug),
        size=1234,
        files=2,
        scripts=("scripts/run.sh",),
        facts=Facts(execution_tier="local", required_env=("TOKEN",)),
        grade="B",
        findings=b"[]",
        origin="upload",
        **more,
    )
    return api.write(lambda db: add_private_version(db, owner.id, new, api.clock()))


def team(api: World, owner: Person, skill_ids: list[str], *members: Person, accepted: bool = True) -> str:
    """A team with skills; its members have accepted, or not."""

    def make(db: Connection) -> str:
        team_id = new_id()
        db.execute(insert(teams), {"id": team_id, "name": team_id, "created_at": 1})
        rows = [
            {"team_id": team_id, "user_id": one.id, "invited_at": 1, "accepted_at": 2 if accepted else None}
            for one in members
        ]
        db.execute(insert(team_members), rows)
        held = [
            {"team_id": team_id, "skill_id": item, "added_by": owner.id, "added_at": 1} for item in skill_ids
        ]
        db.execute(insert(team_skills), held)
        return team_id

    return api.write(make)


def share(api: World, owner: Person, skill: str, recipient: Person, status: str = "accepted") -> None:
    row = {
        "id": new_id(),
        "skill_id": skill,
        "owner_id": owner.id,
        "recipient_id": recipient.id,
        "status": status,
        "created_at": 1,
    }
    api.write(lambda db: db.execute(insert(shares), row) and None)


def pin(api: World, person: Person, slug: str, ordinal: int) -> None:
    """Move the pin of a published skill back, as if it had been imported long ago."""
    version = api.app.context.catalogue.versions(slug)[ordinal - 1]
    api.write(
        lambda db: (
            db.execute(
                update(drive_items)
                .where(drive_items.c.user_id == person.id, drive_items.c.skill_id == published_id(slug))
                .values(ordinal=ordinal, sha256=version.sha256)
            )
            and None
        )
    )


def grade(api: World, slug: str, sha256: str) -> str:
    """The grade of a published version, once the server has looked at it."""
    late = time.monotonic() + 60
    while time.monotonic() < late:
        if letter := api.app.context.published.grades.of(slug, sha256):
            return letter
        api.anonymous.get("/healthz")
    raise AssertionError(f"{slug} was not graded")


def hold(api: World, person: Person, added: Added, text: str) -> None:
    """Put somebody else's private skill into a drive, as an operator's grant would."""
    item = Placed(skill_id=added.skill_id, ordinal=added.ordinal, sha256=sha256_of(text), origin="grant")
    api.write(lambda db: drive.place(db, person.id, [item], api.clock()) and None)


def published_id(slug: str) -> str:
    return undashed(skill_id(slug))


def organisation(api: World, added: Added) -> None:
    """Give a private skill to the whole organisation."""
    api.write(
        lambda db: (
            db.execute(update(skills).where(skills.c.id == added.skill_id).values(namespace="organisation"))
            and None
        )
    )


def set_user(api: World, person: Person, **values: Any) -> None:
    api.write(lambda db: db.execute(update(users).where(users.c.id == person.id).values(**values)) and None)


def entries(api: World, person: Person) -> list[tuple[int, str, int, int]]:
    """(number, kind, amount, balance) of the ledger, oldest first."""
    entry = credit_entries.c
    query = select(entry.number, entry.kind, entry.amount, entry.balance).where(entry.user_id == person.id)
    return [tuple(row) for row in api.read(lambda db: db.execute(query.order_by(entry.number)).all())]


def drive_slugs(person: Person, **query: Any) -> list[str]:
    answer = person.get("/api/v1/drive", params=query)
    assert answer.status_code == 200, answer.text
    return [item["slug"] for item in answer.json()["data"]["skills"]]


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def withdraw(api: World, sha256: str, reason: str = "it phones home") -> None:
    """Take bytes back, as the follower of revoked.json would hear of it."""
    folder = api.app.context.catalogue.folder
    told = known_revocations(folder).plus(
        Revocation(sha256=sha256, reason=reason, time="2026-11-28T00:00:00Z", rows=())
    )
    replace_file(folder / "revoked.json", encode_revoked(told))


def rebuild(folder: Path, path: str, text: str) -> None:
    """Commit one more file to the content of `conftest.build_registry`, and build again."""
    repo = Repo(folder / "content", 10)
    repo.write(path, text)
    repo.commit(f"Change {path}")
    done = build(repo, folder / "dist")
    assert done.code == 0, done.err


def follows(api: World, there: Callable[[], bool]) -> None:
    """Wait until the view of the registry has what was built."""
    for _ in range(600):
        if there():
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"the view stays at {api.app.context.catalogue.status()}")
