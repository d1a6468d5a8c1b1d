# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is its own; test_pressure.py has what all three share."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.node_memory_pressure import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy, Severity, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago, node, ready, snapshot


def test_the_kubelets_own_words() -> None:
    said = Condition(
        "MemoryPressure", "True", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available", ago(2000)
    )
    (finding,) = CHECK.evaluate(snapshot([node(conditions=(ready(), said))]), Policy())
    assert (finding.check, finding.reason, finding.verdict) == (
        "NodeMemoryPressure",
        "KubeletHasInsufficientMemory",
        Verdict.UNHEALTHY,
    )
    assert (
        finding.message
        == "MemoryPressure is True (KubeletHasInsufficientMemory: kubelet has insufficient memory available)"
    )
    assert (finding.threshold, finding.severity, finding.since) == (1800, Severity.ERROR, ago(2000))


def test_a_ready_node_that_does_not_say() -> None:
    (finding,) = CHECK.evaluate(snapshot([node(conditions=(ready(),))]), Policy())
    assert (finding.reason, finding.verdict) == ("MemoryPressureUnknown", Verdict.UNKNOWN)


def test_how_far_its_remedy_goes() -> None:
    # Because the memory is that of pods.
    (finding,) = CHECK.evaluate(
        snapshot([node(conditions=(Condition("MemoryPressure", "True", "", "", None),))]), Policy()
    )
    assert finding.remedy is Remedy.NONE


def test_its_reasons() -> None:
    assert set(CHECK.reasons) == {"KubeletHasInsufficientMemory", "MemoryPressureUnknown"}
    assert CHECK.parts == ("nodes",)
