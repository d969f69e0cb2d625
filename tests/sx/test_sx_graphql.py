"""The GraphQL schema takes every document of sx, and bombs are refused before they are validated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ariadne import InterfaceType, MutationType, QueryType, graphql_sync, make_executable_schema
from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_introspection_query,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values
from graphql.pyutils import Undefined
from sx_documents import MUTATIONS, OPERATIONS

from dynamic_api.sx.graphql_limits import QueryLimits, query_parser, read_query
from dynamic_api.sx.schema import type_defs
from dynamic_api.sx.vocabulary import APP_PLUGIN, KINDS

SCHEMA = build_schema(type_defs())


def coerced(text: str, variables: dict[str, object]) -> Any:
    definition: Any = parse(text).definitions[0]
    return get_variable_values(SCHEMA, definition.variable_definitions or (), variables)


@pytest.mark.parametrize("name", OPERATIONS)
def test_document_of_sx_is_valid_and_within_the_limits(name: str) -> None:
    text, variables = OPERATIONS[name]
    document = read_query(text, SCHEMA, variables)
    assert validate(SCHEMA, document) == []
    values = coerced(text, variables)
    assert not isinstance(values, list), values


def test_all_operations_of_the_contract_are_written_down() -> None:
    assert len(OPERATIONS) == 23 + 29
    fields = SCHEMA.mutation_type.fields if SCHEMA.mutation_type else {}
    used = {field for field in fields if any(f"{field}(" in text for text, _ in MUTATIONS.values())}
    assert used == set(fields)


def test_eight_types_of_assets_are_one_interface() -> None:
    interface = SCHEMA.type_map["VaultAsset"]
    possible = SCHEMA.get_possible_types(interface)  # type: ignore[arg-type]
    kinds = (*KINDS, APP_PLUGIN)
    assert {each.name for each in possible} == {kind.typename for kind in kinds}
    assert set(SCHEMA.type_map["AssetType"].values) == {kind.graphql for kind in kinds}  # type: ignore[attr-defined]
    assert {tuple(each.fields) for each in possible} == {tuple(interface.fields)}  # type: ignore[attr-defined]


def test_nothing_has_a_default_so_null_is_the_same_as_absent() -> None:
    defaults = []
    for each in SCHEMA.type_map.values():
        if each.name.startswith("__"):
            continue
        if isinstance(each, GraphQLInputObjectType):
            defaults += [
                f"{each.name}.{name}"
                for name, field in each.fields.items()
                if field.default_value is not Undefined
            ]
        if isinstance(each, GraphQLObjectType):
            defaults += [
                f"{each.name}.{name}({argument})"
                for name, field in each.fields.items()
                for argument, value in field.args.items()
                if value.default_value is not Undefined
            ]
    assert defaults == []


@pytest.fixture(scope="module")
def served() -> GraphQLSchema:
    """An executable schema that answers with what it was asked."""
    query, mutation, asset = QueryType(), MutationType(), InterfaceType("VaultAsset")
    seen: list[dict[str, Any]] = []

    @query.field("vault")
    def vault(*_: Any) -> dict[str, Any]:
        def assets(_info: Any, **given: Any) -> dict[str, Any]:
            seen.append(given)
            kinds = [kind for kind in KINDS if given.get("type") in {None, kind.graphql}]
            page = {"hasNextPage": False, "hasPreviousPage": False}
            return {"pageInfo": page, "totalCount": len(kinds), "nodes": [{"kind": kind} for kind in kinds]}

        return {"assets": assets}

    @asset.type_resolver
    def typename(node: dict[str, Any], *_: Any) -> str:
        return str(node["kind"].typename)

    asset.set_field("slug", lambda node, _: node["kind"].lock)

    @mutation.field("renameAsset")
    def rename(_: Any, _info: Any, **given: Any) -> dict[str, Any]:
        return {"success": True, "errors": []}

    return make_executable_schema(type_defs(), query, mutation, asset)


def ask(schema: GraphQLSchema, text: str, **variables: object) -> Any:
    data = {"query": text, "variables": variables}
    ok, answer = graphql_sync(schema, data, query_parser=query_parser(schema))
    assert ok is ("errors" not in answer)
    return answer


ASSETS = (
    "query Q($type: AssetType, $search: String) {"
    " vault { assets(type: $type, search: $search) { nodes { __typename slug } } } }"
)


def test_ariadne_serves_the_schema_with_typenames(served: GraphQLSchema) -> None:
    nodes = [{"__typename": kind.typename, "slug": kind.lock} for kind in KINDS]
    assert ask(served, ASSETS) == {"data": {"vault": {"assets": {"nodes": nodes}}}}
    assert ask(served, ASSETS, type=None, search=None) == ask(served, ASSETS)
    assert ask(served, ASSETS, type="MCP")["data"]["vault"]["assets"]["nodes"] == [nodes[5]]
    assert ask(served, ASSETS, type="APP_PLUGIN")["data"]["vault"]["assets"]["nodes"] == []


def test_ariadne_answers_a_bomb_with_its_code(served: GraphQLSchema) -> None:
    (error,) = ask(served, "{" + "a{" * 40 + "x" + "}" * 41)["errors"]
    assert error["extensions"]["code"] == "query-too-deep"


def test_introspection_is_within_the_limits(served: GraphQLSchema) -> None:
    answer = ask(served, get_introspection_query())
    assert len(answer["data"]["__schema"]["types"]) > 80


# --- bombs


def fragments(count: int) -> str:
    """Each fragment uses the next one twice: 2^count fields in few words."""
    parts = [f"fragment F{n} on Vault {{ ...F{n + 1} ...F{n + 1} }}" for n in range(count)]
    return " ".join(
        ["{ vault { ...F0 } }", *parts, f"fragment F{count} on Vault {{ latestAssetBenchmarks }}"]
    )


def aliases(count: int, field: str) -> str:
    return " ".join(f"a{number}: {field}" for number in range(count))


MANY = "vault { assets(first: 300) { nodes { installations { entityId } versions { version } } } }"
COLLECTIONS = (
    "collections(first: 300) { nodes { assets(first: 300) { nodes { installations { entityId } } } } }"
)

DELETE_BOT, DELETE_TEAM = "deleteBot(id: 1) { errors { field } }", "deleteTeam(id: 1) { errors { field } }"
CYCLE = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
CHAIN = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(60))
ROOTS = (
    f"fragment A on Mutation {{ {aliases(20, DELETE_BOT)} }}"
    f" fragment B on Mutation {{ {aliases(20, DELETE_TEAM)} }}"
)

BOMBS = {
    "deep": ("{ " + "vault { " * 50 + "x" + " }" * 51, "query-too-deep"),
    "as deep as there are tokens": ("{" + "a{" * 990 + "x" + "}" * 991, "query-syntax"),
    "deep values": ("{ a(x: " + "[" * 900 + "]" * 900 + ") }", "query-syntax"),
    "deep inline fragments": ("{" + "... {" * 60 + "bots{id}" + "}" * 61, "query-too-deep"),
    "fragment chain": ("{ ...F0 } " + CHAIN, "query-too-deep"),
    "fragment cycle": (CYCLE, "query-fragment-cycle"),
    "fragment in itself": ("{ ...A } fragment A on Query { a: bots { id } ...A }", "query-fragment-cycle"),
    "aliases of mutations": ("mutation { " + aliases(40, DELETE_BOT) + "}", "query-too-expensive"),
    "aliases of queries": ("{ " + aliases(70, "user { id }") + "}", "query-too-expensive"),
    "aliases of lists": ("{ " + aliases(30, MANY) + "}", "query-too-expensive"),
    "lists in lists": ("{ " + COLLECTIONS + "}", "query-too-expensive"),
    "roots in fragments": ("mutation { ...A ...B } " + ROOTS, "query-too-expensive"),
    "one field many times": ("{ vault { " + "latestAssetBenchmarks " * 400 + "} }", "query-too-long"),
    "many tokens": ("{ " + "a " * 3_000 + "}", "query-syntax"),
}


@pytest.mark.parametrize("how", BOMBS)
@pytest.mark.timeout(5)
def test_bomb_is_refused(how: str) -> None:
    text, code = BOMBS[how]
    with pytest.raises(GraphQLError) as caught:
        read_query(text, SCHEMA)
    assert (caught.value.extensions or {})["code"] == code


@pytest.mark.timeout(5)
def test_fragments_that_double_are_measured_once_each() -> None:
    with pytest.raises(GraphQLError) as caught:
        read_query(fragments(60), SCHEMA, limits=QueryLimits(depth=100))
    assert caught.value.message == "the document would cost more than 10^12, 150000 is allowed"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ " + "a " * 3_000 + "}", "2000 tokens"),
        ("", "Unexpected <EOF>"),
        ("{", "Expected Name"),
        ('{ a(x: "' + "x" * 10_000, "Unterminated string"),
    ],
)  # fmt: skip
def test_text_that_is_no_document(text: str, message: str) -> None:
    with pytest.raises(GraphQLError, match=message):
        read_query(text, SCHEMA)


@pytest.mark.timeout(10)
def test_worst_that_is_let_through_is_validated_quickly() -> None:
    text = "{ vault { " + "latestAssetBenchmarks " * 290 + "} }"
    assert validate(SCHEMA, read_query(text, SCHEMA)) == []


LIST = "query Q($n: Int) { collections(first: $n) { nodes { assets(first: $n) { nodes { id } } } } }"


@pytest.mark.parametrize(
    ("number", "is_good"),
    [
        (None, True),
        (50, True),
        (-1, True),
        (0, True),
        (300, False),
        (10**30, False),
        ("50", True),
        ([1], True),
    ],
)
def test_length_of_a_page_counts_as_it_will_be_served(number: object, is_good: bool) -> None:
    limits = QueryLimits(cost=20_000)
    variables: object = {"n": number}
    if is_good:
        read_query(LIST, SCHEMA, variables, limits)
        return
    with pytest.raises(GraphQLError):
        read_query(LIST, SCHEMA, variables, limits)


@pytest.mark.parametrize("variables", [None, [], "x", 7])
def test_variables_that_are_no_object_do_no_harm(variables: object) -> None:
    read_query(LIST, SCHEMA, variables)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("slug", "nothing"),
        lambda text: text.replace("vault", "vaults"),
        lambda text: text + " fragment F on Nothing { x { y } }",
        lambda text: text.replace("__typename", "... on Nothing { x { y } } ...Gone"),
    ],
)
def test_document_that_names_what_is_not_there_is_left_to_the_validation(
    change: Callable[[str], str],
) -> None:
    assert validate(SCHEMA, read_query(change(ASSETS), SCHEMA))
