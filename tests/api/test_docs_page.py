"""The page of the API, and what a wrong value is told: both say what each field takes."""

from __future__ import annotations

import html
import re

import pytest

from dynamic_api.routes import fields
from dynamic_api.routes.table import ENDPOINTS
from tests.api.world import Person, World


def test_page_has_every_field_of_every_route(api: World) -> None:
    answer = api.anonymous.get("/docs")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    entries = {
        (found[1], html.unescape(found[2])): html.unescape(found[3])
        for found in re.finditer(r"<strong>(\w+)</strong> <code>(.*?)</code></dt><dd>(.*?)</dl>", answer.text)
    }
    for endpoint in ENDPOINTS:
        entry = entries[endpoint.method, re.sub(r":\w+}", "}", endpoint.path)]
        for form in (endpoint.query, endpoint.body):
            for name, needed, text in fields.listed(form) if form else ():
                assert f"<code>{name}</code>" in entry
                assert text in entry
                assert ("needed" if needed else "optional") in entry
    assert not re.search(r"(src|href)=.?https?://", answer.text)


@pytest.mark.parametrize(
    ("path", "body", "mend"),
    [
        ("/api/v1/skills/leaderboard?sort_by=best", None, "send executions | installs | rating"),
        ("/api/v1/skills?limit=-1", None, "send a whole number from 1 on"),
        ("/api/v1/skills/discover?keywords=", None, "send text of 1 to 1000 characters"),
        ("/api/v1/drive/import", {"skillSlug": 7}, "send text of 1 to 1000 characters"),
        ("/api/v1/collections", {"name": "a", "includeTeamSkills": "yes"}, "send true or false"),
        (
            "/api/v1/drive/diff",
            {"local": [{"slug": "A", "content_sha": "0" * 64}]},
            "send text that fits ^[a-z0-9]+(-[a-z0-9]+)*$",
        ),
        (
            "/api/v1/drive/diff",
            {"local": 1},
            "send a list of {slug, content_sha}, 2000 at the most",
        ),
        ("/api/v1/downloads", {"scope": "all"}, "send collection | drive | skill"),
        ("/api/v1/downloads", [], "send {scope, collectionName, skillSlug}"),
    ],
)
def test_wrong_value_is_told_what_belongs_there(person: Person, path: str, body: object, mend: str) -> None:
    """D15: a refusal has the mend."""
    answer = person.get(path) if body is None else person.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]["mend"]) == (400, mend), answer.text
