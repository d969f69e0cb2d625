"""What every resolver gets, and how what it raises is told (contracts/sx.md section 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from graphql import FieldNode, GraphQLError, GraphQLResolveInfo
from sqlalchemy import Connection

from dynamic_api.catalogue.skill import Skill
from dynamic_api.context import Context
from dynamic_api.errors import Forbidden, Invalid, Refusal
from dynamic_api.services.caller import Caller, Trace

PAGE, LONGEST = 50, 300
LONGEST_TERM = 1000
Node = dict[str, Any]
Resolver = Callable[..., Any]
T = TypeVar("T")


class NotReady(Exception):  # noqa: N818 - nothing is wrong
    """Bytes are wanted that take their time: `make` is called outside, and all is begun again."""

    def __init__(self, what: object, make: Callable[[], object]) -> None:
        super().__init__()
        self.what = what
        self._make = make

    def made(self) -> object:
        """What comes of it; a refusal is told where the bytes are wanted."""
        try:
            return self._make()
        except Refusal as refusal:
            return refusal


@dataclass(frozen=True, slots=True)
class Scope:
    """One request: its connection, who calls, and what was searched and made in a thread before."""

    db: Connection
    context: Context
    caller: Caller
    trace: Trace
    now: int
    searched: Mapping[str, Sequence[Skill]] = field(default_factory=dict)
    ready: Sequence[tuple[object, object]] = ()

    def made(self, what: object, make: Callable[[], T]) -> T:
        """What `make` gave for `what` before this transaction. Raises NotReady, and what it raised."""
        for known, result in self.ready:
            if known == what:
                if isinstance(result, Refusal):
                    raise result
                return cast(T, result)
        raise NotReady(what, make)


def scope_of(info: GraphQLResolveInfo[Any]) -> Scope:
    """The scope of a resolver."""
    scope: Scope = info.context
    return scope


def page_size(first: int | None) -> int:
    """How many are asked for: 50 without a number."""
    return PAGE if first is None else max(0, min(first, LONGEST))


def connection(
    nodes: Sequence[Any],
    size: int,
    cursor: Callable[[Any], str],
    view: Callable[..., Any],
    total: Callable[[], int] | None = None,
) -> Node:
    """A page of `nodes`, of which one more than `size` was asked for; `total` counts all pages when asked."""
    shown = list(nodes[:size])
    more = len(nodes) > size
    ends = [cursor(node) for node in (shown[:1] + shown[-1:])] if shown else [None, None]
    info = {
        "hasNextPage": more and bool(shown),
        "hasPreviousPage": False,
        "startCursor": ends[0],
        "endCursor": ends[-1],
    }
    counted = {} if total is None else {"totalCount": lambda _info: total()}
    return {"pageInfo": info, "nodes": view(shown), **counted}


def words(text: str | None, place: str) -> str:
    """What is searched for; the empty text for nothing. Raises Invalid for more than any name can hold."""
    if text is not None and len(text) > LONGEST_TERM:
        raise Invalid("validation_error", f"has more than {LONGEST_TERM} characters", place=place)
    return text or ""


def moment_cursor(after: str | None) -> tuple[int, str] | None:
    """A cursor of time and id. Raises Invalid for one that is not ours."""
    if not after:
        return None
    at, _, identity = after.partition(":")
    if not (at.isascii() and at.isdigit()) or len(at) > 15 or not identity:
        raise Invalid("bad_cursor", "this cursor is not ours", place="after")
    return int(at), identity


def told(refusal: Refusal) -> str:
    """A refusal as one sentence."""
    return f"{refusal.message}; {refusal.mend}" if refusal.mend else refusal.message


def change(work: Callable[..., Node]) -> Resolver:
    """A resolver of a mutation: undone alone when refused.

    The refusal goes into `errors` of the payload where the client reads those, and else above.
    """

    def resolve(_parent: object, info: GraphQLResolveInfo[Any], **given: Any) -> Node:
        scope = scope_of(info)
        try:
            with scope.db.begin_nested():
                return {"errors": [], **work(scope, **given)}
        except Forbidden as refusal:
            raise refused(refusal) from refusal
        except Refusal as refusal:
            if not _reads_errors(info):
                raise refused(refusal) from refusal
            error = {"field": str(refusal.place or ""), "messages": [told(refusal)]}
            return {
                "errors": [error],
                "success": False,
                "removedCount": 0,
                "revokedCount": 0,
                "importedCount": 0,
            }

    return resolve


def ask(work: Callable[..., Any]) -> Resolver:
    """A resolver of a query."""

    def resolve(_parent: object, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        try:
            return work(scope_of(info), **given)
        except Refusal as refusal:
            raise refused(refusal) from refusal

    return resolve


def refused(refusal: Refusal) -> GraphQLError:
    """A refusal as a top-level error."""
    return GraphQLError(told(refusal), extensions={"code": refusal.code})


def _reads_errors(info: GraphQLResolveInfo[Any]) -> bool:
    selections = [
        selection
        for node in info.field_nodes
        if node.selection_set is not None
        for selection in node.selection_set.selections
    ]
    return any(isinstance(each, FieldNode) and each.name.value == "errors" for each in selections)
