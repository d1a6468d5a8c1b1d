# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubelet does not understand its configuration."""

from __future__ import annotations

from chaosheal.model import Fault, Look, inside, network

_FILE = "/var/lib/kubelet/config.yaml"
# Ends with 0 if nobody answers where kubelet tells how it is.
_SILENT = (
    "import sys, urllib.request as u\n"
    "try: u.urlopen('http://127.0.0.1:10248/healthz', timeout=3)\n"
    "except OSError: sys.exit(0)\n"
    "sys.exit(1)"
)

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
    # It is started each second and ends at once, so its process comes and goes.
    effect=lambda target, params: Look(network("python3", "-c", _SILENT)),
)
