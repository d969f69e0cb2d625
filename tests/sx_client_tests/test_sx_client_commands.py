"""Each command sends the requests of its row in contracts/sx.md 1.6, in that order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sx_canned import Canned, connection
from sx_client import BadAnswer, NotFound, Refused, SxClient, Targets
from sx_house import LOCK, MAY, TOML, UPLOAD, ZIP, gql, uploaded


def test_install_of_a_name(server: Canned, sx: SxClient, pdf: bytes, house: None) -> None:
    sx.install_name("pdf", Targets(teams=["core"], paths=["https://github.com/acme/api#services"]))
    asked = gql("AssetInstallations", "ListTeams", "SetAssetInstallations")
    assert sx.requests() == [*gql("VaultAssetLookup"), TOML, *asked]
    assert server.variables[-1]["input"]["append"] is True


def test_uninstall_of_targets(server: Canned, sx: SxClient, pdf: bytes) -> None:
    sx.uninstall_targets("pdf", [{"entityType": "TEAM", "entityId": "t1"}])
    assert sx.requests() == [*gql("UninstallAssetTargets"), LOCK]


def test_vault_commands(server: Canned, sx: SxClient, pdf: bytes) -> None:
    assert [node["slug"] for node in sx.vault_list()] == ["pdf"]
    assert sx.requests() == [LOCK, *gql(*["VaultAssets"] * 8)]
    sx.vault_list("skill")
    assert sx.requests() == [LOCK, *gql("VaultAssets")]
    shown = sx.vault_show("pdf")
    assert (shown.versions, len(shown.installations)) == (["1"], 1)
    assert sx.requests() == [*gql("VaultAssetLookup"), TOML, *gql("AssetInstallations")]
    with pytest.raises(NotFound):
        sx.vault_show("nothing")
    assert sx.requests() == gql("VaultAssetLookup", "VaultAssetLookup")
    assert sx.vault_rename("pdf", "text") is not None
    asked = gql("VaultAssetLookup", "VaultAssetLookup", "RenameAsset")
    assert sx.requests() == [*gql("VaultAssetLookup"), TOML, *asked, LOCK]
    with pytest.raises(Refused, match="is there already"):
        sx.vault_rename("pdf", "pdf")


def test_team_commands(server: Canned, sx: SxClient, house: None) -> None:
    assert [team["name"] for team in sx.team_list()] == ["Core"]
    assert sx.team_create("Core") == "t2"
    assert sx.requests() == gql(
        "GetMe", "ListTeams", "GetMe", "FindUser", "CreateTeam", "ListTeams", "SetTeamAdmin"
    )  # fmt: skip
    sx.team_rename("Core", "Heart")
    sx.team_add_member("Core", "a@example.com")
    sx.team_remove_member("Core", "A@example.com")
    sx.team_set_admin("Core", "a@example.com")
    sx.team_set_repositories("Core", ["acme/api"])
    sx.team_delete("Core")
    assert [call.split()[-1] for call in sx.requests()] == [
        "ListTeams", "UpdateTeam", "ListTeams", "FindUser", "UpdateTeam", "ListTeams", "RemoveTeamMember",
        "ListTeams", "SetTeamAdmin", "ListTeams", "OrgRepositories", "UpdateTeam", "ListTeams", "DeleteTeam",
    ]  # fmt: skip
    for call in (lambda: sx.team_show("none"), lambda: sx.team_remove_member("Core", "b@example.com")):
        with pytest.raises(NotFound):
            call()


def test_bot_commands(server: Canned, sx: SxClient, pdf: bytes, house: None) -> None:
    assert sx.bot_create("Ci", teams=["Core"]).key == "sk-1"
    sx.bot_update("ci", description="")
    assert server.variables[-1]["input"] == {"id": "b1", "name": None, "description": "", "teamIds": None}
    assert sx.bot_installed("ci")[0]["name"] == "pdf"
    sx.bot_install("Ci", "pdf")
    assert sx.bot_uninstall("Ci", "pdf") is False
    assert sx.bot_key_create("ci", "two") == "sk-2"
    assert [key["label"] for key in sx.bot_key_list("ci")] == ["one"]
    sx.bot_key_delete("ci", "one")
    assert sx.bot_runtime_token("ci")["botKey"] == "rt"
    assert sx.bot_revoke_runtime_tokens("ci") == 1
    sx.bot_delete("Ci")
    with pytest.raises(NotFound, match="no key three"):
        sx.bot_key_delete("ci", "three")
    server.graphql["CreateBotApiKey"] = {"createBotApiKey": {"botKey": None}}
    with pytest.raises(BadAnswer):
        sx.bot_key_create("ci", "two")


def test_collection_commands(server: Canned, sx: SxClient, pdf: bytes, house: None) -> None:
    assert sx.collection_create("Starter", assets=["pdf"]) == "c1"
    shown = sx.collection_show("starter")
    assert (shown.assets, shown.installations[0]["entityName"]) == (["pdf"], "Core")
    sx.collection_update("Starter", description="For all")
    sx.collection_add("Starter", ["pdf"])
    sx.collection_remove("Starter", ["pdf"])
    sx.collection_install("Starter", Targets(org=True, teams=["Core"], repos=["git@github.com:acme/api.git"]))
    assert server.variables[-1]["input"]["installations"] == [
        {"entityType": "ORGANIZATION", "entityId": None},
        {"entityType": "REPOSITORY", "entityId": "r1"},
        {"entityType": "TEAM", "entityId": "t1"},
    ]
    absent = [{"field": "gid", "messages": ["Installation not found"]}]
    server.graphql["UninstallCollection"] = {"uninstallCollection": {"collection": None, "errors": absent}}
    sx.collection_uninstall("Starter", Targets(teams=["Core"]))
    sx.collection_delete("Starter")
    with pytest.raises(NotFound):
        sx.collection_show("none")


def test_stats_and_audit(server: Canned, sx: SxClient, house: None) -> None:
    event = {
        "timestamp": MAY, "actorEmail": "a@example.com", "assetName": "pdf", "assetVersion": "1",
        "assetType": "skill",
    }  # fmt: skip
    server.graphql["AssetUsageEvents"] = {"assetUsageEvents": connection(event, event)}
    stats = sx.stats(asset="pdf")
    assert (stats.by_asset, stats.teams) == ({"pdf": 2}, ["Core"])
    assert sx.requests() == gql("AssetUsageEvents", "ListTeams")
    assert server.variables[-1]["first"] == 300
    assert sx.audit() == []
    assert sx.requests() == gql("AssetAuditLog")


def test_vault_copy(server: Canned, sx: SxClient, pdf: bytes, house: None, tmp_path: Path) -> None:
    server.rest[UPLOAD] = uploaded()
    other = SxClient(server.url, "other", tmp_path / "other")
    assert sx.vault_copy(other) == ["pdf"]
    assert other.requests() == [UPLOAD, *gql("RemoveAssetInstallations")]
    assert ZIP in sx.requests()
    row = {"id": "1", "date": "2026-05-01T00:00:00Z", "actorEmail": "a", "actorName": "", "event": "X",
           "targetType": "asset", "targetName": "pdf", "data": None}  # fmt: skip
    server.graphql["AssetAuditLog"] = {"assetAuditLog": connection(row)}
    sx.vault_copy(other)
    (event,) = server.variables[-1]["events"]
    assert json.dumps(event, sort_keys=True) == (
        '{"actor": "a", "data": null, "event": "X", "target": "pdf", "targetType": "asset", '
        '"timestamp": "2026-05-01T00:00:00Z"}'
    )
