"""`skillpress admin bot | repository | install | profile`, on the database of a running API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dynamic_api.cli.admin import admin
from dynamic_api.cli.audit import audit
from tests.api.conftest import build_registry
from tests.api.sx_room import client, installed
from tests.api.test_sx_drive import uploaded
from tests.api.world import World, world


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("admin")
    with world(folder / "data", None, {}, build_registry(folder)) as made:
        yield made


def run(local: World, *arguments: str, group: Any = admin) -> str:
    done = CliRunner().invoke(group, ["--data", str(local.data), *arguments])
    assert done.exit_code == 0, done.output + str(done.exception)
    return str(done.output)


def test_an_operator_arranges_what_sx_gets(local: World, tmp_path: Path) -> None:
    person = local.person()
    sx = client(local, person, tmp_path / "person")
    key = run(local, "bot", "create", "Review Bot").strip()
    bot = client(local, key, tmp_path / "bot")
    run(local, "install", "pdf-tools", "--user", person.email)
    run(local, "install", "text-facts", "--org")
    assert installed(sx) == {"pdf-tools": "2", "text-facts": "1"}
    assert installed(bot) == {"text-facts": "1"}
    run(local, "install", "pdf-tools", "--bot", "review-bot")
    assert installed(bot) == {"pdf-tools": "2", "text-facts": "1"}
    run(local, "install", "text-facts", "--org", "--remove")
    assert installed(bot) == {"pdf-tools": "2"}
    run(local, "profile", "create", "Writing", "--asset", "text-facts")
    sx.role_set("writing")
    assert installed(sx) == {}
    run(local, "profile", "change", "writing", "--add", "pdf-tools", "--remove", "text-facts")
    assert installed(sx) == {"pdf-tools": "2"}
    run(local, "profile", "delete", "writing")
    assert sx.role_current() is None
    second = run(local, "bot", "key", "review-bot", "--label", "ci").strip()
    assert installed(client(local, second, tmp_path / "ci")) == {"pdf-tools": "2"}
    run(local, "bot", "delete", "review-bot")
    assert bot.wire.get("/api/skills/sx.lock").status == 401


def test_an_operator_installs_what_somebody_uploaded(local: World, tmp_path: Path) -> None:
    """Of private assets the owner has to be named: several people may have one of a name."""
    owner, other = local.person(), local.person()
    uploaded(local, owner, "field-notes")
    run(local, "install", "field-notes", "--owner", owner.email, "--user", other.email)
    assert installed(client(local, other, tmp_path / "other"))["field-notes"] == "1"
    refused = CliRunner().invoke(admin, ["--data", str(local.data), "install", "field-notes", "--org"])
    assert refused.exit_code != 0
    run(local, "install", "field-notes", "--owner", owner.email, "--user", other.email, "--remove")


def test_repositories_are_one_whatever_their_url(local: World) -> None:
    run(local, "repository", "add", "git@example.com:acme/api.git")
    run(local, "repository", "add", "https://example.com/Acme/Api")
    rows = json.loads(run(local, "repository", "list", "--json"))
    assert [(row["owner"], row["name"]) for row in rows] == [("acme", "api")]


def test_adoption_counts_takers_and_users(local: World, tmp_path: Path) -> None:
    person = local.person()
    sx = client(local, person, tmp_path / "person")
    run(local, "install", "release-helper", "--user", person.email)
    sx.install()
    event = {"asset_name": "release-helper", "asset_version": "1", "asset_type": "skill"}
    sx.report_usage(event)
    local.settle()
    rows = json.loads(run(local, "adoption", "--json", group=audit))
    assert {"asset": "release-helper", "downloads": 1, "takers": 1, "uses": 1, "users": 1} in rows
    assert "whole" in run(local, "verify", group=audit)
