# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.corpus.record NAME --kubeconfig FILE --about TEXT``: a real cluster as a file of the corpus.

It asks kubectl, not the code under test, keeps what the checks could read, and leaves the label to a person ("expected"
is null until then). Ids of machines are replaced. Names and messages are not: look them through before you commit the
snapshot of a cluster that is not from the lab.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import ssl
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from ansible_collections.selfheal.kubernetes.tests.corpus import load, make

from lab.shell import LabError, run

Raw = dict[str, Any]

FOLDER = load.HERE / "recorded"
TIMEOUT = 10.0
# Seconds: a living kubelet renews its Lease every 10 s, a controller every 2 s.
WATCHED = 12
# The latest so many: a lab's cluster has hundreds of old ones.
EVENTS = 60
LISTS = {
    "nodes": "/api/v1/nodes",
    "node_leases": "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
    "pods": "/api/v1/pods",
    "daemonsets": "/apis/apps/v1/daemonsets",
    "endpointslices": "/apis/discovery.k8s.io/v1/endpointslices",
    "events": "/api/v1/events?fieldSelector=type%3DWarning",
    "component_leases": "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases",
    "metrics": "/apis/metrics.k8s.io/v1beta1/nodes",
}
PARTS = {"node_leases": "heartbeats", "endpointslices": "services", "component_leases": "components"}
COMPONENTS = ("kube-controller-manager", "kube-scheduler")
METADATA = (
    *("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"),
    *("labels", "annotations", "finalizers", "ownerReferences"),
)
ANNOTATIONS = ("kubernetes.io/config.mirror", "endpoints.kubernetes.io/last-change-trigger-time")
# Kind to the fields that are kept besides the metadata; a mapping goes deeper, a list means each of its items.
NAMED = [{"name": None, "image": None}]
STATUSES = [dict.fromkeys(("name", "ready", "started", "restartCount", "state", "lastState"))]
KEPT: dict[str, Raw] = {
    "nodes": {
        "spec": {"podCIDR": None, "providerID": None, "unschedulable": None, "taints": None},
        "status": {
            **dict.fromkeys(("addresses", "capacity", "allocatable", "conditions")),
            "nodeInfo": dict.fromkeys(("machineID", "bootID", "kubeletVersion", "containerRuntimeVersion")),
        },
    },
    "node_leases": {"spec": None},
    "component_leases": {"spec": None},
    "pods": {
        "spec": {
            "nodeName": None,
            "containers": NAMED,
            "initContainers": NAMED,
            "readinessGates": None,
            "schedulingGates": None,
        },
        "status": {
            **dict.fromkeys(("phase", "reason", "message", "conditions")),
            "containerStatuses": STATUSES,
            "initContainerStatuses": STATUSES,
        },
    },
    "daemonsets": {"spec": {"updateStrategy": None}, "status": None},
    "endpointslices": {"addressType": None, "ports": None, "endpoints": None},
    "events": dict.fromkeys(
        (
            "involvedObject",
            "type",
            "reason",
            "message",
            "firstTimestamp",
            "lastTimestamp",
            "eventTime",
            "count",
            "series",
        )
    ),
    "metrics": dict.fromkeys(("timestamp", "window", "usage")),
}


