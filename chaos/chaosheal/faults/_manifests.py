# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static pods, which kubelet runs while their manifests are in its folder."""

from __future__ import annotations

from chaosheal.faults._processes import no_program
from chaosheal.model import Fault, Look, Target, host, inside

# kubelet runs whatever lies in the folder of the manifests, so what is taken away waits elsewhere.
AWAY = "/etc/kubernetes/chaosheal"
# Ends with 0 if the node's own holds the Lease no more, as another control plane's does then, or has not renewed it for
# longer than it is good for.
_NOT_RENEWED = (
    "import json, sys, time; from datetime import datetime as d; spec = json.load(sys.stdin)['spec']\n"
    "age = time.time() - d.fromisoformat(spec['renewTime']).timestamp()\n"
    "holder = (spec.get('holderIdentity') or '').rpartition('_')[0]\n"
    "sys.exit(holder == sys.argv[1] and age <= spec['leaseDurationSeconds'])\n"
)
_NOT_LEADING = (
    f'"$ENGINE" exec "$1" sh -c "{no_program("$2").command.argv[2]}" &&'
    ' kubectl --request-timeout=10s get lease "$2" -n kube-system -o json | python3 -c "$3" "$1"'
)


def not_leading(target: Target, pod: str) -> Look:
    """Whether the node's own is gone, and the Lease by which it leads tells the same."""
    return Look(host(_NOT_LEADING, target.node, pod, _NOT_RENEWED))


def lost(fault: str, pod: str, about: str, leads: bool = False) -> Fault:
    """The fault that a static pod is gone, with its manifest.

    :param leads: whether it has a Lease of its name.
    """
    here, there = f"/etc/kubernetes/manifests/{pod}.yaml", f"{AWAY}/{pod}.yaml"
    return Fault(
        name=fault,
        about=about,
        inject=lambda target, params: (inside(f"mkdir -p {AWAY} && mv {here} {there}"),),
        # One that has been put back by somebody else stays.
        undo=lambda target, params: (
            inside(
                f"if [ -e {there} ]; then mv -n {there} {here}; rm -f {there}; fi; rmdir {AWAY} 2>/dev/null || true"
            ),
        ),
        effect=lambda target, params: not_leading(target, pod) if leads else no_program(pod),
        roles=("control-plane",),
        seconds=90,
    )
