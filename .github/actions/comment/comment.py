"""One comment per pull request that shows the plan of its newest check; the token comes on standard input.

The plan was made by a run that the author of the pull request may have changed, so it is data: it is read
with a limit, must have the form of a plan, and is shown by our own renderer. Which pull request it belongs
to is decided by the event, never by the artifact.
"""

from __future__ import annotations

import argparse
import json
import stat
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from registry_builder.cli.review import markdown, read_plan
from registry_builder.core.errors import Misuse, Refusal, Trouble

MARK = "<!-- skillpress plan -->"
AUTHOR = "github-actions[bot]"
LARGEST_PLAN = 32 * 2**20
TIMEOUT_SECONDS = 30
PAGES = 30


def main(arguments: list[str], token: str) -> int:
    """Comment on every open pull request whose head is `--sha`; gives the exit code."""
    parser = argparse.ArgumentParser(description="Comment on a pull request.")
    for name in ("plan", "api", "repository", "head", "sha"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args(arguments)
    try:
        body = comment(Path(given.plan), given.sha)
        if body is None:
            print("the check left no plan: nothing to comment")  # noqa: T201 - the log of the step
            return 0
        host = Host(f"{given.api}/repos/{given.repository}", token)
        for number in host.pull_requests(given.head, given.sha):
            print(f"#{number}: {host.show(number, body)}")  # noqa: T201 - the log of the step
    except Refusal as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the log of the step
        return error.exit_code
    return 0


def comment(file: Path, sha: str) -> str | None:
    """The comment for the plan in `file`, None when there is no file. Raises Misuse."""
    try:
        mode, size = file.lstat().st_mode, file.lstat().st_size
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode) or size > LARGEST_PLAN:
        raise Misuse("bad-plan", f"no file of at most {LARGEST_PLAN} bytes", place=file.name)
    return f"{MARK}\n{markdown(read_plan(file.read_bytes()))}\nFor `{sha[:12]}`.\n"


class Host:
    """The repository's REST interface at `base`. Source: GitHub REST API, "Pulls", "Issue comments"."""

    def __init__(self, base: str, token: str) -> None:
        self.base, self.token = base, token

    def pull_requests(self, head: str, sha: str) -> list[int]:
        """The open pull requests from `head` (owner:branch) at `sha`; a newer push has its own run."""
        query = urlencode({"state": "open", "head": head, "per_page": 100})
        found = self._call("GET", f"/pulls?{query}")
        return [item["number"] for item in found if item["head"]["sha"] == sha]

    def show(self, number: int, body: str) -> str:
        """Write our comment below `number`, or change the one that is there; gives what was done."""
        known = self._ours(number)
        if known is None:
            self._call("POST", f"/issues/{number}/comments", {"body": body})
            return "commented"
        if known["body"] == body:
            return "already says so"
        self._call("PATCH", f"/issues/comments/{known['id']}", {"body": body})
        return "comment updated"

    def _ours(self, number: int) -> dict[str, Any] | None:
        """Our comment. Anybody can write our mark, so the author counts too."""
        for page in range(1, PAGES + 1):
            found = self._call("GET", f"/issues/{number}/comments?per_page=100&page={page}")
            for item in found:
                if item["user"] and item["user"]["login"] == AUTHOR and item["body"].startswith(MARK):
                    return dict(item)
            if len(found) < 100:
                return None
        raise Trouble("too-many-comments", f"more than {PAGES * 100} comments", place=f"#{number}")

    def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(
            self.base + quote(path, safe="/?&=%:+"),
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Trouble("http-error", f"HTTP {error.code}", place=f"{method} {path}") from error
        except (OSError, ValueError) as error:
            raise Trouble("no-answer", str(error), place=f"{method} {path}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.readline().strip()))
