# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node whose Services lead nowhere."""

from __future__ import annotations

import json

from chaosheal.model import Fault, Look, Target, api, inside

_DAEMONSET = ("-n", "kube-system", "daemonset", "kube-proxy")


def _patch(affinity: object) -> str:
    return json.dumps({"spec": {"template": {"spec": {"affinity": affinity}}}})


def _not_on(target: Target) -> dict[str, object]:
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [target.node]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


FAULT = Fault(
    name="kube_proxy_loss",
    about="kube-proxy is gone from the node, and with it the rules that it leaves behind",
    inject=lambda target, params: (
        api("patch", *_DAEMONSET, "--type", "merge", "-p", _patch(_not_on(target))),
        # A pod that is asked to end takes some seconds, and would write its rules again.
        inside("for try in 1 2 3 4 5 6 7 8 9; do pgrep -x kube-proxy >/dev/null || break; sleep 3; done"),
        inside("iptables-save -t nat | grep -v KUBE- | iptables-restore -T nat"),
    ),
    undo=lambda target, params: (api("patch", *_DAEMONSET, "--type", "merge", "-p", _patch(None)),),
    effect=lambda target, params: Look(
        inside("! pgrep -x kube-proxy >/dev/null && ! iptables-save -t nat | grep -q KUBE-SVC")
    ),
    seconds=60,
)
