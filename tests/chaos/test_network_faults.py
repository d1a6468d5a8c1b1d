# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the faults of the network do to packets, by the kernel's own packet filter."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from chaosheal.faults import fault_named, latency, packet_loss, partition
from chaosheal.model import ChaosError, Command, Fault, Where

from tests.chaos.networks import NODE, PLANE, POD, TARGET, Networks, three_networks
from tests.chaos.waiting import until


@pytest.fixture
def networks() -> Iterator[Networks]:
    with three_networks() as made:
        yield made


def words(commands: tuple[Command, ...], where: Where = Where.NETWORK) -> list[str]:
    return [" ".join(one.argv) for one in commands if one.where is where]


PARTITIONS = [(direction, how) for direction in ("both", "deaf", "mute") for how in ("drop", "reset")]


@pytest.mark.parametrize(("direction", "how"), PARTITIONS)
def test_a_partition_holds_for_the_node_and_for_its_pods(networks: Networks, direction: str, how: str) -> None:
    fault = fault_named("partition")
    params = fault.settle({"direction": direction, "how": how})
    before = networks.rules()
    assert not networks.sees("node", partition._CUT_OFF, PLANE)
    networks.carry_out(fault.inject(TARGET, params))
    with ThreadPoolExecutor() as pool:
        ways = [(network, service) for network in ("node", "pod") for service in (False, True)]
        passed = pool.map(lambda way: networks.reaches(*way), ways)
        seen = pool.map(lambda network: networks.sees(network, partition._CUT_OFF, PLANE), ("node", "pod"))
        assert not any(passed), ways
        assert all(seen), "the probe sees it from both"
    networks.carry_out(fault.undo(TARGET, params))
    networks.carry_out(fault.undo(TARGET, params))
    assert networks.rules().count("CHAOS-") == before.count("CHAOS-") == 0
    assert networks.reaches("pod") and networks.reaches("node", service=True)


@pytest.mark.parametrize("direction", ["deaf", "mute"])
def test_a_network_plugin_that_puts_its_rules_first_lets_nothing_past_a_reset(
    networks: Networks, direction: str
) -> None:
    fault = fault_named("partition")
    networks.carry_out(fault.inject(TARGET, fault.settle({"direction": direction, "how": "reset"})))
    networks.do("node", "iptables", "-I", "FORWARD", "1", "-j", "ACCEPT")
    assert not networks.reaches("pod") and not networks.reaches("pod", service=True)


@pytest.mark.parametrize("network", ["node", "pod"])
def test_a_reset_is_heard_at_once(networks: Networks, network: str) -> None:
    fault = fault_named("partition")
    networks.carry_out(fault.inject(TARGET, fault.settle({"how": "reset"})))
    heard = (
        "import socket, sys\n"
        "try: socket.create_connection((sys.argv[1], 6443), 3)\n"
        "except ConnectionRefusedError: sys.exit(0)\n"
        "sys.exit(1)\n"
    )
    assert networks.sees(network, heard, PLANE)


@pytest.mark.parametrize(("direction", "arrives"), [("deaf", True), ("mute", False)])
@pytest.mark.parametrize("how", ["drop", "reset"])
@pytest.mark.parametrize(("network", "sender"), [("node", NODE), ("pod", POD)])
def test_a_partition_of_one_direction_lets_the_other_pass(
    networks: Networks, direction: str, arrives: bool, how: str, network: str, sender: str
) -> None:
    fault = fault_named("partition")
    params = fault.settle({"direction": direction, "how": how})
    networks.carry_out(fault.inject(TARGET, params))
    counted = ("iptables", "-w", "10", "-t", "raw")
    networks.do("plane", *counted, "-A", "PREROUTING", "-p", "tcp", "--syn", "--dport", "6443")
    networks.reaches(network)
    told = networks.run("plane", *counted, "-nvxL", "PREROUTING").stdout.splitlines()[2].split()
    assert (int(told[0]) > 0) is arrives, (sender, told)


@pytest.mark.parametrize("name", ["partition", "packet_loss", "dns_failure"])
def test_a_pod_of_ours_is_there_before_the_network_is_broken_and_goes_after_it(name: str) -> None:
    fault = fault_named(name)
    params = fault.settle({})
    inject, undo = fault.inject(TARGET, params), fault.undo(TARGET, params)
    assert [one.where for one in inject[:2]] == [Where.API, Where.HOST] and '"DaemonSet"' in inject[0].stdin
    assert '"kubernetes.io/hostname": "worker-1"' in inject[0].stdin
    assert {one.where for one in inject[2:]} == {one.where for one in undo[:-1]} == {Where.NETWORK}
    assert words(undo, Where.API) == ["delete daemonset probe-0a1b2c3d -n chaosheal --ignore-not-found --wait=false"], (
        "its end is the last step"
    )
    look = fault.effect(TARGET, params).command
    assert look.where is Where.HOST and "/root/run/netns/" in look.argv[2] and '"$pod"' in look.argv[2]


