# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubelet does not understand its configuration."""

from __future__ import annotations

from chaosheal.faults._processes import absent
from chaosheal.model import Fault, inside

_FILE = "/var/lib/kubelet/config.yaml"

FAULT = Fault(
    name="kubelet_bad_config",
    about="kubelet's configuration is of a version that there is not, so that no start succeeds",
    inject=lambda target, params: (
        inside(
            f"[ -e {_FILE}.chaosheal ] || cp -p {_FILE} {_FILE}.chaosheal;"
            f" sed -i 's|^apiVersion: kubelet.config.k8s.io/.*|apiVersion: kubelet.config.k8s.io/v0chaos|' {_FILE}"
            " && systemctl restart --no-block kubelet"
        ),
    ),
    undo=lambda target, params: (
        inside(f"if [ -e {_FILE}.chaosheal ]; then mv -f {_FILE}.chaosheal {_FILE}; systemctl restart kubelet; fi"),
    ),
    effect=lambda target, params: absent("kubelet"),
)
