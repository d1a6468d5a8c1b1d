# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loss of one who leads, seen by its Lease as well as by the table of processes."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from chaosheal.faults import fault_named
from chaosheal.hands import Hands
from chaosheal.model import Target


@pytest.mark.parametrize("name", ["controller_manager_loss", "scheduler_loss"])
@pytest.mark.parametrize(
    ("holder", "age", "runs", "seen"),
    [
        ("cp-1_5d0c", 2, True, False),
        ("cp-1_5d0c", 60, False, True),
        ("cp-1_5d0c", 2, False, False),
        ("cp-1_5d0c", 60, True, False),
        ("cp-2_77aa", 2, False, True),
        ("", 2, False, True),
        ("cp-11_5d0c", 2, False, True),
    ],
    ids=["well", "lost", "not yet", "runs and does nothing", "another leads", "given up", "a name that begins alike"],
)
def test_it_is_lost_when_it_is_gone_and_renews_its_lease_no_more(
    name: str, holder: str, age: int, runs: bool, seen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = {"controller_manager_loss": "kube-controller-manager", "scheduler_loss": "kube-scheduler"}[name]
    renewed = (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15}
    # What stands in the node's table of processes, and what the API server says of this Lease and no other.
    pgrep = f"""[ "$1 $2" = "-f ^{program}( |$)" ] && exit {0 if runs else 1}; exit 9"""
    told = {
        "pgrep": pgrep,
        "docker": 'shift 2; exec "$@"',
        "kubectl": f"""case "$*" in *"lease {program} -n kube-system"*) echo '{json.dumps({"spec": spec})}';; esac""",
    }
    for word, line in told.items():
        (tmp_path / word).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (tmp_path / word).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    target = Target("cp-1", "0a1b2c3d", planes=("10.0.0.1",))
    assert Hands("kubeconfig").sees(fault_named(name).effect(target, {}), "cp-1") is seen
