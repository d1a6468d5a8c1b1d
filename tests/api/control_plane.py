# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real etcd and a real kube-apiserver on 127.0.0.1: TLS, tokens, RBAC, an audit log, and no controller at all.

Nothing moves by itself in such a cluster, so a test says what its nodes are and when their Leases were renewed.
"""

from __future__ import annotations

import copy
import csv
import ctypes
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import urllib3
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client, Settings
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ADMIN_TOKEN = "admin-of-the-tests"
STRANGER_TOKEN = "known-but-without-any-right"
START_SECONDS = 120
LEASE_SECONDS = 300
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
COMPONENT_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
INCIDENTS = "/apis/selfheal.kubernetes/v1alpha1/incidents"
RECORDS = "/apis/selfheal.kubernetes/v1alpha1/clusterrecords"
HEALER_LEASE = "/apis/coordination.k8s.io/v1/namespaces/self-healing/leases/selfheal"
AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _number in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def die_with_parent() -> None:
    """In the child before it becomes the program: a killed test run leaves no server behind (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@dataclass(frozen=True)
class Audited:
    """One request out of the audit log; the API server's own are left out."""

    user: str
    verb: str
    uri: str
    code: int
    # Which token of a service account it was; two of them are as good as two users.
    credential: str = ""

    @property
    def mutates(self) -> bool:
        return self.verb not in ("get", "list", "watch") and "dryRun=All" not in self.uri


class ControlPlane:
    """One cluster, from ``start`` to ``stop``, in a folder of its own."""

    def __init__(self, folder: Path, binaries: Mapping[str, Path]) -> None:
        self.folder = folder
        self._binaries = binaries
        self._processes: list[subprocess.Popen[bytes]] = []
        self._pool: urllib3.PoolManager | None = None
        self.url = ""
        self.uid = ""

    @property
    def ca_cert(self) -> Path:
        """The self-signed certificate that the API server has made for itself."""
        return self.folder / "certs" / "apiserver.crt"

    # --- life

    def start(self) -> None:
        """Start both, and wait until the API server is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        client_port, peer_port, secure_port = _free_ports(3)
        etcd = f"http://127.0.0.1:{client_port}"
        peer = f"http://127.0.0.1:{peer_port}"
        self._spawn(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )
        (self.folder / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY), encoding="utf-8")
        with (self.folder / "tokens.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(
                [[ADMIN_TOKEN, "admin", "1", "system:masters"], [STRANGER_TOKEN, "stranger", "2"]]
            )
        key = ec.generate_private_key(ec.SECP256R1())
        (self.folder / "service-accounts.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        self.url = f"https://127.0.0.1:{secure_port}"
        self._spawn(
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={secure_port}",
            f"--cert-dir={self.folder / 'certs'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            f"--service-account-issuer={self.url}",
            f"--service-account-key-file={self.folder / 'service-accounts.key'}",
            f"--service-account-signing-key-file={self.folder / 'service-accounts.key'}",
            "--service-cluster-ip-range=10.96.0.0/24",
            f"--audit-policy-file={self.folder / 'audit-policy.json'}",
            f"--audit-log-path={self.folder / 'audit.log'}",
        )
        self._await_ready()
        self.uid = self.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
        self.lead()

    def stop(self) -> None:
        """Stop both, by their process ids."""
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self._processes.clear()

    def _spawn(self, program: str, *options: str) -> None:
        with (self.folder / f"{program}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [self._binaries[program], *options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=die_with_parent,  # noqa: PLW1509 (one system call, which takes no lock)
                )
            )

    def _await_ready(self) -> None:
        end = time.monotonic() + START_SECONDS
        wanted = ("/readyz", "/api/v1/namespaces/kube-system", "/api/v1/namespaces/kube-node-lease")
        said = "nothing yet"
        while time.monotonic() < end:
            for process in self._processes:
                if process.poll() is not None:
                    program = Path(str(next(iter(process.args)))).name
                    log = (self.folder / f"{program}.log").read_text(encoding="utf-8", errors="replace")
                    raise RuntimeError(f"{program} has ended with {process.returncode}: {log[-2000:]}")
            try:
                states = {path: self.request("GET", path)[0] for path in wanted}
                said = str(states)
                if set(states.values()) == {200}:
                    return
            except (OSError, urllib3.exceptions.HTTPError) as error:
                said = str(error)
            time.sleep(0.1)
        raise RuntimeError(f"the API server at {self.url} was not ready within {START_SECONDS} s: {said}")

    # --- requests of the tests themselves, which are none of the collection's business

    def request(
        self, method: str, path: str, body: Any = None, token: str = ADMIN_TOKEN, patch: str = "merge-patch"
    ) -> tuple[int, Any]:
        """One request; the status and the decoded answer."""
        if self._pool is None and self.ca_cert.exists():
            self._pool = urllib3.PoolManager(ca_certs=str(self.ca_cert), retries=False)
        if self._pool is None:
            raise OSError(f"{self.ca_cert} is not there yet")
        kind = f"application/{patch}+json" if method == "PATCH" else "application/json"
        answer = self._pool.request(
            method,
            self.url + path,
            body=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": kind, "User-Agent": "tests"},
            timeout=urllib3.Timeout(connect=5, read=30),
        )
        try:
            return answer.status, json.loads(answer.data)
        except ValueError:
            return answer.status, answer.data.decode("utf-8", "replace")

    def with_own_connections(self) -> ControlPlane:
        """The same cluster for a process that was forked, which must not share its parent's connections."""
        other = copy.copy(self)
        other._pool = None
        return other

    def must(self, method: str, path: str, body: Any = None, patch: str = "merge-patch") -> Any:
        """A request that has to succeed; its decoded answer."""
        status, answer = self.request(method, path, body, patch=patch)
        assert status < 300, f"{method} {path}: {status} {answer}"
        return answer

    def get(self, path: str) -> Any:
        """The object or list at a path."""
        return self.must("GET", path)

    def client(self, token: str = ADMIN_TOKEN, deadline: float = 30) -> Client:
        """A client of the collection."""
        return Client(self.settings(token, deadline))

    def settings(self, token: str = ADMIN_TOKEN, deadline: float = 30) -> Settings:
        """How the collection reaches this cluster."""
        return Settings(host=self.url, api_key=token, ca_cert=str(self.ca_cert), deadline=deadline)

    def kubectl(self, *arguments: str | Path, token: str = ADMIN_TOKEN) -> subprocess.CompletedProcess[str]:
        """Run kubectl."""
        options = [f"--server={self.url}", f"--token={token}", f"--certificate-authority={self.ca_cert}"]
        return subprocess.run(
            [self._binaries["kubectl"], *options, f"--cache-dir={self.folder / 'kubectl'}", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def token_of(self, service_account: str, namespace: str = "self-healing") -> str:
        """A fresh token of a service account."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        return str(self.must("POST", path, body)["status"]["token"])

    # --- the audit log

    def audited(self, since: int = 0) -> list[Audited]:
        """What the API server answered from an offset of ``audit_mark`` on."""
        with (self.folder / "audit.log").open("rb") as stream:
            stream.seek(since)
            events = [json.loads(line) for line in stream if line.endswith(b"\n")]
        return [
            Audited(
                e["user"]["username"],
                e["verb"],
                e["requestURI"],
                (e.get("responseStatus") or {}).get("code", 0),
                "".join((e["user"].get("extra") or {}).get("authentication.kubernetes.io/credential-id", [])),
            )
            for e in events
            # The API server keeps a Lease of its own.
            if e["stage"] == "ResponseComplete" and e["user"]["username"] != "system:apiserver"
        ]

    def audit_mark(self) -> int:
        """Where the audit log ends now. It is written before an answer is sent, so nothing of the past comes later."""
        return (self.folder / "audit.log").stat().st_size

    # --- staging

    def reset(self) -> None:
        """Take away every node and everything that the healer remembers."""
        for path in ("/api/v1/nodes", LEASES, INCIDENTS, RECORDS, HEALER_LEASE):
            status, answer = self.request("DELETE", path)
            assert status in (200, 404), answer
        self.lead()

    def add_nodes(self, *names: str, labels: Mapping[str, str] | None = None) -> None:
        """Healthy nodes with fresh Leases, which last long enough for a test on a slow machine."""
        for name in names:
            metadata = {"name": name, "labels": dict(labels or {})}
            self.must("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": metadata})
            self.condition(name, "True", 3600)
            calm = [{"type": kind, "status": "False", "reason": f"KubeletHasNo{kind}"} for kind in PRESSURES]
            status = {"conditions": calm, "nodeInfo": {"kubeletVersion": "v1.34.4"}}
            self.must("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, "strategic-merge-patch")
            spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": micro(0)}
            self.must(
                "POST",
                LEASES,
                {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec},
            )

    def lead(self) -> None:
        """Say that a controller-manager and a scheduler are at work, which this control plane does not have."""
        for name in ("kube-controller-manager", "kube-scheduler"):
            spec = {"holderIdentity": "staged", "leaseDurationSeconds": LEASE_SECONDS, "renewTime": micro(0)}
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}
            if self.request("POST", COMPONENT_LEASES, body)[0] == 409:
                self.must("PATCH", f"{COMPONENT_LEASES}/{name}", {"spec": spec})

    def condition(self, name: str, status: str, seconds: float) -> None:
        """Say that a node's Ready condition has been so for so many seconds."""
        at = (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        ready = {
            "type": "Ready",
            "status": status,
            "reason": "KubeletReady" if status == "True" else "NodeStatusUnknown",
            "message": "staged",
            "lastTransitionTime": at,
            "lastHeartbeatTime": at,
        }
        body = {"status": {"conditions": [ready]}}
        self.must("PATCH", f"/api/v1/nodes/{name}/status", body, "strategic-merge-patch")

    def is_machine(self, name: str, machine_id: str) -> None:
        """Say which machine a node runs on."""
        self.must("PATCH", f"/api/v1/nodes/{name}/status", {"status": {"nodeInfo": {"machineID": machine_id}}})

    def renew(self, names: Iterable[str], seconds: float = 0) -> None:
        """Say that the nodes' Leases were renewed so many seconds ago."""
        for name in names:
            self.must("PATCH", f"{LEASES}/{name}", {"spec": {"renewTime": micro(seconds)}})

    def make_sick(self, name: str, seconds: float = 600) -> None:
        """A node that fell silent so many seconds ago, as the controller-manager would tell it."""
        self.condition(name, "Unknown", seconds)
        self.renew([name], seconds + LEASE_SECONDS)

    def make_well(self, name: str) -> None:
        """A node that is Ready and renews its Lease."""
        self.condition(name, "True", 1)
        self.renew([name])

    def uid_of(self, name: str) -> str:
        """The UID of a node."""
        return str(self.get(f"/api/v1/nodes/{name}")["metadata"]["uid"])

    def incidents(self) -> dict[str, dict[str, Any]]:
        """Every stored incident by its name."""
        return {item["metadata"]["name"]: item for item in self.get(INCIDENTS)["items"]}


def micro(seconds: float) -> str:
    """The moment so many seconds ago, as a Lease has it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
