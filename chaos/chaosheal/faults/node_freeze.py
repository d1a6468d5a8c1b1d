# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node whose every process stands still; its kernel goes on to accept connections."""

from __future__ import annotations

from chaosheal.faults._engine import in_state
from chaosheal.model import Fault, engine

FAULT = Fault(
    name="node_freeze",
    about="every process of the node stands still, while its kernel goes on to accept connections",
    inject=lambda target, params: (engine("pause", target.node),),
    undo=lambda target, params: (engine("unpause", target.node, may_fail=True),),
    effect=lambda target, params: in_state(target, "paused"),
)
