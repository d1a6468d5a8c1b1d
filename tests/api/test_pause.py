# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hands off: people pause the cluster or a node with their own rights, and the healer's plan says that it obeys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.tests.api.conftest import (
    Play,
    Played,
    RunModule,
    play_in,
    write_kubeconfig,
)
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import ADMIN_TOKEN, STRANGER_TOKEN, ControlPlane

NODES = ("w1", "w2", "w3", "w4", "w5")
CONFIG_MAPS = "/api/v1/namespaces/self-healing/configmaps"
CONFIG = f"{CONFIG_MAPS}/self-healing-config"
ANNOTATION = "selfheal.kubernetes/paused"
OTHER_UID = "0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10"
HEALING = {"monitor_only": False}


@pytest.fixture
def sick(cluster: ControlPlane) -> Iterator[ControlPlane]:
    """Five nodes of which w1 has been silent for ten minutes, and no settings."""
    cluster.add_nodes(*NODES)
    cluster.make_sick("w1")
    cluster.request("DELETE", CONFIG)
    yield cluster
    cluster.request("DELETE", CONFIG)


@pytest.fixture
def mine(sick: ControlPlane, tmp_path: Path) -> dict[str, Any]:
    """Variables of a person with a kubeconfig of their own."""
    return {
        "selfheal_kubeconfig": str(write_kubeconfig(tmp_path, sick, ADMIN_TOKEN)),
        "selfheal_cluster_uid": sick.uid,
    }


Refused = Callable[..., dict[str, str]]


@pytest.fixture
def refused(sick: ControlPlane, module: RunModule) -> Refused:
    """What the guards say about w1, asked of the plan of a healer that may heal."""

    def ask(**policy: Any) -> dict[str, str]:
        plan = module("remediation_plan_info", cluster_uid=sick.uid, policy=HEALING | policy, hosts={"w1": []})
        assert not plan["blocked"], plan
        said = {one["guard"]: one["message"] for one in plan["refused"] if one["node"] == "w1"}
        # It is either refused or planned.
        assert bool(said) != ([one["node"] for one in plan["actions"]] == ["w1"])
        return said

    return ask


def said(played: Played) -> str:
    return " ".join(played.output.split())


def changed(played: Played) -> int:
    counted = re.search(r"changed=(\d+)", played.output)
    assert counted and played.code == 0, played.output
    return int(counted[1])


def one_clear_line(played: Played, words: str) -> None:
    assert played.code == 2 and "Traceback" not in played.output, played.output
    told = [line for line in played.output.splitlines() if line.startswith("fatal:")]
    assert len(told) == 1 and re.search(words, told[0]) and r"\n" not in told[0], played.output


