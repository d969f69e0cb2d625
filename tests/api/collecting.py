"""Calls of collections."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.api.world import Person, World

PATH = "/api/v1/collections"


def make(who: Person, name: str, *slugs: str, **more: Any) -> Any:
    return who.post(PATH, json={"name": name, "skillSlugs": list(slugs), **more})


def as_key(api: World, person: Person, answer: Any) -> Person:
    """The person with the key that a new collection came with."""
    secret = answer.json()["data"]["api_key"]
    return Person(person.id, person.email, secret, api.client(secret))


def names(person: Person) -> list[str]:
    return [item["name"] for item in person.get(PATH).json()["data"]["collections"]]


def publish(person: Person, name: str, public: bool = True) -> Any:
    return person.patch(f"{PATH}/{quote(name)}", json={"isPublicMarketplace": public})


def manifest(api: World, name: str, **headers: str) -> Any:
    return api.anonymous.get(f"/marketplace/collections/{quote(name)}.json", headers=headers)
