# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node whose GPUs nobody can have."""

from __future__ import annotations

from chaosheal.model import Fault, Look, api, host, inside

FOLDER = "/var/lib/kubelet/device-plugins"
_OFFERED = r"jsonpath={.status.allocatable.nvidia\.com/gpu}"
# A node that has none would look as if it had lost them.
_HAS_SOME = (
    'count=$(kubectl --request-timeout=10s get node "$1" -o "$2") && [ "${count:-0}" -gt 0 ] && exit 0;'
    ' echo "the node offers no GPU that it could lose" >&2; exit 1'
)

FAULT = Fault(
    name="gpu_loss",
    about="kubelet has forgotten the device plugins, whose sockets are gone; it lasts until they register again",
    inject=lambda target, params: (
        host(_HAS_SOME, target.node, _OFFERED),
        # An open connection outlives its socket's name, so kubelet has to begin anew, as when it is updated.
        inside(f"find {FOLDER} -maxdepth 1 -type s ! -name kubelet.sock -delete && systemctl restart kubelet"),
    ),
    # Their containers are begun anew by kubelet, and register.
    undo=lambda target, params: (
        inside(
            f'for one in /proc/[0-9]*; do if grep -qs " {FOLDER} " "$one/mountinfo"; then'
            ' kill -KILL "${one#/proc/}" 2>/dev/null; fi; done; true'
        ),
    ),
    # What kubelet tells the API server.
    effect=lambda target, params: Look(api("get", "node", target.node, "-o", _OFFERED), says=r"\A0?\Z"),
    roles=("worker",),
    seconds=90,
)
