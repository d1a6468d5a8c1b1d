# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pressure that kubelet sees in earnest, though nothing is used up: its threshold is above what there is."""

from __future__ import annotations

from chaosheal.model import Fault, Look, api, inside

_FILE = "/var/lib/kubelet/kubeadm-flags.env"


def pressed(fault: str, signal: str, threshold: str, condition: str, about: str) -> Fault:
    """The fault that a node says this condition of itself."""
    told = f'jsonpath={{.status.conditions[?(@.type=="{condition}")].status}}'
    script = (
        f"[ -e {_FILE}.chaosheal ] || cp -p {_FILE} {_FILE}.chaosheal;"
        f' sed -i "s/^KUBELET_KUBEADM_ARGS=./&--eviction-hard={signal}<{threshold} /" {_FILE}'
        " && systemctl restart kubelet"
    )
    undo = f"if [ -e {_FILE}.chaosheal ]; then mv -f {_FILE}.chaosheal {_FILE}; systemctl restart kubelet; fi"
    return Fault(
        name=fault,
        about=about,
        inject=lambda target, params: (inside(script),),
        undo=lambda target, params: (inside(undo),),
        effect=lambda target, params: Look(api("get", "node", target.node, "-o", told), says="^True$"),
        seconds=120,
    )
