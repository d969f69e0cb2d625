"""The GraphQL operations of sx: their variables, and exactly the fields that it selects. contracts/sx.md 2.

An asset is of an interface type, so that `__typename` stands first in each selection of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_PAGE = "pageInfo { hasNextPage endCursor }"
_ERRORS = "errors { field messages }"
_INSTALLATION = "entityType entityName entityRef entityId monoRepoConfigId"
_SKILL = "name assetType isDirectInstall"
_EVENT = "timestamp actorEmail assetName assetVersion assetType"
_TEAM = """
    id name adminMembers { id email }
    members(first: $memberFirst) { totalCount nodes { id email } }
    skillsRepositories { repositoryId owner name }
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """`variables`: name → GraphQL type; `selection`: what stands in the outermost braces."""

    kind: str
    name: str
    variables: Mapping[str, str]
    selection: str

    @property
    def text(self) -> str:
        """The document."""
        declared = ", ".join(f"${name}: {kind}" for name, kind in self.variables.items())
        head = f"{self.kind} {self.name}({declared})" if declared else f"{self.kind} {self.name}"
        return f"{head} {{{self.selection}}}"


def _query(name: str, selection: str, **variables: str) -> Operation:
    return Operation("query", name, variables, selection)


def _mutation(name: str, payload: str, **variables: str) -> Operation:
    """A mutation whose field has the operation's name, and takes its variables under their own names."""
    field = name[0].lower() + name[1:]
    given = ", ".join(f"{variable}: ${variable}" for variable in variables)
    return Operation("mutation", name, variables, f"{field}({given}) {{ {payload} }}")


def _with_input(name: str, payload: str, kind: str = "") -> Operation:
    return _mutation(name, payload, input=f"{kind or name}Input!")


_PAGED = {"first": "Int!", "after": "String"}
_AFTER = "first: $first, after: $after"

