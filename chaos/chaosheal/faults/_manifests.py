# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static pods, which kubelet runs while their manifests are in its folder."""

from __future__ import annotations

from chaosheal.faults._processes import no_program
from chaosheal.model import Fault, inside

# kubelet runs whatever lies in the folder of the manifests, so what is taken away waits elsewhere.
AWAY = "/etc/kubernetes/chaosheal"


def lost(fault: str, pod: str, about: str) -> Fault:
    """The fault that a static pod is gone, with its manifest."""
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
        effect=lambda target, params: no_program(pod),
        roles=("control-plane",),
        seconds=90,
    )
