#!/usr/bin/env python3
"""Draft a changelog section from the commits between two points of a Git repository.

Exit 0, or 2 when the repository or a revision cannot be read. Nothing is written but standard output.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
from dataclasses import dataclass

SECTIONS = [
    ("feat", "Added"), ("fix", "Fixed"), ("perf", "Faster"), ("security", "Security"), ("revert", "Reverted"),
    ("deprecate", "Deprecated"), ("remove", "Removed"), ("change", "Changed"), ("docs", "Documentation"),
]
ALIASES = {"feature": "feat", "bugfix": "fix", "hotfix": "fix", "doc": "docs", "deps": "build", "sec": "security",
           "performance": "perf", "removed": "remove", "deprecated": "deprecate", "changed": "change"}
HOUSEKEEPING = {"build", "chore", "ci", "refactor", "style", "test", "tests", "wip", "release"}
VERBS = {"add": "feat", "allow": "feat", "introduce": "feat", "support": "feat", "fix": "fix", "correct": "fix",
         "remove": "remove", "drop": "remove", "delete": "remove", "deprecate": "deprecate", "revert": "revert",
         "document": "docs", "speed": "perf"}
SUBJECT = re.compile(r"(?P<kind>[A-Za-z]+)(?:\((?P<scope>[^()]*)\))?(?P<bang>!)?:\s+(?P<text>.+)")
BREAKING = re.compile(r"^BREAKING[ -]CHANGE:\s*(.+?)(?=\n\s*\n|\n[A-Za-z-]+: |\Z)", re.M | re.S)
PULL = re.compile(r"\s*\((#\d+|!\d+)\)\s*$")
SEMVER = re.compile(r"(?P<prefix>.*?)(?P<major>0|[1-9]\d*)\.(?P<minor>0|[1-9]\d*)\.(?P<patch>0|[1-9]\d*)")


@dataclass(frozen=True)
class Change:
    """One commit, as a reader of release notes sees it."""

    commit: str
    kind: str
    scope: str
    text: str
    pull: str
    author: str
    breaking: str


def git(repo: str, *args: str) -> str:
    """The output of one git command. Exits with git's own words when it fails."""
    try:
        done = subprocess.run(["git", "-C", repo, *args], capture_output=True, check=False)
    except FileNotFoundError:
        fail("git is not installed")
    if done.returncode:
        fail(done.stderr.decode("utf-8", "replace").strip().splitlines()[-1])
    return done.stdout.decode("utf-8", "replace")


def revision(repo: str, name: str) -> str:
    """The commit id of `name`. Exits when there is none."""
    if name.startswith("-"):
        fail(f"{name!r} is no revision")
    done = subprocess.run(["git", "-C", repo, "rev-parse", "--verify", "--quiet", name + "^{commit}"],
                          capture_output=True, check=False)
    if done.returncode:
        fail(f"{name!r} is no commit, tag or branch of {repo}; in a shallow clone, fetch the history first")
    return done.stdout.decode().strip()


def last_tag(repo: str, end: str) -> str | None:
    """The nearest tag before `end`, so that a tag on `end` itself gives that release's own notes."""
    own = set(git(repo, "tag", "--points-at", end).split())
    for tag in git(repo, "tag", "--merged", end, "--sort=-version:refname", "--sort=-creatordate").split():
        if tag not in own:
            return tag
    return None


def read_change(record: str) -> Change:
    """One `git log` record as a Change. Subjects that follow no convention are placed by their verb."""
    commit, author, subject, body = record.split("\x1f", 3)
    pull_match = PULL.search(subject)
    pull = pull_match[1] if pull_match else ""
    subject = PULL.sub("", subject).strip()
    note = BREAKING.search(body)
    breaking = " ".join(note[1].split()) if note else ""
    parsed = SUBJECT.fullmatch(subject)
    kind = ALIASES.get(parsed["kind"].lower(), parsed["kind"].lower()) if parsed else ""
    if parsed and kind in {key for key, _ in SECTIONS} | HOUSEKEEPING:
        text = parsed["text"]
        scope = parsed["scope"] or ""
        breaking = breaking or (text if parsed["bang"] else "")
    else:
        text, scope = subject, ""
        kind = VERBS.get(re.split(r"\W", subject.lower(), maxsplit=1)[0], "change")
    return Change(commit[:8], kind, scope, text[:1].upper() + text[1:], pull, author, breaking)


