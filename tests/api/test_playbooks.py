# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that people type, run as they type them, against a real API server."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.tests.api.conftest import Play, Played, play_in, write_kubeconfig
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import (
    ADMIN_TOKEN,
    HEALER_LEASE,
    INCIDENTS,
    RECORDS,
    STRANGER_TOKEN,
    Audited,
    ControlPlane,
)

NODES = ("w1", "w2", "w3", "w4", "w5")
OTHER_UID = "0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10"
CONFIG_MAPS = "/api/v1/namespaces/self-healing/configmaps"
STATS = {"ANSIBLE_SHOW_CUSTOM_STATS": "1"}
# The "host" of these tests is this machine, or rather the programs of a folder on it.
MACHINE_ID = Path("/etc/machine-id")
LOCALHOST = "localhost ansible_connection=local\n"
# Nobody listens there, so a repair that should not have begun fails at once and touches nothing.
HOSTS = LOCALHOST + "".join(f"{name} ansible_host=127.0.0.1 ansible_port=1\n" for name in NODES)


@pytest.fixture
def sick(cluster: ControlPlane) -> ControlPlane:
    """Five nodes of which w1 has been silent for ten minutes."""
    cluster.add_nodes(*NODES)
    cluster.make_sick("w1")
    return cluster


def variables_of(cluster: ControlPlane, token: str) -> dict[str, Any]:
    """Variables of a run that may look only."""
    return {
        "selfheal_host": cluster.url,
        "selfheal_api_key": token,
        "selfheal_ca_cert": str(cluster.ca_cert),
        "selfheal_cluster_uid": cluster.uid,
    }


@pytest.fixture
def as_healer(cluster: ControlPlane, healer_token: str) -> dict[str, Any]:
    """Variables of a run that may look only, with the healer's token."""
    return variables_of(cluster, healer_token)


def said(played: Played) -> str:
    """What a run printed, with the line breaks inside its messages taken out."""
    return " ".join(played.output.split())


def one_clear_line(played: Played, words: str) -> None:
    """The run failed as Ansible fails, and said so in one line with these words and without a traceback."""
    assert played.code in (2, 4), played.output
    assert "Traceback" not in played.output and "MODULE FAILURE" not in played.output, played.output
    told = [line for line in played.output.splitlines() if line.startswith("fatal:") and re.search(words, line)]
    assert told, played.output
    assert all(r"\n" not in line for line in told), told


def until(happened: Callable[[], bool]) -> None:
    """Wait until something has happened that is bound to."""
    end = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.2)


def untouched(cluster: ControlPlane, mark: int) -> None:
    """Nobody but the API server itself has changed anything since the mark."""
    assert [a for a in cluster.audited(mark) if a.mutates] == []


# --- healing


class Kubelet:
    """A kubelet that is down until somebody restarts it, and then reports like a real one.

    The programs that the role calls on the host are files in a folder; the restart leaves a mark, and from then on
    the node is Ready and its Lease moves.
    """

    def __init__(self, cluster: ControlPlane, node: str, folder: Path, restart_takes: int) -> None:
        self.folder, self.restarted, self.asked = folder, folder / "restarted", folder / "asked"
        self._cluster, self._node = cluster, node
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        folder.mkdir()
        self._program(
            "systemctl",
            f"""case "$1" in
  restart) touch '{self.restarted}'; sleep {restart_takes} ;;
  is-active) test -e '{self.restarted}' ;;
  show)
    names= form=
    while [ $# -gt 0 ]; do
      case "$1" in -p) names="$names $2"; shift ;; --value) form=value ;; esac
      shift
    done
    for name in $names; do
      case $name in
        LoadState) value=loaded ;;
        UnitFileState) value=enabled ;;
        ActiveState) test -e '{self.restarted}' && value=active || value=inactive ;;
        MainPID) test -e '{self.restarted}' && value=4711 || value=0 ;;
        *) value= ;;
      esac
      if [ "$form" = value ]; then echo "$value"; else echo "$name=$value"; fi
    done ;;
esac""",
        )
        self._program("curl", f"echo \"$@\" >>'{self.asked}'; test -e '{self.restarted}'")
        self._program("journalctl", "echo kubelet: nothing to say")

    def _program(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)

    def _live(self) -> None:
        ready = False
        while not self._end.wait(0.5):
            if self.restarted.exists():
                if not ready:
                    self._cluster.condition(self._node, "True", 0)
                    ready = True
                self._cluster.renew([self._node])

    def __enter__(self) -> Kubelet:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(10)


@pytest.fixture
def kubelet(sick: ControlPlane, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Kubelet]:
    """The kubelet of w1, on this machine. A parameter says how many seconds its restart takes."""
    sick.is_machine("w1", MACHINE_ID.read_text(encoding="utf-8").strip())
    with Kubelet(sick, "w1", tmp_path / "host", getattr(request, "param", 0)) as made:
        yield made


def on_host(kubelet: Kubelet) -> dict[str, str]:
    return {"PATH": f"{kubelet.folder}{os.pathsep}{os.environ['PATH']}"}


LOCAL_HOSTS = LOCALHOST + "machine-1 selfheal_node=w1 ansible_connection=local\n"
HEAL = {"selfheal_monitor_only": False}