def test_packets_are_lost_on_the_way_of_the_node_and_of_its_pods(networks: Networks) -> None:
    fault = fault_named("packet_loss")
    params = fault.settle({})
    assert not any(networks.sees(network, packet_loss._LOST, PLANE) for network in ("node", "pod"))
    networks.carry_out(fault.inject(TARGET, params))
    assert all(networks.sees(network, packet_loss._LOST, PLANE) for network in ("node", "pod"))
    networks.carry_out(fault.undo(TARGET, params))
    assert not any(networks.sees(network, packet_loss._LOST, PLANE) for network in ("node", "pod"))
    assert "CHAOS-" not in networks.rules()


@pytest.mark.parametrize(
    ("name", "params"),
    [("partition", {"direction": d, "how": h}) for d, h in PARTITIONS] + [("packet_loss", {})],
)
def test_what_is_forwarded_is_met_as_well(name: str, params: dict[str, str]) -> None:
    fault: Fault = fault_named(name)
    settled = fault.settle(params)
    hooks = [line.split(" -I ")[1].split()[0] for line in words(fault.inject(TARGET, settled)) if " -I " in line]
    forwarded = {"drop": {"PREROUTING", "POSTROUTING"}, "reset": {"FORWARD"}}[str(settled.get("how", "drop"))]
    assert set(hooks) & forwarded, hooks
    taken = [line.split(" -D ")[1].split()[0] for line in words(fault.undo(TARGET, settled)) if " -D " in line]
    assert set(hooks) <= set(taken)


# Answers every question with something.
_DNS = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(("0.0.0.0", 53))
while True: server.sendto(b"answer", server.recvfrom(512)[1])
"""


@pytest.mark.parametrize("name", ["partition", "packet_loss", "dns_failure"])
def test_the_probe_stands_where_a_pod_does(
    networks: Networks, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    hands, fault = networks.hands(tmp_path), fault_named(name)
    params = fault.settle({})
    look = fault.effect(TARGET, params)
    networks.serve("plane", _DNS)
    assert not hands.sees(look, TARGET.node), "nothing is broken yet"
    # What meets the node alone, and leaves its pods in peace, is not the fault.
    networks.do("node", "iptables", "-w", "10", "-A", "OUTPUT", "-d", PLANE, "-j", "DROP")
    assert not hands.sees(look, TARGET.node)
    networks.do("node", "iptables", "-w", "10", "-F", "OUTPUT")
    networks.carry_out(fault.inject(TARGET, params))
    assert hands.sees(look, TARGET.node)
    networks.carry_out(fault.undo(TARGET, params))
    assert not hands.sees(look, TARGET.node)


def test_without_a_pod_nothing_is_seen(networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    hands, fault = networks.hands(tmp_path), fault_named("partition")
    params = fault.settle({})
    networks.carry_out(fault.inject(TARGET, params))
    networks.do("pod", "ip", "address", "flush", "dev", "eth0")
    assert not hands.sees(fault.effect(TARGET, params), TARGET.node)


# --- a network that carries little


LIMIT = fault_named("rate_limit")
QUEUE = ("tc", "qdisc", "show", "dev", "eth0")


def test_only_the_limit_of_ours_is_taken_back(networks: Networks) -> None:
    params, before = LIMIT.settle({}), networks.run("node", *QUEUE).stdout
    look = LIMIT.effect(TARGET, params)

    def seen() -> bool:
        return re.search(look.says, networks.run("node", *look.command.argv).stdout) is not None

    assert not seen()
    networks.carry_out(LIMIT.inject(TARGET, params))
    assert seen()
    networks.carry_out(LIMIT.undo(TARGET, params))
    networks.carry_out(LIMIT.undo(TARGET, params))
    assert networks.run("node", *QUEUE).stdout == before and not seen()
    # Somebody else's that has come meanwhile stays.
    networks.do("node", *ROOT, "handle", "1:", "tbf", "rate", "1mbit", "burst", "3200", "latency", "400ms")
    assert not seen(), "it limits, and is not ours"
    networks.carry_out(LIMIT.undo(TARGET, params))
    assert "qdisc tbf 1: root" in networks.run("node", *QUEUE).stdout


ROOT = ("tc", "qdisc", "add", "dev", "eth0", "root")


@pytest.mark.parametrize("handle", [("handle", "1:"), ()])
def test_nothing_of_somebody_else_is_replaced(networks: Networks, handle: tuple[str, ...]) -> None:
    networks.do("node", *ROOT, *handle, "pfifo", "limit", "77")
    params, before = LIMIT.settle({}), networks.run("node", *QUEUE).stdout
    [command] = LIMIT.inject(TARGET, params)
    done = networks.run("node", *command.argv)
    assert done.returncode != 0 and "eth0 has a queueing discipline already: qdisc pfifo" in done.stderr
    networks.carry_out(LIMIT.undo(TARGET, params))
    assert networks.run("node", *QUEUE).stdout == before


def test_a_second_limit_is_refused_and_its_end_leaves_the_first(networks: Networks) -> None:
    params, other = LIMIT.settle({}), replace(TARGET, ident="ffffffff")
    networks.carry_out(LIMIT.inject(TARGET, params))
    [command] = LIMIT.inject(other, params)
    assert networks.run("node", *command.argv).returncode != 0
    networks.carry_out(LIMIT.undo(other, params))
    assert "qdisc tbf" in networks.run("node", *QUEUE).stdout


def test_each_limit_has_a_handle_of_its_own_that_the_kernel_gives_to_nobody() -> None:
    def handle(ident: str) -> str:
        [command] = LIMIT.undo(replace(TARGET, ident=ident), {})
        assert command.argv[-2] == "handle" and command.may_fail
        return command.argv[-1]

    found = {handle(f"{number:08x}") for number in range(100)}
    assert len(found) > 90 and all(1 <= int(one.rstrip(":"), 16) < 0x8000 for one in found)
    assert "replace" not in " ".join(LIMIT.inject(TARGET, LIMIT.settle({}))[0].argv)


# --- a control plane that is far away


LATENCY = fault_named("latency")
# A program that ss calls kubelet: it holds a connection open, says a word each 0.2 s, and begins again when it is cut.
_KUBELET = f"""
import socket, time
open("/proc/self/comm", "w").write("kubelet")
while True:
    try:
        with socket.create_connection(("{PLANE}", 6443), 9) as connection:
            while True: connection.sendall(b"x"); connection.recv(9); time.sleep(0.2)
    except OSError: time.sleep(0.1)
