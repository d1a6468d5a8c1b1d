# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real node is restarted, and that is proven: by its own start, since a container's boot ID never changes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lab.drill import Drill, Run, now, stamp
from lab.engine import docker
from tests.emulators import civo
from tests.emulators.civo import Cloud

ROLE = str(Path(__file__).with_name("node_reboot.yml"))
RUN_DROP_IN = "/run/systemd/system/kubelet.service.d"


@pytest.fixture
def whole(healthy: Drill) -> Iterator[Drill]:
    """The same, and nothing of a test is left under /run."""
    yield healthy
    for node in healthy.cluster.nodes():
        undo = f"rm -rf {RUN_DROP_IN} && systemctl daemon-reload"
        docker("unpause", node.name, env=healthy.cluster.env(), check=False)
        docker("start", node.name, env=healthy.cluster.env())
        healthy.cluster.exec(node.name, "sh", "-c", undo)


def boot_id(drill: Drill, node: str) -> str:
    return drill.cluster.kubectl("get", "node", node, "-o", "jsonpath={.status.nodeInfo.bootID}").stdout


def provider_id(drill: Drill, node: str) -> str:
    return drill.cluster.kubectl("get", "node", node, "-o", "jsonpath={.spec.providerID}").stdout


def starts(drill: Drill, node: str, since: datetime) -> int:
    """How often the engine has started the node's container since then."""
    filters = ("--filter", f"container={node}", "--filter", "event=start")
    span = ("--since", stamp(since), "--until", stamp(now()))
    return len(docker("events", *span, *filters, "--format", "x", env=drill.cluster.env()).stdout.split())


def result(run: Run) -> dict[str, Any]:
    """What the role has told at its end."""
    [line] = [line for line in run.output.splitlines() if "RESULT {" in line]
    told: dict[str, Any] = json.loads(json.loads(line.strip().removeprefix('"msg": ')).removeprefix("RESULT "))
    return told


def reboot(drill: Drill, node: str, *arguments: str, **variables: Any) -> Run:
    return drill.playbook(ROLE, *arguments, target=node, **variables)


def break_until_a_reboot(drill: Drill, node: str) -> None:
    """Make every start of kubelet fail, by a drop-in under /run that a restart of kubelet does not take away."""
    write = f"mkdir -p {RUN_DROP_IN} && cat > {RUN_DROP_IN}/99-drill.conf && systemctl daemon-reload"
    drill.cluster.exec(node, "sh", "-c", write, stdin="[Service]\nExecStart=\nExecStart=/bin/false\n")
    drill.cluster.exec(node, "systemctl", "restart", "kubelet", check=False)
    drill.wait_ready(node, "False", "Unknown")


def test_a_fault_under_run_is_healed_by_a_reboot_that_is_proven(whole: Drill) -> None:
    sick = whole.worker()
    break_until_a_reboot(whole, sick)
    by = {"node_reboot_driver": "docker", "node_reboot_provider_id": provider_id(whole, sick)}
    before, since = boot_id(whole, sick), now()

    check = reboot(whole, sick, "--check", **by)
    assert (check.code, check.changed) == (0, 1), check.output
    assert starts(whole, sick, since) == 0

    run = reboot(whole, sick, **by)
    assert run.code == 0, run.output
    told = result(run)
    assert told["rebooted"] and told["asked"] == 1 and told["before"] != told["after"], told
    assert starts(whole, sick, since) == 1
    whole.wait_ready(sick, "True")
    # The API would never have told: what all containers share stays as it is.
    assert boot_id(whole, sick) == before
    assert told["before"].split("/")[0] == told["after"].split("/")[0]

    # The boot that was to end has ended, so a second run does nothing.
    again = reboot(whole, sick, **by, node_reboot_boot=told["before"])
    assert (again.code, again.changed) == (0, 0), again.output
    assert starts(whole, sick, since) == 1


