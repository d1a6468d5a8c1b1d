# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Kubernetes cluster with real Calico on this machine, from nothing to ready, and away again."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import engine, host, image, kind, node_image, store
from lab.engine import docker
from lab.paths import cache_root
from lab.progress import say, step
from lab.shell import LabError, interruptible, run

READY_SECONDS = 240
CHECK_SECONDS = 15
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_WORKLOADS = (
    "daemonset/calico-node",
    "daemonset/kube-proxy",
    "deployment/calico-kube-controllers",
    "deployment/coredns",
)


@dataclass(frozen=True)
class Node:
    """A node as it was made; it may be down by now.

    :ivar role: "control-plane" or "worker".
    :ivar address: its InternalIP.
    """

    name: str
    role: str
    address: str


class Cluster:
    """One lab cluster by name.

    >>> with Cluster("demo", "small") as cluster:          # doctest: +SKIP
    ...     cluster.kubectl("get", "nodes")

    :param shape: a key of kind.SHAPES.
    :param timers: a key of kind.TIMERS.
    :raises LabError: an unknown shape or timers, or a name that is no DNS label of at most 40 characters.
    """

    def __init__(self, name: str = "selfheal", shape: str = "small", timers: str = "fast") -> None:
        if not _NAME.fullmatch(name):
            raise LabError(f"cluster name {name!r}: expected at most 40 of a-z, 0-9 and '-', not '-' at the ends")
        if shape not in kind.SHAPES:
            raise LabError(f"unknown shape {shape!r}: expected one of {', '.join(kind.SHAPES)}")
        if timers not in kind.TIMERS:
            raise LabError(f"unknown timers {timers!r}: expected one of {', '.join(kind.TIMERS)}")
        self.name, self.shape, self.timers = name, shape, timers
        self.folder = cache_root() / "clusters" / name
        self.kubeconfig = self.folder / "kubeconfig"
        self.inventory = self.folder / "inventory.yaml"
        self.shared = self.folder / "shared"
        self._state = self.folder / "state.json"

    def __enter__(self) -> Cluster:
        return self.up()

    def __exit__(self, *_error: object) -> None:
        self.down()

    def up(self) -> Cluster:
        """Make it, unless it is there, healthy and of this shape. Returns when everything in it is ready.

        A half-made, sick or different cluster of this name is removed and made again.

        :raises LabError: the machine cannot have one, or something failed on the way.
        """
        host.check()
        with interruptible(), store.locked(f"cluster-{self.name}"):
            kit = image.kit()
            config = self._config()
            made_of = [config, kind.audit_policy(), docker("image", "inspect", "-f", "{{.Id}}", kit.node_image).stdout]
            digest = store.key(*made_of, kit.calico if "://" in kit.calico else Path(kit.calico))
            state = self.state()
            if state.get("digest") == digest and state.get("phase") == "ready":
                problem = self._problem()
                if not problem:
                    say(f"cluster {self.name} ({self.shape}) is there and healthy")
                    return self
                say(f"cluster {self.name} is not healthy ({problem}): making it again")
            elif state:
                say(f"cluster {self.name} is half-made or of another kind: making it again")
            elif _containers(self.name):
                raise LabError(
                    f"there is a kind cluster {self.name!r} that the lab did not make; choose another --name, or "
                    "remove it yourself"
                )
            if state:
                self._remove(kit.kind)
            begun = time.monotonic()
            self._note(digest, "creating", kit)
            self._create(kit, config)
            self._note(digest, "ready", kit, seconds=round(time.monotonic() - begun, 1))
            image.remove_ours(kit.node_image)
        return self

    def down(self) -> None:
        """Remove it, in whatever state it is. Nothing to remove is no error."""
        with store.locked(f"cluster-{self.name}"):
            if not self.state():
                return
            if engine.answers():
                self._remove(Path(self.state()["kind"]))
            store.remove(self.folder)

    def state(self) -> dict[str, Any]:
        """What is known about it: digest, phase ("creating" or "ready"), shape, timers, image; empty if never made."""
        try:
            return dict(json.loads(self._state.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            # A folder without a readable state is what a killed run left.
            return {"phase": "creating", "kind": "kind"} if self.folder.exists() else {}

    def nodes(self) -> list[Node]:
        """Its nodes as they were made, control planes first; known also while the API is down.

        :raises LabError: there is no such cluster.
        """
        try:
            groups = yaml.safe_load(self.inventory.read_text(encoding="utf-8"))["all"]["children"]["nodes"]["children"]
        except OSError:
            raise LabError(f"there is no cluster {self.name!r}: python -m lab up --name {self.name}") from None
        return [
            Node(name, role, facts["selfheal_node_address"])
            for group, role in (("control_plane", "control-plane"), ("workers", "worker"))
            for name, facts in groups[group]["hosts"].items()
        ]

    def exec(self, node: str, *argv: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program on a node as root; the options are those of shell.run (stdin, timeout)."""
        stdin = ("--interactive",) if options.get("stdin") is not None else ()
        return docker("exec", *stdin, node, *argv, check=check, env=engine.environment(), **options)

    def kubectl(self, *argv: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the cluster's admin; the options are those of shell.run (stdin, timeout)."""
        return run(self._tool("kubectl"), "--kubeconfig", self.kubeconfig, *argv, check=check, **options)

    def audit_log(self) -> str:
        """The API servers' audit log, one JSON event a line, oldest first; read also from a node that is down."""
        events: list[tuple[str, str]] = []
        for node in self.nodes():
            if node.role == "control-plane":
                events += [(json.loads(line)["stageTimestamp"], line) for line in _audit_lines(node.name)]
        return "".join(f"{line}\n" for _stamp, line in sorted(events))

    def env(self) -> dict[str, str]:
        """Variables for programs that are to use this cluster, to be merged into os.environ."""
        path = os.pathsep.join([*map(str, self.tool_folders()), os.environ.get("PATH", os.defpath)])
        network = {"KIND_EXPERIMENTAL_DOCKER_NETWORK": kind.NETWORK}
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": path, **network, **engine.environment()}

    def tool_folders(self) -> list[Path]:
        """The folders that hold kubectl and kind, for PATH."""
        return [self._tool(name).parent for name in ("kubectl", "kind")]

    def _config(self) -> str:
        config = kind.cluster_config(
            self.name,
            kind.SHAPES[self.shape],
            kind.TIMERS[self.timers],
            self.folder / "audit-policy.yaml",
            self.shared,
            restricted=host.lacks_sys_resource(),
        )
        return yaml.safe_dump(config, sort_keys=False)

    def _note(self, digest: str, phase: str, kit: image.Kit, **more: object) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {"digest": digest, "phase": phase, "shape": self.shape, "timers": self.timers, "image": kit.node_image}
        tools = {"kind": str(kit.kind), "kubectl": str(kit.kubectl)}
        new = self._state.with_suffix(".new")
        new.write_text(json.dumps(state | tools | more, indent=2), encoding="utf-8")
        store.publish(new, self._state)

    def _tool(self, name: str) -> Path:
        path = self.state().get(name)
        if not path:
            raise LabError(f"there is no cluster {self.name!r}: python -m lab up --name {self.name}")
        return Path(path)

    def _create(self, kit: image.Kit, config: str) -> None:
        _ensure_network()
        host.raise_inotify_limit()
        self.shared.mkdir(exist_ok=True)
        (self.folder / "kind.yaml").write_text(config, encoding="utf-8")
        policy = yaml.safe_dump(kind.audit_policy(), sort_keys=False)
        (self.folder / "audit-policy.yaml").write_text(policy, encoding="utf-8")
        log = cache_root() / "logs" / f"cluster-{self.name}.log"
        log.unlink(missing_ok=True)
        shape = kind.SHAPES[self.shape]
        with step(f"kind: {shape.control_planes} control plane(s), {shape.workers} workers"):
            made = run(
                *(kit.kind, "create", "cluster", "--name", self.name, "--image", kit.node_image),
                *("--config", self.folder / "kind.yaml", "--kubeconfig", self.kubeconfig),
                env=self.env(),
                log=log,
                check=False,
            )
            if made.returncode:
                raise LabError(f"cluster {self.name}: {kind.failure(log.read_text(errors='replace'))} (log: {log})")
        for name in kit.load:
            with step(f"load {name} into the nodes"):
                run(kit.kind, "load", "docker-image", "--name", self.name, name, env=self.env(), log=log)
        with step("Calico, and everything ready"):
            # Calico's first container fails where kube-proxy has not made the API's address yet, and is then held back.
            rollout = ("rollout", "status", "--namespace", "kube-system", "daemonset/kube-proxy")
            self.kubectl(*rollout, f"--timeout={READY_SECONDS}s", log=log)
            self.kubectl("apply", "--filename", kit.calico, log=log)
            problem = self._problem(READY_SECONDS)
            if problem:
                raise LabError(f"cluster {self.name}: not ready after {READY_SECONDS} s: {problem} (log: {log})")
        nodes = json.loads(self.kubectl("get", "nodes", "--output", "json").stdout)["items"]
        self.inventory.write_text(yaml.safe_dump(kind.inventory(nodes), sort_keys=False), encoding="utf-8")

    def _problem(self, seconds: int = CHECK_SECONDS) -> str:
        """Why the cluster is not all ready within that time; empty when it is."""
        shape = kind.SHAPES[self.shape]
        wanted = shape.control_planes + shape.workers
        deadline = time.monotonic() + seconds
        problem = self._not_ready(wanted)
        while problem and time.monotonic() < deadline:
            time.sleep(0.5)
            problem = self._not_ready(wanted)
        return problem

    def _not_ready(self, wanted: int) -> str:
        down = [name for name, status in _containers(self.name).items() if status != "running"]
        if down:
            return f"containers not running: {', '.join(sorted(down))}"
        reply = self.kubectl(
            *("get", "--namespace", "kube-system", "--output", "json", "--request-timeout", "10s"),
            "nodes,daemonsets.apps,deployments.apps",
            check=False,
        )
        if reply.returncode:
            return reply.stderr.strip().splitlines()[-1] if reply.stderr.strip() else "the API does not answer"
        return unready(json.loads(reply.stdout)["items"], wanted, _WORKLOADS)

    def _remove(self, kind_program: Path) -> None:
        with step(f"remove cluster {self.name}"):
            where = ("--name", self.name, "--kubeconfig", self.kubeconfig)
            run(kind_program, "delete", "cluster", *where, env=_kind_env())
            store.remove(self.folder)


def every_cluster() -> list[Cluster]:
    """The clusters that the lab has made and not removed."""
    folder = cache_root() / "clusters"
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        cluster = Cluster(path.name)
        state = cluster.state()
        shape, timers = state.get("shape"), state.get("timers")
        found.append(Cluster(path.name, shape, timers) if shape in kind.SHAPES and timers in kind.TIMERS else cluster)
    return found


def unready(items: list[dict[str, Any]], nodes: int, workloads: tuple[str, ...]) -> str:
    """What is missing until all is ready: so many nodes Ready, and each "daemonset/x" or "deployment/x" rolled out."""
    ready = 0
    rolled_out: dict[str, bool] = {}
    for item in items:
        status = item.get("status", {})
        if item["kind"] == "Node":
            conditions = status.get("conditions", [])
            ready += any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
            continue
        name = f"{item['kind'].lower()}/{item['metadata']['name']}"
        seen = status.get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
        if item["kind"] == "DaemonSet":
            want, have = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
            # kube-proxy and calico-node run on every node.
            rolled_out[name] = seen and want == have == status.get("updatedNumberScheduled", 0) == nodes
        else:
            want, have = item["spec"].get("replicas", 1), status.get("availableReplicas", 0)
            rolled_out[name] = seen and want == have == status.get("updatedReplicas", 0)
    missing = [name for name in workloads if not rolled_out.get(name)]
    parts = [f"{ready} of {nodes} nodes ready"] if ready != nodes else []
    return "; ".join(parts + ([f"not rolled out: {', '.join(missing)}"] if missing else []))


def remove_network() -> None:
    """Remove the lab's network, if this cache made it and nothing uses it."""
    label = f"label={node_image.LABEL}={image.owner()}"
    for network in docker("network", "ls", "--quiet", "--filter", label).stdout.split():
        docker("network", "rm", network, check=False)


def _containers(name: str) -> dict[str, str]:
    """Containers of a kind cluster to their state (running, paused, exited ...)."""
    label = f"label=io.x-k8s.kind.cluster={name}"
    reply = docker("ps", "--all", "--filter", label, "--format", "{{.Names}} {{.State}}").stdout
    return dict(line.split() for line in reply.splitlines())


def _kind_env() -> dict[str, str]:
    return {"KIND_EXPERIMENTAL_DOCKER_NETWORK": kind.NETWORK, **engine.environment()}


def _ensure_network() -> None:
    with store.locked("network"):
        found = docker("network", "inspect", kind.NETWORK, check=False)
        if found.returncode == 0:
            subnets = [entry.get("Subnet") for entry in json.loads(found.stdout)[0]["IPAM"]["Config"]]
            if kind.NODE_SUBNET not in subnets:
                raise LabError(
                    f"Docker's network {kind.NETWORK!r} has the subnet {', '.join(subnets)}, the lab expects "
                    f"{kind.NODE_SUBNET}; remove that network"
                )
            return
        label = f"{node_image.LABEL}={image.owner()}"
        docker("network", "create", "--subnet", kind.NODE_SUBNET, "--label", label, kind.NETWORK)


def _audit_lines(node: str) -> list[str]:
    # "docker cp" reads a volume of a stopped container too, and hands out a tar archive.
    reply = subprocess.run(
        ["docker", "cp", f"{node}:{kind.AUDIT_FOLDER}", "-"],
        capture_output=True,
        check=False,
        env={**os.environ, **engine.environment()},
    )
    if reply.returncode:
        raise LabError(f"{node}: no audit log: {reply.stderr.decode(errors='replace').strip()}")
    lines: list[str] = []
    with tarfile.open(fileobj=io.BytesIO(reply.stdout)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content:
                # The last line may be cut: the API server is writing it.
                whole = content.read().decode(errors="replace").rpartition("\n")[0]
                lines += [line for line in whole.split("\n") if line]
    return lines
