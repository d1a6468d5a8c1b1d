# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role says of its drivers, where its commands are fenced, and in which order a node is taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drivers import DEEDS, REPLACERS, options_for

from lab.paths import CHECKOUT
from tests.unit.roles.test_node_reboot import leaves

ROLE = CHECKOUT / "roles" / "node_replace"
FOLDERS = {path.name: path for path in (ROLE / "tasks" / "drivers").iterdir()}
FILES = sorted(ROLE.glob("tasks/drivers/*/*.yml"))
OURS = {"ansible.builtin.fail", "ansible.builtin.set_fact", "ansible.builtin.assert"}
KIND = "kind://docker/lab/lab-worker"


def read(name: str | Path) -> Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


def test_registry_files_and_documentation_know_the_same_drivers() -> None:
    options = read("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert set(options["node_replace_driver"]["choices"]) == set(REPLACERS) == set(FOLDERS)
    documented = " ".join(options["node_replace_driver"]["description"])
    text = (CHECKOUT / "docs" / "replace.md").read_text(encoding="utf-8")
    specs = options["node_replace_options"]["options"]
    assert set(specs) == {option for driver in REPLACERS.values() for option in driver.options}
    for name, driver in REPLACERS.items():
        assert {"look.yml", "take.yml"} <= {path.name for path in FOLDERS[name].iterdir()}
        assert f"V({name})" in documented
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{name}` ")]
        assert all(f"`{option}`" in row for option in driver.options), name
        assert all(f"`{variable}`" in row for variable in driver.environment.values()), name
        for option in driver.options:
            assert f"V({name})" in specs[option]["description"][0].partition(". ")[0], (name, option)
    assert set(read("defaults/main.yml")) == {name for name, spec in options.items() if not spec.get("required")}


def test_options_are_those_of_the_deed() -> None:
    assert options_for("docker", {}, KIND, {}, "replace") == ({"instance": "lab-worker"}, [])
    assert options_for("docker", {"engine": "podman"}, KIND, {}, "replace")[1] == [
        "driver docker has no option engine: it knows instance"
    ]
    [unknown] = options_for("civo", {}, KIND, {}, "replace")[1]
    assert unknown == "there is no driver 'civo': expected one of cluster_api, command, docker, ec2_asg"
    assert "which driver ec2_asg cannot replace" in options_for("ec2_asg", {}, KIND, {}, "replace")[1][0]
    assert (
        "api_version"
        in options_for("cluster_api", {"kubeconfig": "x", "api_version": "v1; x"}, "", {}, "replace")[1][0]
    )
    for name, driver in REPLACERS.items():
        assert name.isidentifier() and driver.about and set(driver.environment) <= set(driver.options)
    assert set(DEEDS) == {"reboot", "replace", "fence"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_runs_on_the_controller_says_so_and_ends_by_itself(path: Path) -> None:
    for task in leaves(read(path)):
        if OURS & set(task):
            continue
        assert task["delegate_to"] == "localhost" and task["vars"]["ansible_become"] is False, task["name"]
        assert task["timeout"], task["name"]


def test_the_fence_stands_before_what_takes_a_machine_away() -> None:
    """Each command before the machine is known to be gone is fenced, or only looks."""
    for task in leaves(read("tasks/drivers/docker/take.yml")):
        argv = str(task.get("ansible.builtin.command", {}).get("argv", ""))
        if argv and task.get("changed_when") is not False:
            assert "__node_replace_engine +" in argv, task["name"]
    [kill] = [task for task in leaves(read("tasks/drivers/docker/take.yml")) if "'kill'" in str(task)]
    assert "__node_replace_engine +" in kill["ansible.builtin.command"]["argv"]
    variables = read("vars/main.yml")
    assert "__node_replace_fence ~ ' exec \"$@\"'" in variables["__node_replace_engine"]
    command = read("tasks/drivers/command/take.yml")[0]["ansible.builtin.command"]["argv"]
    assert "__node_replace_fence ~ ' exec \"$@\"'" in command
    assert not set(variables["__node_replace_fence_text"]) & set("'\"`"), "it stands within quotes"


def test_a_machine_is_taken_away_only_after_the_drain_and_a_renewed_lease() -> None:
    names = [task["name"] for task in read("tasks/take.yml")[0]["block"]]
    order = [
        "Drain the node",
        "Note how long the controller has run",
        "Look again whether its machine may go, and renew the lease",
        "Remember until when",
        "Stop if it comes too late",
        "Ask",
    ]
    assert names == order
    main = [task["name"] for task in read("tasks/main.yml")[4]["block"]]
    assert main[:3] == ["Take its machine away", "Remove its Node", "Make a new machine"]
    remove = read("tasks/main.yml")[4]["block"][1]
    assert remove["when"] == "__node_replace_gone | length > 0"


def test_a_healing_run_leaves_a_node_that_came_back_and_does_not_wait() -> None:
    rung = read("tasks/rung.yml")[0]["vars"]
    assert rung["__node_replace_waits"] is False
    assert rung["node_replace_node_uid"] == "{{ repair_node_action.node_uid }}"
    clear = read("tasks/take.yml")[0]["block"][2]["selfheal.kubernetes.node_replace"]
    assert clear["unless_ready"] == "{{ not __node_replace_waits }}"
    # What is done under one renewal of the lease has to end before it does.
    assert rung["node_replace_ask_timeout"] == 45


def test_whoever_uncordons_a_node_cancels_its_replacement() -> None:
    """The drain knows the incident, and our mark, by which the next one sees that somebody was here, is not erased."""
    take = read("tasks/take.yml")[0]
    assert take["block"][0]["vars"]["node_drain_incident"] == "{{ node_replace_incident }}"
    assert read("tasks/rung.yml")[0]["vars"]["node_replace_incident"] == "{{ repair_node_incident | default('') }}"
    keep, lift, _stop = take["rescue"]
    assert "== 'DrainCancelled'" in keep["ansible.builtin.set_fact"]["__node_replace_cancelled"]
    assert "not __node_replace_cancelled" in lift["when"]
    tasks = yaml.safe_load((CHECKOUT / "roles" / "repair_node" / "tasks" / "main.yml").read_text(encoding="utf-8"))
    [rung] = [task for task in leaves(tasks) if task["name"] == "Run the rung's role"]
    assert rung["vars"]["repair_node_incident"] == "{{ __repair_node_begun.incidents | first | default('') }}"
