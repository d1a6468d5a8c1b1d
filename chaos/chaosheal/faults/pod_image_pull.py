# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application whose image there is not."""

from __future__ import annotations

from chaosheal.faults._pods import sick

FAULT = sick(
    "pod_image_pull",
    {"image": "chaos.invalid/no/such:image", "imagePullPolicy": "Always"},
    "state.waiting.reason",
    "ErrImagePull|ImagePullBackOff",
    "an application's image cannot be pulled; its node is well",
    params={},
)
