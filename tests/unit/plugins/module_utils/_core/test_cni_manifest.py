# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a manifest is applied to a cluster that has settings of its own, and which manifests are refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni import network_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni_manifest import (
    KINDS,
    RBAC,
    ManifestError,
    Merged,
    first_difference,
    full_name,
    merge,
    mirrored,
    objection_to_mirrors,
    read_manifest,
)
from hypothesis import given
from hypothesis import strategies as st

CNI = json.dumps({"name": "k8s-pod-network", "plugins": [{"type": "calico"}, {"type": "portmap"}]})
CNI = CNI.replace('"calico"}', '"calico", "mtu": __CNI_MTU__}')
NODE = {"fieldRef": {"fieldPath": "spec.nodeName"}}
MTU = {"configMapKeyRef": {"name": "calico-config", "key": "veth_mtu"}}


def thing(version: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
    inside = {"namespace": "kube-system"} if KINDS.get((version, kind), (0, False))[1] else {}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **inside}, **more}


def workload(kind: str, name: str, image: str, **spec: Any) -> dict[str, Any]:
    env = [
        {"name": "NODENAME", "valueFrom": NODE},
        {"name": "IP", "value": "autodetect"},
        {"name": "CALICO_IPV4POOL_VXLAN", "value": "CrossSubnet"},
        {"name": "FELIX_VXLANMTU", "valueFrom": MTU},
    ]
    pods = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "initContainers": [{"name": "install-cni", "image": image.replace("/node:", "/cni:")}],
        "containers": [{"name": name, "image": image, "env": env if kind == "DaemonSet" else []}],
    }
    labels = {"k8s-app": name}
    body = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pods}, **spec}
    return thing("apps/v1", kind, name, spec=body)


def calico(version: str = "v3.28.5") -> list[dict[str, Any]]:
    return [
        thing("v1", "ServiceAccount", "calico-node"),
        thing("v1", "ConfigMap", "calico-config", data=settings()),
        thing(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "ippools.crd.projectcalico.org",
            spec={"group": "crd.projectcalico.org", "versions": [{"name": "v1", "served": True}]},
        ),
        thing(RBAC, "ClusterRole", "calico-node", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
        thing(
            RBAC,
            "ClusterRoleBinding",
            "calico-node",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "calico-node"},
            subjects=[{"kind": "ServiceAccount", "name": "calico-node", "namespace": "kube-system"}],
        ),
        workload("DaemonSet", "calico-node", f"docker.io/calico/node:{version}"),
        workload("Deployment", "calico-kube-controllers", f"docker.io/calico/kube-controllers:{version}", replicas=1),
    ]


def settings(**more: str) -> dict[str, str]:
    base = {"calico_backend": "vxlan", "typha_service_name": "none", "veth_mtu": "0", "cni_network_config": CNI}
    return {**base, **more}


