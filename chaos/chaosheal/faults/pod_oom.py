# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application that wants more memory than it may have."""

from __future__ import annotations

from chaosheal.faults._pods import sick

FAULT = sick(
    "pod_oom",
    {
        "command": ["/bin/busybox", "tail", "/dev/zero"],
        "resources": {"limits": {"memory": "24Mi"}},
    },
    "lastState.terminated.reason",
    "^OOMKilled$",
    "an application is killed for lack of memory, again and again; its node is well",
)
