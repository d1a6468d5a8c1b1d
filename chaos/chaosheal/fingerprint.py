# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster looks like apart from what changes by itself, so that nothing that was broken stays so unnoticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chaosheal.hands import Hands, NodeOf
from chaosheal.model import ChaosError, inside, network

# Units, files that faults of ours touch, what they put aside, processes that stand still, and the node's limits.
_NODE = """
for unit in kubelet containerd; do
  echo "unit $unit $(systemctl show $unit -p UnitFileState --value) $(systemctl show $unit -p ActiveState --value)"
done
for file in /etc/kubernetes/manifests/* /etc/cni/net.d/* /var/lib/kubelet/config.yaml \
  /var/lib/kubelet/kubeadm-flags.env /etc/systemd/system/kubelet.service.d/* /run/systemd/system/kubelet.service.d/*; do
  [ -f "$file" ] && echo "file $file $(sha256sum <"$file" | cut -c 1-16)"
done
find /etc/kubernetes /etc/cni /etc/default /var/lib/kubelet /var/lib/kubelet/pki -maxdepth 2 \
  -name "*chaosheal*" | sed "s/^/left /"
systemctl list-units --plain --no-legend --all "chaosheal-*" | sed "s/ .*//; s/^/left /"
for name in kubelet containerd kube-apiserver etcd; do
  for pid in $(pgrep -x $name); do grep -q "^State:.T" "/proc/$pid/status" && echo "stopped $name"; done
done
cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null | sed "s/^/quota /"
true
"""
# How the node's network sends; by tc, which may tell a number that is another one each time.
_QUEUES = network("sh", "-c", "tc qdisc show dev eth0 | sed 's/ [0-9a-f]*: / /'")
# The token in it is renewed all the time.
_CHANGES_BY_ITSELF = ("calico-kubeconfig",)


def take(hands: Hands, nodes: Sequence[NodeOf]) -> dict[str, list[str]]:
    """What each node looks like, one line for each thing. What cannot be asked says so."""
    return {node.name: _of(hands, node) for node in nodes}


def _of(hands: Hands, node: NodeOf) -> list[str]:
    lines = [f"cordoned {node.cordoned}"]
    try:
        lines += hands.carry_out(inside(_NODE), node.name, 60).output.splitlines()
        rules = hands.carry_out(network("iptables-save"), node.name, 30).output.splitlines()
        lines += [f"queue {line}" for line in hands.carry_out(_QUEUES, node.name, 30).output.splitlines()]
    except ChaosError as exc:
        return [*lines, f"cannot be asked: {exc}"]
    lines += [f"rule {line}" for line in rules if "CHAOS-" in line]
    return sorted(line for line in lines if not any(word in line for word in _CHANGES_BY_ITSELF))


def differences(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]) -> list[str]:
    """What is there that was not, and the other way round; empty if all is as it was."""
    found = []
    for node in sorted(set(before) | set(after)):
        old, new = set(before.get(node, ())), set(after.get(node, ()))
        found += [f"{node}: gone: {line}" for line in sorted(old - new)]
        found += [f"{node}: new: {line}" for line in sorted(new - old)]
    return found