def as_root(folder: Path, before_restart: str = "") -> tuple[str, dict[str, str], Path]:
    """An inventory whose every host becomes root by a program of ours, its environment, and what that program ran.

    Root may be who is root already, so that this works for whoever runs the tests.
    """
    program, log = folder / "become", folder / "became"
    program.write_text(
        f"""#!/bin/sh
for last; do :; done
echo "$last" >>'{log}'
case "$last" in *"systemctl restart"*) last=$(echo "$last" | sed '1s/ ; / ; {before_restart or ":"}; /') ;; esac
exec /bin/sh -c "$last"
""",
        encoding="utf-8",
    )
    program.chmod(0o755)
    inventory = f"{LOCAL_HOSTS}[all:vars]\nansible_become=true\nansible_become_exe={program}\n"
    return inventory, {"ANSIBLE_BECOME_ALLOW_SAME_USER": "1"}, log


def test_heal_repairs_and_proves_it(
    sick: ControlPlane, play: Play, as_healer: dict[str, Any], kubelet: Kubelet, tmp_path: Path
) -> None:
    variables = as_healer | {"selfheal_monitor_only": False, "selfheal_holder": "run-of-the-test"}
    # A host that is not the node's machine is not touched, and is no attempt.
    sick.is_machine("w1", "0" * 32)
    wrong = play("heal", variables, inventory=LOCAL_HOSTS, environment=on_host(kubelet))
    one_clear_line(wrong, "inventory host machine-1 is not node w1: the node's machine-id is 0+, the host's [0-9a-f]+")
    assert not kubelet.restarted.exists()
    assert sick.incidents()["w1-1"]["status"]["attempts"] == 0
    assert not sick.get(HEALER_LEASE)["spec"].get("holderIdentity")

    sick.is_machine("w1", MACHINE_ID.read_text(encoding="utf-8").strip())
    inventory, environment, became = as_root(tmp_path)
    inventory += "kubelet_restart_healthz_port=10249\n"
    played = play("heal", variables, inventory=inventory, environment=STATS | environment | on_host(kubelet))
    assert played.code == 0, played.output
    assert kubelet.restarted.exists()
    # What the inventory says of a host holds there, and only there: four commands ran as root, and no module did.
    commands = became.read_text(encoding="utf-8")
    assert commands.count("BECOME-SUCCESS") == 4 and "python" not in commands, commands
    assert commands.count("/etc/machine-id") == commands.count("systemctl restart") == 1, commands
    assert set(kubelet.asked.read_text(encoding="utf-8").split()) & {"http://127.0.0.1:10248/healthz"} == set()
    assert "http://127.0.0.1:10249/healthz" in kubelet.asked.read_text(encoding="utf-8")
    assert (stats_of(played)["selfheal_outcome"], stats_of(played)["selfheal_verdict"]) == ("repaired", "healthy")
    assert "REPAIRED kubelet_restart on w1: proven healthy" in said(played)
    status = sick.incidents()["w1-1"]["status"]
    assert [m["phase"] for m in status["history"]] == ["Suspected", "Unhealthy", "Repairing", "Verifying", "Recovered"]
    holders = {m["by"] for m in status["history"]}
    assert len(holders) == 2 and all(holder.startswith("run-of-the-test-") for holder in holders)
    assert (status["outcome"], status["attempts"]) == ("Repaired", 1)
    record = sick.get(f"{RECORDS}/cluster")["status"]
    assert (record["healthy"], record["lastOutcome"]) == ("True", "Repaired")
    assert not sick.get(HEALER_LEASE)["spec"].get("holderIdentity")

    # Now the record is true and nothing is sick: the next run, and a look, cost the cluster no write.
    mark = sick.audit_mark()
    again = play("heal", variables, inventory=LOCAL_HOSTS)
    assert again.code == 0 and "nothing to do" in said(again), again.output
    looked = play("health", as_healer)
    assert looked.code == 0 and f"cluster {sick.uid} is HEALTHY, 5 nodes seen" in said(looked), looked.output
    healers = [a for a in sick.audited(mark) if a.user.endswith("selfheal-healer")]
    assert healers and not [a for a in healers if a.mutates]


def test_a_command_that_comes_too_late_does_nothing(
    sick: ControlPlane, play: Play, as_healer: dict[str, Any], kubelet: Kubelet, tmp_path: Path
) -> None:
    """It must come within 30 s and takes 31 to its host, as if the healer had been suspended in between."""
    inventory, environment, became = as_root(tmp_path, "sleep 31")
    variables = as_healer | HEAL | {"selfheal_policy": {"evidence_age": 30}}
    played = play("heal", variables, inventory=inventory, environment=STATS | environment | on_host(kubelet))
    assert "systemctl restart" in became.read_text(encoding="utf-8")
    one_clear_line(played, "machine-1: this command comes too late, nothing was done")
    assert not kubelet.restarted.exists()
    status = sick.incidents()["w1-1"]["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Unhealthy", "RepairFailed", 1)
    assert stats_of(played)["selfheal_outcome"] == "failed"
    assert not sick.get(HEALER_LEASE)["spec"].get("holderIdentity")


