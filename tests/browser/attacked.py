"""A content repository in which whatever an author can choose is an attack: a skill for each of them."""

from __future__ import annotations

import json
from pathlib import Path

from content_repo import Repo
from hostile.markup import ATTACKS, Attack

FIELDS = ("title", "license", "author", "homepage", "version", "compatibility", "execution_tier")
LISTS = ("tags", "allowed-tools", "requiredEnvVars")
FILES = ("page.html", "picture.svg", "script.js", "notes.md")
WORST = "</title><script>attacked()</script><img src=x onerror=attacked()>"


def write(place: Path) -> Repo:
    """Two versions of every skill, so that there are pages of changes."""
    repo = Repo.init(place)
    quoted = json.dumps(WORST)
    site = f"[site]\nfooter = {quoted}\n"
    about = f'name = "hostile"\ntitle = {quoted}\ndescription = {quoted}\nowner = {{ name = {quoted} }}\n'
    repo.write("registry.toml", f'[registry]\n{about}\n[check]\npreset = "lenient"\n\n{site}')
    members = ", ".join(f'"attack-{number}"' for number in range(len(ATTACKS)))
    repo.write("collections.toml", f"[all]\ntitle = {quoted}\ndescription = {quoted}\nskills = [{members}]\n")
    for step in ("first", "second"):
        for number, attack in enumerate(ATTACKS):
            _skill(repo, f"attack-{number}", attack, step)
        repo.commit(f"{step} {WORST}")
    return repo


def _skill(repo: Repo, name: str, attack: Attack, step: str) -> None:
    # What is no UTF-8 never becomes a page.
    text = attack.text.encode("utf-8", "replace").decode()
    quoted = json.dumps(text)
    fields = "".join(f"{field}: {quoted}\n" for field in FIELDS)
    lists = "".join(f"{field}: [{quoted}]\n" for field in LISTS)
    # comrak puts the text behind a note's second definition into the list of notes, where no text may be.
    inline = "" if "[^" in text else f"line {text} line\n"
    head = f"---\nname: {name}\ndescription: {json.dumps(f'Use it. {text}')}\n{fields}{lists}---\n"
    repo.write(f"skills/{name}/SKILL.md", f"{head}\n{step}\n\n{text}\n\n{inline}")
    for path in FILES:
        repo.write(f"skills/{name}/{path}", f"{step}\n{text}\n{text}")
    repo.write(f"skills/{name}/{_file_name(text)}", step)


def _file_name(text: str) -> str:
    kept = "".join(char for char in text if char.isascii() and char.isprintable() and char not in '/\\:*?"|')
    return f"x{kept[:60].strip(' .')}.md"