@pytest.mark.nightly
def test_a_fault_under_etc_outlives_it_and_the_role_says_so(whole: Drill) -> None:
    sick = whole.worker()
    whole.break_unit(sick)
    since = now()
    variables = {
        "node_reboot_provider_id": provider_id(whole, sick),
        "node_reboot_timeout": 30,
        "node_reboot_interval": 2,
    }
    run = reboot(whole, sick, node_reboot_driver="docker", **variables)
    assert run.code == 2, run.output
    assert f"{sick} has restarted, and kubelet is not well" in run.output
    assert "kubelet.service is" in run.output and "Traceback" not in run.output
    assert result_or_none(run) is None
    assert starts(whole, sick, since) == 1


def result_or_none(run: Run) -> dict[str, Any] | None:
    return result(run) if "RESULT {" in run.output else None


@pytest.mark.nightly
def test_a_host_reboots_over_its_connection_also_when_its_systemd_hangs(whole: Drill) -> None:
    host = whole.worker()
    # The engine starts a container that ends by itself just once, so this begins a new count.
    docker("restart", "-t", "0", host, env=whole.cluster.env())
    whole.wait_ready(host, "True")
    process = docker("inspect", "-f", "{{.State.Pid}}", host, env=whole.cluster.env()).stdout.strip()
    subprocess.run(["kill", "-STOP", process], check=True)
    since = now()
    run = reboot(whole, host, node_reboot_driver="ssh", node_reboot_options={"grace": 3})
    assert run.code == 0, run.output
    assert result(run)["asked"] == 1 and starts(whole, host, since) == 1


@pytest.mark.parametrize(("fault", "asked"), [(civo.BROKEN_BEFORE, 2), (civo.LOST_AFTER, 1)])
@pytest.mark.nightly
def test_a_provider_that_loses_its_reply_reboots_once(
    whole: Drill, monkeypatch: pytest.MonkeyPatch, fault: str, asked: int
) -> None:
    """Civo's API by an emulator that really restarts the node, and hides that it does."""
    host = whole.worker()
    cloud = Cloud((fault,), busy=0.0, effect=lambda: docker("restart", "-t", "0", host, env=whole.cluster.env()))
    since = now()
    monkeypatch.setenv("CIVO_TOKEN", civo.TOKEN)
    with civo.serve(cloud) as url:
        run = reboot(
            whole,
            host,
            node_reboot_driver="civo",
            node_reboot_options={"region": civo.REGION, "url": url},
            node_reboot_provider_id=f"civo://{civo.INSTANCE}",
            node_reboot_timeout=30,
            node_reboot_interval=2,
            node_reboot_kubelet=False,
        )
    assert run.code == 0, run.output
    assert result(run)["asked"] == asked
    assert cloud.reboots == 1 and starts(whole, host, since) == 1
    assert civo.TOKEN not in run.output


@pytest.mark.nightly
def test_a_dead_host_is_rebooted_and_one_that_must_answer_is_an_error(whole: Drill) -> None:
    host = whole.worker()
    docker("stop", "-t", "0", host, env=whole.cluster.env())
    refused = reboot(whole, host, node_reboot_driver="ssh")
    assert refused.code == 2 and f"{host} does not answer, and driver ssh needs it to" in refused.output
    run = reboot(whole, host, node_reboot_driver="docker", node_reboot_provider_id=provider_id(whole, host))
    assert run.code == 0, run.output
    told = result(run)
    assert told["before"] == "" and told["after"]


