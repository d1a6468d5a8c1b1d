# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import kubelet_version
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, node, ready, snapshot

CHECK = kubelet_version.CHECK
CONTROL_PLANE = {"node-role.kubernetes.io/control-plane": ""}


def findings_of(masters: list[str], workers: list[str]) -> list[Finding]:
    nodes = [node(f"cp{i}", kubelet_version=v, labels=CONTROL_PLANE) for i, v in enumerate(masters)]
    nodes += [node(f"w{i}", kubelet_version=v) for i, v in enumerate(workers)]
    return list(CHECK.evaluate(snapshot(nodes), Policy()))


# Kubelets of the control plane, kubelets of workers -> the reason given for each node that has one.
READINGS = {
    "all alike": (["v1.34.1"], ["v1.34.1", "v1.34.0"], {}),
    "a patch ahead": (["v1.34.1"], ["v1.34.9"], {}),
    "a minor version behind": (["v1.34.1"], ["v1.33.1"], {}),
    "three behind": (["v1.34.0"], ["v1.31.14"], {}),
    "four behind": (["v1.34.0"], ["v1.30.14"], {"w0": "KubeletTooOld"}),
    "one ahead": (["v1.34.0"], ["v1.35.0"], {"w0": "KubeletNewerThanControlPlane"}),
    "numbers, not letters": (["v1.10.0"], ["v1.9.0"], {}),
    "the newest of the control plane counts": (["v1.33.0", "v1.34.0"], ["v1.34.0", "v1.30.0"], {"w1": "KubeletTooOld"}),
    "the control plane's own is too old": (["v1.34.0", "v1.30.0"], [], {"cp1": "KubeletTooOld"}),
    "another major version": (["v2.1.0"], ["v1.34.0"], {"w0": "KubeletTooOld"}),
    "a newer major version": (["v1.34.0"], ["v2.0.0"], {"w0": "KubeletNewerThanControlPlane"}),
    "the first of a major version": (["v2.0.0"], ["v2.0.0"], {}),
    "names of distributors": (["v1.34.0-eks-1de2ab1"], ["v1.31.3+k3s1", "v1.30.0-gke.100"], {"w1": "KubeletTooOld"}),
    "before a release": (["v1.35.0-alpha.1"], ["v1.35.0"], {}),
    "no control plane to be seen": ([], ["v1.34.0", "v1.31.0", "v1.30.0"], {"w2": "KubeletTooOld"}),
    "a control plane that does not say": (
        [""],
        ["v1.34.0", "v1.30.0"],
        {"cp0": "KubeletVersionUnreadable", "w1": "KubeletTooOld"},
    ),
    "nothing said": (["v1.34.0"], [""], {"w0": "KubeletVersionUnreadable"}),
    "nobody says anything": ([], ["", ""], {"w0": "KubeletVersionUnreadable", "w1": "KubeletVersionUnreadable"}),
    "no v": (["v1.34.0"], ["1.34.0"], {"w0": "KubeletVersionUnreadable"}),
    "no minor version": (["v1.34.0"], ["v1"], {"w0": "KubeletVersionUnreadable"}),
    "endless": (["v1.34.0"], ["v1." + "9" * 5000], {"w0": "KubeletVersionUnreadable"}),
    "other digits": (["v1.34.0"], ["v1.\u0663\u0664.0"], {"w0": "KubeletVersionUnreadable"}),
}


@pytest.mark.parametrize(("masters", "workers", "reasons"), READINGS.values(), ids=READINGS)
def test_each_reading(masters: list[str], workers: list[str], reasons: dict[str, str]) -> None:
    findings = findings_of(masters, workers)
    assert {f.node: f.reason for f in findings} == reasons
    assert len(findings) == len(reasons)
    for finding in findings:
        unknown = finding.reason == "KubeletVersionUnreadable"
        assert finding.verdict is (Verdict.UNKNOWN if unknown else Verdict.UNHEALTHY)
        assert (finding.severity, finding.remedy, finding.since) == (Severity.WARNING, Remedy.NONE, None)
        assert "\n" not in finding.message and len(finding.message) < 200


def test_every_reason_is_given_by_some_reading() -> None:
    assert {r for _m, _w, reasons in READINGS.values() for r in reasons.values()} == set(CHECK.reasons)


def test_both_versions_are_in_the_message_and_in_the_evidence() -> None:
    (finding,) = findings_of(["v1.34.2"], ["v1.29.5"])
    assert finding.message == "the kubelet is v1.29.5, more than 3 minor versions older than the control plane's v1.34"
    assert finding.evidence == {"kubelet": "v1.29.5", "compared_with": "v1.34"}
    (finding,) = findings_of(["v1.34.2"], ["v1.35.0"])
    assert finding.message == "the kubelet is v1.35.0, newer than the control plane's v1.34"
    (finding,) = findings_of([], ["v1.34.2", "v1.29.5"])
    assert finding.message == "the kubelet is v1.29.5, more than 3 minor versions older than the newest kubelet's v1.34"
    (finding,) = findings_of([], [""])
    assert finding.message == "the kubelet's version is no version: ''"


@pytest.mark.parametrize("conditions", [(), (ready("Unknown"),), (ready("False"),)], ids=["none", "Unknown", "False"])
def test_a_kubelet_that_never_spoke_is_told_by_others(conditions: tuple[Condition, ...]) -> None:
    silent = node(kubelet_version="", conditions=conditions)
    assert not list(CHECK.evaluate(snapshot([silent]), Policy()))


def test_the_order_of_nodes_does_not_matter() -> None:
    nodes = [node("a", kubelet_version="v1.30.0"), node("b", kubelet_version="v1.34.0", labels=CONTROL_PLANE)]
    assert [f.node for f in CHECK.evaluate(snapshot(nodes), Policy())] == ["a"]
    assert [f.node for f in CHECK.evaluate(snapshot(nodes[::-1]), Policy())] == ["a"]


def test_no_nodes_no_findings() -> None:
    assert list(CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []
    assert list(CHECK.evaluate(snapshot([]), Policy())) == []
    assert CHECK.parts == ("nodes",)
