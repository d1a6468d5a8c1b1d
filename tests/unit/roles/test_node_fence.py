# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role says of its drivers, and what is proven before anything is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.filter.fencing import fence_machine
from ansible_collections.selfheal.kubernetes.plugins.filter.reboot import reboot_mistakes
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drivers import DRIVERS, FENCERS

from lab.paths import CHECKOUT
from tests.unit.roles.test_node_reboot import leaves

ROLE = CHECKOUT / "roles" / "node_fence"
FOLDERS = {path.name: path for path in (ROLE / "tasks" / "drivers").iterdir()}
UUID = "4c4c4544-0042-4a10-8056-b2c04f4d3233"


def read(name: str | Path) -> Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


def test_registry_files_and_documentation_know_the_same_drivers() -> None:
    options = read("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert set(options["node_fence_driver"]["choices"]) - {""} == set(FENCERS) == set(FOLDERS)
    for name, driver in FENCERS.items():
        files = {path.name for path in FOLDERS[name].iterdir()}
        assert files == {"look.yml", "off.yml"} | ({"who.yml"} if driver.tells_uuid else set())
        # Options are those of the reboot, which documents them.
        assert set(driver.options) == set(DRIVERS[name].options)
        # An inventory's word alone is none, so each has a way to show which machine it means.
        assert driver.provider or driver.tells_uuid
    assert set(read("defaults/main.yml")) == {name for name, spec in options.items() if not spec.get("required")}


def test_libvirt_needs_virsh_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    given = {"instance": "vm-1"}
    for deed in ("fence", "reboot"):
        assert reboot_mistakes(given, "libvirt", deed=deed) == [
            "driver libvirt needs the program virsh on the controller, which is not there"
        ]
    (tmp_path / "virsh").touch(mode=0o755)
    assert reboot_mistakes(given, "libvirt", deed="fence") == []


def test_whose_machine_it_is_is_known_or_asked_for() -> None:
    kind = "kind://docker/lab/w1"
    known = {"objection": "", "tells": False}
    assert fence_machine({}, "docker", kind) == known
    assert fence_machine({"argv": ["x", "{instance}"]}, "command", kind) == known
    blind = fence_machine({"argv": ["x", "{node}"]}, "command", kind, UUID, UUID)
    assert not blind["tells"]
    for name, given in (("libvirt", {"instance": "vm-1"}), ("redfish", {"bmc": "10.0.0.1"})):
        asked = fence_machine(given, name, "", UUID)
        assert asked["tells"] and "tells no system UUID" in asked["objection"]
        assert fence_machine(given, name, "", UUID, f" {UUID.upper()}\n") == {"objection": "", "tells": True}


def test_which_machine_it_is_is_settled_before_anything_is_changed() -> None:
    block = read("tasks/main.yml")[1]["block"]
    names = [task["name"] for task in block]
    who = names.index("Stop if it may be another machine than the node's")
    assert who < names.index("Cut the power") < names.index("Say that the node is out of service")
    assert block[who]["when"] == "not node_fence_trust_inventory | bool"
    # Only the node's own word counts for it, and not the one that an inventory gives.
    assert (
        "__node_fence_machine.provider_id, __node_fence_machine.system_uuid" in block[who]["vars"]["__node_fence_asked"]
    )
    look = read("tasks/check.yml")[1]
    assert look["check_mode"] is True and look["register"] == "__node_fence_seen_node"


@pytest.mark.parametrize("path", sorted(ROLE.glob("tasks/drivers/*/*.yml")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_what_asks_changes_nothing_and_ends_by_itself(path: Path) -> None:
    for task in leaves(read(path)):
        if "ansible.builtin.set_fact" in task:
            continue
        assert task["delegate_to"] == "localhost" and task["vars"]["ansible_become"] is False and task["timeout"]
        assert path.stem == "off" or task.get("check_mode") is False