@pytest.mark.nightly
def test_the_ladder_ends_with_a_reboot_where_the_policy_names_a_driver_and_only_there(whole: Drill) -> None:
    sick = whole.worker()
    break_until_a_reboot(whole, sick)
    whole.wait_until_due(sick)
    policy: dict[str, Any] = {"cooldown": 0, "thresholds": {"NodeReady": 5, "NodeHeartbeat": 5}}
    since = now()

    first = whole.heal(selfheal_policy={**policy, "max_attempts": 1})
    assert first.code == 2 and f"FAILED kubelet_restart on {sick}" in first.output, first.output
    without = whole.heal(selfheal_policy={**policy, "max_attempts": 1})
    assert without.code == 2 and f"REFUSE kubelet_restart on {sick}, guard attempts" in without.output, without.output
    assert whole.incidents()[0]["status"]["phase"] == "Escalated"
    assert starts(whole, sick, since) == 0 and whole.ready(sick) != "True"

    # A new story, with a driver.
    whole.forget()
    policy |= {"reboot_driver": "docker", "waiting_timeout": 120}
    soft = whole.heal(selfheal_policy=policy)
    assert soft.code == 2 and f"FAILED kubelet_restart on {sick}" in soft.output, soft.output
    check = whole.heal("--check", selfheal_policy=policy)
    assert check.code == 0 and f"DO     node_reboot on {sick}" in check.output, check.output
    wrong = whole.heal(selfheal_policy={**policy, "reboot_driver": "civo"})
    assert wrong.code == 2 and f"NOT_TRIED node_reboot on {sick}" in wrong.output, wrong.output
    assert "is a machine of kind by its providerID, which driver civo cannot reboot" in wrong.output, wrong.output
    assert whole.incidents()[0]["status"]["attempts"] == 1, "what was not tried is no attempt"
    assert starts(whole, sick, since) == 0

    run = whole.heal(selfheal_policy=policy)
    assert run.code == 0 and f"REPAIRED node_reboot on {sick}" in run.output, run.output
    assert starts(whole, sick, since) == 1
    assert whole.ready(sick) == "True"
    [incident] = whole.incidents()
    status = incident["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Recovered", "Repaired", 2)
    told = [moment["phase"] for moment in status["history"]]
    assert told[-5:] == ["Unhealthy", "Repairing", "Waiting", "Verifying", "Recovered"], told
    again = whole.heal(selfheal_policy=policy)
    assert (again.code, again.changed) == (0, 0), again.output
    assert starts(whole, sick, since) == 1


@pytest.mark.nightly
@pytest.mark.parametrize(("fault", "worker"), [("kill", 0), ("pause", 1)])
def test_the_ladder_reboots_a_host_that_is_silent_and_no_other(whole: Drill, fault: str, worker: int) -> None:
    # Each has a worker of its own: after a restart a container may have another address than the inventory says.
    sick, env = whole.worker(worker), whole.cluster.env()
    docker(fault, sick, env=env)
    whole.wait_ready(sick, "Unknown")
    whole.wait_until_due(sick)
    # The shortest time that a policy allows for a boot, which somebody else may have begun.
    policy: dict[str, Any] = {"cooldown": 0, "thresholds": {"NodeReady": 5, "NodeHeartbeat": 5}, "waiting_timeout": 60}
    since = now()

    # Without a driver that does without the host it stays as it is, however often it is asked.
    for driver in ({}, {"reboot_driver": "ssh"}):
        held = whole.heal(selfheal_policy=policy | driver)
        assert held.code == 2 and f"NOT_TRIED kubelet_restart on {sick}" in held.output, held.output
    [incident] = whole.incidents()
    assert [refusal["guard"] for refusal in incident["status"]["refusals"]] == ["silent_host"]
    assert incident["status"]["attempts"] == 0 and starts(whole, sick, since) == 0 and whole.ready(sick) != "True"

    policy |= {"reboot_driver": "docker"}
    while "a silent host may be booting" in (early := whole.heal("--check", selfheal_policy=policy)).output:
        assert now() - since < timedelta(seconds=240), early.output
    assert starts(whole, sick, since) == 0
    run = whole.heal(selfheal_policy=policy)
    assert run.code == 0 and f"REPAIRED node_reboot on {sick}" in run.output, run.output
    assert starts(whole, sick, since) == 1 and whole.ready(sick) == "True"
    status = whole.incidents()[0]["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Recovered", "Repaired", 1)
