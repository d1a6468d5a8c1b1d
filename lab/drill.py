# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demo, the end-to-end tests and the proofs do to a lab cluster, and how they see what came of it.

Faults come through Docker and are seen through kubectl and the API server's audit log: never through the code that
is being proven.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.cluster import Cluster
from lab.shell import LabError

HEALER_USER = "system:serviceaccount:self-healing:selfheal-healer"
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
# The lab's clusters notice a silent kubelet within 20 s, so the drills need not wait for the defaults.
SHORT = {"transient_tolerance": 5, "health_check_interval": 10, "node_failure_threshold": 1, "recovery_timeout": 120}
# Seconds of trouble after which that policy lets a service be restarted.
DUE_AFTER = max(SHORT["transient_tolerance"], SHORT["health_check_interval"] * SHORT["node_failure_threshold"])
DROP_IN = "/etc/systemd/system/kubelet.service.d/99-drill.conf"
_RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """A playbook that has ended: its exit code, everything it printed, and how long it took in seconds."""

    code: int
    output: str
    seconds: float

    @property
    def changed(self) -> int:
        """How many tasks changed something, over all hosts of the recap.

        :raises LabError: there is no recap, so nobody can say.
        """
        recap = _RECAP.findall(self.output)
        if not recap:
            raise LabError(f"the playbook printed no recap: {self.output[-500:]}")
        return sum(int(line[2]) for line in recap)


