# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Restart the network plugin of one node, and prove it by a new pod that reaches another node and is reached from it.

The plugin's pod is evicted, so that PodDisruptionBudgets hold, and its DaemonSet makes another one, which writes the
node's network configuration and programs anew. The pods of the proof are removed whatever comes of it, and end by
themselves where nobody is left to do so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import (
    LOOK_SECONDS,
    RETRY_SECONDS,
    Actor,
    NodeHands,
    pods_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NetworkNotFound,
    NotFound,
    RestartFailed,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.evictions import Evictions
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni import (
    PROBE,
    PROVIDERS,
    SERVE,
    CniError,
    Network,
    Probe,
    Proof,
    agents_of,
    call_of,
    network_condition,
    network_of,
    peers_of,
    probe_names,
    probe_pod,
    provider_named,
    said_of,
    trouble_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni_manifest import (
    KINDS,
    POOL,
    Manifest,
    Ref,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.device_plugin import PluginPod, still_missing
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable

# No more nodes than this are read to find one that a pod can be reached on.
NODES = 200
# For removing the pods of the proof when the time is over.
TIDY_SECONDS = 10.0


def find_network(client: Client, wanted: str = "") -> Network | None:
    """The network plugin that runs in the cluster; None when there is none that we know.

    :param wanted: the name of the only provider to look for; any if empty.
    :raises CniError: when there are several.
    """
    names = [provider_named(wanted).daemonset] if wanted else [p.daemonset for p in PROVIDERS.values()]
    found: list[dict[str, Any]] = []
    for name in names:
        found += client.items("/apis/apps/v1/daemonsets", {"fieldSelector": f"metadata.name={name}"})
    return network_of(found, wanted)


def read_live(client: Client, manifest: Manifest) -> tuple[dict[Ref, dict[str, Any] | None], list[dict[str, Any]]]:
    """What the cluster has of a manifest's objects, and its IPPools."""
    live: dict[Ref, dict[str, Any] | None] = {}
    for ref in manifest.objects:
        try:
            live[ref] = client.get(ref.path).body
        except NotFound:
            live[ref] = None
    pools: list[dict[str, Any]] = []
    if manifest.provider.name == "calico":
        try:
            pools = list(client.items(f"/apis/{POOL[0]}/{KINDS[POOL].plural}"))
        except NotFound:
            # The kind itself is not there.
            pools = []
    return live, pools


def lost_settings(client: Client, provider: str) -> str:
    """The provider whose settings are in a cluster that has no DaemonSet of any; empty when there are none, or ours.

    :param provider: whose manifest is to be applied.
    """
    found = []
    for one in PROVIDERS.values():
        for namespace in one.namespaces:
            try:
                client.get(f"/api/v1/namespaces/{namespace}/configmaps/{one.settings}")
                found.append(one.name)
            except NotFound:
                continue
    return "" if not found or provider in found else found[0]


@dataclass(frozen=True)
class NetworkReport:
    """What became of a node's network: the pods that were evicted or would be, those that are there, and the proof."""

    changed: bool
    message: str
    network: Network
    why: tuple[str, ...] = ()
    evicted: tuple[PluginPod, ...] = ()
    pods: tuple[PluginPod, ...] = ()
    proof: Proof | None = None

    def to_dict(self) -> dict[str, Any]:
        """The report as modules return it."""
        return {
            "network": self.network.to_dict(),
            "why": list(self.why),
            "proof": None if self.proof is None else self.proof.to_dict(),
            **{name: [one.pod.to_dict() for one in getattr(self, name)] for name in ("evicted", "pods")},
        }


class NetworkMender:
    """Restarts the network plugin of one node, and proves that pods have a network there.

    :param provider: the name of the only provider to look for; any if empty.
    :param image: of the pods that reach each other; without one nothing but an address is proven.
    :param namespace: where the pods of the proof are.
    :param cancelled: set by whoever wants it to end. It ends before the next write then.
    """

    def __init__(
        self,
        client: Client,
        actor: Actor,
        provider: str = "",
        image: str = "",
        namespace: str = "self-healing",
        cancelled: threading.Event | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._actor = actor
        self._provider = provider
        self._image = image
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._namespace = namespace
        self._cancelled = cancelled or threading.Event()
        self._monotonic = monotonic
        self._evictions = Evictions(client, monotonic)
        self._prefix, self._label = probe_names(actor.node_uid)
        self._made = False

    def mend(
        self, deadline: float, why: Iterable[str] = (), always: bool = False, dry_run: bool = False
    ) -> NetworkReport:
        """Restart the plugin if the node's network is not well, and prove it.

        :param why: what is known to be wrong already.
        :param always: also when nothing is.
        :raises NetworkNotFound: when there is no network plugin that we know; nothing was done.
        :raises RestartFailed: when the proof is not complete at the deadline, or at a signal.
        :raises LeaseLost: when the lease is not ours any more.
        """
        end = self._monotonic() + deadline
        node = NodeHands(self._client, self._actor).read()
        network = self._network()
        before = self._agents(network, end)
        wrong = (*why, *trouble_of(before, network, node))
        where = f"{network} on node {self._actor.node}"
        if not wrong and not always:
            return NetworkReport(False, f"{where} is left alone: nothing is wrong with it", network, pods=before)
        told = f": {'; '.join(wrong)}" if wrong else ""
        if dry_run:
            return NetworkReport(True, f"would restart {where}{told}", network, wrong, before, before)
        proof = Proof()
        try:
            missing, now = self._restart(network, before, network_condition(node), end)
            if not missing:
                missing = self._prove(network, proof, end)
        finally:
            self._tidy()
        changed = bool(self._evictions.evicted) or self._made
        report = NetworkReport(changed, "", network, wrong, tuple(self._evictions.evicted.values()), now, proof)
        if missing:
            how = "was stopped by a signal" if self._cancelled.is_set() else f"is not well within {deadline:.0f} s"
            failed = RestartFailed(f"{where} {how}: {missing}")
            failed.details = {**report.to_dict(), "changed": changed}
            raise failed
        return NetworkReport(
            changed, f"{where} was restarted{told}: {proof}", network, wrong, report.evicted, now, proof
        )

    # --- the restart

    def _restart(
        self, network: Network, before: tuple[PluginPod, ...], condition: Mapping[str, Any], end: float
    ) -> tuple[str, tuple[PluginPod, ...]]:
        """Evict the plugin's pod, and wait for the next one; what is missing, and the pods that are there."""
        missing, now = "", before
        while True:
            try:
                hands = self._hands(end)
                hands.prove()
                network = self._network()
                now = self._agents(network, end)
                missing = self._missing(network, before, now, condition, hands.read())
                if not missing:
                    return "", now
                wanted = {one.uid for one in before}
                # A pod that is made before its DaemonSet's controller has seen the last change would be an old one.
                if network.settled and not self._cancelled.is_set():
                    for one in now:
                        if one.uid in wanted and not one.pod.deleting:
                            self._evict(one, network, end)
            except Unreachable as exc:
                # A request that our own deadline has cut short tells less than what was seen before it.
                if not missing or self._monotonic() < end:
                    missing = f"the API server does not answer: {exc}"
            if self._over(end):
                said = f"; the last eviction was refused: {self._evictions.refused}" if self._evictions.refused else ""
                return missing + said, now

    def _missing(
        self,
        network: Network,
        before: tuple[PluginPod, ...],
        now: tuple[PluginPod, ...],
        condition: Mapping[str, Any],
        node: Mapping[str, Any],
    ) -> str:
        # Without a pod to be restarted there must be one all the same.
        missing = still_missing(before, now, (True, ""))
        if not missing:
            fresh = [one for one in now if one.ready]
            missing = "" if fresh else "; ".join(trouble_of(now, network, {}))
        if missing:
            return printable(missing)
        after = network_condition(node)
        said = said_of(after)
        if said or not network.provider.writes or not before:
            return said
        unwritten = after and after.get("lastHeartbeatTime") == condition.get("lastHeartbeatTime")
        return "the new pod has not written the node's condition NetworkUnavailable yet" if unwritten else ""

    def _evict(self, one: PluginPod, network: Network, end: float) -> None:
        def forbidden(words: str) -> str:
            return (
                f"pod {one} may not be evicted, nothing was done: {words} (the playbook bootstrap gives the"
                " right with selfheal_bootstrap_cni; elsewhere than in kube-system, bind ClusterRole"
                f" selfheal-cni-agents in {network.namespace})"
            )

        self._evictions.ask(one, end, RETRY_SECONDS, forbidden)

    # --- the proof

    def _prove(self, network: Network, proof: Proof, end: float) -> str:
        """Make the pods of the proof and wait for what they show; what is missing at the end."""
        missing = ""
        peers: list[str] = []
        asked = False
        while True:
            try:
                hands = self._hands(end)
                hands.prove()
                if not asked:
                    self._remove()
                    nodes = self._client.get("/api/v1/nodes", {"limit": NODES}).body.get("items") or ()
                    peers = peers_of(nodes, self._actor.node) if self._image else []
                    asked = True
                proof.pods = self._probes()
                missing = self._step(network, proof, peers, end)
                if not missing:
                    return ""
            except (Conflict, Unreachable) as exc:
                if not missing or self._monotonic() < end:
                    missing = f"the proof cannot be seen: {exc}"
            except Forbidden as exc:
                return f"nothing was proven: {exc} (the playbook bootstrap gives the right with selfheal_bootstrap_cni)"
            if self._over(end):
                return printable(missing + self._events(proof))

    def _step(self, network: Network, proof: Proof, peers: list[str], end: float) -> str:
        """One look at the proof, and whatever pod it needs next; what is missing."""
        target = proof.pods.get("target")
        if target is None:
            command = ("sh", "-c", SERVE) if self._image else ("selfheal-makes-no-process",)
            self._make("target", self._actor.node, self._image or network.image, command, end)
        for number, peer in enumerate(peers):
            if f"peer-{number}" not in proof.pods:
                self._make(f"peer-{number}", peer, self._image, ("sh", "-c", SERVE), end)
        if target is None:
            return f"a new pod on node {self._actor.node} is not there yet"
        proof.address = target.address or proof.address
        if not proof.address:
            return f"{target} has no address{': ' + target.waiting if target.waiting else ''}"
        if not self._image:
            proof.unproven = "whether it reaches other nodes was not proven, since no image is given for that"
            return ""
        if not peers:
            proof.unproven = "whether it reaches other nodes was not proven, since no other node is well"
            return "" if target.phase == "Running" else f"{target} does not run: {target.waiting or target.phase}"
        if target.phase != "Running":
            return f"{target} does not run: {target.waiting or target.phase}"
        seen = [proof.pods.get(f"peer-{number}") for number in range(len(peers))]
        partner = next((one for one in seen if one and one.phase == "Running" and one.address), None)
        if partner is None:
            told = [f"{one}: {one.waiting or one.phase}" for one in seen if one]
            return f"no pod runs on another node to be reached ({', '.join(told) or 'none is there yet'})"
        proof.peer, proof.peer_address = partner.node, partner.address
        return self._calls(proof, partner, end)

    def _calls(self, proof: Proof, partner: Probe, end: float) -> str:
        out, back = proof.pods.get("out"), proof.pods.get("back")
        if out is None:
            self._make("out", self._actor.node, self._image, ("sh", "-c", call_of(partner.address)), end)
        if back is None:
            self._make("back", partner.node, self._image, ("sh", "-c", call_of(proof.address)), end)
        proof.reached = bool(out and out.phase == "Succeeded")
        proof.was_reached = bool(back and back.phase == "Succeeded")
        if not proof.reached:
            state = f": it has no address{', ' + out.waiting if out.waiting else ''}" if out and not out.address else ""
            return f"a new pod on it does not reach {partner.address} on node {partner.node}{state}"
        return "" if proof.was_reached else f"{proof.address} on it is not reached from node {partner.node}"

    def _make(self, role: str, node: str, image: str, command: Iterable[str], end: float) -> None:
        if self._cancelled.is_set():
            return
        seconds = int(max(30.0, end - self._monotonic() + 30.0))
        name = f"{self._prefix}-{role}"
        self._made = True
        # Of a pod that has ended nobody tells the address.
        again = "OnFailure" if role in ("out", "back") else "Always"
        pod = probe_pod(name, self._namespace, node, self._label, image, command, seconds, again)
        self._client.create(self._pods, pod)

    def _probes(self) -> dict[str, Probe]:
        items = self._client.items(self._pods, {"labelSelector": f"{PROBE}={self._label}"})
        found = [Probe.from_api(i) for i in items if not (i.get("metadata") or {}).get("deletionTimestamp")]
        return {one.name.removeprefix(f"{self._prefix}-"): one for one in found}

    def _remove(self) -> None:
        """Remove every pod of this node's proof, those of a run that was killed among them.

        At once: nothing of theirs is worth to be ended in order, and a node without a network could not do so.
        """
        for one in self._probes().values():
            body = {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "gracePeriodSeconds": 0,
                "preconditions": {"uid": one.uid},
            }
            self._client.once("DELETE", f"{self._pods}/{one.name}", None, body, TIDY_SECONDS)

    def _tidy(self) -> None:
        if not self._made:
            return
        try:
            self._remove()
        except ClusterError:
            # They end by themselves, and the next proof on this node removes them.
            return

    def _events(self, proof: Proof) -> str:
        """What the cluster tells of the pods of the proof that are not as they should be."""
        said = []
        for role in ("target", "out"):
            one = proof.pods.get(role)
            if one is None or one.phase in ("Running", "Succeeded"):
                continue
            try:
                query = {"fieldSelector": f"involvedObject.uid={one.uid},type=Warning", "limit": 20}
                items = self._client.get(f"{self._pods.rpartition('/')[0]}/events", query).body.get("items") or ()
            except ClusterError:
                continue
            latest = sorted(items, key=lambda i: str(i.get("lastTimestamp") or i.get("eventTime") or ""))
            said += [str(latest[-1].get("message") or "")[:400]] if latest else []
        return f" ({'; '.join(said)})" if said else ""

    # --- both

    def _hands(self, end: float) -> NodeHands:
        return NodeHands(self._client.within(max(1.0, end - self._monotonic())), self._actor)

    def _network(self) -> Network:
        try:
            network = find_network(self._client, self._provider)
        except CniError as exc:
            raise NetworkNotFound(str(exc)) from None
        if network is None:
            names = [PROVIDERS[self._provider]] if self._provider else list(PROVIDERS.values())
            raise NetworkNotFound(
                "the cluster has no network plugin that is known, so nothing can be restarted on node"
                f" {self._actor.node}: expected a DaemonSet {' or '.join(p.daemonset for p in names)}"
                f" in {', '.join(sorted({n for p in names for n in p.namespaces}))}"
            )
        return network

    def _agents(self, network: Network, end: float) -> tuple[PluginPod, ...]:
        client = self._client.within(max(1.0, end - self._monotonic()))
        return pods_of(client, self._actor.node, lambda items: agents_of(items, network))

    def _over(self, end: float) -> bool:
        return self._monotonic() + LOOK_SECONDS >= end or self._cancelled.wait(LOOK_SECONDS)
