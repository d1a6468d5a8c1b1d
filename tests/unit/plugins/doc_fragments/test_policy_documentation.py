# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings are written down for people as they are in the code."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.doc_fragments._connection import ModuleDocFragment
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import SETTINGS, Policy

DESCRIPTION = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["policy"]["description"]


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_documented_with_range_default_and_meaning(name: str) -> None:
    setting = SETTINGS[name]
    default = getattr(Policy(), name)
    line = f"C({name}) ({setting.low}-{setting.high} {setting.unit}, default {default}), {setting.about}."
    assert line in DESCRIPTION


def test_nothing_else_is_documented() -> None:
    assert len(DESCRIPTION) == 2 + len(SETTINGS)
