# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of the network plugin is half a file."""

from __future__ import annotations

from chaosheal.faults._network_plugin import ASIDE, FOLDER, without_network
from chaosheal.model import Fault, inside

FAULT = Fault(
    name="cni_corrupt",
    about="the configuration of the network plugin is cut short, as by a full disk",
    inject=lambda target, params: (
        inside(f'cp -a {FOLDER} {ASIDE} && for file in {FOLDER}/*.conflist; do truncate -s 40 "$file"; done'),
    ),
    undo=lambda target, params: (inside(f"if [ -d {ASIDE} ]; then cp -a {ASIDE}/. {FOLDER}/; rm -rf {ASIDE}; fi"),),
    effect=lambda target, params: without_network(target),
    seconds=90,
)
