"""What sx changes while somebody else deletes it: told as gone, never a fault of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from tests.api.packages import zipped
from tests.api.sx_room import api
from tests.api.test_sx_kill import METADATA
from tests.api.world import Person, World
from tests.content_repo import skill_text

__all__ = ["api"]
CROWD = 24
MINE = {"SKILL.md": skill_text("mine"), "metadata.toml": METADATA}
NEW_BOT = "mutation($n: String!) { createBot(input: {name: $n}) { bot { id } } }"
NEW_COLLECTION = "mutation($n: String!) { createAssetCollection(input: {name: $n}) { collection { id } } }"
DELETE_BOT = "mutation($i: ID!) { deleteBot(id: $i) { errors { messages } } }"
NEW_KEY = 'mutation($i: ID!) { createBotApiKey(botId: $i, label: "k") { botKey } }'
INSTALL = """mutation($i: ID!) { setAssetInstallations(input: {assetName: "mine", repositories: [],
 append: true, installations: [{entityType: BOT, entityId: $i}]}) { errors { messages } } }"""
DELETE_COLLECTION = "mutation($i: ID!) { deleteAssetCollection(gid: $i) { success errors { messages } } }"
ADD = """mutation($i: ID!, $a: [ID!]!) { addAssetsToCollection(input: {collectionGid: $i, assetGids: $a})
 { errors { messages } } }"""
INSTALL_ALL = """mutation($i: ID!) { installCollection(input: {gid: $i,
 installations: [{entityType: ORGANIZATION}]}) { errors { messages } } }"""
ID = '{ vault { assets(slug: "mine") { nodes { __typename id } } } }'


def asked(person: Person, query: str, **variables: object) -> Any:
    return person.post("/graphql", json={"query": query, "variables": variables})


def crowd(calls: list[Callable[[], Any]]) -> Counter[int]:
    """How often each status came of all `calls`, each made several times."""
    with ThreadPoolExecutor(CROWD) as pool:
        answers = [*pool.map(lambda call: call(), calls * (CROWD // len(calls)))]
    assert not [answer.text for answer in answers if "the server failed" in answer.text]
    return Counter(answer.status_code for answer in answers)


def test_bot_that_is_deleted_gets_no_key_and_no_install(api: World, person: Person) -> None:
    person.post("/api/skills/assets", files={"file": ("x.zip", zipped(MINE))})
    for number in range(4):
        name = f"bot {person.id[:8]} {number}"
        bot = asked(person, NEW_BOT, n=name).json()["data"]["createBot"]["bot"]["id"]
        calls = [partial(asked, person, query, i=bot) for query in (NEW_KEY, INSTALL, DELETE_BOT)]
        assert crowd(calls).keys() == {200}


def test_collection_that_is_deleted_takes_nothing(api: World) -> None:
    person = api.person(role="admin")
    person.post("/api/skills/assets", files={"file": ("x.zip", zipped(MINE))})
    asset = asked(person, ID).json()["data"]["vault"]["assets"]["nodes"][0]["id"]
    for number in range(4):
        made = asked(person, NEW_COLLECTION, n=f"box {number}").json()["data"]["createAssetCollection"]
        box = made["collection"]["id"]
        calls = [partial(asked, person, query, i=box) for query in (INSTALL_ALL, DELETE_COLLECTION)]
        assert crowd([*calls, partial(asked, person, ADD, i=box, a=[asset])]).keys() == {200}
