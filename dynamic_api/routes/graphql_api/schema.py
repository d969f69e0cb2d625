"""The executable schema: Ariadne binds one resolver to each field of Query and Mutation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from ariadne import InterfaceType, MutationType, QueryType, ScalarType, make_executable_schema
from graphql import GraphQLError, GraphQLSchema

from dynamic_api.routes.graphql_api import asset_changes, people_changes, queries, views
from dynamic_api.routes.graphql_api.scope import ask, change
from dynamic_api.sx.schema import type_defs

QUERIES: Mapping[str, Callable[..., Any]] = {
    "user": queries.user,
    "vault": queries.vault,
    "organization": queries.organization,
    "repository": queries.repository,
    "bots": queries.all_bots,
    "bot": queries.bot,
    "assetUsageEvents": queries.usage,
    "assetAuditLog": queries.audit,
    "collections": queries.collections,
    "collection": queries.collection,
}
MUTATIONS: Mapping[str, Callable[..., Any]] = {
    "setAssetInstallations": asset_changes.set_installations,
    "uninstallAssetTargets": asset_changes.uninstall_targets,
    "removeAssetInstallations": asset_changes.remove_installations,
    "renameAsset": asset_changes.rename,
    "createAsset": asset_changes.create,
    "createAssetPullRequest": asset_changes.begin_request,
    "addAssetPullRequestFileChange": asset_changes.add_file,
    "createTeam": people_changes.create_team,
    "updateTeam": people_changes.update_team,
    "deleteTeam": people_changes.delete_team,
    "removeTeamMember": people_changes.remove_member,
    "setTeamAdmin": people_changes.set_admin,
    "createBot": people_changes.create_bot,
    "updateBot": people_changes.update_bot,
    "deleteBot": people_changes.delete_bot,
    "installSkillToBot": people_changes.install_to_bot,
    "uninstallSkillFromBot": people_changes.uninstall_from_bot,
    "createBotApiKey": people_changes.create_key,
    "deleteBotApiKey": people_changes.delete_key,
    "createBotRuntimeToken": people_changes.create_runtime_token,
    "revokeBotRuntimeTokens": people_changes.revoke_runtime_tokens,
    "importAuditEvents": people_changes.import_events,
    "createAssetCollection": asset_changes.create_collection,
    "updateAssetCollection": asset_changes.update_collection,
    "deleteAssetCollection": asset_changes.delete_collection,
    "addAssetsToCollection": asset_changes.add_to_collection,
    "removeAssetsFromCollection": asset_changes.take_from_collection,
    "installCollection": asset_changes.install_collection,
    "uninstallCollection": asset_changes.uninstall_collection,
}


@cache
def schema() -> GraphQLSchema:
    """Made once."""
    query, mutation = QueryType(), MutationType()
    for name, work in QUERIES.items():
        query.set_field(name, ask(work))
    for name, work in MUTATIONS.items():
        mutation.set_field(name, change(work))
    asset = InterfaceType("VaultAsset", views.typename)
    source = InterfaceType("AssetSource", views.typename)
    moment = ScalarType("DateTime", value_parser=_moment)
    document = ScalarType("JSONString", value_parser=_document)
    return make_executable_schema(type_defs(), query, mutation, asset, source, moment, document)


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise GraphQLError(f"{str(value)[:40]!r} is no RFC 3339 time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _document(value: object) -> str:
    try:
        msgspec.json.decode(str(value))
    except msgspec.DecodeError as error:
        raise GraphQLError("this is no JSON document in a string") from error
    return str(value)