def moment(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def annotation(cluster: ControlPlane, node: str) -> str | None:
    annotations: dict[str, str] = cluster.get(f"/api/v1/nodes/{node}")["metadata"].get("annotations", {})
    return annotations.get(ANNOTATION)


def test_a_cluster_is_paused_and_resumed(
    sick: ControlPlane, play: Play, mine: dict[str, Any], refused: Refused
) -> None:
    assert refused() == {}
    mark = sick.audit_mark()
    wanted = mine | {"selfheal_reason": "the network is being moved: {hands} off"}
    checked = play("pause", wanted, "--check")
    assert changed(checked) == 1 and "would be done" in said(checked), checked.output
    assert [a for a in sick.audited(mark) if a.mutates] == []
    assert sick.request("GET", CONFIG)[0] == 404

    played = play("pause", wanted)
    assert changed(played) == 1, played.output
    text = sick.get(CONFIG)["data"]["paused"]
    assert re.fullmatch(r"by [^:]+@[^:]+: the network is being moved: \{hands\} off", text)
    assert f"the cluster: paused, {text}" in said(played)
    assert refused() == {"paused": f"the cluster is paused ({text}); the playbook selfheal.kubernetes.resume ends that"}
    again = play("pause", wanted)
    assert changed(again) == 0 and f"the cluster: paused already, {text}" in said(again), again.output
    # Nobody takes a pause away from somebody else by making one that ends sooner.
    other = play("pause", mine | {"selfheal_reason": "lunch", "selfheal_minutes": 10})
    one_clear_line(other, r"paused for another reason already: the cluster \(by .* off\); when that is over")
    assert sick.get(CONFIG)["data"] == {"paused": text}

    sick.must("PATCH", CONFIG, {"data": {"cooldown": "400"}, "metadata": {"labels": {"owner": "us"}}})
    checked = play("resume", mine, "--check")
    assert changed(checked) == 1 and sick.get(CONFIG)["data"]["paused"] == text
    played = play("resume", mine)
    assert changed(played) == 1 and f"the cluster: resumed, its pause was: {text}" in said(played), played.output
    # What else its owner has written is still there.
    kept = sick.get(CONFIG)
    assert kept["data"] == {"cooldown": "400"} and kept["metadata"]["labels"] == {"owner": "us"}
    assert refused() == {}
    mark = sick.audit_mark()
    again = play("resume", mine)
    assert changed(again) == 0 and "the cluster: not paused" in said(again), again.output
    assert [a for a in sick.audited(mark) if a.mutates] == []
    # Now the ConfigMap is there already.
    assert changed(play("pause", wanted)) == 1
    assert sick.get(CONFIG)["data"] == {"cooldown": "400", "paused": text}


def test_a_cluster_without_settings_is_not_paused(sick: ControlPlane, play: Play, mine: dict[str, Any]) -> None:
    mark = sick.audit_mark()
    assert changed(play("resume", mine)) == 0
    assert [a for a in sick.audited(mark) if a.mutates] == []
    assert sick.request("GET", CONFIG)[0] == 404


def test_nodes_are_paused_and_resumed(sick: ControlPlane, play: Play, mine: dict[str, Any], refused: Refused) -> None:
    for node in NODES:
        own = {"metadata": {"annotations": {"example.org/theirs": node, "selfheal.kubernetes/other": "x"}}}
        sick.must("PATCH", f"/api/v1/nodes/{node}", own)
    before = {node: sick.get(f"/api/v1/nodes/{node}")["metadata"]["annotations"] for node in NODES}
    wanted = mine | {"selfheal_reason": "new disks", "selfheal_minutes": "60", "awx_job_id": 4711}
    wanted |= {"awx_user_name": "anna"}
    begun = moment(0)
    played = play("pause", wanted | {"selfheal_nodes": ["w1", "w3"]})
    assert changed(played) == 1, played.output
    text = annotation(sick, "w1")
    assert text is not None and text.endswith("Z by awx-job-4711 of anna: new disks")
    # An hour on the API server's clock, which is this machine's.
    assert begun < moment(0) and moment(3600 - 120) <= text[:20] <= moment(3600)
    assert annotation(sick, "w3") == text
    assert annotation(sick, "w2") is None
    assert refused() == {"paused": f"annotation {ANNOTATION}={text!r} is on the node; take it off to allow repairs"}

    # Another job that wants the same wants nothing new, and one that wants it for longer does. As text, like -e gives.
    again = play("pause", wanted | {"selfheal_nodes": "w1, w3", "awx_job_id": 4712})
    assert changed(again) == 0 and annotation(sick, "w1") == text, again.output
    longer = play("pause", wanted | {"selfheal_nodes": ["w1"], "selfheal_minutes": 120})
    assert changed(longer) == 1 and (annotation(sick, "w1") or "")[:20] > text[:20]
    assert annotation(sick, "w3") == text
    # The cluster's pause is another one.
    assert changed(play("resume", mine)) == 0 and annotation(sick, "w1")

    # All or nothing: w2 is paused by hand, which a healer takes as well, and nobody has heard of w9.
    sick.must("PATCH", "/api/v1/nodes/w2", {"metadata": {"annotations": {ANNOTATION: ""}}})
    mark = sick.audit_mark()
    one_clear_line(
        play("pause", wanted | {"selfheal_nodes": ["w4", "w2"]}), r"another reason already: node w2 \(\); when"
    )
    one_clear_line(
        play("pause", wanted | {"selfheal_nodes": ["w4", "w9", "w8"]}), "no such node in this cluster: w9, w8"
    )
    one_clear_line(play("resume", mine | {"selfheal_nodes": ["w1", "w9"]}), "no such node in this cluster: w9")
    assert [a for a in sick.audited(mark) if a.mutates] == []

    played = play("resume", mine | {"selfheal_nodes": list(NODES)})
    assert changed(played) == 1, played.output
    assert refused() == {}
    for node in NODES:
        assert sick.get(f"/api/v1/nodes/{node}")["metadata"]["annotations"] == before[node]
    assert changed(play("resume", mine | {"selfheal_nodes": list(NODES)})) == 0


def test_a_pause_ends_by_itself(sick: ControlPlane, play: Play, mine: dict[str, Any], refused: Refused) -> None:
    """Without anybody's doing: what is over holds no more, and may be replaced."""
    over, holds = f"{moment(-60)} by anna@ops-1: lunch", f"{moment(60)} by anna@ops-1: lunch"
    for text, guards in ((over, set()), (holds, {"paused"})):
        sick.must("PATCH", "/api/v1/nodes/w1", {"metadata": {"annotations": {ANNOTATION: text}}})
        assert set(refused()) == guards
    sick.must("PATCH", "/api/v1/nodes/w1", {"metadata": {"annotations": {ANNOTATION: None}}})
    sick.must("POST", CONFIG_MAPS, {"metadata": {"name": "self-healing-config"}, "data": {"paused": holds}})
    assert set(refused()) == {"paused"}
    # What the owner has paused no job can resume.
    assert set(refused(paused="")) == set(refused(paused=f"{moment(-60)} x")) == {"paused"}
    sick.must("PATCH", CONFIG, {"data": {"paused": over}})
    assert refused() == {}
    assert changed(play("pause", mine | {"selfheal_reason": "dinner"})) == 1
    assert set(refused()) == {"paused"}


def test_mistakes_are_told_at_once_and_nothing_is_asked(sick: ControlPlane, play: Play, mine: dict[str, Any]) -> None:
    mark = sick.audit_mark()
    wrong = {"selfheal_nodes": [], "selfheal_minutes": 10081, "selfheal_cluster_id": "x"}
    one_clear_line(
        play("pause", mine | wrong),
        r"selfheal_cluster_id: not a variable.* \| selfheal_reason: say in one line why.* \| selfheal_minutes: expected"
        r" an integer from 1 to 10080 \(minutes\), got 10081 \| selfheal_nodes: expected a list of node names, got an"
        " empty one; leave it out for the whole cluster",
    )
    for reason, minutes in (("x" * 121, 0), ("two\nlines", "1h"), ("\x1b[2J", "-5")):
        one_clear_line(
            play("pause", mine | {"selfheal_reason": reason, "selfheal_minutes": minutes}),
            r"selfheal_reason: expected one printable line of at most 120 characters \| selfheal_minutes: expected an"
            rf" integer from 1 to 10080 \(minutes\), got {minutes}",
        )
    one_clear_line(play("resume", mine | {"selfheal_nodes": {"w1": 1}}), "selfheal_nodes: expected a list")
    assert sick.audited(mark) == []
    one_clear_line(play("resume", mine | {"selfheal_nodes": ["W_1"]}), "node name 'W_1' is not valid")
    for playbook in ("pause", "resume"):
        other = {"selfheal_cluster_uid": OTHER_UID, "selfheal_reason": "x"}
        one_clear_line(play(playbook, mine | other), f"wrong cluster .*, expected {OTHER_UID}")
    assert [a for a in sick.audited(mark) if a.mutates] == []


def test_without_the_rights_nothing_is_paused(
    sick: ControlPlane, mine: dict[str, Any], healer_token: str, tmp_path: Path
) -> None:
    """The healer itself has them not: it can neither pause nor, which matters more, resume."""
    sick.must("PATCH", "/api/v1/nodes/w1", {"metadata": {"annotations": {ANNOTATION: "by us"}}})
    sick.must("POST", CONFIG_MAPS, {"metadata": {"name": "self-healing-config"}, "data": {"paused": "by us"}})
    folder = tmp_path / "healer"
    folder.mkdir()
    node = {"selfheal_nodes": ["w1"]}
    theirs = mine | {"selfheal_kubeconfig": str(write_kubeconfig(folder, sick, healer_token))}
    words = r'still paused: .*forbidden: User \\?"system:serviceaccount:self-healing:selfheal-healer\\?"'
    one_clear_line(play_in(folder, "resume", theirs), words)
    one_clear_line(play_in(folder, "resume", theirs | node), words)
    one_clear_line(play_in(folder, "resume", theirs | node, "--check"), words)
    theirs = mine | {"selfheal_kubeconfig": str(write_kubeconfig(folder, sick, STRANGER_TOKEN))}
    one_clear_line(play_in(folder, "resume", theirs | node), "HTTP 403")
    assert annotation(sick, "w1") == sick.get(CONFIG)["data"]["paused"] == "by us"


def test_a_token_in_place_of_a_kubeconfig(sick: ControlPlane, play: Play, refused: Refused) -> None:
    by_token = {
        "selfheal_host": sick.url,
        "selfheal_api_key": ADMIN_TOKEN,
        "selfheal_ca_cert": str(sick.ca_cert),
        "selfheal_reason": "by token",
    }
    assert changed(play("pause", by_token)) == 1
    assert set(refused()) == {"paused"}
    assert changed(play("resume", by_token)) == 1
    assert refused() == {}


def test_without_kubernetes_core_one_line_says_so(sick: ControlPlane, mine: dict[str, Any], tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "ansible_collections" / "selfheal"
    alone.mkdir(parents=True)
    (alone / "kubernetes").symlink_to(Path(__file__).parents[2])
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "alone"),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "0",
    }
    mark = sick.audit_mark()
    for playbook in ("pause", "resume"):
        played = play_in(tmp_path, playbook, mine | {"selfheal_reason": "x"}, environment=environment)
        one_clear_line(
            played, "the collection kubernetes.core is not installed: ansible-galaxy collection install kubernetes.core"
        )
    assert sick.audited(mark) == []


@pytest.mark.parametrize("playbook", ["pause", "resume", "report"])
def test_a_run_that_does_nothing_does_not_end_green(play: Play, playbook: str) -> None:
    for options in (("--limit", "foo"), ("--skip-tags", "always")):
        played = play(playbook, {"selfheal_kubeconfig": "/nowhere"}, *options, inventory="\n")
        assert played.code == 4 and "TASK" not in played.output, played.output
    played = play(playbook, {}, "--list-tasks")
    assert played.code == 0, played.output
