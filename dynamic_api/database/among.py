"""One of many texts, which go as one value: the text of a statement is the same for any number of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ARRAY, ColumnElement, String, any_, bindparam, text


def among(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether `column` is one of the parameter `name`, which is as `given` makes it."""
    if dialect == "postgresql":
        return column == any_(bindparam(name, type_=ARRAY(String)))
    listed: Any = text(f"SELECT value FROM json_each(:{name})")  # noqa: S608 - our own name
    return column.in_(listed)


def given(dialect: str, texts: Iterable[str]) -> object:
    """`texts` as a parameter."""
    listed = list(texts)
    return listed if dialect == "postgresql" else msgspec.json.encode(listed).decode()
