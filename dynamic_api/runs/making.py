"""From the settings to the runs of a process."""

from __future__ import annotations

from pathlib import Path

from dynamic_api.context import Context
from dynamic_api.outbound import Tunnel
from dynamic_api.run_settings import Runs as Rules
from dynamic_api.runs.nothing import NoSandbox
from dynamic_api.runs.parts import Gauges, Parts
from dynamic_api.runs.runs import Runs
from dynamic_api.runs.sessions import Sessions
from dynamic_api.runs.turns import Turns
from dynamic_api.runs.unpacked import Shelf
from dynamic_api.sandbox import e2b
from dynamic_api.sandbox.base import Sandbox
from dynamic_api.sandbox.bubblewrap.host import default_store
from dynamic_api.sandbox.bubblewrap.sandbox import BubblewrapSandbox, Options
from dynamic_api.sandbox.e2b import E2BSandbox
from dynamic_api.sandbox.proxy_request import outbound_pair
from registry_builder.core.errors import Misuse

E2B_SECONDS = 3600
"""How long a machine there lives at the most, used or not."""


OWN_SESSIONS = 32
"""Sessions that the self-test may have open, beside those of callers."""


def make_runs(context: Context, data: Path) -> Runs:
    """The runs of a process, from the other parts of it; the sandbox is not started yet."""
    rules = context.settings.runs
    store = Path(rules.store).absolute() if rules.store else default_store(data)

    def make() -> Sandbox:
        return _sandbox(rules, store)

    parts = Parts(
        database=context.database,
        published=context.published,
        keys=context.keys,
        rules=rules,
        prices=context.settings.credits,
        clock=context.clock,
        shelf=Shelf(store / "skills", context.public_bytes, context.private_store),
        layers=store / "layers",
        network=_network(rules),
        turns=Turns(rules),
        sessions=Sessions(rules),
        gauges=Gauges(context.metrics.registry),
        sandbox=make(),
    )
    return Runs(parts, make)


def _sandbox(rules: Rules, store: Path) -> Sandbox:
    if rules.backend == "none":
        return NoSandbox()
    if rules.backend == "e2b":
        return E2BSandbox(
            e2b.Options(
                api_key=rules.e2b_api_key or "",
                template=rules.e2b_template,
                session_seconds=E2B_SECONDS,
                sessions=rules.sessions,
                api_url=rules.e2b_api_url,
                sandbox_url=rules.e2b_sandbox_url,
            )
        )
    options = Options(
        store,
        rules.user,
        rules.allow_no_cgroup,
        sessions=rules.sessions + OWN_SESSIONS,
        dial=Tunnel(allowed=rules.network_allow_hosts),
    )
    return BubblewrapSandbox(options)


def _network(rules: Rules) -> dict[str, tuple[str, ...]]:
    """The allow-list in the one spelling that is compared. Raises Misuse."""
    try:
        return {slug: tuple(map(outbound_pair, hosts)) for slug, hosts in rules.network.items()}
    except ValueError as error:
        mend = "name hosts with their ports, such as api.example.com:443"
        raise Misuse("bad-setting", str(error), place="runs.network", mend=mend) from error