@pytest.mark.parametrize("kubelet", [5], indirect=True)
def test_a_repair_past_its_deadline_has_failed_and_is_not_verified(
    sick: ControlPlane, play: Play, as_healer: dict[str, Any], kubelet: Kubelet
) -> None:
    def let_time_pass() -> None:
        until(kubelet.restarted.exists)
        sick.must("PATCH", f"{INCIDENTS}/w1-1", {"status": {"deadline": "2020-01-01T00:00:00Z"}})

    with ThreadPoolExecutor(1) as pool:
        passed = pool.submit(let_time_pass)
        played = play("heal", as_healer | HEAL, inventory=LOCAL_HOSTS, environment=on_host(kubelet))
        passed.result()
    one_clear_line(played, "w1: kubelet_restart took longer than the repair may take")
    status = sick.incidents()["w1-1"]["status"]
    assert [m["phase"] for m in status["history"]] == ["Suspected", "Unhealthy", "Repairing", "Unhealthy"]
    assert "TASK [selfheal.kubernetes.repair_node : Verify by fresh observations]\nskipping" in re.sub(
        r" \*+$", "", played.output, flags=re.MULTILINE
    )


# --- turn after turn

PACE = {"selfheal_policy": {"health_check_interval": 10}}


def turns_of(played: Played) -> int:
    return played.output.count("TASK [Plan]")


def test_turns_follow_each_other_and_quiet_ones_say_and_write_nothing(
    sick: ControlPlane, play: Play, as_healer: dict[str, Any], kubelet: Kubelet
) -> None:
    """The interval is the cluster's own, each turn looks afresh, and the lease is free between them."""
    sick.must(
        "POST", CONFIG_MAPS, {"metadata": {"name": "self-healing-config"}, "data": {"health_check_interval": "10"}}
    )
    begun = time.monotonic()
    try:
        played = play(
            "heal",
            as_healer | HEAL | {"selfheal_run_for": 70},
            inventory=LOCAL_HOSTS,
            environment=STATS | on_host(kubelet),
        )
    finally:
        sick.must("DELETE", f"{CONFIG_MAPS}/self-healing-config")
    lasted = time.monotonic() - begun
    assert played.code == 0, played.output
    assert 60 < lasted < 140, lasted
    # The first turn heals, which takes 15 s and more; then there is one in 10 s.
    assert 3 <= turns_of(played) <= 8, played.output
    told = said(played)
    assert told.count("REPAIRED kubelet_restart on w1") == 1
    assert told.count("is UNHEALTHY, 5 nodes seen") == told.count("is HEALTHY, 5 nodes seen") == 1, played.output
    assert played.output.count("TASK [Take the cluster's lease]") == 1
    assert len(sick.incidents()) == 1 and sick.get(HEALER_LEASE)["spec"]["leaseTransitions"] == 1
    handed = stats_of(played)
    assert (handed["selfheal_outcome"], handed["selfheal_verdict"]) == ("repaired", "healthy")
    assert [r["outcome"] for r in handed["selfheal_results"]] == ["repaired"]


def test_a_turn_that_goes_wrong_or_finds_the_lease_busy_does_not_end_the_run(
    sick: ControlPlane, play: Play, as_healer: dict[str, Any], kubelet: Kubelet, healer_token: str
) -> None:
    """First the owner's settings have a mistake, then another run is at work, and then the way is free."""
    other = lease.acquire(sick.client(healer_token), "awx-job-4711", 900)
    sick.must("POST", CONFIG_MAPS, {"metadata": {"name": "self-healing-config"}, "data": {"cooldown": "-1"}})

    mark = sick.audit_mark()

    def seen(verb: str, path: str) -> bool:
        mine = [a for a in sick.audited(mark) if a.user.endswith("selfheal-healer") and a.verb == verb]
        return any(path in a.uri for a in mine)

    def clear_the_way() -> None:
        until(lambda: seen("list", "/api/v1/nodes"))
        sick.must("DELETE", f"{CONFIG_MAPS}/self-healing-config")
        until(lambda: seen("get", HEALER_LEASE))
        assert not kubelet.restarted.exists()
        lease.release(sick.client(ADMIN_TOKEN), other.holder, other.token)

    with ThreadPoolExecutor(1) as pool:
        cleared = pool.submit(clear_the_way)
        variables = as_healer | HEAL | PACE | {"selfheal_run_for": 60}
        played = play("heal", variables, inventory=LOCAL_HOSTS, environment=STATS | on_host(kubelet))
        cleared.result()
    assert played.code == 0, played.output
    words = (
        r"fatal: .*self-healing-config\.data\.cooldown: expected an integer.*"
        r"this turn is passed over: busy: awx-job-4711 heals this cluster now, its lease lasts \d+ s.*"
        r"REPAIRED kubelet_restart on w1: proven healthy"
    )
    assert re.search(words, said(played)), played.output
    assert stats_of(played)["selfheal_outcome"] == "repaired"


def test_a_sick_node_without_a_host_is_for_people(sick: ControlPlane, play: Play, as_healer: dict[str, Any]) -> None:
    """It is told and remembered, and nothing counts as an attempt."""
    played = play("heal", as_healer | {"selfheal_monitor_only": False}, inventory=LOCALHOST, environment=STATS)
    assert played.code == 2, played.output
    one_clear_line(played, "node w1: no inventory host matches it")
    assert stats_of(played)["selfheal_outcome"] == "people"
    status = sick.incidents()["w1-1"]["status"]
    assert (status["phase"], status["attempts"]) == ("Unhealthy", 0)


