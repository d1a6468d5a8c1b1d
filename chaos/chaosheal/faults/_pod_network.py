# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a node's pods stand in its network: in that of a pod of ours, which is there for as long as the fault is."""

from __future__ import annotations

import json

from chaosheal.faults._pods import NAMESPACE, PAUSE
from chaosheal.model import Command, Look, Target, api, host

_LABEL = "chaosheal-probe"
# Shorter than a command may last.
_WAIT_SECONDS = 45
# The address of the pod, empty if there is none; $1 is the ident.
_ADDRESS = (
    f'kubectl --request-timeout=10s get pods -n {NAMESPACE} -l "{_LABEL}=$1" -o "jsonpath={{.items[*].status.podIP}}"'
)
_WAIT = (
    f'end=$(($(date +%s) + {_WAIT_SECONDS})); until [ "$({_ADDRESS})" ]; do'
    ' [ "$(date +%s)" -lt "$end" ] || { echo "no pod of ours has an address on the node" >&2; exit 1; }; sleep 1; done'
)
# $1 is the ident and $2 the node; what comes after it knows $node and $pod, by which nsenter finds their networks.
_FIND = (
    f'at=$({_ADDRESS}) && [ "$at" ] && pid=$("$ENGINE" inspect -f "{{{{.State.Pid}}}}" "$2") || exit 2\n'
    "shift 2; node=/proc/$pid/ns/net; pod=\n"
    'for net in /proc/"$pid"/root/run/netns/*; do\n'
    '  nsenter --net="$net" ip -4 -o addr show | grep -qF " $at/" && pod=$net && break\n'
    "done\n"
    '[ "$pod" ] || exit 2\n'
)


def _name(target: Target) -> str:
    return f"probe-{target.ident}"


def _manifest(target: Target) -> str:
    labels = {_LABEL: target.ident}
    pod = {
        "nodeSelector": {"kubernetes.io/hostname": target.node},
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": "probe", "image": PAUSE}],
    }
    # Nobody drains a DaemonSet's pod, so it is in no healer's way.
    daemonset = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": _name(target), "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [space, daemonset]})


def place(target: Target) -> tuple[Command, ...]:
    """Have the pod there; it comes before the fault, which would keep it from coming."""
    return (api("apply", "-f", "-", stdin=_manifest(target)), host(_WAIT, target.ident))


def remove(target: Target) -> tuple[Command, ...]:
    """Take the pod away, after all else: an API server that is away must keep nothing broken."""
    return (api("delete", "daemonset", _name(target), "-n", NAMESPACE, "--ignore-not-found", "--wait=false"),)


def seen(target: Target, script: str, *words: str) -> Look:
    """What a script sees that knows the words as $1 and so on, and the files of two networks as $node and $pod."""
    return Look(host(_FIND + script, target.ident, target.node, *words))


def seen_from_both(target: Target, program: str, *words: str) -> Look:
    """Whether a program for Python ends with 0 in the node's own network, and in that of its pod."""
    script = 'for net in "$node" "$pod"; do nsenter --net="$net" python3 -c "$@" || exit 1; done'
    return seen(target, script, program, *words)
