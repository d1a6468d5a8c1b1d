# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that gets next to no CPU time."""

from __future__ import annotations

from chaosheal.model import Fault, Look, Param, engine, inside

FAULT = Fault(
    name="cpu_starvation",
    about="the node as a whole gets so much of one CPU and no more",
    params={"percent": Param("of one CPU", 10, limits=(1, 100))},
    inject=lambda target, params: (
        engine("update", "--cpu-period", "100000", "--cpu-quota", str(params["percent"] * 1000), target.node),
    ),
    undo=lambda target, params: (engine("update", "--cpu-quota", "-1", target.node),),
    # The kernel's word for it, of either version of cgroups.
    effect=lambda target, params: Look(
        inside("cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null; true"),
        says=rf"^{params['percent'] * 1000}\b",
    ),
)