# How a loop of one turn ends: who else is sick, the owner's settings, the code, the outcome, and words of its output.
ENDS: dict[str, tuple[str, dict[str, str], int, str, str]] = {
    "busy": ("", {}, 4, "busy", "nothing was done: busy: awx-job-4711 heals this cluster now, its lease lasts"),
    "blocked": ("", {"cooldown": "-1"}, 2, "blocked", "verdict unhealthy: .*data.cooldown: expected an integer"),
    "people": ("w2", {}, 2, "people", "w1: NodeStatusUnknown, .*NetworkPartition"),
    "nothing": ("", {"paused": "by hand"}, 0, "nothing", "guard paused"),
    "failed": ("", {}, 2, "failed", "w1 cannot be reached"),
}


@pytest.mark.parametrize("name", ENDS)
def test_how_a_run_of_several_turns_ends(
    sick: ControlPlane, play: Play, as_healer: dict[str, Any], healer_token: str, name: str
) -> None:
    also_sick, config, code, outcome, words = ENDS[name]
    if also_sick:
        sick.make_sick(also_sick)
    if name == "busy":
        lease.acquire(sick.client(healer_token), "awx-job-4711", 900)
    sick.must("POST", CONFIG_MAPS, {"metadata": {"name": "self-healing-config"}, "data": config})
    try:
        played = play("heal", as_healer | HEAL | {"selfheal_run_for": 1}, inventory=HOSTS, environment=STATS)
    finally:
        sick.must("DELETE", f"{CONFIG_MAPS}/self-healing-config")
    assert played.code == code, played.output
    assert stats_of(played)["selfheal_outcome"] == outcome
    if code:
        one_clear_line(played, words)
    else:
        assert re.search(words, said(played)), played.output


def test_a_mistake_in_what_the_run_was_told_ends_it_at_once(play: Play, as_healer: dict[str, Any]) -> None:
    variables = as_healer | HEAL | {"selfheal_run_for": 3600, "selfheal_policy": {"cooldown": -1}}
    played = play("heal", variables, inventory=HOSTS)
    one_clear_line(played, "policy.cooldown: expected an integer from 0 to 86400")
    assert turns_of(played) == 1


# --- what is wrong with the input: one line, a code that is not 0, and nothing changed


def _revoked(cluster: ControlPlane) -> str:
    """A token that was good until its account was deleted."""
    accounts = "/api/v1/namespaces/self-healing/serviceaccounts"
    cluster.must("POST", accounts, {"metadata": {"name": "leaver"}})
    token = cluster.token_of("leaver")
    cluster.must("DELETE", f"{accounts}/leaver")
    return token


