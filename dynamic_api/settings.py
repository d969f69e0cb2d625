"""The API's settings: a TOML file, and over it the environment; the only reader of both.

A variable is named `SKILLPRESS_API_<SECTION>_<KEY>`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from dynamic_api.ai_query.config import AiQuery
from dynamic_api.oidc_settings import Oidc
from dynamic_api.run_settings import Runs
from dynamic_api.sections import Credentials, Telemetry, Webhooks
from dynamic_api.sections import Section as _Section
from dynamic_api.settings_rules import LIST, require_known, require_sound
from registry_builder.core.errors import Misuse

PREFIX = "SKILLPRESS_API_"
MIB = 1024 * 1024


class Server(_Section, frozen=True):
    """[server]: where the API is reached, and through whom."""

    public_url: str | None = None
    """Address of the API as clients see it. Default: where it listens."""
    assets_url: str | None = None
    """Address of the public bucket; on another host than `public_url`, downloads redirect there."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded-For is believed."""
    cors_origins: tuple[str, ...] = ("*",)
    """Origins that browsers may call from."""
    grace_seconds: float = 10.0
    """How long requests that are under way may take after the signal to stop."""
    send_seconds: Annotated[float, Meta(gt=0)] = 30.0
    """A client that takes less than 1 KiB a second of its answer for so long is cut off."""
    access_log: bool = True
    """Whether each request is a line on standard error."""
    body_bytes: int = MIB
    """The largest JSON body that is read."""


class Data(_Section, frozen=True):
    """[data]: where state is kept."""

    database_url: str | None = None
    """`postgresql://…`; default: the SQLite file in the data directory."""
    private_store: str | None = None
    """Folder or `s3://…` of private bytes; default: a folder in the data directory."""
    registry: str | None = None
    """The published bucket: folder, `s3://…` or `https://…`; default: the folder that is served."""
    refresh_seconds: float = 5.0
    """How often `release.json` is looked at."""
    revoked_seconds: float = 2.0
    """How often `revoked.json` is looked at."""
    secret: str | None = None
    """At least 32 characters that sign URLs and seal secrets; default: a file in the data directory."""
    pool_size: int = 8
    """Connections to PostgreSQL for each worker; one more writes, one tells when something was committed."""


class Limits(_Section, frozen=True):
    """[limits]: how often somebody may call, per minute (0: without limit)."""

    anonymous_per_minute: int = 1
    """Anonymous calls for each address and install id. Public downloads and manifests do not count."""
    address_per_minute: int = 60
    """Anonymous calls for each address, whatever install ids it shows."""
    telemetry_per_minute: int = 60
    """Telemetry events for each install id at one address."""
    telemetry_address_per_minute: int = 600
    """Telemetry events for each address, whatever install ids it shows."""
    key_per_minute: int = 600
    """Calls for each key that has no limit of its own."""
    storage: str = "memory://"
    """`memory://` for one process, `redis://host:port/n` for many."""


class Tier(_Section, frozen=True):
    """[credits.tiers.<name>]: what an account of a tier may do; 0 means without limit."""

    drive_max: int = 0
    """Skills in the drive."""
    monthly_skill_calls: int = 0
    """Runs in a calendar month."""
    monthly_grant: int = 0
    """Credits that an account is filled up with, once in each calendar month."""


class Credits(_Section, frozen=True):
    """[credits]: prices, in credits."""

    idempotency_days: int = 30
    """How long a call is known by its Idempotency-Key."""
    initial_grant: int = 25
    """What a new account starts with."""
    import_cost_public: int = 1
    """Importing a published skill."""
    import_cost_github: int = 1
    """Importing a folder of a GitHub repository."""
    update_accept_cost: int = 1
    """Accepting an update."""
    upload_base: int = 1
    """Uploading, whatever the size."""
    upload_per_mib: int = 1
    """… and for each whole MiB of the zip."""
    run_30min_factor: int = 3
    """How much dearer a run is in a session of 30 minutes."""
    default_tier: str = "free"
    """The tier of a new account."""
    tiers: dict[str, Tier] = field(
        default_factory=lambda: {"free": Tier(drive_max=10, monthly_skill_calls=100), "pro": Tier()}
    )


class Uploads(_Section, frozen=True):
    """[uploads]: what may be uploaded."""

    zip_bytes: int = 10 * MIB
    """Size of the zip."""
    unpacked_bytes: int = 25 * MIB
    """… and of what is in it."""
    files: int = 1000
    """Files in it."""
    ticket_minutes: int = 10
    """Life of an upload ticket."""
    active_tickets: int = 5
    """Unused tickets that an account may hold."""
    osv_folder: str | None = None
    """Folder of advisories in OSV's JSON form, beside the short list that is built in."""
    refuse_grade: Literal["never", "F", "D"] = "never"
    """The best grade of the scan that is refused."""


