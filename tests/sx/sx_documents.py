"""The GraphQL operations of sx with their variables, written from contracts/sx.md section 2."""

from __future__ import annotations

PAGE = "pageInfo { hasNextPage endCursor }"
ERRORS = "errors { field messages }"
INSTALL = "entityType entityName entityRef entityId monoRepoConfigId"
PAGED = "($first: Int!, $after: String)"
FIRST: dict[str, object] = {"first": 50, "after": None}

Operation = tuple[str, dict[str, object]]


def assets(fields: str, arguments: str = "first: $first, after: $after", page: str = PAGE) -> str:
    return f"vault {{ assets({arguments}) {{ {page} nodes {{ __typename {fields} }} }} }}"


QUERIES: dict[str, Operation] = {
    "GetMe": ("query GetMe { user { id username email firstName lastName } }", {}),
    "VaultAssets": (
        "query VaultAssets($first: Int, $after: String, $assetType: AssetType!, $search: String) {"
        + assets(
            "slug type latestVersion versionsCount description createdAt updatedAt",
            "first: $first, after: $after, type: $assetType, search: $search",
        )
        + "}",
        {**FIRST, "assetType": "MCP", "search": None},
    ),
    "VaultAssetLookup": (
        "query VaultAssetLookup($slug: String, $search: String, $first: Int) {"
        + assets(
            "slug name type description createdAt updatedAt versions { version createdAt filesCount }",
            "slug: $slug, search: $search, first: $first",
            "",
        )
        + "}",
        {"slug": "aa", "search": None, "first": None},
    ),
    "AssetGID": (f"query AssetGID{PAGED} {{ {assets('id name slug type')} }}", FIRST),
    "AssetInstallations": (
        (
            f"query AssetInstallations{PAGED} {{"
            f" {assets('slug name installations { ' + INSTALL + ' viaCollectionId }')} }}"
        ),
        FIRST,
    ),
    "RepoMonoRepoConfigs": (
        (
            "query RepoMonoRepoConfigs($id: ID!) { repository(id: $id) {"
            " monoRepoConfigs { id sourcePathPrefixIncludes } } }"
        ),
        {"id": "r1"},
    ),
    "ListTeams": (
        (
            "query ListTeams($first: Int!, $term: String, $memberFirst: Int!) { organization {"
            f" teams(first: $first, term: $term, parent: {{any: true}}) {{ totalCount {PAGE} nodes {{ id name"
            " adminMembers { id email } members(first: $memberFirst) { totalCount nodes { id email } }"
            " skillsRepositories { repositoryId owner name } } } } }"
        ),
        {"first": 300, "term": None, "memberFirst": 50},
    ),
    "FindUser": (
        (
            "query FindUser($term: String!) { organization { users(term: $term, first: 25) {"
            " nodes { id email } } } }"
        ),
        {"term": "a@example.com"},
    ),
    "OrgRepositories": (
        (
            f"query OrgRepositories{PAGED} {{ organization {{ repositories(first: $first, after: $after)"
            f" {{ {PAGE} nodes {{ id owner name }} }} }} }}"
        ),
        FIRST,
    ),
    "OrgInfo": ("query OrgInfo { organization { name iconUrl } }", {}),
    "ListBots": (
        (
            "query ListBots { bots { id name slug description teams { id name }"
            " installedSkills { name assetType isDirectInstall } } }"
        ),
        {},
    ),
    "BotInstalled": (
        (
            "query BotInstalled($slug: String!) { bot(slug: $slug) {"
            " installedSkills { name assetType isDirectInstall } } }"
        ),
        {"slug": "b"},
    ),
    "BotApiKeys": (
        (
            "query BotApiKeys($slug: String!) { bot(slug: $slug) {"
            " apiKeys { id label maskedToken createdAt } } }"
        ),
        {"slug": "b"},
    ),
    "AssetUsageEvents": (
        (
            "query AssetUsageEvents($assetName: String, $assetType: String, $actor: String, $since: DateTime,"
            " $until: DateTime, $first: Int, $after: String) { assetUsageEvents(assetName: $assetName,"
            " assetType: $assetType, actor: $actor, since: $since, until: $until, first: $first,"
            f" after: $after) {{ {PAGE}"
            " nodes { timestamp actorEmail assetName assetVersion assetType } } }"
        ),
        {
            **FIRST,
            "assetName": None,
            "assetType": None,
            "actor": None,
            "since": "2026-11-20T10:00:00Z",
            "until": None,
        },
    ),
    "AssetAuditLog": (
        (
            "query AssetAuditLog($first: Int, $after: String) { assetAuditLog(first: $first, after: $after) {"
            f" {PAGE} nodes {{ id date actorEmail actorName event targetType targetName data }} }} }}"
        ),
        FIRST,
    ),
    "ListCollections": (
        (
            f"query ListCollections{PAGED} {{ collections(first: $first, after: $after)"
            f" {{ {PAGE} nodes {{ id name description }} }} }}"
        ),
        FIRST,
    ),
    "CollectionAssets": (
        (
            "query CollectionAssets($id: ID!, $first: Int!, $after: String) { collection(id: $id) {"
            f" assets(first: $first, after: $after) {{ {PAGE} nodes {{ __typename id slug }} }} }} }}"
        ),
        {**FIRST, "id": "c1"},
    ),
    "CollectionInstallations": (
        (
            "query CollectionInstallations($id: ID!) { collection(id: $id) {"
            f" installations {{ {INSTALL} }} }} }}"
        ),
        {"id": "c1"},
    ),
    "GetAssetQuality": (
        "query GetAssetQuality($slug: String, $first: Int, $after: String) {"
        + assets(
            "id slug updatedAt evaluating"
            " source { __typename ... on AssetManagedSource { confidenceScore evaluationResult } }",
            "slug: $slug, first: $first, after: $after",
        )
        + "}",
        {**FIRST, "slug": None},
    ),
    "GetAssetBenchmarks": (
        (
            "query GetAssetBenchmarks($assetName: String!, $first: Int) { vault {"
            " assetBenchmarks(assetName: $assetName, first: $first) } }"
        ),
        {"assetName": "aa", "first": None},
    ),
    "GetLatestAssetBenchmarks": ("query GetLatestAssetBenchmarks { vault { latestAssetBenchmarks } }", {}),
    "GetAppPluginPolicy": ("query GetAppPluginPolicy { vault { appPluginPolicy { mode allowed } } }", {}),
    "GetAppPluginStorage": (
        "query GetAppPluginStorage($pluginId: String!) { vault { appPluginStorage(pluginId: $pluginId) } }",
        {"pluginId": "p"},
    ),
}

