# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applications of our own that are sick by themselves; their nodes have no part in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from chaosheal.model import Fault, Look, Param, Params, Target, api

NAMESPACE = "chaosheal"
# Every node of kind has it.
PAUSE = "registry.k8s.io/pause:3.10.1"
# Of an application that is a shell's.
SHELL: Mapping[str, Param] = MappingProxyType(
    {"image": Param("with /bin/busybox in it", "docker.io/library/busybox:1.37")}
)


def sick(
    fault: str,
    container: dict[str, object],
    told: str,
    says: str,
    about: str,
    params: Mapping[str, Param] = SHELL,
) -> Fault:
    """The fault that a pod on the node is in trouble.

    :param container: what it is made of, besides its name, and the image where that is a parameter.
    :param told: where in the status of its container the trouble stands.
    """

    def manifest(target: Target, params: Params) -> str:
        meta = {"name": f"{fault.replace('_', '-')}-{target.ident}"[:60], "namespace": NAMESPACE}
        spec = {
            "nodeName": target.node,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "app", **params, **container}],
        }
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": [space, pod]})

    def name(target: Target) -> str:
        return f"{fault.replace('_', '-')}-{target.ident}"[:60]

    return Fault(
        name=fault,
        about=about,
        inject=lambda target, params: (api("apply", "-f", "-", stdin=manifest(target, params)),),
        undo=lambda target, params: (
            api("delete", "pod", name(target), "-n", NAMESPACE, "--ignore-not-found", "--grace-period=1"),
        ),
        effect=lambda target, params: Look(
            api("get", "pod", name(target), "-n", NAMESPACE, "-o", f"jsonpath={{.status.containerStatuses[0].{told}}}"),
            says=says,
        ),
        params=params,
        seconds=120,
    )