class Drill:
    """One lab cluster with its healer's credentials."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.healer = cluster.folder / "healer.kubeconfig"

    def bootstrap(self, **variables: Any) -> Run:
        """Prepare the cluster as its administrator, and make the healer's kubeconfig."""
        return self.playbook(
            "bootstrap",
            kubeconfig=self.cluster.kubeconfig,
            selfheal_cluster_uid=self.uid(),
            selfheal_healer_kubeconfig=str(self.healer),
            **variables,
        )

    def health(self, **variables: Any) -> Run:
        """Run the playbook health as the healer."""
        return self.playbook("health", **variables)

    def heal(self, *arguments: str, **variables: Any) -> Run:
        """Run the playbook heal as the healer, with healing on and short times."""
        return self.playbook("heal", *arguments, **self.healing(variables))

    def healing(self, variables: dict[str, Any]) -> dict[str, Any]:
        """The variables that switch healing on, under the given ones."""
        return {
            "selfheal_monitor_only": False,
            "selfheal_cluster_uid": self.uid(),
            **variables,
            "selfheal_policy": {**SHORT, **variables.get("selfheal_policy", {})},
        }

    def playbook(
        self,
        name: str,
        *arguments: str,
        kubeconfig: Path | None = None,
        inventory: Path | None = None,
        **variables: Any,
    ) -> Run:
        """Run a playbook of the collection, or a file with a path, as a user would, and wait for its end."""
        begun = time.monotonic()
        with self.start(name, *arguments, kubeconfig=kubeconfig, inventory=inventory, **variables) as process:
            try:
                output = process.communicate(timeout=600)[0]
            except BaseException:
                # It has a process group of its own, which nobody else would end.
                kill(process)
                raise
        return Run(process.returncode, output, time.monotonic() - begun)

    def start(
        self,
        name: str,
        *arguments: str,
        kubeconfig: Path | None = None,
        inventory: Path | None = None,
        **variables: Any,
    ) -> subprocess.Popen[str]:
        """Start a playbook in a process group of its own, and come back at once."""
        environ = {**os.environ, **self.cluster.env(), "KUBECONFIG": str(kubeconfig or self.healer)}
        environ.update(ANSIBLE_NOCOLOR="1", ANSIBLE_FORCE_COLOR="0")
        command = [
            "ansible-playbook",
            "-i",
            str(inventory or self.cluster.inventory),
            name if "/" in name else f"selfheal.kubernetes.{name}",
        ]
        return subprocess.Popen(
            [*command, "-e", json.dumps(variables), *arguments],
            env=environ,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def uid(self) -> str:
        """The kube-system UID of the cluster."""
        return self.cluster.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}").stdout

    def worker(self, number: int = 0) -> str:
        """The name of a worker node."""
        return [node.name for node in self.cluster.nodes() if node.role == "worker"][number]

    def stop_kubelet(self, node: str) -> datetime:
        """Stop kubelet and disable its unit, so that only a repair brings it back; when it was done.

        :raises LabError: when kubelet still runs afterwards.
        """
        return self._stop(node, "kubelet")

    def stop_runtime(self, node: str) -> datetime:
        """Stop containerd and disable its unit, so that only a repair brings it back; when it was done.

        :raises LabError: when containerd still runs afterwards.
        """
        return self._stop(node, "containerd")

    def _stop(self, node: str, unit: str) -> datetime:
        self.cluster.exec(node, "systemctl", "disable", "--now", unit)
        state = self.cluster.exec(node, "systemctl", "is-active", unit, check=False).stdout.strip()
        if state == "active":
            raise LabError(f"the fault did not take: {unit} on {node} is {state}")
        return now()

    def break_unit(self, node: str, command: str = "/bin/false") -> None:
        """Make every start of kubelet fail, by a drop-in under /etc that neither a restart nor a reboot takes away."""
        write = f"mkdir -p {DROP_IN.rpartition('/')[0]} && cat > {DROP_IN} && systemctl daemon-reload"
        self.cluster.exec(node, "sh", "-c", write, stdin=f"[Service]\nExecStart=\nExecStart={command}\n")
        self.stop_kubelet(node)

    def mend(self, node: str) -> None:
        """Take away every fault that this class knows."""
        undo = f"pkill -CONT -x kubelet; rm -f {DROP_IN}; systemctl daemon-reload"
        self.cluster.exec(node, "sh", "-c", f"{undo}; systemctl enable --now containerd kubelet")

    def ready(self, node: str) -> str:
        """The status of a node's Ready condition, as kubectl sees it."""
        path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
        return self.cluster.kubectl("get", "node", node, "-o", path).stdout

    def wait_ready(self, node: str, *wanted: str, seconds: float = 120) -> datetime:
        """Wait until the Ready condition has one of these statuses; when it was seen.

        :raises LabError: when it has not within that time.
        """
        end = time.monotonic() + seconds
        while (status := self.ready(node)) not in wanted:
            if time.monotonic() > end:
                raise LabError(f"Ready of {node} is {status} after {seconds:.0f} s, expected {' or '.join(wanted)}")
            time.sleep(0.5)
        return now()

    def forget(self) -> None:
        """Clear what the healer remembers, and end the lease of a run that was killed.

        Without a baseline the next run that heals learns, and none of the next 13 minutes writes for that alone.
        """
        self.cluster.kubectl("delete", "incidents,clusterrecords", "--all")
        for remembered in ("lease/selfheal", "configmap/selfheal-baseline"):
            self.cluster.kubectl("delete", remembered, "-n", "self-healing", "--ignore-not-found")

    def expire_lease(self) -> None:
        """Let the lease of a killed run be as old as it would be after its duration."""
        self.cluster.kubectl(
            *("patch", "lease", "selfheal", "-n", "self-healing", "--type", "merge", "-p"),
            '{"spec": {"renewTime": "2020-01-01T00:00:00.000000Z"}}',
        )

    def make_sick(self, node: str) -> datetime:
        """Stop kubelet, and wait until a healer with short times may act on it; when the fault was done."""
        fault = self.stop_kubelet(node)
        self.wait_until_due(node)
        return fault

    def wait_until_due(self, node: str) -> None:
        """Wait until the node has been NotReady for long enough to be repaired under the short policy."""
        self.wait_ready(node, "False", "Unknown")
        time.sleep(DUE_AFTER + 1)

    def incidents(self) -> list[dict[str, Any]]:
        """Every incident, oldest first."""
        items = json.loads(self.cluster.kubectl("get", "incidents", "-o", "json").stdout)["items"]
        return sorted(items, key=lambda item: item["metadata"]["creationTimestamp"])

    def record(self) -> dict[str, Any]:
        """The ClusterRecord."""
        record: dict[str, Any] = json.loads(
            self.cluster.kubectl("get", "clusterrecord", "cluster", "-o", "json").stdout
        )
        return record

    def resource_versions(self) -> dict[str, str]:
        """What a run of the healer could write, and every node's spec: name to a version that a write changes.

        Nodes are told by the generation-like hash of what people and healers write, since kubelets write their
        status all the time.
        """
        items = json.loads(
            self.cluster.kubectl(
                "get", "nodes,incidents,clusterrecords,leases.coordination.k8s.io", "-n", "self-healing", "-o", "json"
            ).stdout
        )["items"]
        versions = {}
        for item in items:
            name = f"{item['kind']}/{item['metadata']['name']}"
            if item["kind"] == "Node":
                meta = item["metadata"]
                written = [item["spec"].get("unschedulable"), meta.get("labels"), meta.get("annotations")]
                versions[name] = json.dumps(written, sort_keys=True)
            else:
                versions[name] = item["metadata"]["resourceVersion"]
        return versions

    def writes(self, since: datetime, user: str = HEALER_USER) -> list[tuple[str, str, str]]:
        """What a user wrote since then, out of the API server's audit log: (verb, resource, name)."""
        found = []
        for line in self.cluster.audit_log().splitlines():
            event = json.loads(line)
            received = datetime.fromisoformat(event["requestReceivedTimestamp"])
            whose = event["user"].get("username") == user and event["stage"] == "ResponseComplete"
            if whose and event["verb"] in WRITES and received >= since:
                target = event.get("objectRef") or {}
                found.append((event["verb"], target.get("resource", "?"), target.get("name", "")))
        return found

    def reads(self, since: datetime, user: str = HEALER_USER) -> int:
        """How many requests of a user the audit log holds since then that are no writes."""
        events = [json.loads(line) for line in self.cluster.audit_log().splitlines()]
        return sum(
            1
            for e in events
            if e["user"].get("username") == user
            and e["verb"] not in WRITES
            and datetime.fromisoformat(e["requestReceivedTimestamp"]) >= since
        )

    def touched_hosts(self, since: datetime, until: datetime) -> set[str]:
        """The node containers in which something was executed in that time, as Docker's own events tell."""
        reply = subprocess.run(
            [
                "docker",
                "events",
                "--since",
                stamp(since),
                "--until",
                stamp(until),
                "--filter",
                "type=container",
                "--filter",
                f"label=io.x-k8s.kind.cluster={self.cluster.name}",
                "--format",
                "{{json .}}",
            ],
            env={**os.environ, **self.cluster.env()},
            text=True,
            capture_output=True,
            check=True,
            timeout=60,
        )
        events = [json.loads(line) for line in reply.stdout.splitlines()]
        return {e["Actor"]["Attributes"]["name"] for e in events if e["Action"].startswith("exec_create")}


def kill(process: subprocess.Popen[str]) -> None:
    """End a started playbook with everything it has started, at once and without a chance to tidy up."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


def now() -> datetime:
    """This moment, in UTC; the lab's nodes share this machine's clock."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """RFC 3339 with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
