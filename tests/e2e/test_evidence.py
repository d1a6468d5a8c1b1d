# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reboot takes away is kept before it: once for an incident, without secrets, and named where people look."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lab.drill import Drill, now, stamp
from lab.engine import docker

FAULT = "kubelet has lost its way to the drill"
SECRET = "hunter2hunter2"
# What kubelet itself says at each start, so that it stands in its journal as in a real fault. systemd knows at once
# that a unit of this type has failed, so no repair waits for it.
BROKEN = f"/bin/sh -c 'echo {FAULT}; echo token={SECRET}; exit 1'\nType=oneshot\nRestart=no"


def starts(drill: Drill, node: str, since: Any) -> int:
    """How often the engine has started the node's container since then."""
    span = ("--since", stamp(since), "--until", stamp(now()))
    filters = ("--filter", f"container={node}", "--filter", "event=start", "--format", "x")
    return len(docker("events", *span, *filters, env=drill.cluster.env()).stdout.split())


def journal(drill: Drill, node: str) -> str:
    return drill.cluster.exec(node, "journalctl", "-u", "kubelet", "-o", "cat", "--no-pager").stdout


def told(drill: Drill) -> dict[str, Any]:
    """What the only incident says of its bundle."""
    [incident] = drill.incidents()
    bundle: dict[str, Any] = incident["status"].get("evidenceBundle", {})
    return bundle


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_evidence_is_kept_once_before_what_takes_it_away(healthy: Drill, tmp_path: Path) -> None:
    sick, kept = healthy.worker(), tmp_path / "kept"
    kept.mkdir()
    healthy.break_unit(sick, BROKEN)
    healthy.wait_until_due(sick)
    policy: dict[str, Any] = {
        "cooldown": 0,
        "cooldown_max": 0,
        "max_attempts": 10,
        "recovery_timeout": 60,
        "reboot_driver": "docker",
        "thresholds": {"NodeReady": 5, "NodeHeartbeat": 5},
        "waiting_timeout": 60,
    }
    since = now()

    # A restart of a service takes nothing away, so it costs no bundle.
    soft = healthy.heal(selfheal_policy=policy, selfheal_evidence_dir=str(kept))
    assert soft.code == 2 and f"FAILED kubelet_restart on {sick}" in soft.output, soft.output
    assert list(kept.iterdir()) == [] and told(healthy) == {}
    assert FAULT in journal(healthy, sick) and SECRET in journal(healthy, sick), "the fault and the secret are there"

    # Without a folder the node is repaired all the same, and the incident says why there is nothing.
    check = healthy.heal("--check", selfheal_policy=policy, selfheal_evidence_dir=str(kept))
    assert f"DO     node_reboot on {sick}" in check.output and list(kept.iterdir()) == [], check.output
    none = healthy.heal(selfheal_policy=policy, selfheal_evidence_dir=str(tmp_path / "none"))
    assert none.code == 2 and f"FAILED node_reboot on {sick}" in none.output, none.output
    assert starts(healthy, sick, since) == 1
    assert "none is not a directory on the controller" in told(healthy)["reason"]
    assert "name" not in told(healthy)

    run = healthy.heal(selfheal_policy=policy, selfheal_evidence_dir=str(kept))
    assert run.code == 2 and f"FAILED node_reboot on {sick}" in run.output, run.output
    assert starts(healthy, sick, since) == 2
    [path] = kept.iterdir()
    assert path.stat().st_mode & 0o7777 == 0o600
    data = path.read_bytes()
    assert told(healthy) == {"name": path.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    assert healthy.uid() in path.name and sick in path.name
    text = gzip.decompress(data).decode()
    assert len(text) <= 2097152 and SECRET not in text
    bundle = json.loads(text)
    sections = {one["name"]: one for one in bundle["sections"]}
    assert FAULT in "\n".join(sections["journal of kubelet"]["lines"])
    assert sections["journal of kubelet"]["secrets_left_out"] >= 1
    # Without kubelet nobody has written kube-proxy's rules since the reboot before.
    assert "*nat" in sections["packet filter"]["lines"]
    assert any("default via" in line for line in sections["routes"]["lines"])
    assert any("calico" in line or "pause" in line for line in sections["containers"]["lines"])
    assert not [name for name, one in sections.items() if not one["lines"]], "this host can answer all of it"
    assert path.name in run.output and SECRET not in run.output

    again = healthy.heal(selfheal_policy=policy, selfheal_evidence_dir=str(kept))
    assert again.code == 2 and f"FAILED node_reboot on {sick}" in again.output, again.output
    assert starts(healthy, sick, since) == 3, "the same was done once more"
    assert list(kept.iterdir()) == [path] and path.read_bytes() == data
    assert told(healthy)["name"] == path.name and "EVIDENCE" not in again.output

    report = healthy.playbook("report", selfheal_nodes=[sick])
    assert report.code == 0 and f"evidence bundle {path.name}" in report.output, report.output
