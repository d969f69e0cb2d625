#!/usr/bin/env python3
"""Claude Code hook (PreToolUse, Bash): holds back commands that destroy work which cannot be got back.

Reads the event as JSON on standard input. Exit 0: nothing to say. Exit 2: the command is not run, and the
text on standard error goes to the model. Any other input is let through with exit 1 and a remark, because
a guard that is broken must not stop all work.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys

SEPARATORS = {";", "&&", "||", "|", "&", "(", ")", "{", "}", "!", "then", "do", "else", "|&"}
PREFIXES = {"sudo", "doas", "command", "time", "nohup", "exec", "env", "nice"}
SHARED = {"main", "master", "trunk", "develop", "production"}


def commands(text: str) -> list[list[str]]:
    """The simple commands in a shell line, as words. Raises ValueError when quotes do not match."""
    lexer = shlex.shlex(text.replace("\\\n", " ").replace("\n", " ; "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    found: list[list[str]] = [[]]
    for word in lexer:
        if word in SEPARATORS or set(word) <= set(";&|()"):
            found.append([])
        else:
            found[-1].append(word)
    return [bare(words) for words in found if bare(words)]


def bare(words: list[str]) -> list[str]:
    """`words` without assignments and prefixes such as sudo and their options."""
    rest = list(words)
    while rest and (rest[0] in PREFIXES or re.fullmatch(r"[A-Za-z_]\w*=.*", rest[0], re.S)):
        prefix = rest.pop(0) in PREFIXES
        while prefix and rest and rest[0].startswith("-"):
            rest.pop(0)
    return rest


def flags(words: list[str]) -> set[str]:
    """Long options, and the letters of short ones: `-rf --force` gives {"r", "f", "--force"}."""
    out: set[str] = set()
    for word in words:
        if word.startswith("--"):
            out.add(word.split("=")[0])
        elif word.startswith("-"):
            out.update(word[1:])
    return out


def objection(words: list[str]) -> str | None:
    """Why this command should not run unseen, or None."""
    program, rest = os.path.basename(words[0]), words[1:]
    if program in ("sh", "bash", "zsh", "dash") and "c" in flags(rest[:2]):
        return first_objection(rest[-1])
    if program == "rm":
        return about_rm(rest)
    if program == "git":
        return about_git(rest)
    if program == "dd" and any(word.startswith("of=/dev/") and word != "of=/dev/null" for word in rest):
        return "dd onto a device overwrites it"
    if program.startswith("mkfs"):
        return "mkfs erases a file system"
    return None


def about_rm(rest: list[str]) -> str | None:
    given = flags(rest)
    if not given & {"r", "R", "--recursive"}:
        return None
    for target in (word for word in rest if not word.startswith("-")):
        plain = target.rstrip("/*") or "/"
        if plain in ("/", ".", "..", "~", "$HOME", "${HOME}") or re.fullmatch(r"/[^/]+", plain) or target == "*":
            return f"rm -r {target} removes far more than a build folder"
        if plain == ".git" or plain.endswith("/.git"):
            return f"rm -r {target} removes the history of the repository"
    return None


def about_git(rest: list[str]) -> str | None:
    while rest[:1] and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in ("-C", "-c", "--git-dir", "--work-tree") else rest[1:]
    if not rest:
        return None
    verb, rest = rest[0], rest[1:]
    given = flags(rest)
    names = [word for word in rest if not word.startswith("-")]
    if verb == "push" and (given & {"f", "--force"} or any(name.startswith("+") for name in names)):
        return "git push --force overwrites what others pushed; use --force-with-lease"
    if verb == "push" and given & {"d", "--delete"} and set(names[1:]) & SHARED:
        return "this deletes a shared branch on the server"
    if verb == "reset" and "--hard" in given:
        return "git reset --hard throws away uncommitted work; git stash first"
    if verb == "clean" and given & {"f", "--force"} and not given & {"n", "--dry-run"}:
        return "git clean deletes files that Git has never seen; look at git clean -n first"
    if verb in ("checkout", "restore") and names[-1:] == ["."] and "--staged" not in given:
        return f"git {verb} . throws away uncommitted work; git stash first"
    if verb == "stash" and names[:1] == ["clear"]:
        return "git stash clear drops every stash"
    if verb in ("filter-branch", "filter-repo"):
        return f"git {verb} rewrites the history that others have cloned"
    return None


def first_objection(text: str) -> str | None:
    """The first objection against a shell line."""
    for words in commands(text):
        found = objection(words)
        if found:
            return found
    return None


def main() -> int:
    try:
        event = json.load(sys.stdin)
        if event.get("tool_name") != "Bash":
            return 0
        text = event["tool_input"]["command"]
        if not isinstance(text, str):
            raise TypeError("tool_input.command is no text")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"guard_commands: this is no PreToolUse event: {error!r}", file=sys.stderr)
        return 1
    try:
        found = first_objection(text)
    except ValueError as error:
        print(f"guard_commands: cannot read the command ({error}); it was let through", file=sys.stderr)
        return 1
    if found:
        print(f"Held back: {found}. If it is really meant, ask the user to run it.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