"""
# Two handshakes' worth of time and no TLS, which the echo does not know.
_SLOW = [
    (
        "c.wrap_socket(socket.create_connection((sys.argv[1], 6443), 20)).close()",
        "s = socket.create_connection((sys.argv[1], 6443), 20); s.sendall(b'x'); s.recv(9); s.sendall(b'x'); s.recv(9)",
    )
]


@pytest.fixture
def far(networks: Networks) -> Iterator[tuple[Networks, Callable[[], bool]]]:
    """A kubelet that has a connection, and a look whether everything of it is far away."""
    networks.serve("node", _KUBELET)
    params = LATENCY.settle({"milliseconds": 200})
    program = latency._FAR
    for old, new in _SLOW:
        assert old in program
        program = program.replace(old, new)
    words = LATENCY.effect(TARGET, params).command.argv[3:]
    yield networks, lambda: networks.sees("node", program, *words)
    subprocess.run(["pkill", "-f", latency._name(TARGET)], check=False)


def test_a_connection_from_before_goes_through_the_delay_as_well(far: tuple[Networks, Callable[[], bool]]) -> None:
    networks, seen = far
    params = LATENCY.settle({"milliseconds": 200})
    commands = LATENCY.inject(TARGET, params)
    assert not seen()
    reset = [one for one in commands if "filter" in one.argv]
    networks.carry_out(one for one in commands if one not in reset)
    assert not seen(), "new connections are far away, and kubelet's is as it was"
    networks.carry_out(reset)
    until(seen, 20, "the delay is seen")
    assert networks.reaches("node") and networks.reaches("node", service=True), "nothing is cut off for good"
    networks.carry_out(LATENCY.undo(TARGET, params))
    assert "CHAOS-" not in networks.rules() and networks.reaches("node")
    assert not seen()


def test_a_delay_is_long_enough_to_be_told_from_noise() -> None:
    with pytest.raises(ChaosError, match="milliseconds: expected a number from 200 to 10000, got 199"):
        LATENCY.settle({"milliseconds": 199})
