"""The commands of sx, one method for each row of contracts/sx.md 1.6."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sx_client import groups, install, login, people, publish, query, reports, rest, usage, vault
from sx_client import targets as scopes
from sx_client.cache import Cache
from sx_client.errors import NotFound, SxFailure
from sx_client.lock import Lock
from sx_client.targets import Targets
from sx_client.wire import Wire

NOBODY = Targets()
P = ParamSpec("P")
R = TypeVar("R")


def _with_wire(function: Callable[Concatenate[Wire, P], R]) -> Callable[Concatenate[SxClient, P], R]:
    """A function of a wire as a method of the client; its docstring is the command's."""

    @wraps(function)
    def command(self: SxClient, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return function(self.wire, *args, **kwargs)

    return command


class SxClient:
    """sx with one profile. `home` holds its configuration, caches, queue and what it installs.

    `base_url` may have a path and is never changed; a slash at its end gives doubled slashes, as with sx.
    """

    def __init__(
        self, base_url: str, token: str, home: Path, *, now: Callable[[], float] = time.time
    ) -> None:
        self.home = home
        self.wire = Wire(base_url, token)
        self.cache = Cache(home / "cache", now)
        self.disk = install.Disk(home)
        self.usage = usage.Queue(home / "usage")
        home.mkdir(parents=True, exist_ok=True)

    def requests(self) -> list[str]:
        """What was sent since the last call: `GET /api/skills/sx.lock`, `POST /graphql GetMe`, …"""
        found = []
        for item in self.wire.sent:
            name = json.loads(item.body)["operationName"] if item.path == "/graphql" and item.body else ""
            found.append(f"{item.method} {item.path} {name}".strip())
        self.wire.sent.clear()
        return found

    # sx init, install, add, uninstall

    def init(
        self, approve: Callable[[login.Device], None], wait: Callable[[float], None] = time.sleep
    ) -> str:
        """Log in by the device flow, unless the token works (404: it does not). Keeps it in a file."""
        if not (self.wire.token and self._token_works()):
            device = login.authorize(self.wire)
            approve(device)
            self.wire.token = login.token(self.wire, device, wait)
        profile = {"type": "sleuth", "repositoryUrl": self.wire.base_url, "authToken": self.wire.token}
        path = self.home / "config.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({"defaultProfile": "default", "profiles": {"default": profile}}))
        return self.wire.token

    def _token_works(self) -> bool:
        try:
            return rest.fetch_lock(self.wire, None) is not None
        except SxFailure:
            return False

    def lock(self) -> Lock | None:
        """R1 with the cache; None for 404."""
        return rest.fetch_lock(self.wire, self.cache)

    def install(self, *, remote: str = "", repair: bool = False, dry_run: bool = False) -> install.Outcome:
        """`sx install` in a clone of `remote`, or anywhere."""
        return install.install(
            self.wire, self.cache, self.disk, remote=remote, repair=repair, dry_run=dry_run
        )

    def install_name(self, name: str, targets: Targets) -> None:
        """`sx install NAME --team …`: adds targets; `--org` replaces all."""
        shown = vault.show(self.wire, name)
        scopes.set_installations(self.wire, shown.slug, targets, append=True)

    def add(
        self,
        folder: Path,
        *,
        name: str | None = None,
        version: str | None = None,
        kind: str = "skill",
        targets: Targets = NOBODY,
        no_install: bool = False,
    ) -> publish.Published:
        """`sx add DIR --yes`, with the scope flags in `targets`."""
        published = publish.publish(self.wire, folder, name, version, kind)
        if no_install and not targets:
            return published
        try:
            vault.installations(self.wire, published.name)
        except SxFailure:
            if targets:
                raise
        if targets:
            scopes.set_installations(self.wire, published.name, targets, append=False)
        if not no_install:
            self.install()
        return published

    def add_name(self, name: str, targets: Targets = NOBODY) -> list[str]:
        """`sx add NAME` of an asset that exists: its versions."""
        lock = rest.fetch_lock(self.wire, None)
        row = next((row for row in lock.rows if row.name == name), None) if lock else None
        versions = [row.version] if row else rest.list_versions(self.wire, name)
        if not versions:
            raise NotFound(f"no asset {name}")
        vault.installations(self.wire, name)
        if targets:
            scopes.set_installations(self.wire, name, targets, append=False)
        return versions

    def uninstall_targets(self, name: str, rows: Sequence[dict[str, Any]]) -> Lock | None:
        """Take an asset from entities (`entityType`, `entityId`), then R1."""
        vault.uninstall_targets(self.wire, name, list(rows))
        return self.lock()

    def uninstall(self, *names: str, everything: bool = False) -> list[str]:
        """`sx uninstall NAME…` or `--all`."""
        return install.uninstall(self.wire, self.disk, None if everything else names)

    # sx vault, role

    def vault_list(self, kind: str | None = None, search: str | None = None) -> list[dict[str, Any]]:
        """`sx vault list [--type T]`."""
        rest.fetch_lock(self.wire, self.cache)
        return vault.listed(self.wire, kind, search)

    def vault_rename(self, old: str, new: str) -> Lock | None:
        """`sx vault rename A B`."""
        return vault.rename(self.wire, self.cache, old, new)

    def vault_copy(self, other: SxClient) -> list[str]:
        """`sx vault copy` of the assets of this vault, and its audit events, into another; the names."""
        copied = []
        for node in vault.listed(self.wire):
            shown = vault.show(self.wire, node["slug"])
            for version in shown.versions:
                data = rest.fetch_zip(self.wire, shown.slug, version)
                if data is None:
                    raise NotFound(f"no zip of {shown.slug} {version}")
                kind = shown.metadata["asset"]["type"]
                done = rest.upload(other.wire, shown.slug, version, kind, data)
                if done.is_first_version:
                    vault.remove_installations(other.wire, done.name, delete=False)
            copied.append(shown.slug)
        events = [
            {"timestamp": row["date"], "event": row["event"], "targetType": row["targetType"],
             "actor": row["actorEmail"], "target": row["targetName"], "data": row["data"]}
            for row in reports.audit(self.wire)
        ]  # fmt: skip
        reports.import_events(other.wire, events)
        return copied

    def role_list(self) -> list[rest.Profile]:
        """`sx role list`."""
        return rest.profiles(self.wire)[0]

    def role_current(self) -> str | None:
        """`sx role current`: a slug."""
        return rest.profiles(self.wire)[1]

    def role_clear(self) -> None:
        """`sx role clear`."""
        rest.set_profile(self.wire, None)

    role_set = _with_wire(rest.set_profile)

    team_list = _with_wire(people.list_teams)
    team_show = _with_wire(scopes.find_team)
    team_create = _with_wire(people.create_team)
    team_rename = _with_wire(people.rename_team)
    team_add_member = _with_wire(people.add_member)
    team_remove_member = _with_wire(people.remove_member)
    team_set_admin = _with_wire(people.set_admin)
    team_set_repositories = _with_wire(people.set_repositories)
    team_delete = _with_wire(people.delete_team)

    bot_list = _with_wire(scopes.bots)
    bot_create = _with_wire(people.create_bot)
    bot_update = _with_wire(people.update_bot)
    bot_delete = _with_wire(people.delete_bot)
    bot_installed = _with_wire(people.installed)
    bot_install = _with_wire(people.install_to_bot)
    bot_uninstall = _with_wire(people.uninstall_from_bot)
    bot_key_create = _with_wire(people.create_key)
    bot_key_list = _with_wire(people.keys)
    bot_key_delete = _with_wire(people.delete_key)
    bot_runtime_token = _with_wire(people.runtime_token)
    bot_revoke_runtime_tokens = _with_wire(people.revoke_runtime_tokens)

    collection_list = _with_wire(groups.listed)
    collection_show = _with_wire(groups.show)
    collection_create = _with_wire(groups.create)
    collection_update = _with_wire(groups.update)
    collection_delete = _with_wire(groups.delete)
    collection_add = _with_wire(groups.add)
    collection_remove = _with_wire(groups.remove)
    collection_install = _with_wire(groups.install)
    collection_uninstall = _with_wire(groups.uninstall)

    vault_show = _with_wire(vault.show)
    request_change = _with_wire(publish.request_change)
    stats = _with_wire(reports.stats)
    audit = _with_wire(reports.audit)

    def query(self, text: str, provider: str, context: Mapping[str, str] | None = None) -> str:
        """The tool `query` of `sx serve`; context: `repoUrl`, `branch`, `commitSha`."""
        return query.ask(self.wire, text, provider, context or {}, lambda _: None)

    def report_usage(self, event: usage.Event) -> int:
        """The hook: queue an event and send what waits; how many were taken."""
        self.usage.put(event)
        return self.usage.flush(self.wire)
