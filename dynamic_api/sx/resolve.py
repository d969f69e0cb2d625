"""Resolve the lock of one caller: what is installed for them, what that needs, and where it goes.

The rules, in the order in which they are applied:

1. An install counts when it is for the organisation, the caller, a team of theirs, or a repository that they
   work on (`scopes.reached`). An active profile keeps only its own assets; what they need is added anyway.
2. One row per name. Of several installed assets with one name the lowest rank stays.
3. Versions are chosen together (`choice`).
4. A dependency that is missing, cannot be met, or closes a circle is dropped from its row, never the row: a
   row that vanishes uninstalls what somebody works with. A row without any version to be had is left out.
5. What is only needed by others goes where they go, and an installed row at least where they go.

Each thing left out is a finding. The result is valid for sx whatever the values say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dynamic_api.sx.choice import Choice
from dynamic_api.sx.dependency import Dependency, read_dependency
from dynamic_api.sx.scopes import ANYWHERE, EVERYWHERE, merged, reached
from dynamic_api.sx.values import Asset, Caller, Catalogue, Entry, Install, Resolution, lockable
from registry_builder.core.finding import Finding
from registry_builder.core.shown import shown
from registry_builder.emit.sx_lock import Scope, acyclic

Scopes = dict[str, tuple[tuple[Scope, ...], ...]]


def resolve(catalogue: Catalogue, installs: Iterable[Install], caller: Caller) -> Resolution:
    """The lock of `caller`. The order of `installs` does not matter."""
    places = _places(catalogue, installs, caller)
    installed, twice = _holders(catalogue, places)
    choice = Choice(catalogue, installed)
    choice.settle()
    taken = choice.taken
    own = {name: merged(places[asset.id]) for name, asset in installed.items() if name in taken}
    wanted, findings = _edges(choice, sorted(own))
    edges = acyclic({name: [needed.name for needed in needs] for name, needs in wanted.items()})
    scopes = {**own, **_scopes(edges, own)}
    entries = tuple(
        [
            Entry(choice.assets[name], taken[name][1], tuple(edges.get(name, ())), scopes[name])
            for name in sorted(scopes)
        ]
    )
    unavailable = [_unavailable(installed[name]) for name in sorted(installed.keys() - own.keys())]
    circles = list(_circles(wanted, edges))
    return Resolution(entries, (*twice, *unavailable, *findings, *circles))


def _places(catalogue: Catalogue, installs: Iterable[Install], caller: Caller) -> Scopes:
    """Asset id → each group of places where an install brings it."""
    places: Scopes = {}
    known, profile = catalogue.by_id, caller.profile
    for install in installs:
        asset = install.asset
        if asset not in known or (profile is not None and asset not in profile):
            continue
        scopes = reached(install, caller)
        if scopes == EVERYWHERE:
            places[asset] = ANYWHERE
        elif scopes is not None:
            places[asset] = (*places.get(asset, ()), scopes)
    return places


def _holders(catalogue: Catalogue, ids: Iterable[str]) -> tuple[dict[str, Asset], list[Finding]]:
    """Name → the installed asset that has it."""
    holders: dict[str, Asset] = {}
    others: list[Asset] = []
    for each in ids:
        asset = catalogue.by_id[each]
        held = holders.setdefault(asset.name, asset)
        if held is not asset:
            holders[asset.name] = nearer = min(held, asset, key=_nearness)
            others.append(asset if nearer is held else held)
    what = "another asset of this name is installed as well: {}"
    mend = "uninstall one of them"
    twice = [
        _finding("sx-name-twice", asset.name, what.format(asset.id), mend)
        for asset in sorted(others, key=_nearness)
    ]
    return holders, twice


def _nearness(asset: Asset) -> tuple[int, str]:
    return asset.rank, asset.id


def _edges(choice: Choice, roots: Iterable[str]) -> tuple[dict[str, list[Dependency]], list[Finding]]:
    """Name → what its row needs of other rows, for `roots` and all that they need, depth first.

    Roots that need nothing, as most do, are only in it when others need them.
    """
    wanted: dict[str, list[Dependency]] = {}
    findings: list[Finding] = []
    left = [name for name in roots if choice.taken[name][1].dependencies][::-1]
    while left:
        name = left.pop()
        if name in wanted:
            continue
        wanted[name] = []
        for text in choice.taken[name][1].dependencies:
            needed = read_dependency(text)
            why = _hindrance(name, needed, choice)
            if needed is None or why:
                findings.append(_dropped(name, text, why))
            elif needed.name not in {other.name for other in wanted[name]}:
                wanted[name].append(needed)
        left += [needed.name for needed in reversed(wanted[name])]
    return wanted, findings


def _hindrance(name: str, needed: Dependency | None, choice: Choice) -> str:
    """Why the lock cannot have `needed` of the row `name`; empty when it can."""
    if needed is None:
        return "cannot be read"
    if needed.name == name:
        return "is the asset itself"
    taken = choice.taken.get(needed.name)
    if taken is None:
        return "has no version that may be had"
    return "" if needed.admits(taken[0]) else f"does not fit version {taken[1].label}, which others need"


def _scopes(
    edges: Mapping[str, list[str]], own: Mapping[str, tuple[Scope, ...]]
) -> dict[str, tuple[Scope, ...]]:
    """Name → where its row goes: where it is installed, and wherever a row goes that needs it."""
    groups = {name: [own[name]] if name in own else [] for name in edges}
    waiting = dict.fromkeys(edges, 0)
    for needs in edges.values():
        for name in needs:
            waiting[name] += 1
    ready = [name for name, count in waiting.items() if not count]
    scopes: dict[str, tuple[Scope, ...]] = {}
    while ready:
        name = ready.pop()
        scopes[name] = merged(groups[name])
        for needed in edges[name]:
            groups[needed].append(scopes[name])
            waiting[needed] -= 1
            if not waiting[needed]:
                ready.append(needed)
    return scopes


def _circles(wanted: Mapping[str, list[Dependency]], edges: Mapping[str, list[str]]) -> Iterator[Finding]:
    for name, needs in wanted.items():
        for needed in needs:
            if needed.name not in edges[name]:
                yield _dropped(name, needed.text, "leads back to it")


def _dropped(name: str, text: str, why: str) -> Finding:
    what = f"its dependency {shown(text)} {why}, so the lock leaves it out"
    return _finding("sx-dependency", name, what, "publish a version that fits, or drop the dependency")


def _unavailable(asset: Asset) -> Finding:
    if not lockable(asset):
        return _finding("sx-row", asset.name, "sx would refuse its name or type", "uninstall it")
    what = "it is installed, but has no version that may be had, so it is not in the lock"
    return _finding("sx-no-version", asset.name, what, "publish a new version, or uninstall it")


def _finding(rule: str, name: str, message: str, mend: str) -> Finding:
    return Finding(rule, "warning", name, "", 0, message, mend)