def flannel() -> list[dict[str, Any]]:
    net = {"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}
    data = {"cni-conf.json": json.dumps({"plugins": [{"type": "flannel"}]}), "net-conf.json": json.dumps(net)}
    made = [
        thing("v1", "Namespace", "kube-flannel"),
        thing("v1", "ConfigMap", "kube-flannel-cfg", data=data),
        workload("DaemonSet", "kube-flannel-ds", "docker.io/flannel/flannel:v0.25.1"),
    ]
    container = made[2]["spec"]["template"]["spec"]["containers"][0]
    container |= {"name": "kube-flannel", "args": ["--ip-masq", "--kube-subnet-mgr"], "env": []}
    for one in made[1:]:
        one["metadata"]["namespace"] = "kube-flannel"
    return made


def in_cluster(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The objects as the API server gives them: with its own fields and defaults."""
    made = copy.deepcopy(objects)
    for one in made:
        one["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 1}
        template = (one.get("spec") or {}).get("template")
        for container in [
            c for p in ("initContainers", "containers") for c in (template or {"spec": {}})["spec"].get(p, ())
        ]:
            container["terminationMessagePath"] = "/dev/termination-log"
            if not container.get("env"):
                container.pop("env", None)
    return made


def find(objects: list[dict[str, Any]], kind: str, name: str = "") -> dict[str, Any]:
    return next(o for o in objects if o["kind"] == kind and name in o["metadata"]["name"])


def container(item: dict[str, Any]) -> dict[str, Any]:
    return dict(item["spec"]["template"]["spec"]["containers"][0])


def env(item: dict[str, Any]) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container(item).get("env", ())}


def merged(mine: list[dict[str, Any]], there: list[dict[str, Any]], **options: Any) -> Merged:
    manifest = read_manifest(mine)
    have = {(o["kind"], o["metadata"]["name"]): o for o in there}
    live = {ref: have.get((ref.kind, ref.name)) for ref in manifest.objects}
    network = network_of(o for o in there if o["kind"] == "DaemonSet")
    return merge(manifest, live, options.pop("pools", ()), network, **options)


def refused(mine: list[dict[str, Any]], there: list[dict[str, Any]], **options: Any) -> str:
    with pytest.raises(ManifestError) as raised:
        merged(mine, there, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def pool(name: str = "mine", cidr: str = "10.9.0.0/16", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"cidr": cidr, "ipipMode": "Never", "vxlanMode": "Always", **spec}}


# --- what is applied


def test_what_is_there_is_not_applied_again() -> None:
    done = merged(calico(), in_cluster(calico()), pools=[pool()])
    assert done == Merged()
    assert merged(flannel(), in_cluster(flannel())) == Merged()


def test_what_is_missing_is_applied_in_the_order_of_the_manifest() -> None:
    there = [o for o in in_cluster(calico()) if o["kind"] not in ("ServiceAccount", "DaemonSet")]
    done = merged(calico(), there)
    assert [(o["kind"], o["metadata"]["name"]) for o in done.objects] == [
        ("ServiceAccount", "calico-node"),
        ("DaemonSet", "calico-node"),
    ]
    assert done.changes == [
        "ServiceAccount kube-system/calico-node is missing",
        "DaemonSet kube-system/calico-node is missing",
    ]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda p: p["nodeSelector"].update(lab="x"), "spec.template.spec.nodeSelector"),
        (lambda p: p["nodeSelector"].clear(), "spec.template.spec.nodeSelector"),
        (lambda p: p["containers"][0].update(image="docker.io/calico/node:broken"), "containers[calico-node].image"),
        (lambda p: p["initContainers"].clear(), "spec.template.spec.initContainers[install-cni]"),
        (lambda p: p["containers"][0]["env"].pop(0), "containers[calico-node].env[NODENAME]"),
    ],
)
def test_what_was_changed_by_mistake_is_applied(change: Any, place: str) -> None:
    there = in_cluster(calico())
    change(find(there, "DaemonSet")["spec"]["template"]["spec"])
    done = merged(calico(), there, allow_older=True)
    assert [o["kind"] for o in done.objects] == ["DaemonSet"]
    assert done.changes[0].startswith("DaemonSet kube-system/calico-node differs in ") and place in done.changes[0]


def test_what_the_server_wrote_is_not_sent_back() -> None:
    mine = in_cluster(calico())
    find(mine, "DaemonSet")["status"] = {"numberReady": 3}
    [item] = merged(mine, [o for o in in_cluster(calico()) if o["kind"] != "DaemonSet"]).objects
    assert "status" not in item and set(item["metadata"]) == {"name", "namespace"}


def test_neither_the_manifest_nor_the_cluster_s_objects_are_changed() -> None:
    mine, there = calico(), in_cluster(calico())
    find(there, "DaemonSet")["spec"]["template"]["spec"]["containers"][0]["env"][1]["value"] = "can-reach=1.1.1.1"
    before = copy.deepcopy((mine, there))
    merged(mine, there, mirrors={"docker.io": "here:5000"})
    assert (mine, there) == before


# --- what people have set


def test_settings_of_people_win() -> None:
    there = in_cluster(calico())
    find(there, "ConfigMap")["data"] |= {"veth_mtu": "1372", "own": "kept"}
    find(there, "Deployment")["spec"]["replicas"] = 2
    live = container(find(there, "DaemonSet"))["env"]
    live[1:] = [
        {"name": "IP", "value": "10.1.2.3"},
        {"name": "CALICO_IPV4POOL_VXLAN", "value": "Never"},
        {"name": "CALICO_IPV4POOL_CIDR", "value": "10.9.0.0/16"},
        {"name": "IP_AUTODETECTION_METHOD", "value": "interface=eth1"},
        {"name": "FELIX_VXLANMTU", "value": "1300"},
        {"name": "SOMETHING_ELSE", "value": "stays with its owner"},
    ]
    find(there, "DaemonSet")["spec"]["template"]["spec"]["nodeSelector"] = {}
    done = merged(calico(), there)
    [item] = done.objects
    assert env(item) == {
        "NODENAME": NODE,
        "IP": "10.1.2.3",
        "CALICO_IPV4POOL_VXLAN": "Never",
        "CALICO_IPV4POOL_CIDR": "10.9.0.0/16",
        "IP_AUTODETECTION_METHOD": "interface=eth1",
        "FELIX_VXLANMTU": "1300",
    }
    assert "veth_mtu of ConfigMap kube-system/calico-config" in done.kept
    assert any(line.startswith("FELIX_VXLANMTU of container calico-node") for line in done.kept)


def test_a_configuration_that_cannot_be_meant_is_not_kept() -> None:
    for broken in ("{", json.dumps({"plugins": [{"type": "bridge"}]}), "[]", ""):
        there = in_cluster(calico())
        find(there, "ConfigMap")["data"] |= {"cni_network_config": broken, "veth_mtu": "1372"}
        [item] = merged(calico(), there).objects
        assert item["data"] == settings(veth_mtu="1372")


def test_the_pools_tell_what_a_deleted_daemonset_cannot() -> None:
    there = [o for o in in_cluster(calico()) if o["kind"] != "DaemonSet"]
    done = merged(calico(), there, pools=[pool(), pool("six", "fd00::/64")])
    assert {k: v for k, v in env(done.objects[0]).items() if "POOL" in k} == {
        "CALICO_IPV4POOL_CIDR": "10.9.0.0/16",
        "CALICO_IPV4POOL_IPIP": "Never",
        "CALICO_IPV4POOL_VXLAN": "Always",
        "CALICO_IPV6POOL_CIDR": "fd00::/64",
        "CALICO_IPV6POOL_VXLAN": "Always",
    }
    # Of two pools nobody knows which one was the default.
    two = merged(calico(), there, pools=[pool(), pool("two", "10.8.0.0/16")])
    assert "CALICO_IPV4POOL_CIDR" not in env(two.objects[0])


def test_lost_settings_are_not_made_up() -> None:
    there = [o for o in in_cluster(calico()) if o["kind"] != "ConfigMap"]
    assert "ConfigMap kube-system/calico-config is gone, and with it the cluster's settings" in refused(calico(), there)
    done = merged(calico(), there, accept_defaults=True)
    assert done.changes == ["ConfigMap kube-system/calico-config is missing"]
    ipip = [pool(ipipMode="Always")]
    assert "IPPool mine is encapsulated by IPIP" in refused(calico(), there, accept_defaults=True, pools=ipip)


def test_pools_and_calico_s_own_settings_are_left_alone() -> None:
    own = thing("crd.projectcalico.org/v1", "IPPool", "other", spec={"cidr": "10.9.128.0/17"})
    felix = thing("crd.projectcalico.org/v1", "FelixConfiguration", "default", spec={"mtu": 1})
    there = in_cluster([*calico(), felix])
    felix = {**felix, "spec": {"mtu": 2}}
    done = merged([*calico(), own, felix], there, pools=[pool()])
    assert done.objects == [] and done.left == [
        "IPPool other: the cluster has its own",
        "FelixConfiguration default: the cluster has its own",
    ]
    done = merged([*calico(), own], in_cluster(calico()))
    assert [o["kind"] for o in done.objects] == ["IPPool"], "a cluster without any gets it"


def test_flannel_keeps_its_network_and_its_interface() -> None:
    there = in_cluster(flannel())
    net = json.dumps({"Network": "10.77.0.0/16", "Backend": {"Type": "host-gw"}})
    find(there, "ConfigMap")["data"]["net-conf.json"] = net
    container(find(there, "DaemonSet"))
    there[2]["spec"]["template"]["spec"]["containers"][0]["args"] = ["--ip-masq", "--iface=eth1"]
    done = merged(flannel(), there)
    assert [o["kind"] for o in done.objects] == ["DaemonSet"]
    assert container(done.objects[0])["args"] == ["--ip-masq", "--kube-subnet-mgr", "--iface=eth1"]
    find(there, "ConfigMap")["data"]["net-conf.json"] = "{}"
    assert "net-conf.json of ConfigMap kube-flannel/kube-flannel-cfg has no Network" in refused(flannel(), there)


def test_images_come_from_where_the_cluster_has_them() -> None:
    there = in_cluster(json.loads(json.dumps(calico("v3.28.4")).replace("docker.io/calico", "here:5000/net/calico")))
    done = merged(calico(), there)
    images = [
        c["image"]
        for o in done.objects
        for p in ("initContainers", "containers")
        for c in o["spec"]["template"]["spec"][p]
    ]
    assert set(images) == {f"here:5000/net/calico/{n}:v3.28.5" for n in ("node", "cni", "kube-controllers")}
    done = merged(calico(), there, mirrors={"docker.io": "other"})
    assert container(done.objects[0])["image"] == "other/calico/node:v3.28.5"


# --- what is refused


def test_an_older_version_is_refused_unless_it_is_allowed() -> None:
    there = in_cluster(calico("v3.29.0"))
    assert "it is calico 3.28.5, older than 3.29.0, which runs" in refused(calico(), there)
    assert len(merged(calico(), there, allow_older=True).objects) == 2
    assert "the manifest's version of calico cannot be told" in refused(calico("mine"), there)
    assert "the cluster's version of calico cannot be told" in refused(calico(), in_cluster(calico("mine")))
    # What is left of a deleted DaemonSet tells, too.
    rest = [o for o in there if o["kind"] != "DaemonSet"]
    assert "older than 3.29.0" in refused(calico(), rest)


def test_a_kind_is_never_replaced_by_an_older_or_equal_one() -> None:
    there = in_cluster(calico())
    kind = find(there, "CustomResourceDefinition")
    kind["spec"]["versions"].append({"name": "v2", "served": True})
    mine = calico()
    find(mine, "CustomResourceDefinition")["spec"]["group"] = "other"
    assert merged(mine, there).objects == []
    newer = calico("v3.30.0")
    assert "of the manifest does not know v2" in refused(newer, there)
    find(newer, "CustomResourceDefinition")["spec"]["versions"] = [
        {"name": n, "served": True} for n in ("v1", "v2", "v3")
    ]
    assert "CustomResourceDefinition" in [o["kind"] for o in merged(newer, there).objects]


@pytest.mark.parametrize("kind", ["DaemonSet", "Deployment"])
def test_what_cannot_be_merged_is_named(kind: str) -> None:
    there = in_cluster(calico())
    find(there, kind)["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    assert f"{kind} kube-system/calico-" in refused(calico(), there)
    there = in_cluster(calico())
    find(there, "ConfigMap")["data"]["calico_backend"] = "bird"
    find(there, "DaemonSet")["spec"]["template"]["spec"]["containers"][0]["env"][0] = {
        "name": "NODENAME",
        "value": "w1",
    }
    told = refused(calico(), there)
    assert "calico_backend is 'bird' in ConfigMap kube-system/calico-config, and 'vxlan' in the manifest" in told
    assert "NODENAME of container calico-node in DaemonSet kube-system/calico-node is a value in one place" in told


@pytest.mark.parametrize(
    ("change", "manager"),
    [
        (
            {"ownerReferences": [{"controller": True, "kind": "Installation", "name": "default", "uid": "i"}]},
            "an operator",
        ),
        (
            {"annotations": {"meta.helm.sh/release-name": "net", "meta.helm.sh/release-namespace": "x"}},
            "Helm (release net",
        ),
    ],
)
def test_what_others_make_is_left_to_them(change: dict[str, Any], manager: str) -> None:
    there = in_cluster(calico())
    daemonset = find(there, "DaemonSet")
    daemonset["metadata"] |= change
    daemonset["spec"]["template"]["spec"]["nodeSelector"] = {"lab": "x"}
    done = merged(calico(), there)
    assert done.objects == [] and f"is made by {manager}" in done.left[0]
    assert merged(calico(), there, release=("other", "x")).objects == []
    mine = merged(calico(), there, release=("net", "x")).objects
    assert len(mine) == ("annotations" in change), "the chart of the very release, and never an operator's"


def test_another_provider_s_manifest_is_refused() -> None:
    with pytest.raises(
        ManifestError,
        match="expected one DaemonSet cilium in it, got DaemonSet kube-system/calico-node|it is a manifest of calico",
    ):
        read_manifest(calico(), "cilium")
    manifest = read_manifest(flannel())
    network = network_of(in_cluster(calico())[5:6])
    with pytest.raises(ManifestError, match="it is a manifest of flannel, and the cluster has calico"):
        merge(manifest, {}, network=network)
    elsewhere = calico()
    for one in elsewhere:
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = "calico-system"
    assert "in namespace calico-system, the cluster in kube-system" in refused(elsewhere, in_cluster(calico()))


SUBJECT = {"kind": "ServiceAccount", "name": "calico-node", "namespace": "kube-system"}
STRANGERS = {
    "a pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "calico-x", "namespace": "kube-system"}},
    "a webhook": {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "calico"},
    },
    "another's DaemonSet": workload("DaemonSet", "miner", "x/miner:v1"),
    "another namespace": {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "calico-x", "namespace": "shop"},
    },
    "a namespace": thing("v1", "Namespace", "shop"),
    "kube-system": thing("v1", "Namespace", "kube-system"),
    "another's kind": thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", "x.example.org", spec={}),
    "all rights": thing(
        RBAC, "ClusterRole", "calico-all", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    ),
    "a strong role": thing(
        RBAC,
        "ClusterRoleBinding",
        "calico-x",
        roleRef={"kind": "ClusterRole", "name": "cluster-admin"},
        subjects=[SUBJECT],
    ),
    "a stranger": thing(
        RBAC,
        "ClusterRoleBinding",
        "calico-x",
        roleRef={"kind": "ClusterRole", "name": "calico-node"},
        subjects=[{"kind": "User", "name": "eve"}],
    ),
    "a bad name": thing("v1", "ConfigMap", "calico-$(id)"),
    "no namespace": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "calico-x"}},
    "no object": "text",
    "a list for a spec": thing("apps/v1", "Deployment", "calico-x", spec=["x"]),
    "text for a container": thing(
        "apps/v1", "Deployment", "calico-x", spec={"template": {"spec": {"containers": ["x"]}}}
    ),
    "text for rules": thing(RBAC, "ClusterRole", "calico-x", rules="all"),
    "no metadata": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": None},
    "twice": calico()[0],
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_manifest_is_no_way_to_apply_something_else(name: str) -> None:
    for stranger in (STRANGERS[name], {"kind": "List", "apiVersion": "v1", "items": [STRANGERS[name]]}):
        with pytest.raises(ManifestError) as raised:
            read_manifest([*calico(), stranger])
        assert str(raised.value).isprintable()


def test_a_manifest_without_the_daemonset_is_none() -> None:
    with pytest.raises(
        ManifestError, match="expected one DaemonSet calico-node or cilium or kube-flannel-ds in it, got none"
    ):
        read_manifest([None, *(o for o in calico() if o["kind"] != "DaemonSet")])


def test_secrets_are_left_out() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "calico-x", "namespace": "kube-system"}}
    done = merged([*calico(), secret], in_cluster(calico()))
    assert done.objects == [] and done.left == ["Secret calico-x: Secrets are never read or written"]


# --- images

WORD = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
REGISTRY = st.one_of(st.just(""), WORD.map(lambda w: f"{w}.example.org/"), WORD.map(lambda w: f"{w}:5000/"))
PATH = st.lists(WORD, min_size=1, max_size=3).map("/".join)
TAIL = st.one_of(
    st.just(""), WORD.map(lambda w: f":{w}"), st.just("@sha256:" + "0" * 64), st.just(":v1@sha256:" + "1" * 64)
)


@given(
    registry=REGISTRY, path=PATH, tail=TAIL, mirrors=st.dictionaries(PATH.map(lambda p: f"{p}.org"), PATH, max_size=3)
)
def test_a_mirror_changes_the_beginning_of_a_name_and_nothing_else(
    registry: str, path: str, tail: str, mirrors: dict[str, str]
) -> None:
    image = registry + path + tail
    full = full_name(image)
    assert full.endswith(path + tail) and full_name(full) == full
    assert mirrored(image, {}) == image
    assert mirrored(image, {"x.invalid": "y"}) == image
    first = full.partition("/")[0]
    assert mirrored(image, {first: "m.example.org/sub"}) == "m.example.org/sub" + full[len(first) :]
    for known in mirrors.items():
        assert mirrored(image, mirrors).endswith(tail), known


def test_the_longest_prefix_counts_and_only_whole_parts_of_a_path_do() -> None:
    mirrors = {"docker.io": "a", "docker.io/calico": "b", "docker.io/calic": "c", "quay.io": "d"}
    assert mirrored("calico/node:v1", mirrors) == "b/node:v1"
    assert mirrored("docker.io/calicos/node:v1", mirrors) == "a/calicos/node:v1"
    assert mirrored("busybox", mirrors) == "a/library/busybox"
    assert mirrored("quay.io/x/y@sha256:1", mirrors) == "d/x/y@sha256:1"
    assert mirrored("ghcr.io/x", mirrors) == "ghcr.io/x"


@pytest.mark.parametrize(
    "mirrors", [{"docker.io": ""}, {"docker.io/": "x"}, {"a": "b c"}, {"a": 1}, {1: "a"}, {"a": "b@c"}, {"A": "b"}]
)
def test_what_is_no_mapping_of_mirrors_is_refused(mirrors: Any) -> None:
    assert objection_to_mirrors(mirrors).startswith("expected a mapping")
    assert objection_to_mirrors({"docker.io/calico": "here:5000/calico"}) == ""


# --- comparing

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "mountPath", "nodeSelector", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert first_difference(value, copy.deepcopy(value)) == ""


@given(
    st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), st.dictionaries(st.sampled_from("xyz"), JSON, max_size=3)
)
def test_what_others_have_added_is_no_difference(wanted: dict[str, Any], more: dict[str, Any]) -> None:
    assert first_difference(wanted, {**more, **wanted}) == ""


@given(JSON.filter(bool), st.sampled_from(["spec", "data"]))
def test_what_is_missing_is_one(value: Any, key: str) -> None:
    lacks = first_difference({key: value}, {})
    nothing_in_it = json.dumps(value).strip('[]{}"0a') == "" or not _says(value)
    assert lacks or nothing_in_it


def _says(value: Any) -> bool:
    """Whether there is anything in it."""
    if isinstance(value, dict):
        return any(map(_says, value.values()))
    return bool(value)
