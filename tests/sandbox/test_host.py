"""What a machine must offer, and what is said where it does not."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from dynamic_api.cli.sandbox import doctor
from dynamic_api.errors import Unavailable
from dynamic_api.sandbox.base import Limits
from dynamic_api.sandbox.bubblewrap.cgroups import find_hierarchy, make_group
from dynamic_api.sandbox.bubblewrap.host import (
    Account,
    Unfit,
    closed_namespaces,
    find_account,
    find_host,
    make_store,
)
from dynamic_api.sandbox.bubblewrap.sandbox import BubblewrapSandbox, Options


def test_machine_without_bubblewrap_refuses_and_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="apt-get install bubblewrap"):
        find_host(path=str(tmp_path))
    (tmp_path / "bwrap").touch(0o755)
    with pytest.raises(Unfit, match="prlimit"):
        find_host(path=str(tmp_path))


@pytest.mark.parametrize(
    ("user", "says"), [("root", "root as well"), ("no-such-user", "no user 'no-such-user'")]
)
def test_root_without_a_user_to_drop_to_is_refused(user: str, says: str) -> None:
    if os.geteuid() != 0:
        assert find_account(user) == Account(os.geteuid(), os.getegid())
        return
    with pytest.raises(Unfit, match=says):
        find_account(user)


def test_refused_sandbox_opens_nothing_and_says_why(tmp_path: Path) -> None:
    async def drive() -> None:
        sandbox = BubblewrapSandbox(Options(tmp_path / "store", use_cgroups=False))
        for reason in ("not started", "no-cgroup was not allowed"):
            assert sandbox.health.level == "refused"
            assert reason in sandbox.health.reason
            with pytest.raises(Unavailable, match=reason):
                await sandbox.open("one")
            await sandbox.start()

    asyncio.run(drive())


def test_store_that_the_user_of_runs_cannot_enter_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Unfit, match=str(tmp_path.parents[-2])):
        make_store(closed / "store", Account(12345, 12345))


def test_switch_that_closes_namespaces_is_named_with_its_mend(tmp_path: Path) -> None:
    assert not closed_namespaces(tmp_path)
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/apparmor_restrict_unprivileged_userns").write_text("0\n")
    assert not closed_namespaces(tmp_path)
    (tmp_path / "kernel/apparmor_restrict_unprivileged_userns").write_text("1\n")
    assert "restrict_unprivileged_userns is 1; set it to 0" in closed_namespaces(tmp_path)


def test_doctor_tells_the_level_each_check_and_the_programs() -> None:
    done = CliRunner().invoke(doctor, ["--json"], catch_exceptions=False, standalone_mode=False)
    found = json.loads(done.output)
    assert done.return_value == 0
    assert found["sandbox"]["level"] in {"full", "no-cgroup"}
    assert len(found["sandbox"]["checks"]) == 17
    assert all(check["held"] for check in found["sandbox"]["checks"])
    assert {"bubblewrap", "git", "node", "python"} < set(found["programs"])
    text = CliRunner().invoke(doctor, catch_exceptions=False, standalone_mode=False).output
    assert text.startswith(f"sandbox: {found['sandbox']['level']} (bubblewrap)\n")
    assert "FAILED" not in text


def test_doctor_exits_1_where_nothing_can_be_run() -> None:
    done = CliRunner().invoke(doctor, ["--user", "root"], catch_exceptions=False, standalone_mode=False)
    assert done.return_value == int(os.geteuid() == 0)
    if os.geteuid() != 0:
        return
    assert done.output.startswith("sandbox: refused (bubblewrap)\n  started as root")


V2_MOUNTS = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


def test_doctor_tries_the_store_that_the_api_has(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    done = CliRunner().invoke(
        doctor, ["--store", str(tmp_path / "store")], catch_exceptions=False, standalone_mode=False
    )
    assert done.return_value == int(os.geteuid() == 0)
    if os.geteuid() == 0:
        assert "the user that runs belong to cannot enter" in done.output


def v2(root: Path, controllers: str) -> Path:
    """A made-up version 2 hierarchy: files as the kernel shows them, in a plain folder."""
    own = root / "sys/fs/cgroup/api.service"
    own.mkdir(parents=True)
    (own / "cgroup.controllers").write_text(controllers)
    (own / "cgroup.procs").write_text("17\n")
    (own / "cgroup.subtree_control").touch()
    (own / "cgroup.type").write_text("domain\n")
    return own


def test_version_2_is_taken_where_it_has_the_controllers(tmp_path: Path) -> None:
    own = v2(tmp_path, "cpuset cpu io memory pids")
    hierarchy = find_hierarchy(V2_MOUNTS, "0::/api.service\n", tmp_path)
    assert hierarchy is not None
    assert (own / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    assert (own / "skillpress-api/cgroup.procs").read_text() == "17"
    group = make_group(hierarchy, "1-a-1")
    folder = own / "skillpress-1-a-1"
    for name in ("memory.swap.max", "memory.oom.group"):
        (folder / name).touch()
    group.set_limits(Limits(memory_bytes=64, processes=5, cores=0.5))
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "memory.max": "64",
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cpu.max": "50000 100000",
        "pids.max": "5",
    }
    (folder / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    (folder / "pids.events").write_text("max 3\n")
    (folder / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    assert group.limits_hit() == ["memory", "processes"]
    assert group.cpu_seconds() == 1.5
    (folder / "memory.events").write_text("low 0\noom 0\noom_kill 1\n")
    assert group.limits_hit() == ["processes"]  # killed because the host had none left


def test_version_2_is_left_alone_where_it_was_set_up_before(tmp_path: Path) -> None:
    own = v2(tmp_path, "cpu memory pids")
    (own / "cgroup.subtree_control").write_text("cpu memory pids")
    (own / "skillpress-api").mkdir()
    for path in ("/api.service", "/api.service/skillpress-api"):
        hierarchy = find_hierarchy(V2_MOUNTS, f"0::{path}\n", tmp_path)
        assert hierarchy is not None
        assert hierarchy.parents["memory"] == own
    assert list((own / "skillpress-api").iterdir()) == []


def test_nothing_is_moved_out_of_the_root_of_version_2(tmp_path: Path) -> None:
    own = v2(tmp_path, "cpu memory pids")
    (own / "cgroup.type").unlink()
    assert find_hierarchy(V2_MOUNTS, "0::/api.service\n", tmp_path) is not None
    assert not (own / "skillpress-api").exists()
    assert (own / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"


@pytest.mark.parametrize(
    ("mounts", "own", "controllers"),
    [
        (V2_MOUNTS, "0::/api.service\n", "cpu pids"),
        (V2_MOUNTS, "", "cpu memory pids"),
        ("", "0::/api.service\n", "cpu memory pids"),
        ("broken", "broken", ""),
        ("30 1 0:26 / /nowhere rw - cgroup cgroup rw,memory\n", "4:memory:/\n", ""),
    ],
)
def test_no_hierarchy_without_all_controllers(
    tmp_path: Path, mounts: str, own: str, controllers: str
) -> None:
    v2(tmp_path, controllers)
    assert find_hierarchy(mounts, own, tmp_path) is None


def test_version_1_is_found_by_its_mounts(tmp_path: Path) -> None:
    rows = []
    for name in ("memory", "pids", "cpu", "cpuacct"):
        (tmp_path / f"sys/{name}/mine").mkdir(parents=True)
        rows.append(f"3 1 0:2 / /sys/{name} rw - cgroup cgroup rw,{name}\n")
    own = "".join(
        f"{number}:{name}:/mine\n" for number, name in enumerate(("memory", "pids", "cpu", "cpuacct"), 1)
    )
    hierarchy = find_hierarchy("".join(rows), own, tmp_path)
    assert hierarchy is not None
    assert (hierarchy.version, hierarchy.parents["memory"]) == (1, tmp_path / "sys/memory/mine")


def test_account_is_never_root() -> None:
    account = find_account()
    assert 0 not in {account.uid, account.gid} or os.geteuid() != 0