_ALL = (
    _query("GetMe", "user { id username email firstName lastName }"),
    _query(
        "VaultAssets",
        f"vault {{ assets({_AFTER}, type: $assetType, search: $search) {{ {_PAGE} nodes {{ "
        "__typename slug type latestVersion versionsCount description createdAt updatedAt } } }",
        first="Int",
        after="String",
        assetType="AssetType!",
        search="String",
    ),
    _query(
        "VaultAssetLookup",
        "vault { assets(slug: $slug, search: $search, first: $first) { nodes { __typename slug name type "
        "description createdAt updatedAt versions { version createdAt filesCount } } } }",
        slug="String",
        search="String",
        first="Int",
    ),
    _query(
        "AssetGID",
        f"vault {{ assets({_AFTER}) {{ {_PAGE} nodes {{ __typename id name slug type }} }} }}",
        **_PAGED,
    ),
    _query(
        "AssetInstallations",
        f"vault {{ assets({_AFTER}) {{ {_PAGE} nodes {{ __typename slug name "
        f"installations {{ {_INSTALLATION} viaCollectionId }} }} }} }}",
        **_PAGED,
    ),
    _query(
        "RepoMonoRepoConfigs",
        "repository(id: $id) { monoRepoConfigs { id sourcePathPrefixIncludes } }",
        id="ID!",
    ),
    _query(
        "ListTeams",
        "organization { teams(first: $first, term: $term, parent: {any: true}) "
        f"{{ totalCount {_PAGE} nodes {{ {_TEAM} }} }} }}",
        first="Int!",
        term="String",
        memberFirst="Int!",
    ),
    _query(
        "FindUser", "organization { users(term: $term, first: 25) { nodes { id email } } }", term="String!"
    ),
    _query(
        "OrgRepositories",
        f"organization {{ repositories({_AFTER}) {{ {_PAGE} nodes {{ id owner name }} }} }}",
        **_PAGED,
    ),
    _query(
        "ListBots",
        f"bots {{ id name slug description teams {{ id name }} installedSkills {{ {_SKILL} }} }}",
    ),
    _query(
        "BotInstalled",
        f"bot(slug: $slug) {{ installedSkills {{ {_SKILL} }} }}",
        slug="String!",
    ),
    _query("BotApiKeys", "bot(slug: $slug) { apiKeys { id label maskedToken createdAt } }", slug="String!"),
    _query(
        "AssetUsageEvents",
        "assetUsageEvents(assetName: $assetName, assetType: $assetType, actor: $actor, since: $since, "
        f"until: $until, {_AFTER}) {{ {_PAGE} nodes {{ {_EVENT} }} }}",
        assetName="String",
        assetType="String",
        actor="String",
        since="DateTime",
        until="DateTime",
        first="Int",
        after="String",
    ),
    _query(
        "AssetAuditLog",
        f"assetAuditLog({_AFTER}) {{ {_PAGE} nodes {{ "
        "id date actorEmail actorName event targetType targetName data } }",
        first="Int",
        after="String",
    ),
    _query(
        "ListCollections", f"collections({_AFTER}) {{ {_PAGE} nodes {{ id name description }} }}", **_PAGED
    ),
    _query(
        "CollectionAssets",
        f"collection(id: $id) {{ assets({_AFTER}) {{ {_PAGE} nodes {{ __typename id slug }} }} }}",
        id="ID!",
        **_PAGED,
    ),
    _query(
        "CollectionInstallations", f"collection(id: $id) {{ installations {{ {_INSTALLATION} }} }}", id="ID!"
    ),
    _with_input("SetAssetInstallations", f"asset {{ __typename name }} {_ERRORS}"),
    _with_input("UninstallAssetTargets", f"asset {{ __typename name }} removedCount {_ERRORS}"),
    _with_input("RemoveAssetInstallations", f"success {_ERRORS}"),
    _with_input("RenameAsset", f"success {_ERRORS}"),
    _mutation("InstallSkillToBot", f"success {_ERRORS}", botId="ID!", skillId="ID!"),
    _mutation("UninstallSkillFromBot", f"success {_ERRORS}", botId="ID!", skillId="ID!"),
    _with_input("CreateTeam", f"team {{ id name }} {_ERRORS}"),
    _with_input("UpdateTeam", f"team {{ id name }} {_ERRORS}"),
    _mutation("DeleteTeam", _ERRORS, id="ID!"),
    _with_input("RemoveTeamMember", _ERRORS),
    _with_input("SetTeamAdmin", _ERRORS),
    _with_input("CreateBot", "bot { id name slug } botKey"),
    _with_input("UpdateBot", f"bot {{ id name }} {_ERRORS}"),
    _mutation("DeleteBot", _ERRORS, id="ID!"),
    _mutation("CreateBotApiKey", "botKey", botId="ID!", label="String!"),
    _mutation("DeleteBotApiKey", f"success {_ERRORS}", keyId="ID!"),
    _mutation("CreateBotRuntimeToken", "botKey expiresAt", botId="ID!", label="String", ttlSeconds="Int"),
    _mutation("RevokeBotRuntimeTokens", "revokedCount", botId="ID!"),
    Operation(
        "mutation",
        "CreateAgentAsset",
        {"input": "CreateAssetInput!"},
        f"createAsset(input: $input) {{ asset {{ __typename id slug name type latestVersion }} {_ERRORS} }}",
    ),
    _mutation("ImportAuditEvents", f"importedCount {_ERRORS}", events="[ImportAuditEventInput!]!"),
    _with_input("CreateAssetPullRequest", f"pullRequest {{ id sourceUrl }} {_ERRORS}"),
    _with_input("AddAssetPullRequestFileChange", f"success {_ERRORS}"),
    _with_input("CreateAssetCollection", f"collection {{ id }} {_ERRORS}"),
    _with_input("UpdateAssetCollection", f"collection {{ id }} {_ERRORS}"),
    _mutation("DeleteAssetCollection", f"success {_ERRORS}", gid="ID!"),
    _with_input("AddAssetsToCollection", f"collection {{ id }} {_ERRORS}", "ModifyAssetCollectionAssets"),
    _with_input(
        "RemoveAssetsFromCollection", f"collection {{ id }} {_ERRORS}", "ModifyAssetCollectionAssets"
    ),
    _with_input("InstallCollection", f"collection {{ id }} {_ERRORS}"),
    _with_input("UninstallCollection", f"collection {{ id }} {_ERRORS}"),
)

OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in _ALL}

INPUTS: Mapping[str, tuple[str, ...]] = {
    "SetAssetInstallations": (
        "assetName", "assetVersion", "repositories", "personalOnly", "installations", "append",
    ),
    "UninstallAssetTargets": ("assetName", "targets"),
    "RemoveAssetInstallations": ("assetName", "delete"),
    "RenameAsset": ("oldName", "newName"),
    "CreateTeam": ("name", "members"),
    "UpdateTeam": ("id", "name", "members", "skillsRepositories"),
    "RemoveTeamMember": ("teamId", "memberId"),
    "SetTeamAdmin": ("teamId", "userId", "isAdmin"),
    "CreateBot": ("name", "description", "teamIds"),
    "UpdateBot": ("id", "name", "description", "teamIds"),
    "CreateAgentAsset": ("name", "assetType", "rawContent", "description", "installations"),
    "CreateAssetPullRequest": ("assetId", "title", "description"),
    "AddAssetPullRequestFileChange": ("pullRequestId", "name", "path", "action", "content"),
    "CreateAssetCollection": ("name", "description", "assetGids"),
    "UpdateAssetCollection": ("gid", "name", "description", "assetGids"),
    "AddAssetsToCollection": ("collectionGid", "assetGids"),
    "RemoveAssetsFromCollection": ("collectionGid", "assetGids"),
    "InstallCollection": ("gid", "installations"),
    "UninstallCollection": ("gid", "entityType", "entityId"),
}  # fmt: skip
"""Operation → every field of its input; those that are not set are sent as null."""
