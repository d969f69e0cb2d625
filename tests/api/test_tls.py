"""Behind a proxy that ends TLS: links are https, cookies for https alone, addresses those of the clients."""

from __future__ import annotations

import re
import ssl
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api.packages import skill_zip, zipped
from tests.api.test_sx_kill import METADATA
from tests.api.test_sx_login import CLIENT, form_of
from tests.api.tls_proxy import ending_tls
from tests.api.world import Person, World, world
from tests.clients.authority import certify
from tests.content_repo import skill_text


@dataclass(frozen=True, slots=True)
class Front:
    """The API, and the address of the proxy in front of it."""

    api: World
    url: str
    trust: ssl.SSLContext

    def client(self, person: Person | None = None) -> httpx2.Client:
        headers = {"authorization": f"Bearer {person.key}"} if person else {}
        return httpx2.Client(
            base_url=self.url, headers=headers, verify=self.trust, trust_env=False, timeout=30
        )


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, registry: Path) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("tls")
    authority = certify(folder, "127.0.0.1")
    target: list[str] = []
    with ending_tls(authority, target) as url:
        server = {"public_url": url, "trusted_proxies": ["127.0.0.1"]}
        limits = {"key_per_minute": 0, "anonymous_per_minute": 1}
        with world(folder / "data", None, {"server": server, "limits": limits}, registry) as api:
            target.append(api.url)
            yield Front(api, url, ssl.create_default_context(cafile=authority.root))


def links(value: Any) -> list[str]:
    """Every address in an answer."""
    return re.findall(r"https?://[^\"'\s<>\\)]+", str(value))


def test_every_link_is_the_public_one_and_leads_there(front: Front) -> None:
    person = front.api.person()
    with front.client(person) as http:
        http.post("/api/v1/drive/import", json={"skillSlug": "text-facts"}).raise_for_status()
        ticket = http.post("/api/v1/uploads/ticket", json={}).json()["data"]
        linked = http.post("/api/v1/downloads", json={"scope": "drive"}).json()["data"]
        page = http.get("/api/v1/uploads/url").json()["data"]
        device = http.post("/api/oauth/device-authorization/", data={"client_id": CLIENT}).json()
        told = links([ticket, linked, page, device])
        own = [link for link in told if "127.0.0.1" in link]
        assert len(own) >= 5
        assert [link for link in own if not f"{link}/".startswith(f"{front.url}/")] == []
        (download,) = links(linked)
        assert http.get(download).content[:2] == b"PK"
        sent = http.post(
            "/api/uploads/process-skill",
            headers={"authorization": f"Bearer {ticket['uploadToken']}"},
            files={"file": ("notes.zip", skill_zip("tls-notes", "More."))},
        )
        assert sent.status_code in {200, 201}, sent.text


def test_lock_names_the_public_address(front: Front) -> None:
    """R1 and R2: sx sends its token wherever a lock points."""
    person = front.api.person()
    with front.client(person) as http:
        made = http.post(
            "/api/skills/assets",
            files={"file": ("x.zip", zipped({"SKILL.md": skill_text("mine"), "metadata.toml": METADATA}))},
        )
        assert made.status_code == 201, made.text
        rows = tomllib.loads(http.get("/api/skills/sx.lock").text)["assets"]
        urls = [row["source-http"]["url"] for row in rows]
        assert urls
        assert [url for url in urls if not url.startswith(f"{front.url}/")] == []
        assert {http.get(url).status_code for url in urls} == {200}


def test_cookie_is_for_https_alone_and_the_form_comes_back(front: Front) -> None:
    person = front.api.person()
    with front.client() as http:
        device = http.post("/api/oauth/device-authorization/", data={"client_id": CLIENT}).json()
        code = device["user_code"]
        page = http.get("/device", params={"user_code": code})
        assert "; Secure" in page.headers["set-cookie"]
        fields = {"form": form_of(page.text), "user_code": code, "key": person.key}
        origin = {"origin": front.url}
        signed_in = http.post("/device/sign-in", data=fields, headers=origin)
        assert signed_in.status_code == 303
        assert signed_in.headers["location"].startswith("/device?")
        asked = http.get(signed_in.headers["location"])
        fields = {"form": form_of(asked.text), "user_code": code, "decision": "approve"}
        assert http.post("/device/decide", data=fields, headers=origin).status_code == 200


def test_without_a_public_address_no_header_of_a_client_makes_a_link(tmp_path: Path, registry: Path) -> None:
    """X-Forwarded-Proto and -Host are not read: whoever can send them could have links of their own made."""
    with world(tmp_path / "data", None, {"server": {"trusted_proxies": ["127.0.0.1"]}}, registry) as api:
        headers = {"x-forwarded-proto": "https", "x-forwarded-host": "evil.example", "host": "evil.example"}
        device = api.client(**headers).post("/api/oauth/device-authorization/", data={"client_id": CLIENT})
        assert device.json()["verification_uri"] == f"{api.url}/device"


def test_address_is_that_of_the_client(front: Front) -> None:
    """2.3: the proxy counts for nobody."""
    with front.client() as http:
        assert http.get("/api/v1/skills?q=pdf").status_code == 200
        assert http.get("/api/v1/skills?q=pdf", headers={"x-forwarded-for": "203.0.113.9"}).status_code == 200
        assert http.get("/api/v1/skills?q=pdf").status_code == 429
