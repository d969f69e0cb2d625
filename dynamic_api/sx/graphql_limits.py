"""Limits on GraphQL documents: tokens, selections, depth and cost, all before validation.

Validation itself can be made slow by a small document, so a bomb has to be refused before it is validated.
A field costs one, a field of Query or Mutation more; what is below a list counts as often as the list is
long: `first` where there is one, else an estimate. A fragment is measured once, however often it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
)


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """How much one document may ask for. sx's own largest costs about 80,000: 300 teams of 50."""

    tokens: int = 2_000
    selections: int = 300
    depth: int = 20
    cost: int = 150_000
    page: int = 50
    longest_page: int = 300
    list_length: int = 10
    query_cost: int = 3_000
    mutation_cost: int = 5_000


DEFAULT = QueryLimits()
Parser = Callable[[Any, dict[str, Any]], DocumentNode]


def query_parser(schema: GraphQLSchema, limits: QueryLimits = DEFAULT) -> Parser:
    """For Ariadne's `query_parser`: reads the document of a request. Raises GraphQLError."""

    def read(_: Any, data: dict[str, Any]) -> DocumentNode:
        variables = data.get("variables")
        return read_query(str(data.get("query") or ""), schema, variables, limits)

    return read


def read_query(
    text: str, schema: GraphQLSchema, variables: object = None, limits: QueryLimits = DEFAULT
) -> DocumentNode:
    """The document in `text`, within `limits`; it is not validated yet. Raises GraphQLError."""
    try:
        document = parse(text, max_tokens=limits.tokens)
    except GraphQLError as error:
        error.extensions = {"code": "query-syntax"}
        raise
    if "\\u" in text or "\0" in text:
        _check_texts(document)
    _check_selections(document.definitions, limits)
    values = variables if isinstance(variables, Mapping) else {}
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    meter = _Meter(schema, fragments, values, limits)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            meter.check(definition)
    return document


def _check_texts(document: DocumentNode) -> None:
    """A NUL in a literal would get past the check of the body, and no database keeps one."""
    token = document.loc.start_token if document.loc else None
    while token is not None:
        if token.value and "\0" in token.value:
            raise _refused("query-syntax", "a text holds the character NUL; leave it out")
        token = token.next


def _check_selections(definitions: Iterable[object], limits: QueryLimits) -> None:
    """Each pair of selections may be compared by the validation, so their number is bounded."""
    left = [item.selection_set for item in definitions if isinstance(item, ExecutableDefinitionNode)]
    count = 0
    while left:
        for selection in left.pop().selections:
            count += 1
            inner = getattr(selection, "selection_set", None)
            if inner is not None:
                left.append(inner)
        if count > limits.selections:
            what = f"the document has more than {limits.selections} selections"
            raise _refused("query-too-long", what)


class _Meter:
    """Measures the operations of one document; its memory are the fragments."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, object],
        limits: QueryLimits,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._limits = limits
        self._measured: dict[str, tuple[int, int]] = {}

    def check(self, operation: OperationDefinitionNode) -> None:
        """Raises GraphQLError when `operation` is too deep or costs too much."""
        root = self._schema.get_root_type(operation.operation)
        _, cost = self._below(operation.selection_set, root, 1, frozenset())
        if cost > self._limits.cost:
            what = f"the document would cost {_short(cost)}, {self._limits.cost} is allowed"
            raise _refused("query-too-expensive", what)

    def _below(
        self, group: SelectionSetNode, parent: GraphQLNamedType | None, level: int, within: frozenset[str]
    ) -> tuple[int, int]:
        """Depth and cost of `group`, which is at `level`. `within` are the fragments it is in."""
        if level > self._limits.depth:
            raise _refused("query-too-deep", f"the document is deeper than {self._limits.depth}")
        depth = cost = 0
        for selection in group.selections:
            if isinstance(selection, FieldNode):
                below, price = self._field(selection, parent, level, within)
            elif isinstance(selection, FragmentSpreadNode):
                below, price = self._fragment(selection.name.value, level, within)
            else:
                below, price = self._inline(selection, parent, level, within)
            depth, cost = max(depth, below + 1), cost + price
        return depth, cost

    def _field(
        self, node: FieldNode, parent: GraphQLNamedType | None, level: int, within: frozenset[str]
    ) -> tuple[int, int]:
        own = 1
        if parent is not None and parent is self._schema.query_type:
            own = self._limits.query_cost
        elif parent is not None and parent is self._schema.mutation_type:
            own = self._limits.mutation_cost
        if node.selection_set is None:
            return 0, own
        known = isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        field = parent.fields.get(node.name.value) if known else None  # type: ignore[union-attr]
        named = get_named_type(field.type) if field else None
        depth, cost = self._below(node.selection_set, named, level + 1, within)
        return depth, own + self._length(node, field) * cost

    def _fragment(self, name: str, level: int, within: frozenset[str]) -> tuple[int, int]:
        fragment = self._fragments.get(name)
        if fragment is None:
            return 0, 0  # the validation says it better
        if name in within:
            raise _refused("query-fragment-cycle", f"the fragment {name} is part of itself")
        if name not in self._measured:
            parent = self._schema.get_type(fragment.type_condition.name.value)
            self._measured[name] = self._below(fragment.selection_set, parent, level + 1, within | {name})
        depth, cost = self._measured[name]
        if level + depth > self._limits.depth:
            raise _refused("query-too-deep", f"the document is deeper than {self._limits.depth}")
        return depth, cost

    def _inline(
        self, node: Any, parent: GraphQLNamedType | None, level: int, within: frozenset[str]
    ) -> tuple[int, int]:
        if not isinstance(node, InlineFragmentNode):
            raise AssertionError("a selection is a field or a fragment")
        if node.type_condition is not None:
            parent = self._schema.get_type(node.type_condition.name.value)
        return self._below(node.selection_set, parent, level + 1, within)

    def _length(self, node: FieldNode, field: GraphQLField | None) -> int:
        """How often what is below `node` is asked for."""
        if field is None:
            return 1
        if "first" not in field.args:
            is_page = node.name.value == "nodes"  # counted where `first` stands
            return (
                self._limits.list_length if is_list_type(get_nullable_type(field.type)) and not is_page else 1
            )
        given = next(
            (argument.value for argument in node.arguments or () if argument.name.value == "first"), None
        )
        stated: object = None
        if isinstance(given, IntValueNode):
            stated = int(given.value[:9])
        elif isinstance(given, VariableNode):
            stated = self._variables.get(given.name.value)
        if not isinstance(stated, int):
            stated = self._limits.page
        return max(1, min(stated, self._limits.longest_page))


def _short(number: int) -> str:
    return str(number) if number < 10**12 else "more than 10^12"


def _refused(code: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})
