# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection says about itself agrees with what it holds."""

from __future__ import annotations

import yaml

from lab.paths import CHECKOUT

MODULES = CHECKOUT / "plugins" / "modules"


def test_the_action_group_lists_the_modules_that_say_they_are_in_it():
    runtime = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    fragment = "selfheal.kubernetes._attributes.actiongroup"
    documented = [path.stem for path in sorted(MODULES.glob("*.py")) if fragment in path.read_text("utf-8").lower()]
    assert documented
    assert runtime["action_groups"] == {"selfheal": documented}
