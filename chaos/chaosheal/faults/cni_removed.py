# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of the network plugin is gone."""

from __future__ import annotations

from chaosheal.faults._network_plugin import ASIDE, FOLDER, without_network
from chaosheal.model import Fault, inside

FAULT = Fault(
    name="cni_removed",
    about="the configuration of the network plugin is gone from the node, so that no new pod gets an address",
    inject=lambda target, params: (inside(f"mkdir {ASIDE} && mv {FOLDER}/* {ASIDE}/"),),
    # What the plugin has written since is newer and stays.
    undo=lambda target, params: (inside(f"if [ -d {ASIDE} ]; then cp -an {ASIDE}/. {FOLDER}/; rm -rf {ASIDE}; fi"),),
    effect=lambda target, params: without_network(target),
    seconds=90,
)
