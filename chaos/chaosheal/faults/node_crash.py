# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that dies at once and stays down."""

from __future__ import annotations

from chaosheal.faults._engine import in_state
from chaosheal.model import Fault, engine

FAULT = Fault(
    name="node_crash",
    about="the node's machine loses its power, and stays off",
    inject=lambda target, params: (engine("kill", target.node),),
    undo=lambda target, params: (engine("start", target.node),),
    effect=lambda target, params: in_state(target, "exited"),
)