# What is changed about a good run: the playbook, its variables, and the words that must be in its one line.
# "nobody" stands for an address where nobody listens, "revoked" for a token that was good once.
NOBODY, REVOKED = {"selfheal_host": "nobody", "selfheal_request_deadline": 3}, {"selfheal_api_key": "revoked"}
NOTHING = dict.fromkeys(("selfheal_host", "selfheal_api_key", "selfheal_ca_cert"), "")
RUNS_THAT_FAIL: dict[str, tuple[str, dict[str, Any], str]] = {
    "somebody else is at work": (
        "heal",
        HEAL,
        r"nothing was done: busy: awx-job-4711 heals this cluster now, its lease lasts \d+ s unless it is renewed",
    ),
    "another cluster": (
        "heal",
        HEAL | {"selfheal_cluster_uid": OTHER_UID},
        f"wrong cluster at https://127.0.0.1:.* its kube-system UID is .*, expected {OTHER_UID}",
    ),
    "a UID that is none": (
        "heal",
        HEAL | {"selfheal_cluster_uid": "0000"},
        "selfheal_cluster_uid: expected the UID of namespace kube-system, which the playbook health tells, got 0000",
    ),
    "a name that is none": (
        "heal",
        HEAL | {"selfheal_nodes": ["Bad_Name;rm"]},
        "node name 'Bad_Name;rm' is not valid: expected an RFC 1123 subdomain",
    ),
    "a node that is not there": (
        "heal",
        HEAL | {"selfheal_nodes": ["w9", "w1"]},
        "no such node in this cluster: w9",
    ),
    "healing on, and no cluster named": (
        "heal",
        HEAL | {"selfheal_cluster_uid": ""},
        "healing is on, but which cluster is meant is not said: this one is .*selfheal_cluster_uid",
    ),
    "a policy with two mistakes": (
        "heal",
        HEAL | {"selfheal_policy": {"cooldown": -1, "max_atempts": 3}},
        "policy.cooldown: expected an integer from 0 to 86400 .*policy.max_atempts: unknown setting",
    ),
    "a token that was revoked": ("heal", HEAL | REVOKED, "nothing is repaired .*HTTP 401"),
    "a token without rights": (
        "heal",
        HEAL | {"selfheal_api_key": STRANGER_TOKEN},
        "nothing is repaired .*HTTP 403 .*stranger",
    ),
    "no kubeconfig": ("heal", NOTHING, "no kubeconfig: ~/.kube/config does not exist; set kubeconfig "),
    "health without a kubeconfig": ("health", NOTHING, "no kubeconfig: ~/.kube/config does not exist; set kubeconfig "),
    "nobody answers": (
        "heal",
        HEAL | NOBODY,
        "verdict unknown: not everything could be observed, so nothing is repaired .*refused",
    ),
    "health when nobody answers": ("health", NOBODY, "is UNKNOWN, 0 nodes seen.*refused"),
    "health of a sick cluster": (
        "health",
        NOTHING | {"kubeconfig": True},
        r"is UNHEALTHY, 5 nodes seen; 1 of them not well.* \| Node w1: NodeStatusUnknown",
    ),
    "health of a sick cluster, unknown allowed": (
        "health",
        {"selfheal_fail_on": "unhealthy"},
        "is UNHEALTHY, 5 nodes seen",
    ),
    "health of a sick cluster, warnings not allowed": (
        "health",
        {"selfheal_fail_on": "warning"},
        "is UNHEALTHY, 5 nodes seen",
    ),
    "health that is to fail on nothing we know": (
        "health",
        {"selfheal_fail_on": "often"},
        "selfheal_fail_on: expected unknown, unhealthy, warning or never, got often",
    ),
    "health with a policy that is none": (
        "health",
        {"selfheal_policy": "cooldown=60"},
        "selfheal_policy: expected a mapping of settings, got cooldown=60",
    ),
    "several mistakes, and a name that is none": (
        "heal",
        {"selfheal_policy": "cooldown=60", "selfheal_nodes": [], "selfheal_cluster_id": "0000"},
        r"selfheal_cluster_id: not a variable of selfheal.kubernetes, README.md lists them \| selfheal_policy: expected"
        r" a mapping of settings, got cooldown=60 \| selfheal_nodes: expected a list of node names, got an empty one",
    ),
    "turns for no time": (
        "heal",
        {"selfheal_run_for": "1h"},
        "selfheal_run_for: expected an integer from 0 to 86400 .seconds., got 1h",
    ),
    "turns for too long": ("heal", {"selfheal_run_for": 86401}, "selfheal_run_for: .* to 86400 .seconds., got 86401"),
    "a name that is none, to the bootstrap": (
        "bootstrap",
        {"selfheal_namespace": "x"},
        "selfheal_namespace: not a variable of selfheal.kubernetes",
    ),
    "a bootstrap with several mistakes": (
        "bootstrap",
        NOTHING | {"kubeconfig": True, "selfheal_token_seconds": 60, "selfheal_healer_kubeconfig": "/nowhere/at/all"},
        r"selfheal_token_seconds: expected an integer from 600 to 4294967296 \(seconds\), got 60"
        r" \| selfheal_healer_kubeconfig: /nowhere/at is not a directory, make it first",
    ),
    "a bootstrap with a token for no time": (
        "bootstrap",
        NOTHING | {"kubeconfig": True, "selfheal_token_seconds": 0},
        "selfheal_token_seconds: expected an integer from 600 .*, got 0",
    ),
    "a bootstrap with a token for too long": (
        "bootstrap",
        NOTHING | {"kubeconfig": True, "selfheal_token_seconds": 4294967297},
        "selfheal_token_seconds: expected an integer from 600 .*, got 4294967297",
    ),
    "a bootstrap with a token for no number": (
        "bootstrap",
        NOTHING | {"kubeconfig": True, "selfheal_token_seconds": "1h", "selfheal_healer_kubeconfig": "/tmp"},
        "selfheal_token_seconds: expected an integer from 600 .*, got 1h"
        r" \| selfheal_healer_kubeconfig: expected the path of a file, /tmp is a directory",
    ),
    "health with a folder for a file": (
        "health",
        {"selfheal_health_file": "/tmp"},
        "selfheal_health_file: expected the path of a file, /tmp is a directory",
    ),
    "a bootstrap of another cluster": (
        "bootstrap",
        {"selfheal_cluster_uid": OTHER_UID, "kubeconfig": True},
        f"wrong cluster .*, expected {OTHER_UID}",
    ),
    "a bootstrap where nobody answers": (
        "bootstrap",
        NOBODY,
        r'"msg": "nothing is applied, the cluster does not say who it is: could not read namespace kube-system:'
        r" https://\S+: [^|]*refused",
    ),
}


# Runs with nothing wrong about them, which change nothing either: the words that must be in their output.
RUNS_THAT_LOOK: dict[str, tuple[str, dict[str, Any], str]] = {
    "monitor-only, the default": ("heal", {}, "REFUSE kubelet_restart on w1, guard monitor_only: monitor-only is on"),
    "check mode": ("heal", HEAL | {"options": ["--check"]}, r"DO kubelet_restart on w1 \(host w1\)"),
    "health that never fails": ("health", {"selfheal_fail_on": "never"}, "is UNHEALTHY, 5 nodes seen"),
    "health that is not asked to write": (
        "health",
        {"selfheal_fail_on": "never", "selfheal_health_file": ""},
        "is UNHEALTHY, 5 nodes seen",
    ),
}
RUNS = RUNS_THAT_FAIL | RUNS_THAT_LOOK


