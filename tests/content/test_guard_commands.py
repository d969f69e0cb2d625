"""The hook guard-commands: what it holds back, and what it must never hold back."""

from __future__ import annotations

import json

import pytest

SCRIPT = "hooks/guard-commands/guard_commands.py"


def event(command: object, tool: str = "Bash") -> str:
    return json.dumps(
        {"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": {"command": command}}
    )


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("rm -rf /", "rm -r / removes far more than a build folder"),
        ("rm -fr ~/", "rm -r ~/ removes far more than a build folder"),
        ("cd app && sudo -n rm --recursive /home", "rm -r /home removes far more than a build folder"),
        ("rm -r 'build' *", "rm -r * removes far more than a build folder"),
        ("rm -rf app/.git/", "rm -r app/.git/ removes the history of the repository"),
        ("git push -f origin x", "git push --force overwrites what others pushed; use --force-with-lease"),
        ("git push origin +main", "git push --force overwrites what others pushed; use --force-with-lease"),
        ("git -C app push --delete origin main", "this deletes a shared branch on the server"),
        ("true;git reset --hard HEAD~1", "git reset --hard throws away uncommitted work; git stash first"),
        ("git clean -fdx", "git clean deletes files that Git has never seen; look at git clean -n first"),
        ("git checkout -- .", "git checkout . throws away uncommitted work; git stash first"),
        ("git restore .", "git restore . throws away uncommitted work; git stash first"),
        ("git stash clear", "git stash clear drops every stash"),
        ("A=1 env B=2 git filter-branch x", "git filter-branch rewrites the history that others have cloned"),
        ("bash -c 'echo a; rm -rf ~'", "rm -r ~ removes far more than a build folder"),
        ("echo a |\ndd if=x of=/dev/sda", "dd onto a device overwrites it"),
        ("if true; then mkfs.ext4 /dev/sdb; fi", "mkfs erases a file system"),
        ("(rm -rf /usr)", "rm -r /usr removes far more than a build folder"),
    ],
)
def test_a_command_that_destroys_work_is_held_back_with_the_reason(run, command, reason):
    done = run(SCRIPT, stdin=event(command))
    expected = f"Held back: {reason}. If it is really meant, ask the user to run it.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf build dist/ /tmp/x/y",
        "rm *",
        "rm notes.txt",
        "git push --force-with-lease",
        "git push origin main",
        "git push origin --delete my-topic",
        "git reset --soft HEAD~1",
        "git clean -nfd",
        "git restore --staged .",
        "git checkout main",
        "git stash pop",
        "git log --format='%h rm -rf /'",
        "echo 'rm -rf /' && grep -r 'git reset --hard' docs",
        "dd if=/dev/zero of=/dev/null count=1",
        "",
    ],
)
def test_everything_else_runs_without_a_word(run, command):
    done = run(SCRIPT, stdin=event(command))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_other_tools_are_not_its_business(run):
    assert run(SCRIPT, stdin=event("rm -rf /", tool="Write")).returncode == 0


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"tool_name": "Bash"}', event(7)])
def test_what_is_no_event_is_let_through_with_a_remark(run, text):
    done = run(SCRIPT, stdin=text)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("guard_commands: this is no PreToolUse event: ")


def test_a_command_with_open_quotes_is_let_through_with_a_remark(run):
    done = run(SCRIPT, stdin=event("echo 'open"))
    assert (done.returncode, done.stderr) == (
        1,
        "guard_commands: cannot read the command (No closing quotation); it was let through\n",
    )
