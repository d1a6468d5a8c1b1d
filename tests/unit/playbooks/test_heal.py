# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the playbook heal runs what, and the fence in front of what it does on a host."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import LADDERS
from jinja2 import Environment

from lab.paths import CHECKOUT

PLAYBOOKS, ROLES = CHECKOUT / "playbooks", CHECKOUT / "roles"
HOST = "{{ repair_node_action.host }}"
# What is only looked at runs on these, and what is done on the first of them.
HOSTS = {HOST, "{{ __repair_node_witness }}"}
TURN = [PLAYBOOKS / "tasks" / f"{name}.yml" for name in ("act", "repair", "slot", "stretch", "turn")]
INCLUDES = {"ansible.builtin.include_tasks", "ansible.builtin.import_tasks", "ansible.builtin.include_role"}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


# --- become


def leaves(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every task but includes. A block or an include that has variables of its own gives them to what is inside."""
    for task in tasks:
        inside = [one for part in ("block", "rescue", "always") for one in task.get(part, [])]
        if inside or INCLUDES & set(task):
            if "ansible.builtin.import_tasks" not in task:
                assert "ansible_become" not in task.get("vars", {}), task
            yield from leaves(inside)
        else:
            yield task


def all_tasks() -> list[dict[str, Any]]:
    play = read(PLAYBOOKS / "heal.yml")[0]
    assert "ansible_become" not in play.get("vars", {}) and "become" not in play
    role = [read(path) for path in sorted((ROLES / "repair_node" / "tasks").glob("*.yml"))]
    assert len(role) == 4
    read_here = [play["tasks"], *role, *map(read, TURN)]
    return [task for tasks in read_here for task in leaves(tasks)]


def test_the_hosts_become_holds_on_the_hosts_and_on_no_controller() -> None:
    tasks = all_tasks()
    on_host = [task for task in tasks if task.get("delegate_to") in HOSTS]
    assert on_host and len(tasks) > 20
    for task in tasks:
        if task in on_host:
            assert "ansible.builtin.raw" in task and "ansible_become" not in task.get("vars", {}), task
        else:
            assert task.get("delegate_to", "localhost") == "localhost", task
            assert task["vars"]["ansible_become"] is False, task


# --- the fence


def fence(since: int, within: int, where: str = "") -> str:
    """The shell text of the role, with these numbers in it."""
    variables = read(ROLES / "repair_node" / "vars" / "main.yml")
    begun: Mapping[str, int] = {"act_within_seconds": within}
    text: str = (
        Environment(autoescape=True)
        .from_string(variables[f"__repair_node{where}_fence"])
        .render({f"__repair_node{where}_since": since, "__repair_node_begun": begun})
    )
    return text


def uptime() -> int:
    return int(float(Path("/proc/uptime").read_text(encoding="ascii").split()[0]))


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=10)


# Seconds from now at which the host was asked, and how long the command may take to come.
@pytest.mark.parametrize(("asked", "within"), [(-10, 60), (0, 60), (-50, 60)])
def test_a_command_in_time_is_carried_out(asked: int, within: int) -> None:
    done = run(f"{fence(uptime() + asked, within)} echo done")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.parametrize(
    ("asked", "within"),
    [
        (-100, 60),  # It comes too late.
        (100, 60),  # The host has restarted since it was asked.
        (-100, 0),  # There never was any time.
        (0, -20),
    ],
)
def test_a_command_out_of_time_does_nothing(asked: int, within: int) -> None:
    done = run(f"{fence(uptime() + asked, within)} echo done")
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr == "this command comes too late, nothing was done\n"


def test_a_host_without_an_uptime_does_nothing() -> None:
    text = fence(0, 2**31).replace("/proc/uptime", "/nowhere")
    assert run(f"{text} echo done").returncode == 71
    assert run(f"{text.replace('/nowhere', '/proc/version')} echo done").returncode == 71


def includes(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield from includes([one for part in ("block", "rescue", "always") for one in task.get(part, [])])
        if INCLUDES & set(task):
            yield task


def test_the_controller_s_own_is_the_same_by_its_own_clock() -> None:
    assert run(f"{fence(uptime() - 10, 60, '_local')} echo done").stdout == "done\n"
    # Too late, restarted since, and a controller that has no such clock.
    for since in (uptime() - 100, uptime() + 100, -1):
        done = run(f"{fence(since, 2**31 if since == -1 else 60, '_local')} echo done")
        assert (done.returncode, done.stdout) == (71, ""), since
    assert not set(fence(123, 45, "_local")) & set("'\"`")
    roles = includes(read(ROLES / "repair_node" / "tasks" / "main.yml"))
    [rung] = [one for one in roles if one.get("ansible.builtin.include_role", {}).get("tasks_from") == "rung"]
    assert rung["vars"]["repair_node_local_fence"] == "{{ __repair_node_local_fence }}"


def test_what_a_driver_is_given_is_checked_before_anything_is_begun() -> None:
    outer = read(ROLES / "repair_node" / "tasks" / "main.yml")[1]["block"]
    names = [task["name"] for task in outer]
    begun = names.index("Look again, and begin if the repair is still called for")
    assert names.index("Check what a driver is given") < begun


def test_a_host_that_has_said_nothing_has_a_fence_that_is_never_open() -> None:
    since = read(ROLES / "repair_node" / "vars" / "main.yml")["__repair_node_since"]
    assert "default(['-1'], true)" in since
    done = run(f"{fence(-1, 2**31)} echo done")
    assert (done.returncode, done.stdout) == (71, "")


def test_a_silent_host_is_rebooted_only_while_it_is_silent_and_another_answers() -> None:
    """Each of these ends the repair before anything is begun; the role and the simulation rely on their order."""
    main = read(ROLES / "repair_node" / "tasks" / "main.yml")[1]["block"]
    names = [task["name"] for task in main]
    asked, begun = (
        names.index("See that the host is the node"),
        names.index("Look again, and begin if the repair is still called for"),
    )
    assert asked < begun and main[asked] == {"name": names[asked], "ansible.builtin.include_tasks": "look.yml"}
    look = read(ROLES / "repair_node" / "tasks" / "look.yml")
    [silent] = [task for task in look if task["name"] == "Go by what a silent host says now"]
    assert silent["ansible.builtin.include_tasks"] == "silent.yml"
    tasks = {task["name"]: task for task in read(ROLES / "repair_node" / "tasks" / "silent.yml")}
    ends = {name: task["when"] for name, task in tasks.items() if "ansible.builtin.fail" in task}
    assert ends == {
        "Leave it to softer repairs": "__repair_node_heard",
        "Stop if nobody can tell whether it is silent": "not __repair_node_host | selfheal.kubernetes.host_is_silent",
        "Stop if none of them answers": (
            "__repair_node_witnessed.results | default([]) | map(attribute='stdout', default='')"
            " | select('search', 'uptime=') | length == 0"
        ),
    }
    # What only a host that answers can tell is asked of no silent one, and of every other.
    for name in ("Stop if the host is not the node", "Stop if the host has no clock to measure by"):
        [task] = [task for task in look if task["name"] == name]
        assert task["when"][0] == "not repair_node_action.silent | default(false)"


def test_evidence_is_kept_before_a_repair_begins_and_takes_nothing_of_its_time() -> None:
    """Only for a host that is the node, and what the fence counts from is asked for again after it."""
    outer = read(ROLES / "repair_node" / "tasks" / "main.yml")[1]["block"]
    order = [str(task.get("ansible.builtin.include_tasks") or task["name"]) for task in outer]
    begun = order.index("Look again, and begin if the repair is still called for")
    assert [one for one in order[:begun] if one.endswith(".yml")] == ["look.yml", "evidence.yml", "look.yml"]
    assert order.index("Check what a driver is given") < order.index("evidence.yml")
    assert (
        outer[begun]["selfheal.kubernetes.incident"]["evidence"] == "{{ __repair_node_evidence | default(omit, true) }}"
    )
    last = read(ROLES / "repair_node" / "tasks" / "look.yml")[-1]
    assert "__repair_node_uptime" in last["when"][-1], "the fence counts from what this file has asked"


def test_it_stands_within_quotes_and_holds_nothing_but_numbers() -> None:
    text = fence(123, 45)
    assert not set(text) & set("'\"`") and "\n" not in text.strip() and " 123 ]" in text and " 168 ]" in text
    evil = Environment(autoescape=True).from_string(
        read(ROLES / "repair_node" / "vars" / "main.yml")["__repair_node_fence"]
    )
    assert "reboot" not in evil.render(
        __repair_node_since="1; reboot", __repair_node_begun={"act_within_seconds": "1; reboot"}
    )


@pytest.mark.parametrize("role", ["container_runtime_restart", "kube_proxy_restart", "kubelet_restart"])
def test_every_role_of_a_rung_puts_it_in_front_of_what_it_changes(role: str) -> None:
    """The command that changes a host, as the rung's entry point makes it and as the role alone does."""
    rung = read(ROLES / role / "tasks" / "rung.yml")[-1]
    assert rung["ansible.builtin.include_role"] == {"name": f"selfheal.kubernetes.{role}"}
    assert rung["vars"][f"__{role}_fence"] == "{{ repair_node_fence }}"
    assert rung["vars"][f"{role}_always"] is True
    assert read(ROLES / role / "vars" / "main.yml")[f"__{role}_fence"] == ""
    raws = [
        task["ansible.builtin.raw"]
        for task in leaves(read(ROLES / role / "tasks" / "main.yml"))
        if "ansible.builtin.raw" in task and task.get("changed_when") is not False
    ]
    assert len(raws) == 1
    script = raws[0].partition("sh -c '")[2]
    assert script.lstrip().startswith(f"{{{{ __{role}_fence }}}}\n")


def test_a_certificate_that_has_ended_is_renewed_instead_of_a_restart_alone() -> None:
    look, renew, restart = read(ROLES / "kubelet_restart" / "tasks" / "rung.yml")
    role = "selfheal.kubernetes.kubelet_certificates"
    assert look["ansible.builtin.include_role"] == {"name": role, "tasks_from": "ended"} and "when" not in look
    assert renew["ansible.builtin.include_role"] == {"name": role, "tasks_from": "rung"}
    assert (renew["when"], restart["when"]) == ("kubelet_certificates_ended", "not kubelet_certificates_ended")
    [certificates] = read(ROLES / "kubelet_certificates" / "tasks" / "rung.yml")
    assert certificates["vars"]["__kubelet_certificates_fence"] == "{{ repair_node_fence }}"


def test_the_first_turn_is_taken_however_slow_the_controller_is_to_begin() -> None:
    [slot] = read(PLAYBOOKS / "tasks" / "slot.yml")
    condition = Environment(autoescape=False).compile_expression(slot["block"][0]["when"])  # noqa: S701
    for left, taken, over, turn in (
        (True, False, False, True),
        (False, False, False, True),
        (False, True, False, False),
        (False, False, True, False),
        (True, True, False, True),
    ):
        asked = {"__selfheal_time_is_left": left, "__selfheal_taken": taken, "__selfheal_over": over}
        assert bool(condition(**asked)) is turn, asked


def test_every_rung_has_a_role_with_an_entry_point_for_it() -> None:
    for rung in {rung for ladder in LADDERS.values() for rung in ladder}:
        role = ROLES / rung.role.removeprefix("selfheal.kubernetes.")
        assert role.name == rung.name
        assert (role / "tasks" / "rung.yml").is_file(), "repair_node includes it by this name"
        assert "rung" in yaml.safe_load((role / "meta" / "argument_specs.yml").read_text("utf-8"))["argument_specs"]