@dataclass(frozen=True)
class Runs:
    """What became of every run, and what they changed in the cluster, each and all."""

    played: dict[str, Played]
    requests: list[Audited]
    incidents: dict[str, Any]


@pytest.fixture(scope="module")
def runs(prepared: ControlPlane, healer_token: str, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """All of them side by side, since most of their time is Ansible's own start."""
    prepared.reset()
    prepared.add_nodes(*NODES)
    prepared.make_sick("w1")
    revoked = _revoked(prepared)
    lease.acquire(prepared.client(healer_token), "awx-job-4711", 900)
    mark = prepared.audit_mark()
    with socket.socket() as taken, ThreadPoolExecutor(3) as pool:
        taken.bind(("127.0.0.1", 0))
        nobody = f"https://127.0.0.1:{taken.getsockname()[1]}"

        def run(name: str) -> Played:
            playbook, changes, _words = RUNS[name]
            home = tmp_path_factory.mktemp("run")
            variables = variables_of(prepared, healer_token) | changes
            if variables["selfheal_host"] == "nobody":
                variables["selfheal_host"] = nobody
            if variables["selfheal_api_key"] == "revoked":
                variables["selfheal_api_key"] = revoked
            environment = dict(STATS)
            if variables.pop("kubeconfig", False):
                environment["KUBECONFIG"] = str(write_kubeconfig(home, prepared, ADMIN_TOKEN))
            hosts, options = variables.pop("hosts", HOSTS), variables.pop("options", [])
            return play_in(home, playbook, variables, *options, inventory=hosts, environment=environment)

        played = dict(zip(RUNS, pool.map(run, RUNS), strict=True))
    return Runs(played, prepared.audited(mark), prepared.incidents())


@pytest.mark.parametrize("name", RUNS_THAT_FAIL)
def test_bad_input_ends_in_one_clear_line(runs: Runs, name: str) -> None:
    one_clear_line(runs.played[name], RUNS_THAT_FAIL[name][2])
    # Never an empty success, and never healthy.
    assert "is HEALTHY" not in said(runs.played[name])
    ends = {2: "unreachable=0    failed=1", 4: "unreachable=1    failed=0"}
    assert ends[runs.played[name].code] in runs.played[name].output
    assert (runs.played[name].code == 4) == (name == "somebody else is at work")


@pytest.mark.parametrize("name", RUNS_THAT_LOOK)
def test_looking_ends_well(runs: Runs, name: str) -> None:
    played = runs.played[name]
    assert played.code == 0, played.output
    assert re.search(RUNS_THAT_LOOK[name][2], said(played)), played.output
    assert "changed=0" in played.output and "failed=0" in played.output


# What a workflow is told of them; None where the run was refused before it began.
OUTCOMES = {
    "monitor-only, the default": "monitored",
    "check mode": "monitored",
    "somebody else is at work": "busy",
    "another cluster": "blocked",
    "nobody answers": "blocked",
    "turns for no time": None,
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_workflow_is_told_how_it_went(runs: Runs, name: str) -> None:
    if OUTCOMES[name] is None:
        assert "selfheal_outcome" not in runs.played[name].output
    else:
        assert stats_of(runs.played[name])["selfheal_outcome"] == OUTCOMES[name]


def test_none_of_these_runs_has_changed_anything(runs: Runs) -> None:
    assert [a for a in runs.requests if a.mutates] == []
    assert runs.incidents == {}
    # And the audit log has seen them.
    assert len([a for a in runs.requests if a.user.endswith("selfheal-healer") and a.verb == "list"]) > 10


# --- options under which Ansible passes over what the playbook is for, and would end green

LIMITED = "--limit foo leaves out what must be looked at or prepared"
LEFT_OUT = "nothing was done: --skip-tags or --start-at-task left it out"
# Without an inventory there is no group "all" that a play could refuse in.
RUNS_THAT_DO_NOTHING: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "health": ("health", "", ("--limit", "foo"), LIMITED),
    "health with hosts": ("health", HOSTS + "foo\n", ("--limit", "foo"), LIMITED),
    "health without its tags": ("health", "", ("--skip-tags", "always"), LEFT_OUT),
    "health from a task that is none": ("health", "", ("--start-at-task", "nothing"), LEFT_OUT),
    "heal": ("heal", "", ("--limit", "foo"), LIMITED),
    "heal with hosts": ("heal", HOSTS + "foo\n", ("--limit", "foo"), LIMITED),
    "heal without its tags": ("heal", HOSTS, ("--skip-tags", "always"), LEFT_OUT),
    "heal from a task that is none": ("heal", HOSTS, ("--start-at-task", "nothing"), LEFT_OUT),
    "bootstrap": ("bootstrap", "", ("--limit", "foo"), LIMITED),
    "bootstrap without its tags": ("bootstrap", "", ("--skip-tags", "always"), LEFT_OUT),
    "bootstrap from a task that is none": ("bootstrap", "", ("--start-at-task", "nothing"), LEFT_OUT),
}


@pytest.mark.parametrize("name", RUNS_THAT_DO_NOTHING)
def test_a_run_that_does_nothing_does_not_end_green(play: Play, name: str) -> None:
    playbook, hosts, options, words = RUNS_THAT_DO_NOTHING[name]
    # An empty file is no inventory: only the implicit localhost is there, which is not in "all".
    played = play(playbook, {"selfheal_kubeconfig": "/nowhere"}, *options, inventory=hosts or "\n")
    assert played.code == 4 and words in said(played), played.output
    assert "Traceback" not in played.output and "TASK" not in played.output, played.output


@pytest.mark.parametrize("playbook", ["health", "heal", "bootstrap"])
def test_a_playbook_can_be_listed(play: Play, playbook: str) -> None:
    for option in ("--syntax-check", "--list-tasks", "--list-hosts"):
        played = play(playbook, {}, option)
        assert played.code == 0, played.output


# --- health: what it hands on, and how it ends

# Which README.md promises.
KEYS = {f"selfheal_{name}" for name in ("verdict", "cluster_uid", "counts", "findings", "patterns", "unread")}


def stats_of(played: Played) -> dict[str, Any]:
    """What a run has handed to a workflow."""
    assert "RUN: {" in played.output, played.output
    handed: dict[str, Any]
    handed, _end = json.JSONDecoder().raw_decode(played.output.partition("RUN: ")[2])
    return handed


@pytest.mark.parametrize("state", ["healthy", "unhealthy"])
def test_health_in_its_three_forms(
    cluster: ControlPlane, as_healer: dict[str, Any], tmp_path: Path, state: str
) -> None:
    """For people, as JSON and for a workflow they say the same, and the cluster is asked for no change."""
    cluster.add_nodes(*NODES)
    if state == "unhealthy":
        cluster.make_sick("w1")
    file = tmp_path / "made" / "health.json"
    file.parent.mkdir()
    wanted = as_healer | {"selfheal_health_file": "made/health.json"}
    environment = STATS | {"PWD": str(tmp_path)}
    mark = cluster.audit_mark()
    checked = play_in(tmp_path, "health", wanted, "--check", environment=environment)
    assert not file.exists(), checked.output
    played = play_in(tmp_path, "health", wanted, environment=environment)
    untouched(cluster, mark)
    assert len([a for a in cluster.audited(mark) if a.verb == "list"]) > 10

    assert checked.code == played.code == (0 if state == "healthy" else 2), played.output
    assert f"cluster {cluster.uid} is {state.upper()}, 5 nodes seen" in said(played)
    told = json.loads(file.read_text(encoding="utf-8"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert (told["verdict"], told["nodes_seen"], told["schema_version"]) == (state, 5, 1)
    assert not {"changed", "failed"} & set(told)
    handed = stats_of(played)
    assert set(handed) == KEYS == set(stats_of(checked))
    for key in KEYS:
        assert handed[key] == told[key.removeprefix("selfheal_")], key
    sick = [f["name"] for f in handed["selfheal_findings"] if f["check"] == "NodeReady"]
    assert sick == ([] if state == "healthy" else ["w1"])
    assert len(file.read_bytes()) < 64 * 1024
    # A second run writes the same file anew, and says so.
    again = play_in(tmp_path, "health", wanted | {"selfheal_fail_on": "never"}, environment=environment)
    assert again.code == 0 and "changed=1" in again.output, again.output
    # One whose look fails leaves no verdict of an earlier one behind, except where nothing was to be done at all.
    fails = wanted | dict.fromkeys(("selfheal_host", "selfheal_api_key", "selfheal_ca_cert"), "")
    refused = play_in(tmp_path, "health", fails | {"selfheal_fail_on": "often"}, environment=environment)
    checked = play_in(tmp_path, "health", fails, "--check", environment=environment)
    assert refused.code == checked.code == 2 and file.exists(), checked.output
    one_clear_line(play_in(tmp_path, "health", fails, environment=environment), "no kubeconfig")
    assert not file.exists() and file.parent.is_dir()


@pytest.mark.parametrize(
    ("playbook", "variable"), [("health", "selfheal_health_file"), ("bootstrap", "selfheal_healer_kubeconfig")]
)
def test_a_file_in_no_folder_is_told_before_the_cluster_is_asked(
    cluster: ControlPlane, as_healer: dict[str, Any], play: Play, playbook: str, variable: str
) -> None:
    mark = cluster.audit_mark()
    played = play(playbook, as_healer | {variable: "/nowhere/at/all"})
    one_clear_line(played, f"{variable}: /nowhere/at is not a directory, make it first")
    assert [a for a in cluster.audited(mark) if a.user.endswith("selfheal-healer")] == []


def test_warnings_fail_only_who_wants_that(cluster: ControlPlane, as_healer: dict[str, Any], play: Play) -> None:
    cluster.add_nodes("w1", "w2", "w3")
    old = {"status": {"nodeInfo": {"kubeletVersion": "v1.20.0"}}}
    cluster.must("PATCH", "/api/v1/nodes/w1/status", old, "strategic-merge-patch")
    for allowed in ("", "unhealthy", "never"):
        played = play("health", as_healer | {"selfheal_fail_on": allowed})
        assert played.code == 0 and "is HEALTHY, 3 nodes seen; 1 warning" in said(played), played.output
    one_clear_line(play("health", as_healer | {"selfheal_fail_on": "warning"}), "is HEALTHY.*Node w1: KubeletTooOld")


def test_an_unknown_cluster_fails_unless_that_is_allowed(
    cluster: ControlPlane, as_healer: dict[str, Any], play: Play, tmp_path: Path
) -> None:
    """The owner's settings have a mistake: every run looks and names it, and none heals."""
    cluster.add_nodes(*NODES)
    body = {"metadata": {"name": "self-healing-config"}, "data": {"cooldown": "-1", "cool_down": "1"}}
    cluster.must("POST", CONFIG_MAPS, body)
    mark = cluster.audit_mark()
    try:
        words = (
            r"is UNKNOWN, 5 nodes seen.*could not read policy: self-healing-config\.data\.cool_down: unknown setting"
            r".*self-healing-config\.data\.cooldown: expected an integer from 0 to 86400 \(seconds\), got '-1'"
        )
        for fail_on in ("", "warning"):
            one_clear_line(play("health", as_healer | {"selfheal_fail_on": fail_on}), words)
        for fail_on in ("unhealthy", "never"):
            played = play("health", as_healer | {"selfheal_fail_on": fail_on})
            assert played.code == 0 and re.search(words, said(played)), played.output
        cluster.make_sick("w1")
        healed = play_in(tmp_path, "heal", as_healer | HEAL, inventory=HOSTS, environment=STATS)
        one_clear_line(healed, r"verdict unhealthy: .*self-healing-config\.data\.cooldown: expected an integer")
        # A workflow gets what was found, although nothing was done.
        assert set(stats_of(healed)) == KEYS | {"selfheal_outcome"}
        assert stats_of(healed)["selfheal_verdict"] == "unhealthy"
    finally:
        cluster.must("DELETE", f"{CONFIG_MAPS}/self-healing-config")
    changes = [a for a in cluster.audited(mark) if a.mutates and a.user.endswith("selfheal-healer")]
    assert changes == []


def test_no_job_can_lift_the_owners_brake(sick: ControlPlane, as_healer: dict[str, Any], play: Play) -> None:
    body = {"metadata": {"name": "self-healing-config"}, "data": {"monitor_only": "true"}}
    sick.must("POST", CONFIG_MAPS, body)
    try:
        mark = sick.audit_mark()
        played = play("heal", as_healer | HEAL, inventory=HOSTS)
        assert played.code == 0, played.output
        assert "BRAKE ConfigMap self-healing-config says monitor_only: nothing is repaired" in said(played)
        untouched(sick, mark)
    finally:
        sick.must("DELETE", f"{CONFIG_MAPS}/self-healing-config")


# --- from nothing to a prepared cluster


def test_bootstrap(bare: ControlPlane, play: Play, tmp_path: Path) -> None:
    """A cluster that nobody has prepared: it can be looked at, not healed; then it is prepared, once."""
    bare.add_nodes(*NODES)
    bare.make_sick("w1")
    admin = {
        "selfheal_kubeconfig": str(write_kubeconfig(tmp_path, bare, ADMIN_TOKEN)),
        "selfheal_cluster_uid": bare.uid,
    }
    mark = bare.audit_mark()
    looked = play("heal", admin, inventory=HOSTS)
    assert looked.code == 0 and "guard monitor_only" in said(looked), looked.output
    one_clear_line(
        play("heal", admin | {"selfheal_monitor_only": False}, inventory=HOSTS),
        "does not know the kind Incident: run the playbook selfheal.kubernetes.bootstrap first",
    )
    unnamed = {"selfheal_kubeconfig": admin["selfheal_kubeconfig"]}
    one_clear_line(play("bootstrap", unnamed), f"selfheal_cluster_uid.*{bare.uid}|{bare.uid}.*selfheal_cluster_uid")
    checked = play("bootstrap", admin, "--check")
    assert checked.code == 0, checked.output
    untouched(bare, mark)

    dest = tmp_path / "healer.kubeconfig"
    first = play("bootstrap", admin | {"selfheal_healer_kubeconfig": str(dest)})
    assert first.code == 0, first.output
    assert f"is prepared: cluster {bare.uid}" in said(first)
    assert '"optional rights of the healer now: none"' in said(first)
    assert f"\"the healer's kubeconfig: {dest}, its token lasts until " in said(first)
    again = play("bootstrap", admin)
    assert again.code == 0 and "changed=0" in again.output, again.output
    assert dest.stat().st_mode & 0o777 == 0o600
    assert json.loads(dest.read_text(encoding="utf-8"))["users"][0]["name"] == "selfheal-healer"

    mark = bare.audit_mark()
    healer = admin | {"selfheal_kubeconfig": str(dest), "selfheal_monitor_only": False}
    played = play("heal", healer, inventory=HOSTS)
    one_clear_line(played, "w1 cannot be reached")
    status = bare.incidents()["w1-1"]["status"]
    assert (status["phase"], status["attempts"]) == ("Unhealthy", 0)  # what was not reached was not tried
    assert bare.get(f"{RECORDS}/cluster")["status"]["healthy"] == "False"
    assert not bare.get(HEALER_LEASE)["spec"].get("holderIdentity")
    assert {a.user for a in bare.audited(mark) if a.mutates} == {"system:serviceaccount:self-healing:selfheal-healer"}
