# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubelet does not run, and systemd is content with that."""

from __future__ import annotations

from chaosheal.faults._processes import absent
from chaosheal.model import Fault, Param, inside

FAULT = Fault(
    name="kubelet_stop",
    about="kubelet is stopped, and its unit disabled, so that a reboot does not bring it back",
    params={"disable": Param("whether its unit is disabled as well", True)},
    inject=lambda target, params: (
        inside("systemctl disable --now kubelet" if params["disable"] else "systemctl stop kubelet"),
    ),
    undo=lambda target, params: (inside("systemctl enable --now kubelet"),),
    effect=lambda target, params: absent("kubelet"),
)
