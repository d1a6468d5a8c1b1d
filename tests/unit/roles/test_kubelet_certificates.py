# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a healing run hands on to the role."""

from __future__ import annotations

from typing import Any

import yaml

from lab.paths import CHECKOUT

ROLE = CHECKOUT / "roles" / "kubelet_certificates"


def read(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


def test_the_rung_hands_on_what_the_inventory_says_of_the_host() -> None:
    given = read("tasks/rung.yml")[0]["vars"]
    plan = {f"kubelet_certificates_{name}" for name in ("node", "host", "deadline")}
    wanted = {*read("defaults/main.yml"), "kubelet_certificates_cluster_uid"}
    assert {name for name in given if not name.startswith("__")} == wanted
    for name in wanted - plan:
        assert f"__kubelet_certificates_own.{name}" in given[name], name
    assert given["__kubelet_certificates_own"] == "{{ hostvars[repair_node_action.host] }}"
