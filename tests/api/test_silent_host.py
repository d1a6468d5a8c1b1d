# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook heal and a host that gives no answer: what it takes until its provider is asked to reboot it.

The provider is a program of the controller, whose reboot brings the node back with another boot ID. The hosts are this
machine, over a program in the place of ssh that lets some of them be silent.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.tests.api.conftest import Play
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
ADDRESS = "10.0.0.1"
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
    addresses = [{"type": "InternalIP", "address": ADDRESS}]
    cluster.must("PATCH", "/api/v1/nodes/w1/status", {"status": {"addresses": addresses}})
    cluster.make_sick("w1")
    with Provider(cluster, tmp_path) as made:
        yield made


@pytest.fixture
def variables(cluster: ControlPlane, healer_token: str) -> dict[str, Any]:
    return variables_of(cluster, healer_token) | {"selfheal_monitor_only": False, "selfheal_policy": POLICY}


class Network:
    """What stands in the place of ssh: it says of some hosts that they give no answer, and runs the rest here."""

    def __init__(self, folder: Path) -> None:
        self.program, self._silent = folder / "ssh", folder / "silent"
        self.program.write_text(
            f"""#!/bin/sh
for last; do :; done
while read -r host words; do
  for word; do [ "$word" = "$host" ] && {{ echo "$words" >&2; exit 255; }}; done
done <'{self._silent}'
exec /bin/sh -c "$last"
""",
            encoding="utf-8",
        )
        self.program.chmod(0o755)

    def says(self, *hosts: str, words: str = "") -> None:
        """These hosts, and no others, do not let us in."""
        lines = [f"{host} {words or f'ssh: connect to host {host} port 22: Connection timed out'}" for host in hosts]
        self._silent.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.fixture
def network(tmp_path: Path) -> Network:
    made = Network(tmp_path)
    made.says(ADDRESS)
    return made


def inventory(provider: Provider, network: Network, argv: str = '"{instance}"', w1: str = "", others: str = "") -> str:
    options = f'node_reboot_options=\'{{"argv": ["{provider.program}", {argv}]}}\''
    hosts = [f"w1 ansible_host={ADDRESS} {w1} {options}"]
    hosts += [f"{name} ansible_host=10.0.0.{name[1:]} {others}" for name in NODES if name != "w1"]
    shared = f"[all:vars]\nansible_ssh_executable={network.program}\nansible_ssh_retries=0"
    return "\n".join(["localhost ansible_connection=local", *hosts, shared]) + "\n"


def guards(cluster: ControlPlane) -> list[str]:
    return [refusal["guard"] for refusal in cluster.incidents()["w1-1"]["status"].get("refusals", [])]


def attempts(cluster: ControlPlane) -> int:
    return int(cluster.incidents()["w1-1"]["status"]["attempts"])


def first(play: Play, variables: dict[str, Any], hosts: str) -> None:
    """The run that finds out that the host is silent."""
    one_clear_line(play("heal", variables, inventory=hosts), "w1 cannot be reached")


def test_a_silent_host_is_rebooted_by_its_provider_once(
    cluster: ControlPlane, provider: Provider, network: Network, play: Play, variables: dict[str, Any]
) -> None:
    hosts = inventory(provider, network)
    first(play, variables, hosts)
    assert (guards(cluster), attempts(cluster), provider.asked) == (["silent_host"], 0, [])

    # Without a driver there is nothing that could be done, and nothing to write down again.
    mark = cluster.audit_mark()
    none = variables | {"selfheal_policy": POLICY | {"reboot_driver": ""}}
    one_clear_line(play("heal", none, inventory=hosts), "w1 cannot be reached")
    assert not [a for a in cluster.audited(mark) if a.mutates and "incidents" in a.uri]

    played = play("heal", variables, inventory=hosts)
    assert played.code == 0, played.output
    assert "REPAIRED node_reboot on w1" in said(played)
    assert provider.asked == [MACHINE]
    status = cluster.incidents()["w1-1"]["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Recovered", "Repaired", 1)
    assert "attempt 1: node_reboot (its host does not answer)" in [m["message"] for m in status["history"]]


def test_it_is_left_alone_when_it_answers_again(
    cluster: ControlPlane, provider: Provider, network: Network, play: Play, variables: dict[str, Any]
) -> None:
    hosts = inventory(provider, network)
    first(play, variables, hosts)
    cluster.is_machine("w1", MACHINE_ID.read_text(encoding="utf-8").strip())
    network.says()
    played = play("heal", variables, inventory=hosts)
    assert "LEFT_ALONE node_reboot on w1: w1 answers again" in said(played), played.output
    assert (guards(cluster), attempts(cluster), provider.asked) == ([], 0, [])
    planned = play("heal", variables, "--check", inventory=hosts)
    assert "DO kubelet_restart on w1" in said(planned), planned.output
    assert not cluster.get(HEALER_LEASE)["spec"].get("holderIdentity")


@pytest.mark.parametrize(
    ("silent", "others", "words"),
    [
        pytest.param(
            [f"10.0.0.{number}" for number in range(1, 6)],
            "",
            "w1 is silent, and so are w2, w3, w4, whose nodes are well: the way",
            id="everybody is silent",
        ),
        pytest.param(
            [ADDRESS],
            "ansible_ssh_common_args='-o ProxyJump=elsewhere'",
            "no other one whose node is well is reached in the same way",
            id="another bastion",
        ),
    ],
)
def test_nobody_is_rebooted_while_the_way_to_the_hosts_may_be_at_fault(
    cluster: ControlPlane,
    provider: Provider,
    network: Network,
    play: Play,
    variables: dict[str, Any],
    silent: list[str],
    others: str,
    words: str,
) -> None:
    hosts = inventory(provider, network, others=others)
    network.says(*silent)
    first(play, variables, hosts)
    mark = cluster.audit_mark()
    one_clear_line(play("heal", variables, inventory=hosts), words)
    assert (guards(cluster), attempts(cluster), provider.asked) == (["silent_host"], 0, [])
    assert not [a for a in cluster.audited(mark) if a.mutates and "incidents" in a.uri], "what is known is not written"


def test_nobody_is_rebooted_of_whom_only_the_inventory_says_which_machine_it_is(
    cluster: ControlPlane, provider: Provider, network: Network, play: Play, variables: dict[str, Any]
) -> None:
    by_name = inventory(provider, network, argv='"{node}"')
    first(play, variables, by_name)
    why = "argv has no word .instance.*node_reboot_trust_inventory"
    one_clear_line(play("heal", variables, inventory=by_name), why)
    assert (attempts(cluster), provider.asked) == (0, [])
    trusted = inventory(provider, network, argv='"{node}"', w1="node_reboot_trust_inventory=true")
    played = play("heal", variables, inventory=trusted)
    assert played.code == 0 and provider.asked == ["w1"], played.output


def test_a_host_that_refuses_our_key_is_not_silent(
    cluster: ControlPlane, provider: Provider, network: Network, play: Play, variables: dict[str, Any]
) -> None:
    network.says(ADDRESS, words="root@w1: Permission denied (publickey).")
    hosts = inventory(provider, network)
    for _run in range(2):
        one_clear_line(play("heal", variables, inventory=hosts), "w1 cannot be reached: .*Permission denied")
        assert (guards(cluster), attempts(cluster), provider.asked) == (["host"], 0, [])