class Recorder:
    """One cluster to record, by its kubeconfig.

    :param kubectl: the program.
    """

    def __init__(self, kubeconfig: Path, kubectl: str = "kubectl") -> None:
        self._kubectl = [kubectl, "--kubeconfig", str(kubeconfig), "--request-timeout", f"{TIMEOUT:.0f}s"]
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        clusters = {entry["name"]: entry["cluster"] for entry in config["clusters"]}
        contexts = {entry["name"]: entry["context"] for entry in config["contexts"]}
        cluster = clusters[contexts[config["current-context"]]["cluster"]]
        self._server = str(cluster["server"])
        self._authority = base64.b64decode(cluster["certificate-authority-data"]).decode()

    def record(self, name: str, about: str, policy: Raw | None = None) -> Raw:
        """What is there now, without a label.

        :raises LabError: when not even the given API server answers, or kubectl cannot be run.
        """
        endpoints = [self._endpoint(self._server, given=True)]
        observed_at = endpoints[0].pop("date")
        if observed_at is None:
            raise LabError(f"the API server at {self._server} does not answer: {endpoints[0]['trouble']}")
        local_time = datetime.now(UTC)
        unread: dict[str, str] = {"disks": "policy.kubelet_summary is off"}
        objects: Raw = {}
        for key, path in LISTS.items():
            objects[key] = self._items(key, path, unread)
        if objects["component_leases"] is not None:
            leases = objects["component_leases"]
            objects["component_leases"] = [one for one in leases if one["metadata"]["name"] in COMPONENTS]
        for address in _addresses(objects["endpointslices"] or ()):
            endpoints.append(self._endpoint(address))
            endpoints[-1].pop("date")
        objects |= {"endpoints": endpoints, "etcd": load.BY_PODS, "disks": None, "probes": []}
        objects["baseline"] = {"version": 1, "metrics": [], "looks": [], "learned": {}, "since": {}}
        objects["watched"] = self._watch(objects, observed_at)
        objects["left_out"] = {}
        uid = json.loads(self._get("/api/v1/namespaces/kube-system").stdout)["metadata"]["uid"]
        return {
            "name": name,
            "about": about,
            "origin": "recorded",
            "observed_at": observed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "local_time": local_time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "cluster_uid": uid,
            **({"policy": policy} if policy else {}),
            "objects": objects,
            "unread": unread,
            "expected": None,
        }

    def _get(self, path: str, check: bool = True) -> Any:
        return run(*self._kubectl, "get", "--raw", path, check=check)

    def _items(self, key: str, path: str, unread: dict[str, str]) -> list[Raw] | None:
        reply = self._get(path, check=False)
        if reply.returncode:
            words = " ".join(reply.stderr.split()) or f"kubectl: exit {reply.returncode}"
            unread[PARTS.get(key, key)] = words.removeprefix("Error from server ")[:200]
            return None
        items = json.loads(reply.stdout).get("items") or []
        if key == "events":
            items = sorted(items, key=_last_seen)[-EVENTS:]
        return sorted(
            (slim(key, item) for item in items), key=lambda item: json.dumps(item["metadata"], sort_keys=True)
        )

    def _watch(self, objects: Mapping[str, Any], now: datetime) -> dict[str, list[Any]]:
        """Whether the Leases that have run out move: a second look at them, as an observer takes it."""
        first = {}
        for key in ("node_leases", "component_leases"):
            for one in objects[key] or ():
                renewed = datetime.fromisoformat(one["spec"]["renewTime"])
                if (now - renewed).total_seconds() >= one["spec"]["leaseDurationSeconds"] + 1:
                    first[key, one["metadata"]["name"]] = one["spec"]["renewTime"]
        if not first:
            return {}
        time.sleep(WATCHED)
        watched = {}
        for key in sorted({key for key, _name in first}):
            for one in json.loads(self._get(LISTS[key]).stdout)["items"]:
                name = one["metadata"]["name"]
                if (key, name) in first:
                    watched[name] = [one["spec"]["renewTime"] != first[key, name], WATCHED]
        return watched

    def _endpoint(self, address: str, given: bool = False) -> Raw:
        """One API server, asked by itself; ``date`` is its clock."""
        made: Raw = {"address": address, "live": None, "ready": None, "latency_ms": None, "given": given, "date": None}
        where = urlsplit(address)
        context = ssl.create_default_context(cadata=self._authority)
        # kubeadm's authorities lack an identifier that newer Pythons ask for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        connection = http.client.HTTPSConnection(where.hostname or "", where.port, timeout=TIMEOUT, context=context)
        try:
            connection.connect()
            certificate = connection.sock.getpeercert() or {}
            ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
            made["certificate_expires"] = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
            begun = time.monotonic()
            connection.request("GET", "/livez")
            reply = connection.getresponse()
            reply.read()
            made["latency_ms"] = round((time.monotonic() - begun) * 1000, 1)
            made["live"] = reply.status == 200
            made["date"] = parsedate_to_datetime(reply.headers["Date"])
            connection.request("GET", "/readyz?verbose")
            reply = connection.getresponse()
            lines = reply.read().decode().splitlines()
            made["ready"] = reply.status == 200
            made["failed"] = [line[3:].split()[0] for line in lines if line.startswith("[-]")]
        except (OSError, http.client.HTTPException) as error:
            made["trouble"] = str(error) or type(error).__name__
        finally:
            connection.close()
        return made


def slim(key: str, item: Raw) -> Raw:
    """The part of an object that is kept."""
    metadata = {field: item["metadata"][field] for field in METADATA if item["metadata"].get(field)}
    if "annotations" in metadata:
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k in ANNOTATIONS}
        if not metadata["annotations"]:
            del metadata["annotations"]
    for owner in metadata.get("ownerReferences", ()):
        owner.pop("uid", None)
        owner.pop("blockOwnerDeletion", None)
    made = {"metadata": metadata, **_kept(item, KEPT[key])}
    info: Raw = (made.get("status") or {}).get("nodeInfo") or {}
    for field in info.keys() & {"machineID", "bootID"}:
        # The same machine has the same id in every snapshot, and nobody learns which it was.
        info[field] = uuid.uuid5(uuid.NAMESPACE_DNS, info[field]).hex
    for status in [s for name in ("containerStatuses", "initContainerStatuses") for s in _statuses(made, name)]:
        for state in (*(status.get("state") or {}).values(), *(status.get("lastState") or {}).values()):
            state.pop("containerID", None)
    return made


def _statuses(made: Raw, name: str) -> Iterable[Raw]:
    return (made.get("status") or {}).get(name) or ()


def _kept(item: Raw, wanted: Raw) -> Raw:
    made = {}
    for field, deeper in wanted.items():
        value = item.get(field)
        if value is None:
            continue
        if isinstance(deeper, list):
            value = [_kept(each, deeper[0]) for each in value]
        elif isinstance(deeper, dict):
            value = _kept(value, deeper)
        made[field] = value
    return made


def _addresses(slices: Iterable[Raw]) -> list[str]:
    """The API servers, as their own Service lists them."""
    own = [
        one for one in slices if (one["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == "kubernetes"
    ]
    hosts = [host for one in own for each in one.get("endpoints") or () for host in each.get("addresses") or ()]
    return [f"https://{host}:6443" for host in sorted(hosts)]


def _last_seen(event: Raw) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])


def write(content: Raw) -> Path:
    """Write the file of a recorded snapshot."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{content['name']}.json"
    path.write_text(make.text(content), encoding="utf-8")
    return path


def main(arguments: list[str] | None = None) -> int:
    """Record the cluster; 2 when it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus.record", description="Record a cluster.")
    parser.add_argument("name", help="the name of the snapshot, and of its file")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--kubectl", default="kubectl", help="the program (default: the one on PATH)")
    parser.add_argument("--about", required=True, help="one sentence: what is wrong, and how it was made sick")
    options = parser.parse_args(arguments)
    try:
        path = write(Recorder(options.kubeconfig, options.kubectl).record(options.name, options.about))
    except (LabError, OSError) as error:
        print(f"record: {error}", file=sys.stderr)
        return 2
    print(f"{path}: now write what is expected into it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
