# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that restarts at once."""

from __future__ import annotations

from chaosheal.faults._processes import younger
from chaosheal.model import Fault, engine

FAULT = Fault(
    name="node_reboot",
    about="the node restarts without warning; what is under /run is gone",
    inject=lambda target, params: (engine("restart", "--time", "0", target.node),),
    undo=lambda target, params: (engine("start", target.node),),
    effect=lambda target, params: younger("systemd", 120),
    passes=True,
    seconds=60,
)