def next_version(tag: str | None, changes: list[Change]) -> str | None:
    """The semantic version that these changes call for after `tag`; None without a version to count from."""
    found = SEMVER.fullmatch(tag) if tag else None
    if not found or not changes:
        return None
    major, minor, patch = int(found["major"]), int(found["minor"]), int(found["patch"])
    breaking = any(change.breaking for change in changes)
    if breaking and major:
        bumped = (major + 1, 0, 0)
    elif breaking or any(change.kind in ("feat", "deprecate", "remove") for change in changes):
        bumped = (major, minor + 1, 0)
    else:
        bumped = (major, minor, patch + 1)
    return found["prefix"] + ".".join(map(str, bumped))


def line(change: Change, text: str) -> str:
    scope = f"**{change.scope}:** " if change.scope else ""
    return f"- {scope}{text} ({change.pull or change.commit})"


def render(title: str, changes: list[Change], housekeeping: bool) -> str:
    """The section as Markdown: what breaks first, then by kind, each in the order it was committed."""
    lines = [f"## {title}"]
    breaking = [change for change in changes if change.breaking]
    if breaking:
        lines += ["", "### Breaking", "", *(line(change, change.breaking) for change in breaking)]
    for kind, heading in SECTIONS:
        chosen = [change for change in changes if change.kind == kind and change.breaking != change.text]
        if chosen:
            lines += ["", f"### {heading}", "", *(line(change, change.text) for change in chosen)]
    chores = [change for change in changes if change.kind in HOUSEKEEPING and change.breaking != change.text]
    if housekeeping and chores:
        lines += ["", "### Internal", "", *(line(change, change.text) for change in chores)]
    if len(lines) == 1:
        lines += ["", "No changes that users notice."]
    return "\n".join(lines)


def fail(message: str) -> None:
    print(f"changelog: {message}", file=sys.stderr)
    raise SystemExit(2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", default=".", metavar="DIR", help="the repository (default .)")
    parser.add_argument("--from", dest="start", metavar="REV", help="after this revision (default: the last tag)")
    parser.add_argument("--to", dest="end", default="HEAD", metavar="REV", help="up to this revision (default HEAD)")
    parser.add_argument("--title", help="heading of the section (default: the suggested version, or Unreleased)")
    parser.add_argument("--path", action="append", default=[], help="only commits that touch this path; repeatable")
    parser.add_argument("--internal", action="store_true", help="list build, test, refactor and chore commits too")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of Markdown")
    args = parser.parse_args()
    end = revision(args.repo, args.end)
    start = args.start or last_tag(args.repo, end)
    span = f"{revision(args.repo, start)}..{end}" if start else end
    log = git(args.repo, "log", "--no-merges", "--reverse", "--topo-order", "--no-color", "--encoding=UTF-8",
              "--no-show-signature", "--format=%H%x1f%an%x1f%s%x1f%b%x1e", span, "--", *args.path)
    changes = [read_change(record.lstrip("\n")) for record in log.split("\x1e") if record.strip()]
    version = next_version(start, changes)
    if args.json:
        print(json.dumps({"from": start, "to": end, "suggested_version": version,
                          "authors": sorted({change.author for change in changes}),
                          "changes": [vars(change) for change in changes]}, indent=2, ensure_ascii=False))
        return 0
    print(render(args.title or version or "Unreleased", changes, args.internal))
    hidden = sum(change.kind in HOUSEKEEPING for change in changes) if not args.internal else 0
    print(f"changelog: {len(changes)} commits since {start or 'the beginning'}, {hidden} internal ones left out",
          file=sys.stderr)
    return 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(main())
