# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which network plugin a cluster has, and how it is on a node and its host."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni import (
    PEERS,
    PROBE,
    PROVIDERS,
    CniError,
    Network,
    Probe,
    Proof,
    agents_of,
    call_of,
    host_network,
    host_trouble,
    network_of,
    objection_to_image,
    peers_of,
    probe_names,
    probe_pod,
    said_of,
    trouble_of,
    version_of,
)
from hypothesis import given
from hypothesis import strategies as st

CALICO = PROVIDERS["calico"]
FOLDER = "/etc/cni/net.d"


def daemonset(name: str = "calico-node", namespace: str = "kube-system", **metadata: Any) -> dict[str, Any]:
    provider = next((p for p in PROVIDERS.values() if p.daemonset == name), CALICO)
    containers = [
        {"name": "other", "image": "x:v9"},
        {"name": provider.container, "image": f"docker.io/x/{name}:v3.28.5"},
    ]
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": "d", "generation": 2, **metadata},
        "spec": {"template": {"spec": {"containers": containers}}},
        "status": {"observedGeneration": 2},
    }


def network(**metadata: Any) -> Network:
    found = network_of([daemonset(**metadata)])
    assert found
    return found


def pod(name: str = "calico-node-x", ready: str = "True", owner: str = "d", **status: Any) -> dict[str, Any]:
    owners = [{"controller": True, "kind": "DaemonSet", "name": "calico-node", "uid": owner}]
    return {
        "metadata": {"name": name, "namespace": "kube-system", "uid": name, "ownerReferences": owners},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}], **status},
    }


def node(name: str = "w2", ready: str = "True", unavailable: str = "False", **more: Any) -> dict[str, Any]:
    conditions = [
        {"type": "Ready", "status": ready},
        {"type": "NetworkUnavailable", "status": unavailable, "reason": "CalicoIsDown"},
    ]
    return {"metadata": {"name": name, **more.pop("metadata", {})}, "spec": more, "status": {"conditions": conditions}}


# --- the cluster


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda p: p.name)
def test_each_provider_is_found_where_its_makers_put_it(provider: Any) -> None:
    for namespace in provider.namespaces:
        found = network_of([daemonset("fluentd"), daemonset(provider.daemonset, namespace)])
        assert found and (found.provider, found.namespace) == (provider, namespace)
        assert found.image == f"docker.io/x/{provider.daemonset}:v3.28.5" and found.settled and not found.manager
    assert network_of([daemonset(provider.daemonset, "shop")]) is None
    assert network_of([daemonset("fluentd")]) is None


def test_of_several_networks_none_is_taken_unless_one_is_named() -> None:
    both = [daemonset(), daemonset("cilium")]
    with pytest.raises(CniError, match="several network plugins: calico .*, cilium .*; expected one"):
        network_of(both)
    found = network_of(both, "cilium")
    assert found and found.provider.name == "cilium"
    with pytest.raises(CniError, match="expected one of calico, cilium, flannel, got 'weave'"):
        network_of(both, "weave")


def test_who_makes_a_daemonset_is_told_and_a_change_that_nobody_has_seen() -> None:
    owner = {"controller": True, "kind": "Installation", "name": "default\x1b[2J", "uid": "i"}
    assert network(ownerReferences=[owner]).manager == "an operator (Installation default?[2J)"
    helm = network(annotations={"meta.helm.sh/release-name": "net", "meta.helm.sh/release-namespace": "x"})
    assert helm.manager == "Helm (release net in namespace x)" and helm.release == ("net", "x")
    assert not network(generation=3).settled


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/calico/node:v3.28.5", (3, 28, 5)),
        ("quay.io/cilium/cilium:v1.16.0-rc1@sha256:" + "0" * 64, (1, 16, 0)),
        ("localhost:5000/flannel:0.25", (0, 25, 0)),
        ("localhost:5000/flannel", None),
        ("calico/node@sha256:" + "3" * 64, None),
        ("calico/node:latest", None),
        ("", None),
    ],
)
def test_versions(image: str, version: Any) -> None:
    assert version_of(image) == version


def test_the_pods_of_the_plugin_are_those_of_its_daemonset() -> None:
    assert [str(a) for a in agents_of([pod("b"), pod("a"), pod("c", owner="other")], network())] == [
        "kube-system/a",
        "kube-system/b",
    ]