class Downloads(_Section, frozen=True):
    """[downloads]: bundles made on request."""

    hours: Annotated[int, Meta(ge=1, le=24)] = 24
    """Life of a signed URL, from 1 to 24."""


class GitHub(_Section, frozen=True):
    """[github]: imports by URL, and sources of `discover`."""

    api_url: str = "https://api.github.com"
    """The REST API."""
    archive_url: str = "https://codeload.github.com"
    """The only other host that an archive may come from."""
    web_url: str = "https://github.com"
    """What an import's URL begins with."""
    token: str | None = None
    """Sent to `api_url` only."""
    sources: tuple[str, ...] = ()
    """Repositories (`owner/repo`) that `discover` lists too."""
    source_seconds: float = 3600.0
    """How old the list of a source may be."""
    timeout_seconds: float = 20.0
    """For a whole import."""
    allow_hosts: tuple[str, ...] = ()
    """`host:port` pairs among these addresses that may be private, and plain http."""


class Settings(_Section, frozen=True):
    """Everything, validated."""

    server: Server = Server()
    data: Data = Data()
    limits: Limits = Limits()
    credits: Credits = Credits()
    uploads: Uploads = Uploads()
    downloads: Downloads = Downloads()
    webhooks: Webhooks = Webhooks()
    credentials: Credentials = Credentials()
    telemetry: Telemetry = Telemetry()
    github: GitHub = GitHub()
    ai_query: AiQuery = AiQuery()
    runs: Runs = Runs()
    oidc: Oidc = Oidc()


SECTIONS: Mapping[str, type[Struct]] = {
    item.name: item.type for item in msgspec.structs.fields(Settings) if isinstance(item.type, type)
}


def load(path: Path | None) -> Settings:
    """The file at `path` (None: no file), and the environment over it. Raises Misuse."""
    table = _file(path) if path else {}
    for name, text in sorted(os.environ.items()):  # noqa: TID251 - this is the reader
        if name.startswith(PREFIX):
            _overlay(table, name, text)
    return parse(table, str(path) if path else "environment")


def parse(table: Mapping[str, object], place: str) -> Settings:
    """`table` as settings. Raises Misuse with the nearest name."""
    for section, content in table.items():
        require_known(section, list(SECTIONS), "setting", place)
        if isinstance(content, dict):
            for key in content:
                require_known(f"{section}.{key}", _keys(section), "setting", place)
    _require_known_tiers(table, place)
    try:
        settings = msgspec.convert(table, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise Misuse("bad-setting", str(error), place=place, mend=LIST) from error
    require_sound(settings, place)
    return settings


def _keys(section: str) -> list[str]:
    return [f"{section}.{key}" for key in SECTIONS[section].__struct_fields__]


def _require_known_tiers(table: Mapping[str, object], place: str) -> None:
    """A tier is a table within a table, which the look at sections does not reach."""
    prices = table.get("credits")
    tiers = prices.get("tiers") if isinstance(prices, dict) else None
    for name, tier in tiers.items() if isinstance(tiers, dict) else ():
        for key in tier if isinstance(tier, dict) else ():
            known = [f"credits.tiers.{name}.{field}" for field in Tier.__struct_fields__]
            require_known(f"credits.tiers.{name}.{key}", known, "setting", place)


def _file(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misuse("no-settings", f"cannot read it: {error.strerror}", place=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misuse("bad-toml", f"not TOML: {error}", place=str(path), mend="mend the syntax") from error


def environment_names() -> Mapping[str, tuple[str, str]]:
    """Name in the environment → section and key."""
    return {
        f"{PREFIX}{section}_{key}".upper(): (section, key)
        for section, form in SECTIONS.items()
        for key in form.__struct_fields__
    }


def _overlay(table: dict[str, object], name: str, text: str) -> None:
    names = environment_names()
    require_known(name, list(names), "setting", "environment")
    section, key = names[name]
    content = table.setdefault(section, {})
    if isinstance(content, dict):
        content[key] = text if _is_text(section, key) else _value(text)


def _is_text(section: str, key: str) -> bool:
    forms = {item.encode_name: item.type for item in msgspec.structs.fields(SECTIONS[section])}
    return forms[key] in (str, str | None)


def _value(text: str) -> object:
    """`text` as a TOML value where it is one (lists, tables, numbers), else as it stands."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
