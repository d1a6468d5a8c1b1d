# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role says of its drivers, and where its commands are fenced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drivers import DRIVERS

from lab.paths import CHECKOUT

ROLE = CHECKOUT / "roles" / "node_reboot"
# What calls nobody, or by another file, or on the host.
NO_CALLS = {f"ansible.builtin.{name}" for name in ("assert", "fail", "include_tasks", "raw", "set_fact")}
FILES = {path.stem: path for path in (ROLE / "tasks" / "drivers").glob("*.yml")}


def read(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


def leaves(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        inside = [one for part in ("block", "rescue", "always") for one in task.get(part, [])]
        yield from leaves(inside) if inside else iter([task])


def test_registry_files_and_documentation_know_the_same_drivers() -> None:
    options = read("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert set(options["node_reboot_driver"]["choices"]) == set(DRIVERS) == set(FILES)
    documented = " ".join(options["node_reboot_driver"]["description"])
    assert all(f"V({name})" in documented for name in DRIVERS)
    specs = options["node_reboot_options"]["options"]
    assert set(specs) == {option for driver in DRIVERS.values() for option in driver.options}
    for option, spec in specs.items():
        whose = {name for name, driver in DRIVERS.items() if option in driver.options}
        told = " ".join(spec["description"])
        named = set(re.findall(r"V\(([a-z0-9]+)\)", told.partition(". ")[0])) if told.startswith("Of V(") else whose
        assert named == whose, option
        assert spec.get("no_log", False) is (option in ("password", "token")), option
    back = read("meta/argument_specs.yml")["argument_specs"]["back"]["options"]
    assert set(read("defaults/main.yml")) == {
        name for name, spec in (options | back).items() if name == "node_reboot_host" or not spec.get("required")
    }


def test_the_documentation_tells_of_every_driver() -> None:
    text = (CHECKOUT / "docs" / "reboot.md").read_text(encoding="utf-8")
    for name, driver in DRIVERS.items():
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{name}` ")]
        assert all(f"`{option}`" in row for option in driver.options), name
        assert all(f"`{variable}`" in row for variable in driver.environment.values()), name
        assert driver.module.rpartition(".")[0] in row and driver.program in row, name


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_runs_on_the_controller_says_so_and_ends_by_itself(name: str) -> None:
    for task in leaves(read(f"tasks/drivers/{name}.yml")):
        if NO_CALLS & set(task):
            continue
        assert task["delegate_to"] == "localhost" and task["vars"]["ansible_become"] is False, task["name"]
        assert task["timeout"], task["name"]


def test_who_may_turn_on_a_machine_that_is_off_asks_for_its_power_before() -> None:
    asks = {path.stem: path for path in (ROLE / "tasks" / "power").glob("*.yml")}
    assert set(asks) == {name for name, driver in DRIVERS.items() if driver.turns_on}
    for name in asks:
        for task in leaves(read(f"tasks/power/{name}.yml")):
            if not {"ansible.builtin.set_fact", "ansible.builtin.include_role"} & set(task):
                assert task["delegate_to"] == "localhost" and task["timeout"], task["name"]
                # A question is asked in check mode, too, unless it is one only in check mode.
                assert task["check_mode"] is (name == "ipmi"), task["name"]
    names = [task["name"] for task in read("tasks/main.yml")]
    assert names.index("Leave alone what is switched off") < names.index("Reboot it")
    assert "power_on" in str(read("tasks/drivers/civo.yml")), "that one's module asks"


def test_the_fence_stands_before_what_reboots() -> None:
    [ask, _fail] = read("tasks/drivers/ssh.yml")
    assert ask["ansible.builtin.raw"].partition("sh -c '")[2].lstrip().startswith("{{ __node_reboot_fence }}\n")
    [docker] = read("tasks/drivers/docker.yml")
    argv = docker["ansible.builtin.command"]["argv"]
    assert argv[argv.index("-c") + 1] == '{{ __node_reboot_local_fence }} exec "$@"'
    for name in ("command", "libvirt"):
        command = read(f"tasks/drivers/{name}.yml")[-1]
        assert "'sh', '-c', __node_reboot_script, 'node_reboot']" in command["ansible.builtin.command"]["argv"]
        assert command["vars"]["__node_reboot_script"] == '{{ __node_reboot_local_fence }} exec "$@"'
    asking = read("tasks/ask.yml")[0]["block"]
    names = [task["name"] for task in asking]
    assert names.index("Stop if the request comes too late") == names.index("Ask") - 1
    rung = read("tasks/rung.yml")[0]["vars"]
    assert rung["__node_reboot_fence"] == "{{ repair_node_fence }}"
    assert rung["__node_reboot_local_fence"] == "{{ repair_node_local_fence }}"
    variables = read("vars/main.yml")
    assert variables["__node_reboot_fence"] == variables["__node_reboot_local_fence"] == ""


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_machine_is_reset_by_one_call(name: str) -> None:
    """What needs two leaves it off when the run ends in between, and the next run takes that for somebody's wish."""
    silent = NO_CALLS - {"ansible.builtin.raw"}
    calls = [task for task in leaves(read(f"tasks/drivers/{name}.yml")) if not silent & set(task)]
    looks = [task for task in calls if task.get("check_mode") is False]
    assert len(calls) - len(looks) == 1


def test_no_name_reaches_a_shell() -> None:
    """Raw commands hold numbers and our own text only."""
    ours = {"__node_reboot_fence", "__node_reboot_tell"}
    for path in ROLE.glob("tasks/**/*.yml"):
        for task in leaves(yaml.safe_load(path.read_text(encoding="utf-8"))):
            for inside in re.findall(r"\{\{(.*?)\}\}", str(task.get("ansible.builtin.raw", ""))):
                assert inside.strip() in ours or inside.strip().endswith("| int"), (path.name, inside)