@pytest.mark.parametrize(
    ("pods", "seen", "told"),
    [
        ([pod()], node(), []),
        ([], node(), ["DaemonSet kube-system/calico-node has no pod on it"]),
        (
            [
                pod(
                    ready="False",
                    initContainerStatuses=[{"state": {"waiting": {"reason": "ImagePullBackOff"}}}],
                    containerStatuses=[{"state": {"waiting": {"reason": "PodInitializing"}}}],
                )
            ],
            node(),
            ["pod kube-system/calico-node-x is not ready: ImagePullBackOff"],
        ),
        ([pod()], node(unavailable="True"), ["the node's condition NetworkUnavailable is True (CalicoIsDown)"]),
        ([pod()], {}, []),
    ],
)
def test_what_the_api_shows(pods: list[dict[str, Any]], seen: dict[str, Any], told: list[str]) -> None:
    assert trouble_of(agents_of(pods, network()), network(), seen) == told


def test_unknown_is_not_said_against_the_network() -> None:
    assert said_of({"status": "Unknown"}) == said_of({}) == ""


# --- the host

KUBECONFIG = "/etc/cni/net.d/calico-kubeconfig"
CONFIG = json.dumps(
    {
        "plugins": [
            {
                "type": "calico",
                "ipam": {"type": "calico-ipam"},
                "policy": {"type": "k8s"},
                "kubernetes": {"kubeconfig": KUBECONFIG},
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ]
    }
)
FILES = {"10-calico.conflist": CONFIG, "calico-kubeconfig": "apiVersion: v1"}
ANSWERS = dict.fromkeys(("calico", "calico-ipam", "portmap"), "answers")


def printed(files: dict[str, str], programs: dict[str, str]) -> str:
    lines = []
    for name, text in files.items():
        lines.append(f"file={len(text)} {name}")
        if name.endswith((".conflist", ".conf", ".json")):
            lines.append(f"text={name} {base64.b64encode(text.encode()).decode()}")
    return "\r\n".join([*lines, *(f"program={n} {s}" for n, s in programs.items()), "end="])


def trouble(files: dict[str, str] | None = None, provider: str = "calico", **programs: str) -> list[str]:
    states = {**ANSWERS, **{name.replace("_", "-"): state for name, state in programs.items()}}
    text = printed(FILES if files is None else files, states)
    return host_trouble(host_network(text, FOLDER), PROVIDERS[provider])


def test_a_host_that_has_everything() -> None:
    assert trouble() == []
    assert trouble(flannel="absent", cilium_cni="absent") == [], "what others need is none of its business"
    assert trouble({"10-calico.conf": json.dumps({"type": "calico"})}) == []


@pytest.mark.parametrize(
    ("files", "programs", "told"),
    [
        ({}, {}, "/etc/cni/net.d has no network configuration"),
        ({"x.txt": "x"}, {}, "/etc/cni/net.d has no network configuration"),
        ({**FILES, "10-calico.conflist": ""}, {}, "/etc/cni/net.d/10-calico.conflist is empty"),
        ({**FILES, "10-calico.conflist": CONFIG[:40]}, {}, "10-calico.conflist is no network configuration"),
        ({**FILES, "10-calico.conflist": "[1]"}, {}, "10-calico.conflist is no network configuration"),
        ({**FILES, "10-calico.conflist": '{"plugins": []}'}, {}, "10-calico.conflist is no network configuration"),
        ({**FILES, "00-x.conf": "\x1b[2J"}, {}, "/etc/cni/net.d/00-x.conf is no network configuration"),
        ({"00-x.conf": '{"type": "bridge"}'}, {}, "no configuration in /etc/cni/net.d is that of calico"),
        (
            {"10-calico.conflist": CONFIG},
            {},
            f"{KUBECONFIG}, which /etc/cni/net.d/10-calico.conflist names, is missing",
        ),
        (
            {**FILES, "calico-kubeconfig": ""},
            {},
            f"{KUBECONFIG}, which /etc/cni/net.d/10-calico.conflist names, is empty",
        ),
        (FILES, {"calico": "absent"}, "program calico is missing"),
        (FILES, {"calico": "silent"}, "program calico does not answer as a network plugin does, so it is corrupt"),
        (FILES, {"calico_ipam": "empty"}, "program calico-ipam is empty"),
        (FILES, {"portmap": "plain"}, "program portmap is not executable"),
        ({}, {"calico": "absent"}, "program calico is missing"),
    ],
)
def test_what_is_wrong_on_a_host(files: dict[str, str], programs: dict[str, str], told: str) -> None:
    found = trouble(files, **programs)
    assert any(told in line for line in found), found
    assert all(line.isprintable() for line in found)


def test_a_host_that_has_not_come_to_its_end_says_nothing() -> None:
    for text in ("", "file=1 10-calico.conflist", "Traceback\x1b[2J", printed(FILES, ANSWERS).replace("end=", "")):
        with pytest.raises(CniError, match="the host did not say"):
            host_network(text, FOLDER)


@given(st.text(max_size=200), st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=60), max_size=3))
def test_whatever_a_host_prints_no_traceback_and_no_control_character_comes_of_it(
    text: str, files: dict[str, str]
) -> None:
    seen = host_network(f"{printed({f'{n}.conf': t for n, t in files.items()}, {})}\n{text}\nend=", FOLDER)
    for provider in PROVIDERS.values():
        assert all(line.isprintable() for line in host_trouble(seen, provider))


