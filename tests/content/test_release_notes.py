"""The skill release-notes, on repositories made here."""

from __future__ import annotations

import json

import pytest

SCRIPT = "skills/release-notes/scripts/changelog.py"


def test_a_draft_sorts_the_commits_since_the_last_tag(run, repository):
    repository.commit("feat: begin")
    repository.git("tag", "v1.4.2")
    lost = repository.commit("fix: keep the file mode on copy")
    repository.commit("feat(cli): accept several files (#28)")
    repository.commit(
        "feat(api)!: rename colour\n\nBREAKING CHANGE: the field `colour` is\nnow `color`\n\nRefs: #9"
    )
    repository.commit("chore: tidy")
    repository.commit("Remove the old flag (#30)")
    plain = repository.commit("Whatever: this is no type")
    done = run(SCRIPT, cwd=repository.path)
    assert done.returncode == 0
    api = repository.git("rev-parse", "--short=8", "HEAD~3").strip()
    assert done.stdout == (
        "## v2.0.0\n\n"
        f"### Breaking\n\n- **api:** the field `colour` is now `color` ({api})\n\n"
        f"### Added\n\n- **cli:** Accept several files (#28)\n- **api:** Rename colour ({api})\n\n"
        f"### Fixed\n\n- Keep the file mode on copy ({lost})\n\n"
        "### Removed\n\n- Remove the old flag (#30)\n\n"
        f"### Changed\n\n- Whatever: this is no type ({plain})\n"
    )
    assert done.stderr == "changelog: 6 commits since v1.4.2, 1 internal ones left out\n"


@pytest.mark.parametrize(
    ("tag", "subject", "version"),
    [
        ("v1.4.2", "fix: a", "v1.4.3"),
        ("v1.4.2", "feat: a", "v1.5.0"),
        ("v1.4.2", "fix!: a", "v2.0.0"),
        ("0.4.2", "fix!: a", "0.5.0"),
        ("core-1.9.9", "Add a thing", "core-1.10.0"),
        ("v1.4.2", "docs: a", "v1.4.3"),
        ("nightly", "feat: a", None),
    ],
)
def test_the_largest_change_decides_the_next_version(run, repository, tag, subject, version):
    repository.commit("Begin")
    repository.git("tag", tag)
    repository.commit(subject)
    done = run(SCRIPT, "--json", "--repo", repository.path)
    assert json.loads(done.stdout)["suggested_version"] == version
    assert run(SCRIPT, "--repo", repository.path).stdout.startswith(f"## {version or 'Unreleased'}\n")


def test_json_gives_each_change_and_a_tag_on_the_end_is_not_the_start(run, repository):
    repository.commit("Begin")
    repository.git("tag", "v1.0.0")
    change = repository.commit("perf(db): index the name (#7)")
    repository.git("tag", "v1.0.1")
    done = run(SCRIPT, "--json", "--to", "v1.0.1", "--repo", repository.path)
    assert json.loads(done.stdout) == {
        "from": "v1.0.0",
        "to": repository.git("rev-parse", "HEAD").strip(),
        "suggested_version": "v1.0.1",
        "authors": ["Ada Lovelace"],
        "changes": [
            {
                "commit": change,
                "kind": "perf",
                "scope": "db",
                "text": "Index the name",
                "pull": "#7",
                "author": "Ada Lovelace",
                "breaking": "",
            }
        ],
    }


def test_a_path_and_the_internal_commits_can_be_chosen(run, repository):
    repository.write("core/a", "1")
    kept = repository.commit("test: cover a")
    repository.write("web/b", "1")
    repository.commit("feat: b")
    done = run(SCRIPT, "--path", "core", "--internal", "--title", "Core", "--repo", repository.path)
    assert done.stdout == f"## Core\n\n### Internal\n\n- Cover a ({kept})\n"
    assert run(SCRIPT, "--path", "core", "--repo", repository.path).stdout == (
        "## Unreleased\n\nNo changes that users notice.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--from", "v9"],
            "'v9' is no commit, tag or branch of .; in a shallow clone, fetch the history first",
        ),
        (["--to=--output=stolen"], "'--output=stolen' is no revision"),
    ],
)
def test_an_unknown_revision_is_refused(run, repository, arguments, message):
    repository.commit("Begin")
    done = run(SCRIPT, *arguments, cwd=repository.path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"changelog: {message}\n")


def test_a_folder_without_a_repository_is_refused(run, tmp_path):
    done = run(SCRIPT, "--repo", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"changelog: 'HEAD' is no commit, tag or branch of {tmp_path}; in a shallow"
    )