TARGET = {"entityType": "TEAM", "entityId": "t1"}


def with_input(
    name: str, payload: str, sent: dict[str, object], form: str = "", field: str = ""
) -> Operation:
    """A mutation with one `input`; its field is the operation's name in camel case."""
    field = field or name[0].lower() + name[1:]
    form = form or f"{name}Input"
    return f"mutation {name}($input: {form}!) {{ {field}(input: $input) {{ {payload} }} }}", {"input": sent}


def plain(name: str, variables: str, payload: str, sent: dict[str, object]) -> Operation:
    """A mutation with `variables` such as "botId: ID!, label: String"."""
    field = name[0].lower() + name[1:]
    names = [part.split(":")[0].strip() for part in variables.split(",")]
    declared = ", ".join(f"${part.strip()}" for part in variables.split(","))
    passed = ", ".join(f"{each}: ${each}" for each in names)
    return f"mutation {name}({declared}) {{ {field}({passed}) {{ {payload} }} }}", sent


COLLECTION = f"collection {{ id }} {ERRORS}"
MUTATIONS: dict[str, Operation] = {
    "SetAssetInstallations": with_input(
        "SetAssetInstallations",
        f"asset {{ __typename name }} {ERRORS}",
        {
            "assetName": "aa",
            "assetVersion": None,
            "repositories": [{"url": "git@git.example.com:acme/api.git", "paths": None}],
            "personalOnly": None,
            "installations": [TARGET],
            "append": False,
        },
    ),
    "UninstallAssetTargets": with_input(
        "UninstallAssetTargets",
        f"asset {{ __typename name }} removedCount {ERRORS}",
        {"assetName": "aa", "targets": [{**TARGET, "monoRepoConfigId": None}]},
    ),
    "RemoveAssetInstallations": with_input(
        "RemoveAssetInstallations", f"success {ERRORS}", {"assetName": "aa", "delete": None}
    ),
    "RenameAsset": with_input("RenameAsset", f"success {ERRORS}", {"oldName": "aa", "newName": "bb"}),
    "InstallSkillToBot": plain(
        "InstallSkillToBot", "botId: ID!, skillId: ID!", f"success {ERRORS}", {"botId": "b", "skillId": "s"}
    ),
    "UninstallSkillFromBot": plain(
        "UninstallSkillFromBot",
        "botId: ID!, skillId: ID!",
        f"success {ERRORS}",
        {"botId": "b", "skillId": "s"},
    ),
    "CreateTeam": with_input(
        "CreateTeam", f"team {{ id name }} {ERRORS}", {"name": "red", "members": ["u1"]}
    ),
    "UpdateTeam": with_input(
        "UpdateTeam",
        f"team {{ id name }} {ERRORS}",
        {"id": "t1", "name": None, "members": None, "skillsRepositories": [{"repositoryId": "r1"}]},
    ),
    "DeleteTeam": plain("DeleteTeam", "id: ID!", ERRORS, {"id": "t1"}),
    "RemoveTeamMember": with_input("RemoveTeamMember", ERRORS, {"teamId": "t1", "memberId": "u1"}),
    "SetTeamAdmin": with_input("SetTeamAdmin", ERRORS, {"teamId": "t1", "userId": "u1", "isAdmin": True}),
    "CreateBot": with_input(
        "CreateBot", "bot { id name slug } botKey", {"name": "ci", "description": None, "teamIds": None}
    ),
    "UpdateBot": with_input(
        "UpdateBot",
        f"bot {{ id name }} {ERRORS}",
        {"id": "b", "name": None, "description": "", "teamIds": []},
    ),
    "DeleteBot": plain("DeleteBot", "id: ID!", ERRORS, {"id": "b"}),
    "CreateBotApiKey": plain(
        "CreateBotApiKey", "botId: ID!, label: String!", "botKey", {"botId": "b", "label": "x"}
    ),
    "DeleteBotApiKey": plain("DeleteBotApiKey", "keyId: ID!", f"success {ERRORS}", {"keyId": "k"}),
    "CreateBotRuntimeToken": plain(
        "CreateBotRuntimeToken",
        "botId: ID!, label: String, ttlSeconds: Int",
        "botKey expiresAt",
        {"botId": "b", "label": None, "ttlSeconds": None},
    ),
    "RevokeBotRuntimeTokens": plain("RevokeBotRuntimeTokens", "botId: ID!", "revokedCount", {"botId": "b"}),
    "CreateAgentAsset": with_input(
        "CreateAgentAsset",
        f"asset {{ __typename id slug name type latestVersion }} {ERRORS}",
        {"name": "aa", "assetType": "agent", "rawContent": "x", "description": None, "installations": None},
        "CreateAssetInput",
        "createAsset",
    ),
    "ImportAuditEvents": (
        (
            "mutation ImportAuditEvents($events: [ImportAuditEventInput!]!) {"
            f" importAuditEvents(events: $events) {{ importedCount {ERRORS} }} }}"
        ),
        {
            "events": [
                {
                    "timestamp": "2026-11-20T10:00:00Z",
                    "event": "asset.created",
                    "targetType": "asset",
                    "actor": None,
                    "target": "aa",
                    "data": '{"a": 1}',
                }
            ]
        },
    ),
    "CreateAssetPullRequest": with_input(
        "CreateAssetPullRequest",
        f"pullRequest {{ id sourceUrl }} {ERRORS}",
        {"assetId": "a1", "title": "x", "description": None},
    ),
    "AddAssetPullRequestFileChange": with_input(
        "AddAssetPullRequestFileChange",
        f"success {ERRORS}",
        {"pullRequestId": "p", "name": "SKILL.md", "path": None, "action": "ADD", "content": "x"},
    ),
    "CreateAssetCollection": with_input(
        "CreateAssetCollection", COLLECTION, {"name": "c", "description": None, "assetGids": None}
    ),
    "UpdateAssetCollection": with_input(
        "UpdateAssetCollection",
        COLLECTION,
        {"gid": "c1", "name": None, "description": "d", "assetGids": None},
    ),
    "DeleteAssetCollection": plain("DeleteAssetCollection", "gid: ID!", f"success {ERRORS}", {"gid": "c1"}),
    "AddAssetsToCollection": with_input(
        "AddAssetsToCollection",
        COLLECTION,
        {"collectionGid": "c1", "assetGids": ["a1"]},
        "ModifyAssetCollectionAssetsInput",
    ),
    "RemoveAssetsFromCollection": with_input(
        "RemoveAssetsFromCollection",
        COLLECTION,
        {"collectionGid": "c1", "assetGids": ["a1"]},
        "ModifyAssetCollectionAssetsInput",
    ),
    "InstallCollection": with_input(
        "InstallCollection", COLLECTION, {"gid": "c1", "installations": [TARGET]}
    ),
    "UninstallCollection": with_input("UninstallCollection", COLLECTION, {"gid": "c1", **TARGET}),
}
OPERATIONS = QUERIES | MUTATIONS
