# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that the demo leaves to its user repair what they break."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import SETTINGS

from lab import demo, drill
from lab.cluster import Cluster


def test_the_commands_to_play_wait_and_heal_under_the_policy_of_the_demo() -> None:
    text = demo._to_play(Cluster("play", "small"), "play-worker", Path("/tmp/healer.kubeconfig"), "uid-1")
    commands = [shlex.split(line, comments=True) for line in text.replace("\\\n", " ").splitlines()]
    [heal] = [command for command in commands if "selfheal.kubernetes.heal" in command]
    assert {"selfheal_cluster_uid=uid-1", "selfheal_monitor_only=false"} <= set(heal)
    policy = json.loads(heal[-1])["selfheal_policy"]
    assert set(policy) <= set(SETTINGS)
    assert {**policy, "cooldown": 0} == policy == {**drill.SHORT, "cooldown": 0}
    assert max(policy["transient_tolerance"], Policy(**policy).soft_rung_after) == drill.DUE_AFTER

    names = [command[:2] for command in commands if command]
    [sleep] = [command for command in commands if command[:1] == ["sleep"]]
    assert int(sleep[1]) > drill.DUE_AFTER
    order = [["docker", "exec"], ["kubectl", "wait"], sleep, heal[:2]]
    assert sorted(order, key=names.index) == order
