"""What a provider is: a name, tools with JSON schemas, and a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from dynamic_api.errors import Invalid

AT_ONCE = 4
T = TypeVar("T")
Row = dict[str, object]
"""One thing that was found, as plain JSON values."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool found; `more` says that there is more than was read, `note` what to know about it."""

    rows: list[Row] = field(default_factory=list)
    more: bool = False
    note: str = ""

    def json(self) -> dict[str, object]:
        """For a model, and for a frame."""
        noted = {"note": self.note} if self.note else {}
        return {"rows": self.rows, "more": self.more, **noted}


class Arguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of a tool; the base of each set of them."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A question that a provider answers itself; it reads and never writes."""

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Any], Awaitable[Found]]

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments."""
        _, parts = msgspec.json.schema_components([self.arguments])
        schema = dict(parts[self.arguments.__name__])
        return {key: schema[key] for key in ("type", "properties", "required", "additionalProperties")}


class Provider(Protocol):
    """Somebody else's service, opened for one question and one repository."""

    @property
    def name(self) -> str:
        """As clients send it."""

    @property
    def tools(self) -> Sequence[Tool]:
        """In the order in which a model sees them."""

    async def call(self, tool: str, arguments: Mapping[str, object]) -> Found:
        """Raises Invalid for another tool or argument, and what `Wire` raises."""


async def call(tools: Sequence[Tool], name: str, arguments: Mapping[str, object]) -> Found:
    """Check `arguments` against their schema, and run the tool `name`."""
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        known = ", ".join(tool.name for tool in tools)
        raise Invalid("unknown-tool", f"there is no tool {name[:80]!r}", mend=f"the tools are {known}")
    try:
        checked = msgspec.convert(dict(arguments), tool.arguments, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid("bad-arguments", f"{name}: {error}", place=name) from error
    return await tool.run(checked)


async def together(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """The results of all, in order; a few run at once, and the first that fails ends the others."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def run(one: Callable[[], Awaitable[T]]) -> T:
        async with gate:
            return await one()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(one)) for one in calls]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    return [task.result() for task in tasks]


def one_line(text: object, longest: int = 200) -> str:
    """`text` without line breaks, so that what somebody wrote elsewhere cannot look like our own lines."""
    flat = " ".join(str(text or "").split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"
