"""The rules of a lock once more, written to be obvious: no sharing of work, recursion, other libraries.

Knows nothing of `dynamic_api.sx.resolve`; reads the same values. Versions are ordered by `packaging`.
"""

from __future__ import annotations

import re
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version as Pep440

from dynamic_api.sx.values import Asset, Caller, Install

Row = tuple[str, str, tuple[str, ...], Any]
"""Asset id, label, dependencies, and places: "everywhere" or repository → "whole" or its paths."""


def slow_resolve(assets: list[Asset], installs: list[Install], caller: Caller) -> dict[str, Row]:
    places = {asset.id: _places(asset, installs, caller) for asset in assets}
    installed: dict[str, Asset] = {}
    for asset in sorted(assets, key=lambda asset: (asset.rank, asset.id)):
        if places[asset.id] is not None and asset.name not in installed:
            installed[asset.name] = asset
    chosen = _choose(assets, installed)
    rows: dict[str, list[str]] = {}
    for name in sorted(installed):
        if name in chosen:
            _visit(name, [], chosen, rows)
    where = {name: _everywhere_it_goes(name, rows, installed, places) for name in rows}
    return {
        name: (chosen[name][0].id, chosen[name][1].label, tuple(needs), where[name])
        for name, needs in rows.items()
    }


def _places(asset: Asset, installs: list[Install], caller: Caller) -> Any:
    found: list[Any] = []
    for install in installs:
        if install.asset != asset.id or (caller.profile is not None and asset.id not in caller.profile):
            continue
        if install.entity_type == "ORGANIZATION":
            found.append("everywhere")
        if install.entity_type == "USER" and not caller.is_bot and install.entity_id == caller.id:
            found.append("everywhere")
        if install.entity_type == "BOT" and caller.is_bot and install.entity_id == caller.id:
            found.append("everywhere")
        if install.entity_type == "TEAM" and install.entity_id in caller.teams:
            urls = caller.teams[install.entity_id]
            found.append({_key(url): "whole" for url in urls} if urls else "everywhere")
        if install.entity_type == "REPOSITORY" and not caller.is_bot:
            mine = caller.repositories
            if mine is None or install.entity_id in mine:
                found.append({_key(install.url): set(install.paths) if install.paths else "whole"})
    return _union(found) if found else None


def _key(url: str) -> str:
    return re.sub(r"\.git$", "", re.sub(r"^(https://|git@)", "", url).replace(":", "/")).lower()


def _union(places: list[Any]) -> Any:
    if "everywhere" in places:
        return "everywhere"
    total: dict[str, Any] = {}
    for place in places:
        for repo, paths in place.items():
            if paths == "whole" or total.get(repo) == "whole":
                total[repo] = "whole"
            else:
                total[repo] = total.get(repo, set()) | paths
    return total


def _split(text: str) -> tuple[str, SpecifierSet]:
    name = re.match(r"[A-Za-z0-9_-]+", text)
    assert name
    return name[0], SpecifierSet(text[name.end() :])


def _best(asset: Asset, needs: list[str]) -> Any:
    good = []
    for version in asset.versions:
        number = Pep440(version.label)
        if any(number not in _split(need)[1] for need in needs):
            continue
        pinned = any(
            spec.operator == "==" and Pep440(spec.version) == number
            for need in needs
            for spec in _split(need)[1]
        )
        if version.state in {"active", "deprecated"}:
            good.append((1, number, version.ordinal, version))
        elif version.state == "yanked" and pinned:
            good.append((0, number, version.ordinal, version))
    return max(good, key=lambda item: item[:3])[3] if good else None


def _choose(assets: list[Asset], installed: dict[str, Asset]) -> dict[str, Any]:
    holders = dict(installed)
    needs: list[str] = []
    considered: set[tuple[str, str]] = set()
    while True:
        taken = {}
        for name, asset in holders.items():
            best = _best(asset, [need for need in needs if _split(need)[0] == name])
            if best is not None:
                taken[name] = (asset, best)
        before = list(needs)
        news = [name for name in sorted(taken) if (name, taken[name][1].label) not in considered]
        for name in news:
            considered.add((name, taken[name][1].label))
            for text in taken[name][1].dependencies:
                target = _split(text)[0]
                if target == name:
                    continue
                wanted = [need for need in needs if _split(need)[0] == target] + [text]
                options = [asset for asset in assets if asset.name == target]
                if target in holders:
                    options = [holders[target]]
                for asset in sorted(options, key=lambda asset: (asset.rank, asset.id)):
                    if _best(asset, wanted) is not None:
                        needs.append(text)
                        holders[target] = asset
                        break
        if before == needs and not news:
            return taken


def _visit(name: str, path: list[str], chosen: dict[str, Any], rows: dict[str, list[str]]) -> None:
    if name in rows:
        return
    rows[name] = []
    for text in chosen[name][1].dependencies:
        target, spec = _split(text)
        if target not in chosen or target in rows[name] or target in [*path, name]:
            continue
        if Pep440(chosen[target][1].label) in spec:
            rows[name].append(target)
            _visit(target, [*path, name], chosen, rows)


def _everywhere_it_goes(
    name: str, rows: dict[str, list[str]], installed: dict[str, Asset], places: dict[str, Any]
) -> Any:
    """Where it is installed, and where each row goes that needs it, by looking at all of them."""
    found = [places[installed[name].id]] if name in installed else []
    for other, needs in rows.items():
        if name in needs:
            found.append(_everywhere_it_goes(other, rows, installed, places))
    return _union(found)
