"""Answers to GraphQL calls that sx refuses, and what it sends. contracts/sx.md section 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import graphql as graphql_core
import pytest
from starlette.responses import JSONResponse, Response
from sx_canned import Canned, connection
from sx_client import (
    BadAnswer,
    GraphQlError,
    HttpError,
    NotFound,
    Refused,
    SxClient,
    SxFailure,
    Targets,
    graphql,
    vault,
)
from sx_client.documents import INPUTS, OPERATIONS
from sx_client.selection import TYPENAMES, selected

NODE = {
    "__typename": "Skill", "slug": "pdf", "type": "SKILL", "latestVersion": "2", "versionsCount": 2,
    "description": "", "createdAt": "2026-05-01T10:00:00Z", "updatedAt": "2026-05-01T10:00:00.123456+00:00",
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_document_is_graphql_and_selects_a_typename_of_each_asset(name: str) -> None:
    document = graphql_core.parse(OPERATIONS[name].text)
    (definition,) = document.definitions
    assert isinstance(definition, graphql_core.OperationDefinitionNode)
    assert definition.name is not None
    assert definition.name.value == name
    declared = {item.variable.name.value for item in definition.variable_definitions or ()}
    assert declared == set(OPERATIONS[name].variables)
    tree = selected(OPERATIONS[name])
    assert tree
    assets = tree.get("vault", {}).get("assets", {}).get("nodes", {"__typename": {}})
    assert "__typename" in assets


SCHEMA = Path(__file__).resolve().parents[2] / "dynamic_api" / "sx" / "schema.graphql"


def test_our_schema_has_all_that_sx_selects_and_sends() -> None:
    schema = graphql_core.build_schema(SCHEMA.read_text(encoding="utf-8"))
    documents = [graphql_core.parse(operation.text) for operation in OPERATIONS.values()]
    assert [error for document in documents for error in graphql_core.validate(schema, document)] == []
    for name, fields in INPUTS.items():
        form = schema.type_map[OPERATIONS[name].variables["input"].rstrip("!")]
        assert isinstance(form, graphql_core.GraphQLInputObjectType)
        assert set(fields) <= set(form.fields), name


def test_every_input_has_its_fields_written_down() -> None:
    assert {name for name, item in OPERATIONS.items() if "input" in item.variables} == set(INPUTS)


def test_unset_variables_are_sent_as_null(server: Canned, sx: SxClient) -> None:
    server.graphql["VaultAssets"] = {"vault": {"assets": connection(NODE)}}
    graphql.call(sx.wire, "VaultAssets", first=50, assetType="SKILL")
    name, headers, body = server.seen[0]
    sent = json.loads(body)
    assert name == "POST /graphql"
    assert headers["content-type"] == "application/json"
    assert sent["operationName"] == "VaultAssets"
    assert sent["query"].startswith("query VaultAssets(")
    assert sent["variables"] == {"first": 50, "after": None, "assetType": "SKILL", "search": None}


def test_unset_fields_of_an_input_are_sent_as_null(server: Canned, sx: SxClient) -> None:
    server.graphql["UpdateTeam"] = {"updateTeam": {"team": {"id": "1", "name": "x"}, "errors": []}}
    graphql.change(sx.wire, "UpdateTeam", id="1", name="x")
    assert server.variables == [
        {"input": {"id": "1", "name": "x", "members": None, "skillsRepositories": None}}
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"__typename": "VaultAsset"}, "has the __typename 'VaultAsset', which is unknown"),
        ({"__typename": None}, "has the __typename None, which is unknown"),
        ({"__typename": "Mcp"}, "has the __typename 'Mcp', which is unknown"),
        ({"__typename": "Agent"}, "is a Agent of type 'SKILL'"),
        ({"createdAt": "2026-05-01 10:00:00"}, "no RFC 3339 time"),
        ({"createdAt": "2026-05-01T10:00:00"}, "no RFC 3339 time"),
        ({"createdAt": "2026-13-01T10:00:00Z"}, "no RFC 3339 time"),
        ({"createdAt": 1777629600}, "no RFC 3339 time"),
        ({"versionsCount": "2"}, "is '2', no int"),
        ({"versionsCount": True}, "is True, no int"),
        ({"name": "surprise"}, "has name, which was not asked for"),
    ],
)
def test_node_is_refused_with_the_whole_answer(
    server: Canned, sx: SxClient, changes: dict[str, Any], problem: str
) -> None:
    server.graphql["VaultAssets"] = {"vault": {"assets": connection(NODE, {**NODE, **changes})}}
    with pytest.raises(BadAnswer) as refused:
        vault.listed(sx.wire, "skill")
    assert problem in str(refused.value)


@pytest.mark.parametrize("field", NODE)
def test_field_that_is_missing_is_refused(server: Canned, sx: SxClient, field: str) -> None:
    node = {key: value for key, value in NODE.items() if key != field}
    server.graphql["VaultAssets"] = {"vault": {"assets": connection(node)}}
    with pytest.raises(BadAnswer, match=f"lacks {field}"):
        vault.listed(sx.wire, "skill")


@pytest.mark.parametrize(("kind", "typename"), TYPENAMES.items())
def test_each_known_typename_is_taken(server: Canned, sx: SxClient, kind: str, typename: str) -> None:
    node = {**NODE, "type": kind, "__typename": typename}
    server.graphql["VaultAssets"] = {"vault": {"assets": connection(node)}}
    assert vault.listed(sx.wire, kind.lower().replace("_", "-")) == [node]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (JSONResponse({"data": {"user": None}}, 201), HttpError),
        (JSONResponse({"errors": [{"message": "no"}]}, 400), HttpError),
        (JSONResponse({"errors": [{"message": "no"}]}), GraphQlError),
        (JSONResponse({"data": {"user": None}, "errors": [{"message": "no"}]}), GraphQlError),
        (JSONResponse({"data": None}), BadAnswer),
        (JSONResponse({}), BadAnswer),
        (JSONResponse([]), BadAnswer),
        (Response("<html>"), BadAnswer),
        (JSONResponse({"data": {}}), BadAnswer),
        (JSONResponse({"data": {"user": []}, "errors": []}), SxFailure),
    ],
)
def test_answer_is_refused(server: Canned, sx: SxClient, said: Response, error: type[Exception]) -> None:
    server.graphql["GetMe"] = said
    with pytest.raises(error):
        sx.team_list()


def test_nobody_is_not_authenticated(server: Canned, sx: SxClient) -> None:
    server.graphql["GetMe"] = {"user": None}
    with pytest.raises(NotFound, match="not authenticated"):
        sx.team_list()


def test_business_errors_are_shown(server: Canned, sx: SxClient) -> None:
    errors = [{"field": "newName", "messages": ["taken", "too long"]}]
    server.graphql["DeleteTeam"] = {"deleteTeam": {"errors": errors}}
    with pytest.raises(Refused, match="newName: taken, too long"):
        graphql.change(sx.wire, "DeleteTeam", id="1")


def paged(count: int) -> Any:
    """`count` nodes, in pages of what is asked for."""

    def page(variables: dict[str, Any]) -> dict[str, Any]:
        start, size = int(variables["after"] or 0), variables["first"]
        nodes = [{**NODE, "slug": f"s{number}"} for number in range(start, min(start + size, count))]
        after = str(start + size) if start + size < count else None
        return {"vault": {"assets": connection(*nodes, cursor=after)}}

    return page


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (50, 1), (51, 2), (120, 3)])
def test_pages_of_fifty_are_read_to_the_end(server: Canned, sx: SxClient, count: int, requests: int) -> None:
    server.graphql["VaultAssets"] = paged(count)
    assert [node["slug"] for node in vault.listed(sx.wire, "skill")] == [
        f"s{number}" for number in range(count)
    ]
    assert [variables["first"] for variables in server.variables] == [50] * requests


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (connection(NODE, cursor="same"), "the cursor does not move"),
        (connection(*[NODE] * 51), "51 nodes, 50 were asked for"),
        ({**connection(NODE), "pageInfo": {"hasNextPage": False}}, "lacks endCursor"),
    ],
)
def test_page_is_refused(server: Canned, sx: SxClient, page: dict[str, Any], problem: str) -> None:
    server.graphql["VaultAssets"] = {"vault": {"assets": page}}
    with pytest.raises(BadAnswer, match=problem):
        vault.listed(sx.wire, "skill")


def test_next_page_without_a_cursor_ends_the_reading(server: Canned, sx: SxClient) -> None:
    page = {**connection(NODE), "pageInfo": {"hasNextPage": True, "endCursor": None}}
    server.graphql["VaultAssets"] = {"vault": {"assets": page}}
    assert len(vault.listed(sx.wire, "skill")) == 1


@pytest.mark.parametrize(
    ("message", "works"),
    [("Variable got invalid value 'APP_PLUGIN'", True), ("cannot represent value", True), ("boom", False)],
)
def test_server_without_app_plugins_has_to_say_it_the_known_way(
    server: Canned, sx: SxClient, message: str, works: bool
) -> None:
    def answer(variables: dict[str, Any]) -> Any:
        if variables["assetType"] == "APP_PLUGIN":
            return JSONResponse({"errors": [{"message": message}]})
        return {"vault": {"assets": connection()}}

    server.graphql["VaultAssets"] = answer
    if works:
        assert sx.vault_list() == []
    else:
        with pytest.raises(GraphQlError, match="boom"):
            sx.vault_list()


LOOKED = {
    "__typename": "Skill", "slug": "pdf", "name": "PDF", "type": "SKILL", "description": "",
    "createdAt": None, "updatedAt": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("slug", "versions", "problem"),
    [("pdf", ["1", "2", "10"], "not newest first"), ("other", ["1"], "the slug 'pdf' gave")],
)
def test_lookup_is_refused(
    server: Canned, sx: SxClient, slug: str, versions: list[str], problem: str
) -> None:
    rows = [{"version": version, "createdAt": None, "filesCount": 1} for version in versions]
    server.graphql["VaultAssetLookup"] = {
        "vault": {"assets": {"nodes": [{**LOOKED, "slug": slug, "versions": rows}]}}
    }
    with pytest.raises(BadAnswer, match=problem):
        sx.vault_show("pdf")


def test_audit_log_has_to_be_newest_first_and_its_data_json(server: Canned, sx: SxClient) -> None:
    row = {
        "id": "1", "date": "2026-05-01T00:00:00Z", "actorEmail": "a@example.com", "actorName": "A",
        "event": "DOWNLOADED", "targetType": "asset", "targetName": "pdf", "data": "{}",
    }  # fmt: skip
    later = {**row, "id": "2", "date": "2026-05-02T00:00:00+02:00", "event": "LOCK_FILE_ACCESSED"}
    server.graphql["AssetAuditLog"] = {"assetAuditLog": connection(later, row)}
    assert [item["id"] for item in sx.audit(event="DOWNLOADED")] == ["1"]
    server.graphql["AssetAuditLog"] = {"assetAuditLog": connection(row, later)}
    with pytest.raises(BadAnswer, match="not newest first"):
        sx.audit()
    server.graphql["AssetAuditLog"] = {"assetAuditLog": connection({**row, "data": {}})}
    with pytest.raises(BadAnswer, match="no JSON document in a text"):
        sx.audit()


@pytest.mark.parametrize(
    ("targets", "sent"),
    [
        (
            Targets(org=True),
            {"repositories": [], "personalOnly": False, "installations": None, "append": False},
        ),
        (
            Targets(users=["me"]),
            {"repositories": [], "personalOnly": True, "installations": None, "append": False},
        ),
        (
            Targets(
                repos=["git@github.com:a/b.git"],
                paths=["https://github.com/a/c#x,y"],
                users=["a@example.com"],
            ),
            {
                "repositories": [
                    {"url": "git@github.com:a/b.git", "paths": None},
                    {"url": "https://github.com/a/c", "paths": ["x", "y"]},
                ],
                "personalOnly": False,
                "installations": [{"entityType": "USER", "entityId": "u1"}],
                "append": True,
            },
        ),
    ],
)
def test_targets_become_the_rows_of_the_table(
    server: Canned, sx: SxClient, targets: Targets, sent: dict[str, Any]
) -> None:
    from sx_client import targets as scopes

    user = {"id": "u1", "email": "a@example.com"}
    me = {**user, "username": "a", "firstName": "", "lastName": ""}
    server.graphql |= {
        "GetMe": {"user": me},
        "FindUser": {"organization": {"users": {"nodes": [user]}}},
        "SetAssetInstallations": {"setAssetInstallations": {"asset": None, "errors": None}},
    }
    scopes.set_installations(sx.wire, "pdf", targets, append=True)
    assert server.variables[-1] == {"input": {"assetName": "pdf", "assetVersion": None, **sent}}


def test_asset_in_a_payload_may_be_null_but_not_without_a_typename(server: Canned, sx: SxClient) -> None:
    payload = {"asset": {"name": "pdf"}, "errors": []}
    server.graphql["SetAssetInstallations"] = {"setAssetInstallations": payload}
    with pytest.raises(BadAnswer, match="lacks __typename"):
        graphql.change(sx.wire, "SetAssetInstallations", assetName="pdf")
