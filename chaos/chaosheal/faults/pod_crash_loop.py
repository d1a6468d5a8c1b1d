# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application that ends as soon as it begins."""

from __future__ import annotations

from chaosheal.faults._pods import sick

FAULT = sick(
    "pod_crash_loop",
    {"command": ["/bin/busybox", "false"]},
    "restartCount",
    "^[1-9]",
    "an application ends as soon as it begins, again and again; its node is well",
)
