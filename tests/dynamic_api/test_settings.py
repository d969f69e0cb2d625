"""Settings that cannot be meant are refused before anything starts, with the mend (issue 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dynamic_api.scan import load_osv
from dynamic_api.server.data_folder import open_folder
from dynamic_api.settings import parse
from registry_builder.core.errors import Misuse


@pytest.mark.parametrize(
    ("section", "values", "says"),
    [
        ("limits", {"key_per_minute": -1}, "limits.key_per_minute is -1"),
        ("limits", {"key_per_minute": True}, "limits.key_per_minute"),
        ("webhooks", {"timeout_seconds": 0}, "webhooks.timeout_seconds is 0.0"),
        ("webhooks", {"backoff_seconds": float("nan")}, "webhooks.backoff_seconds is nan"),
        ("server", {"grace_seconds": float("inf")}, "server.grace_seconds is inf"),
        ("data", {"pool_size": 0}, "data.pool_size is 0"),
        ("credits", {"initial_grant": 10**30}, "credits.initial_grant is 1000"),
        ("credits", {"tiers": {"free": {"drive_max": -1}}}, "credits.tiers.free.drive_max is -1"),
        ("credits", {"tiers": {"free": {"drive_mx": 1}}}, "did you mean credits.tiers.free.drive_max?"),
        ("credits", {"default_tier": "fre"}, "did you mean free?"),
        ("server", {"public_url": "skills.example"}, "server.public_url is 'skills.example'"),
        ("server", {"public_url": "https://"}, "server.public_url"),
        ("server", {"public_url": "https://skills example"}, "server.public_url"),
        ("server", {"public_url": "https://skills.example\n"}, "server.public_url"),
        ("server", {"public_url": "https://skills.example:port"}, "server.public_url"),
        ("server", {"public_url": "https://user:password@skills.example"}, "server.public_url"),
        ("data", {"database_url": "postgresql://u:secret@db:port/x"}, "data.database_url is no address"),
        ("data", {"database_url": "postgresql:db"}, "data.database_url is no address"),
        ("server", {"assets_url": "s3://bucket"}, "server.assets_url"),
        ("server", {"trusted_proxies": ["10.0.0.0/8", "proxy"]}, "server.trusted_proxies holds 'proxy'"),
        ("server", {"cors_origins": ["https://app.example/"]}, "server.cors_origins holds"),
        ("github", {"sources": ["https://github.com/acme/skills"]}, "github.sources holds"),
        ("webhooks", {"allow_hosts": ["hooks.internal"]}, "webhooks.allow_hosts holds 'hooks.internal'"),
        ("data", {"database_url": "mysql://root:secret@db/x"}, "data.database_url begins with 'mysql'"),
    ],
)
def test_setting_that_cannot_be_meant_is_refused(section: str, values: dict[str, Any], says: str) -> None:
    with pytest.raises(Misuse) as caught:
        parse({section: values}, "api.toml")
    shown = f"{caught.value} {caught.value.mend}"
    assert says in shown
    assert caught.value.mend
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("limits", {"key_per_minute": 0}),
        ("webhooks", {"retries": 0, "backoff_seconds": 0}),
        ("credits", {"tiers": {"gold": {}}, "default_tier": "gold"}),
        ("server", {"public_url": "http://127.0.0.1:8080", "assets_url": "https://cdn.example/skills"}),
        ("server", {"trusted_proxies": ["::1", "10.0.0.7", "10.1.2.3/8"]}),
        ("server", {"cors_origins": ["https://app.example:8443"]}),
        ("github", {"sources": ["acme/skills.v2"], "allow_hosts": ["[::1]:80"]}),
        ("data", {"database_url": "postgresql+psycopg://db/x"}),
    ],
)
def test_setting_that_can_be_meant_is_taken(section: str, values: dict[str, Any]) -> None:
    parse({section: values}, "api.toml")


@pytest.mark.parametrize("kept", ["", "short"])
def test_kept_secret_that_is_too_short_is_refused(tmp_path: Path, kept: str) -> None:
    """An empty one would sign links that everybody can sign."""
    (tmp_path / "secret.key").write_text(kept)
    with pytest.raises(Misuse, match="too short"):
        open_folder(tmp_path).secret(None)


def test_folder_of_advisories_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="no such folder"):
        load_osv(tmp_path / "osv")
