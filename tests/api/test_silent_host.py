# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook heal and a host that gives no answer: what it takes until its provider is asked to reboot it.

The provider is a program of the controller, whose reboot brings the node back with another boot ID. The other hosts are
this machine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.tests.api.conftest import Play, Played
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, ControlPlane
from ansible_collections.selfheal.kubernetes.tests.api.test_playbooks import (
    MACHINE_ID,
    NODES,
    one_clear_line,
    said,
    variables_of,
)

MACHINE = "i-0123456789abcdef0"
PROVIDER_ID = f"aws:///eu-west-1a/{MACHINE}"
# Nobody listens there.
SILENT = "ansible_host=127.0.0.1 ansible_port=1"
HERE = "ansible_connection=local"
POLICY = {
    "reboot_driver": "command",
    "cooldown": 0,
    "waiting_timeout": 60,
    "recovery_timeout": 60,
    "thresholds": {"NodeReady": 5, "NodeHeartbeat": 5},
}


class Provider:
    """Reboots the machine of w1: a program that writes down for which machine it was called, and what comes of it."""

    def __init__(self, cluster: ControlPlane, folder: Path) -> None:
        self.program, self._log = folder / "reboot", folder / "rebooted"
        self._cluster, self._end = cluster, threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self.program.write_text(f"#!/bin/sh\necho \"$1\" >>'{self._log}'\n", encoding="utf-8")
        self.program.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        """The machines that it was to reboot."""
        return self._log.read_text(encoding="utf-8").split() if self._log.exists() else []

    def _live(self) -> None:
        mine, back = self._cluster.with_own_connections(), False
        while not self._end.wait(0.5):
            mine.renew([name for name in NODES if name != "w1"])
            if self.asked:
                if not back:
                    info = {"bootID": "another-boot", "machineID": "0" * 32}
                    mine.must("PATCH", "/api/v1/nodes/w1/status", {"status": {"nodeInfo": info}})
                    mine.condition("w1", "True", 0)
                    back = True
                mine.renew(["w1"])

    def __enter__(self) -> Provider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(10)


@pytest.fixture
def provider(cluster: ControlPlane, tmp_path: Path) -> Iterator[Provider]:
    cluster.add_nodes(*NODES)
    cluster.must("PATCH", "/api/v1/nodes/w1", {"spec": {"providerID": PROVIDER_ID}})
    cluster.make_sick("w1")
    with Provider(cluster, tmp_path) as made:
        yield made


@pytest.fixture
def variables(cluster: ControlPlane, healer_token: str) -> dict[str, Any]:
    return variables_of(cluster, healer_token) | {"selfheal_monitor_only": False, "selfheal_policy": POLICY}


def inventory(provider: Provider, w1: str = SILENT, others: str = HERE, argv: str = '"{instance}"') -> str:
    options = f'node_reboot_options=\'{{"argv": ["{provider.program}", {argv}]}}\''
    hosts = [f"w1 {w1} {options}", *(f"{name} {others}" for name in NODES if name != "w1")]
    return "\n".join(["localhost ansible_connection=local", *hosts]) + "\n"


def guards(cluster: ControlPlane) -> list[str]:
    return [refusal["guard"] for refusal in cluster.incidents()["w1-1"]["status"].get("refusals", [])]


def attempts(cluster: ControlPlane) -> int:
    return int(cluster.incidents()["w1-1"]["status"]["attempts"])


def first(play: Play, variables: dict[str, Any], hosts: str) -> Played:
    """The run that finds out that the host is silent."""
    played = play("heal", variables, inventory=hosts)
    one_clear_line(played, "w1 cannot be reached")
    return played


def test_a_silent_host_is_rebooted_by_its_provider_once(
    cluster: ControlPlane, provider: Provider, play: Play, variables: dict[str, Any]
) -> None:
    hosts = inventory(provider)
    first(play, variables, hosts)
    assert (guards(cluster), attempts(cluster), provider.asked) == (["silent_host"], 0, [])

    # Without a driver there is nothing that could be done, and nothing to write down again.
    mark = cluster.audit_mark()
    one_clear_line(
        play("heal", variables | {"selfheal_policy": POLICY | {"reboot_driver": ""}}, inventory=hosts),
        "w1 cannot be reached",
    )
    assert not [a for a in cluster.audited(mark) if a.mutates and "incidents" in a.uri]

    played = play("heal", variables, inventory=hosts)
    assert played.code == 0, played.output
    assert "REPAIRED node_reboot on w1" in said(played)
    assert provider.asked == [MACHINE]
    status = cluster.incidents()["w1-1"]["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Recovered", "Repaired", 1)
    assert "attempt 1: node_reboot (its host does not answer)" in [m["message"] for m in status["history"]]


def test_it_is_left_alone_when_it_answers_again(
    cluster: ControlPlane, provider: Provider, play: Play, variables: dict[str, Any]
) -> None:
    first(play, variables, inventory(provider))
    cluster.is_machine("w1", MACHINE_ID.read_text(encoding="utf-8").strip())
    played = play("heal", variables, inventory=inventory(provider, w1=HERE))
    assert "LEFT_ALONE node_reboot on w1: w1 answers again" in said(played), played.output
    assert (guards(cluster), attempts(cluster), provider.asked) == ([], 0, [])
    planned = play("heal", variables, "--check", inventory=inventory(provider, w1=HERE))
    assert "DO kubelet_restart on w1" in said(planned), planned.output
    assert not cluster.get(HEALER_LEASE)["spec"].get("holderIdentity")


def test_nobody_is_rebooted_while_the_way_to_the_hosts_may_be_at_fault(
    cluster: ControlPlane, provider: Provider, play: Play, variables: dict[str, Any]
) -> None:
    hosts = inventory(provider, others=SILENT)
    first(play, variables, hosts)
    mark = cluster.audit_mark()
    one_clear_line(
        play("heal", variables, inventory=hosts), "w1 is silent, and so are w2, w3, w4, whose nodes are well: the way"
    )
    assert (guards(cluster), attempts(cluster), provider.asked) == (["silent_host"], 0, [])
    assert not [a for a in cluster.audited(mark) if a.mutates and "incidents" in a.uri], "what is known is not written"


def test_nobody_is_rebooted_of_whom_only_the_inventory_says_which_machine_it_is(
    cluster: ControlPlane, provider: Provider, play: Play, variables: dict[str, Any]
) -> None:
    by_name = inventory(provider, argv='"{node}"')
    first(play, variables, by_name)
    one_clear_line(
        play("heal", variables, inventory=by_name), "argv has no word .instance.*node_reboot_trust_inventory"
    )
    assert (attempts(cluster), provider.asked) == (0, [])
    trusted = by_name.replace(SILENT, f"{SILENT} node_reboot_trust_inventory=true")
    played = play("heal", variables, inventory=trusted)
    assert played.code == 0 and provider.asked == ["w1"], played.output


def test_a_host_that_refuses_our_key_is_not_silent(
    cluster: ControlPlane, provider: Provider, play: Play, variables: dict[str, Any], tmp_path: Path
) -> None:
    refusing = tmp_path / "ssh"
    refusing.write_text("#!/bin/sh\necho 'root@w1: Permission denied (publickey).' >&2\nexit 255\n", encoding="utf-8")
    refusing.chmod(0o755)
    hosts = inventory(provider, w1=f"ansible_ssh_executable={refusing}")
    for _run in range(2):
        one_clear_line(play("heal", variables, inventory=hosts), "w1 cannot be reached: .*Permission denied")
        assert (guards(cluster), attempts(cluster), provider.asked) == (["host"], 0, [])
