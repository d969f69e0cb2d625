"""What the canned server knows: a skill, and a house of people, bots and collections."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from starlette.responses import JSONResponse
from sx_canned import METADATA, Canned, bundle, connection

LOCK = "GET /api/skills/sx.lock"
LIST = "GET /api/skills/assets/pdf/list.txt"
ZIP = "GET /api/skills/assets/pdf/1/pdf-1.zip"
TOML = "GET /api/skills/assets/pdf/1/metadata.toml"
UPLOAD = "POST /api/skills/assets"
HEAD = 'lock-version = "1.0"\nversion = "abc"\ncreated-by = "test/1"\n'


def row(
    url: str, data: bytes, name: str = "pdf", version: str = "1", extra: str = "", scope: str = ""
) -> str:
    """A row of a lock for a bundle."""
    sha256 = hashlib.sha256(data).hexdigest()
    scopes = f'[[assets.scopes]]\nrepo = "{scope}"\n' if scope else ""
    return (
        f'[[assets]]\nname = "{name}"\nversion = "{version}"\ntype = "skill"\n{extra}'
        f'[assets.source-http]\nurl = "{url}/{name}-{version}.zip"\nhashes = {{ sha256 = "{sha256}" }}\n'
        f"size = {len(data)}\n{scopes}"
    )


def serve(server: Canned, *rows: str, **bundles: bytes) -> None:
    """A lock of these rows, and bundles by `name_version`."""
    server.rest[LOCK] = HEAD + "".join(rows)
    for key, data in bundles.items():
        server.rest[f"GET /{key.replace('_', '-')}.zip"] = data


@pytest.fixture
def pdf(server: Canned) -> bytes:
    """The server has a skill `pdf`, installed for everybody."""
    data = bundle()
    serve(server, row(server.url, data), pdf_1=data)
    looked = {
        "__typename": "Skill", "slug": "pdf", "name": "PDF", "type": "SKILL", "description": "",
        "createdAt": None,
        "updatedAt": None, "versions": [{"version": "1", "createdAt": None, "filesCount": 2}],
    }  # fmt: skip

    def lookup(variables: dict[str, Any]) -> Any:
        return {"vault": {"assets": {"nodes": [looked] if "pdf" in variables.values() else []}}}

    installed = {
        "entityType": "ORGANIZATION", "entityName": None, "entityRef": None, "entityId": None,
        "monoRepoConfigId": None, "viaCollectionId": None,
    }  # fmt: skip
    bought = {**installed, "viaCollectionId": "c1"}
    node = {"__typename": "Skill", "slug": "pdf", "name": "PDF", "installations": [installed, bought]}
    gid = {"__typename": "Skill", "id": "A1", "name": "PDF", "slug": "pdf", "type": "SKILL"}
    listed = {
        "__typename": "Skill", "slug": "pdf", "type": "SKILL", "latestVersion": "1", "versionsCount": 1,
        "description": "", "createdAt": None, "updatedAt": None,
    }  # fmt: skip
    server.rest |= {TOML: METADATA.format(name="pdf", version="1"), LIST: "1\n", ZIP: data}
    server.graphql |= {
        "VaultAssets": lambda given: {
            "vault": {"assets": connection(*[listed] * (given["assetType"] == "SKILL"))}
        },
        "VaultAssetLookup": lookup,
        "AssetInstallations": {"vault": {"assets": connection(node)}},
        "AssetGID": {"vault": {"assets": connection(gid)}},
        "SetAssetInstallations": {"setAssetInstallations": {"asset": None, "errors": []}},
        "RemoveAssetInstallations": {"removeAssetInstallations": {"success": True, "errors": []}},
        "UninstallAssetTargets": {"uninstallAssetTargets": {"asset": None, "removedCount": 1, "errors": []}},
        "RenameAsset": {"renameAsset": {"success": True, "errors": []}},
    }
    return data


PERSON = {"id": "u1", "email": "a@example.com"}
TEAM = {
    "id": "t1", "name": "Core", "adminMembers": None, "members": {"totalCount": 1, "nodes": [PERSON]},
    "skillsRepositories": [],
}  # fmt: skip
MAY = "2026-05-01T00:00:00Z"
REPOSITORY = {"id": "r1", "owner": "acme", "name": "api"}
DIRECT = {"name": "pdf", "assetType": "SKILL", "isDirectInstall": True}
NEEDS_BASE = 'dependencies = [{ name = "base" }]\n'
BOT = {"id": "b1", "name": "Ci", "slug": "ci", "description": "", "teams": [], "installedSkills": []}


@pytest.fixture
def house(server: Canned) -> None:
    """The server has a user, a team, a bot with a key, a repository and a collection."""
    key = {"id": "k1", "label": "one", "maskedToken": "sk…1", "createdAt": "2026-05-01T00:00:00Z"}
    ok = {"success": True, "errors": []}
    collection = {"collection": {"id": "c1"}, "errors": []}
    here = {
        "entityType": "TEAM",
        "entityName": "Core",
        "entityRef": None,
        "entityId": "t1",
        "monoRepoConfigId": None,
    }
    member = {"__typename": "Skill", "id": "A1", "slug": "pdf"}
    server.graphql |= {
        "GetMe": {"user": {**PERSON, "username": "a", "firstName": "A", "lastName": ""}},
        "FindUser": {"organization": {"users": {"nodes": [PERSON]}}},
        "ListTeams": {"organization": {"teams": {"totalCount": 1, **connection(TEAM)}}},
        "OrgRepositories": {"organization": {"repositories": connection(REPOSITORY)}},
        "CreateTeam": {"createTeam": {"team": {"id": "t2", "name": "New"}, "errors": []}},
        "UpdateTeam": {"updateTeam": {"team": {"id": "t1", "name": "Core"}, "errors": []}},
        "DeleteTeam": {"deleteTeam": {"errors": []}},
        "RemoveTeamMember": {"removeTeamMember": {"errors": None}},
        "SetTeamAdmin": {"setTeamAdmin": {"errors": []}},
        "ListBots": {"bots": [BOT]},
        "BotInstalled": {"bot": {"installedSkills": [DIRECT]}},
        "BotApiKeys": {"bot": {"apiKeys": [key]}},
        "CreateBot": {"createBot": {"bot": {"id": "b1", "name": "Ci", "slug": "ci"}, "botKey": "sk-1"}},
        "UpdateBot": {"updateBot": {"bot": {"id": "b1", "name": "Ci"}, "errors": []}},
        "DeleteBot": {"deleteBot": {"errors": []}},
        "CreateBotApiKey": {"createBotApiKey": {"botKey": "sk-2"}},
        "DeleteBotApiKey": {"deleteBotApiKey": ok},
        "InstallSkillToBot": {"installSkillToBot": ok},
        "UninstallSkillFromBot": {"uninstallSkillFromBot": {"success": False, "errors": []}},
        "CreateBotRuntimeToken": {"createBotRuntimeToken": {"botKey": "rt", "expiresAt": MAY}},
        "RevokeBotRuntimeTokens": {"revokeBotRuntimeTokens": {"revokedCount": 1}},
        "ListCollections": {"collections": connection({"id": "c1", "name": "Starter", "description": None})},
        "CollectionAssets": {"collection": {"assets": connection(member)}},
        "CollectionInstallations": {"collection": {"installations": [here]}},
        "CreateAssetCollection": {"createAssetCollection": collection},
        "UpdateAssetCollection": {"updateAssetCollection": collection},
        "DeleteAssetCollection": {"deleteAssetCollection": ok},
        "AddAssetsToCollection": {"addAssetsToCollection": collection},
        "RemoveAssetsFromCollection": {"removeAssetsFromCollection": collection},
        "InstallCollection": {"installCollection": collection},
        "UninstallCollection": {"uninstallCollection": collection},
        "AssetUsageEvents": {"assetUsageEvents": connection()},
        "AssetAuditLog": {"assetAuditLog": connection()},
        "ImportAuditEvents": {"importAuditEvents": {"importedCount": 0, "errors": []}},
    }  # fmt: skip


def gql(*names: str) -> list[str]:
    return [f"POST /graphql {name}" for name in names]


def uploaded(name: str = "pdf", first: bool = True) -> JSONResponse:
    """The answer to a good upload."""
    asset = {"name": name, "version": "1", "url": "u", "is_first_version": first}
    return JSONResponse({"success": True, "asset": asset}, 201)