# --- the proof


def test_other_nodes_are_taken_when_a_pod_can_be_expected_to_run_there() -> None:
    nodes = [
        node("w1"),
        node("cordoned", unschedulable=True),
        node("plane", taints=[{"key": "p", "effect": "NoSchedule"}]),
        node("w3"),
        node("w2"),
        node("silent", ready="Unknown"),
        node("netless", unavailable="True"),
        node("windows", metadata={"labels": {"kubernetes.io/os": "windows"}}),
        node("leaving", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
    ]
    assert peers_of(nodes, "w1") == ["w2", "w3"][:PEERS]
    assert peers_of(nodes[1:3], "w1") == ["plane", "cordoned"]
    assert peers_of(nodes[:1], "w1") == []


def test_a_pod_of_the_proof_has_no_rights_and_ends_by_itself() -> None:
    name, label = probe_names("0b0f3b4e-4d0c-4d8e-8a3f-6d8a5f0f9a11")
    made = probe_pod(f"{name}-target", "self-healing", "w1", label, "busybox", ("true",), 60, "Never")
    spec = made["spec"]
    assert re.fullmatch(r"selfheal-cni-[0-9a-f]{10}-target", made["metadata"]["name"])
    assert made["metadata"]["labels"][PROBE] == label and spec["nodeName"] == "w1"
    assert spec["automountServiceAccountToken"] is False and spec["activeDeadlineSeconds"] == 60
    assert spec["securityContext"]["runAsNonRoot"] and "hostNetwork" not in spec
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_an_address_is_checked_before_it_gets_into_a_command() -> None:
    assert "http://10.0.0.1:8080/" in call_of("10.0.0.1")
    assert "http://[fd00::1]:8080/" in call_of("fd00::1")
    for bad in ("", "$(id)", "10.0.0.1;id", "a b", "x" * 50):
        with pytest.raises(CniError, match="which is none"):
            call_of(bad)


@given(st.text(max_size=40))
def test_what_can_be_no_image_is_refused(text: str) -> None:
    said = objection_to_image(text)
    assert said or re.fullmatch(r"[A-Za-z0-9._:/@-]+", text)
    assert not objection_to_image("selfheal.local/busybox:1")


def test_what_was_not_proven_is_said() -> None:
    assert str(Proof(address="10.0.0.1", unproven="no image")) == "a new pod got address 10.0.0.1; no image"
    whole = Proof(address="10.0.0.1", peer="w2", peer_address="10.0.0.2", reached=True, was_reached=True)
    assert str(whole) == "a new pod got address 10.0.0.1, reached 10.0.0.2 on node w2, and was reached from there"


def test_a_pod_of_the_proof_is_read() -> None:
    item = {
        "metadata": {"name": "p", "uid": "u"},
        "spec": {"nodeName": "w1"},
        "status": {
            "phase": "Pending",
            "podIP": "10.0.0.1",
            "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}],
        },
    }
    assert Probe.from_api(item) == Probe("p", "u", "w1", "Pending", "10.0.0.1", "ErrImagePull")
