"""The GraphQL schema that ships in this package."""

from __future__ import annotations

from importlib.resources import files


def type_defs() -> str:
    """The schema, as text in GraphQL's own language."""
    return files("dynamic_api.sx").joinpath("schema.graphql").read_text(encoding="utf-8")
