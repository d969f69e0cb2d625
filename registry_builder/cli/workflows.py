"""The GitHub workflows of a content repository, and the action of this project that they use."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0"
AWS = "aws-actions/configure-aws-credentials@8df5847569e6427dd6c4fb1cf565c83acfa8afa7 # v6.0.0"
UNKNOWN = "OWNER/skillpress@" + "0" * 40
_ACTION = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+@[0-9a-f]{40}")
_GITHUB = re.compile(
    r"(?:https://|ssh://git@|git@)(?:[a-z0-9-]+\.)*github\.[a-z.]+[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)
_ROOT = Path(__file__).resolve().parent.parent.parent

_CHECK = """\
# Checks a pull request and plans its release. It has no secret and a token that can only read, so it is the
# same for every author. The rules are those of the base branch, and nothing from the pull request is run.
name: Check

on:
  pull_request:

permissions: {}

concurrency:
  group: skillpress-check-${{ github.ref }}
  cancel-in-progress: true

jobs:
  check:
    name: Check and plan
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read
    steps:
      - uses: @CHECKOUT@
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: @SKILLPRESS@
        with:
          command: check
          settings-ref: ${{ github.event.pull_request.base.sha }}
      # SKILLPRESS_URL is the registry's base URL; without it there is no plan.
      - if: ${{ !cancelled() && vars.SKILLPRESS_URL != '' }}
        uses: @SKILLPRESS@
        with:
          command: plan
          store: ${{ vars.SKILLPRESS_URL }}
          settings-ref: ${{ github.event.pull_request.base.sha }}
"""
_COMMENT = """\
# Shows the plan of a check in one comment. It may write comments, so it runs nothing of the pull request and
# takes nothing from it but the plan, as data.
name: Comment

on:
  workflow_run: # zizmor: ignore[dangerous-triggers] no checkout; the artifact is parsed and shown as data
    workflows: [Check]
    types: [completed]

permissions: {}

concurrency:
  group: skillpress-comment-${{ github.event.workflow_run.head_sha }}
  cancel-in-progress: false

jobs:
  comment:
    name: Show the plan
    if: github.event.workflow_run.event == 'pull_request'
    runs-on: ubuntu-24.04
    timeout-minutes: 10
    permissions:
      actions: read # fetches the plan
      pull-requests: write # writes the comment
    steps:
      - uses: @COMMENT@
"""
_PUBLISH = """\
# Publishes the branch's newest commit: after a merge, and weekly with a comparison of every key. Every six
# hours it renews the timestamp of a signed registry, which holds a day: a late or lost run does no harm.
# There is no long-lived key of AWS: the role trusts this repository's OIDC token.
# Variables: SKILLPRESS_STORE (s3://bucket/prefix), AWS_ROLE_ARN, AWS_REGION. Secret of the environment
# skillpress: SKILLPRESS_KEY, the online keys of a signed registry.
name: Publish

on:
  push:
    branches: [@BRANCH@]
  schedule:
    - cron: "17 3 * * 1"
    - cron: "43 */6 * * *"
  workflow_dispatch:

permissions: {}

concurrency:
  group: skillpress-publish
  cancel-in-progress: false

jobs:
  publish:
    name: Publish
    if: vars.SKILLPRESS_STORE != ''
    runs-on: ubuntu-24.04
    timeout-minutes: 60
    environment: skillpress
    permissions:
      contents: read
      id-token: write # the token that AWS takes for the role
    steps:
      # The branch, not the event's commit: a run that waited or is run again never publishes older content.
      - uses: @CHECKOUT@
        with:
          ref: @BRANCH@
          fetch-depth: 0
          persist-credentials: false
      - uses: @AWS@
        with:
          role-to-assume: ${{ vars.AWS_ROLE_ARN }}
          aws-region: ${{ vars.AWS_REGION }}
      - if: github.event.schedule != '43 */6 * * *'
        uses: @SKILLPRESS@
        with:
          command: publish
          store: ${{ vars.SKILLPRESS_STORE }}
          key: ${{ secrets.SKILLPRESS_KEY }}
          args: ${{ github.event_name == 'schedule' && '--reconcile' || '' }}
      - if: github.event.schedule == '43 */6 * * *'
        uses: @SKILLPRESS@
        with:
          command: sign
          store: ${{ vars.SKILLPRESS_STORE }}
          key: ${{ secrets.SKILLPRESS_KEY }}
"""


def workflows(action: str, branch: str) -> list[tuple[str, str]]:
    """Path and text of each workflow for `branch`, with the actions of `action` (owner/repository@commit)."""
    repository, _, commit = action.partition("@")
    values = {
        "@CHECKOUT@": CHECKOUT,
        "@AWS@": AWS,
        "@SKILLPRESS@": f"{repository}/.github/actions/skillpress@{commit}",
        "@COMMENT@": f"{repository}/.github/actions/comment@{commit}",
        "@BRANCH@": json.dumps(branch),
    }
    found = []
    for name, template in (("check", _CHECK), ("comment", _COMMENT), ("publish", _PUBLISH)):
        text = re.sub(r"@[A-Z]+@", lambda mark: values[mark[0]], template)
        found.append((f".github/workflows/{name}.yml", text))
    return found


def is_action(text: str) -> bool:
    """Whether `text` is owner/repository@commit with a whole commit id."""
    return _ACTION.fullmatch(text) is not None


def known_action() -> str | None:
    """Where on GitHub this builder comes from, as owner/repository@commit; None when that cannot be told.

    Source: PEP 610, direct_url.json of what was installed from Git; else the checkout that is running.
    """
    import git

    try:
        text = distribution("skillpress").read_text("direct_url.json") or "{}"
        origin = json.loads(text)
        if "vcs_info" in origin:
            return _action(str(origin["url"]), str(origin["vcs_info"].get("commit_id")))
        repository = git.Repo(_ROOT)
        # A commit that no remote branch has could not be fetched by anybody.
        if repository.git.branch("--remotes", "--contains", "HEAD"):
            return _action(repository.remote().url, repository.head.commit.hexsha)
    except (PackageNotFoundError, ValueError, git.GitError):
        pass
    return None


def _action(url: str, commit: str) -> str | None:
    match = _GITHUB.fullmatch(url)
    found = f"{match[1]}@{commit}" if match else ""
    return found if is_action(found) else None
