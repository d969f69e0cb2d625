"""Where a caller gets an asset: everywhere, or in some repositories, or in folders of them.

Source: contracts/sx.md section 3. A lock carries repositories and paths only, so organisation, teams, users
and bots are resolved here.
"""

from __future__ import annotations

from collections.abc import Iterable

from dynamic_api.sx.repository import read_repository
from dynamic_api.sx.values import BOT, ORGANIZATION, REPOSITORY, TEAM, USER, Caller, Install
from registry_builder.core.artifact.paths import flaw_of
from registry_builder.emit.sx_lock import Scope

EVERYWHERE: tuple[Scope, ...] = ()
ANYWHERE = (EVERYWHERE,)
"""Groups of places that come to everywhere, whatever else is among them."""


def reached(install: Install, caller: Caller) -> tuple[Scope, ...] | None:
    """Where `install` brings its asset for `caller`; None when it is meant for somebody else.

    A team's install is for the team's repositories, or for everywhere when the team has none. Bots have no
    repositories of their own. A path that leads out of its repository is none.
    """
    kind = install.entity_type
    if kind == ORGANIZATION:
        return EVERYWHERE
    if kind == TEAM:
        urls = caller.teams.get(install.entity_id)
        return None if urls is None else tuple(map(Scope, urls))
    if kind in {USER, BOT}:
        return EVERYWHERE if install.entity_id == caller.id and caller.is_bot == (kind == BOT) else None
    if kind != REPOSITORY or caller.is_bot or not install.url:
        return None
    if caller.repositories is not None and install.entity_id not in caller.repositories:
        return None
    paths = {path.strip("/") for path in install.paths}
    safe = {path for path in paths if flaw_of(path) is None}
    return (Scope(install.url, tuple(sorted(safe))),) if safe or not paths else None


def merged(groups: Iterable[tuple[Scope, ...]]) -> tuple[Scope, ...]:
    """All places together: everywhere beats a repository, a repository beats folders in it.

    Two spellings of one repository are one scope, under the URL that sorts first. Sorted by repository.
    """
    if groups is ANYWHERE:
        return EVERYWHERE
    groups = tuple(groups)
    if EVERYWHERE in groups:
        return EVERYWHERE
    if len(groups) == 1 and len(groups[0]) == 1:
        return groups[0]
    urls: dict[str, str] = {}
    paths: dict[str, set[str] | None] = {}
    for scopes in groups:
        for scope in scopes:
            repository = read_repository(scope.repo)
            key = repository.key if repository else scope.repo
            urls[key] = min(urls.get(key, scope.repo), scope.repo)
            known = paths.setdefault(key, set())
            if not scope.paths:
                paths[key] = None
            elif known is not None:
                known.update(scope.paths)
    return tuple(Scope(urls[key], tuple(sorted(paths[key] or ()))) for key in sorted(urls))
