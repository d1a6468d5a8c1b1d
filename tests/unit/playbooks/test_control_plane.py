# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts the playbook that repairs a control plane locks, repairs and lets go, run by Ansible itself.

The role and the module are replaced by ones that say what is asked of them, and answer as the test wants it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.paths import CHECKOUT

PLAYBOOKS = CHECKOUT / "playbooks"
HOSTS = ("a", "b", "c")
SAY = {"ansible.builtin.debug": {"msg": "EVENT ACT {{ control_plane_repair_host }}"}}
# Each file of the role: it says that it was asked, and answers what the test has for this host.
ROLE: dict[str, list[dict[str, Any]]] = {
    "look": [
        {
            "ansible.builtin.set_fact": {
                "control_plane_repair_found": {
                    "trouble": "{{ fakes[control_plane_repair_host].trouble | default('') }}",
                    "refusal": "",
                    # It may come back while hosts are locked.
                    "answers": "{{ (fakes[control_plane_repair_host].back | default(0)) and __selfheal_locks != {} }}",
                    "steps": [{"name": "kubelet", "why": "it is stopped", "component": ""}],
                    "people": [],
                    "paused": "{{ fakes[control_plane_repair_host].paused | default(false) }}",
                    "evidence": [],
                }
            }
        }
    ],
    "lock": [
        {
            "ansible.builtin.set_fact": {
                "control_plane_repair_lock": {
                    "number": "{{ 0 if fakes[control_plane_repair_host].busy | default('') else 1 }}",
                    "busy": "{{ fakes[control_plane_repair_host].busy | default('') }}",
                    "trouble": "{{ fakes[control_plane_repair_host].lock_trouble | default('') }}",
                }
            }
        }
    ],
    "repair": [
        {
            "ansible.builtin.fail": {"msg": "{{ control_plane_repair_host }} is still down"},
            "when": "fakes[control_plane_repair_host].fails | default(false)",
        }
    ],
    # Somebody begins to work on a host while another one is repaired.
    "paused": [
        {
            "ansible.builtin.set_fact": {
                "control_plane_repair_paused": "{{ [] if __selfheal_failures == [] else fakes.late | default([]) }}"
            }
        }
    ],
    "unlock": [],
}
# Gives one answer after the other, the last one for ever.
MODULE = """
import json, pathlib
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"wait": {"type": "int"}, "answers": {"type": "path", "required": True}})
path = pathlib.Path(module.params["answers"])
left = json.loads(path.read_text())
path.write_text(json.dumps(left[1:] or left))
module.exit_json(answers=left[0], server="https://10.0.0.1:6443", trouble="" if left[0] else "no route")
"""


@dataclass(frozen=True)
class Case:
    """What each host does, and what the API server answers to one question after the other."""

    fakes: Mapping[str, Any]
    answers: tuple[bool, ...]


CASES = {
    "busy": Case({"b": {"busy": "busy: somebody repairs it"}}, (False,)),
    "flapping": Case({}, (False, True, False)),
    "next": Case(
        {"a": {"fails": True}, "b": {"lock_trouble": "it could not be locked: no answer"}}, (False, False, True)
    ),
    "by itself": Case({"a": {"fails": True}}, (False, True)),
    "back": Case({"a": {"fails": True}, "b": {"back": True}}, (False, False, True)),
    "cut off": Case({"a": {"fails": True}, "b": {"back": True}}, (False,)),
    "paused": Case({"b": {"paused": True}}, (False,)),
    "paused late": Case({"a": {"fails": True}, "late": ["a"]}, (False,)),
    "last": Case({"a": {"trouble": "cannot be reached"}, "b": {"fails": True}}, (False,)),
}
KEPT = ("busy", "repaired", "failures", "trouble", "stopped", "tried")
Ended = dict[str, tuple[list[str], dict[str, Any]]]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The events of each case in their order, and what the playbook remembered in the end. Ansible is slow to start."""
    folder = tmp_path_factory.mktemp("control_plane")
    collection = folder / "ansible_collections" / "selfheal" / "kubernetes"
    shutil.copytree(PLAYBOOKS / "tasks", folder / "tasks")
    shutil.copytree(PLAYBOOKS / "vars", folder / "vars")
    for name, tasks in ROLE.items():
        said = json.loads(json.dumps(SAY).replace("ACT", name))
        file = collection / "roles" / "control_plane_repair" / "tasks" / f"{name}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump([said, *tasks]), encoding="utf-8")
    # The words of a host go through a filter of the collection.
    for part in ("filter", "module_utils"):
        shutil.copytree(CHECKOUT / "plugins" / part, collection / "plugins" / part)
    (collection / "plugins" / "modules").mkdir(parents=True)
    (collection / "plugins" / "modules" / "api_server_info.py").write_text(MODULE, encoding="utf-8")
    (folder / "play.yml").write_text(yaml.safe_dump([play(folder, name) for name in CASES]), encoding="utf-8")
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {"hosts": dict.fromkeys(HOSTS, local)}
    inventory = {"all": {"hosts": {"localhost": local}}, "control_plane": hosts}
    (folder / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
    done = subprocess.run(
        ["ansible-playbook", "-i", "inventory.json", "play.yml"],
        cwd=folder,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parts = re.split(r"(?m)^PLAY \[(.*?)\] \**$", done.stdout)[1:]
    events = {name: re.findall(r"EVENT (\w+ \w)", text) for name, text in zip(parts[::2], parts[1::2], strict=True)}
    return {
        name: (
            [one for one in events[name] if not one.startswith(("look", "paused"))],
            json.loads((folder / f"{name}.end").read_text(encoding="utf-8")),
        )
        for name in CASES
    }


def play(folder: Path, name: str) -> dict[str, Any]:
    """The playbook's own tasks, from what it begins with on, and what they have remembered in a file."""
    (folder / f"{name}.answers").write_text(json.dumps(CASES[name].answers), encoding="utf-8")
    plays = yaml.safe_load((PLAYBOOKS / "repair_control_plane.yml").read_text(encoding="utf-8"))
    [begin] = [task for task in plays[0]["tasks"] if task["name"] == "Begin"]
    remembered = "{{ {" + ", ".join(f"'{one}': __selfheal_{one}" for one in KEPT) + "} | to_json }}"
    return {
        "name": name,
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": ["vars/control_plane.yml"],
        "module_defaults": {"selfheal.kubernetes.api_server_info": {"answers": str(folder / f"{name}.answers")}},
        "vars": {
            "selfheal_monitor_only": False,
            "fakes": {**{host: {} for host in HOSTS}, **CASES[name].fakes},
            "__selfheal_authorities": ["ab"],
            "__selfheal_api": {"answers": False, "server": "https://10.0.0.1:6443", "trouble": "no route"},
        },
        "tasks": [
            begin,
            {"ansible.builtin.include_tasks": "tasks/control_plane.yml"},
            {"ansible.builtin.copy": {"dest": str(folder / f"{name}.end"), "content": remembered}},
        ],
    }


LOCKED, LET_GO = ["lock a", "lock b", "lock c"], ["unlock a", "unlock b", "unlock c"]


def test_nobody_is_touched_while_another_run_is_at_work_on_one_of_them(ended: Ended) -> None:
    events, end = ended["busy"]
    assert end["busy"] == "b is busy: somebody repairs it"
    assert events == ["lock a", "lock b", "unlock a"]
    assert end["tried"] == []


def test_after_the_first_success_no_other_host_is_touched_whatever_the_api_server_says_then(ended: Ended) -> None:
    events, end = ended["flapping"]
    assert events == [*LOCKED, "repair a", *LET_GO]
    assert (end["repaired"], end["failures"]) == ("a", [])


def test_the_next_host_is_tried_after_one_that_failed_or_cannot_be_touched(ended: Ended) -> None:
    events, end = ended["next"]
    assert events == [*LOCKED, "repair a", "repair c", *LET_GO]
    assert end["repaired"] == "c"
    assert end["failures"] == ["a is still down", "b it could not be locked: no answer"]


def test_what_comes_back_by_itself_ends_the_repairs(ended: Ended) -> None:
    events, end = ended["by itself"]
    assert events == [*LOCKED, "repair a", *LET_GO]
    assert end["repaired"] == "the API server answers, though nothing more was done"


def test_a_host_whose_api_server_has_come_back_is_left_alone(ended: Ended) -> None:
    """Whatever step its first look asked for: it was down then."""
    events, end = ended["back"]
    assert events == [*LOCKED, "repair a", *LET_GO]
    assert end["repaired"] == "the API server answers, though nothing more was done"
    assert end["stopped"] == "" and [one["host"] for one in end["tried"]] == ["a"]


def test_no_other_host_is_touched_if_only_the_way_to_it_is_cut(ended: Ended) -> None:
    events, end = ended["cut off"]
    assert events == [*LOCKED, "repair a", *LET_GO]
    assert (end["repaired"], end["failures"]) == ("", ["a is still down"])
    assert end["stopped"] == (
        "the API server answers on b itself by now, so the way to https://10.0.0.1:6443 is at fault and no other host"
        " is touched: no route"
    )


AT_WORK = (
    "are people at work (/etc/kubernetes/selfheal-paused is there, remove it when they are done), so no host is touched"
)


def test_no_host_is_touched_while_people_are_at_work_on_one_of_them(ended: Ended) -> None:
    events, end = ended["paused"]
    assert (events, end["trouble"]) == ([], f"on b {AT_WORK}")


def test_no_other_host_is_touched_when_people_begin_to_work_on_one(ended: Ended) -> None:
    events, end = ended["paused late"]
    assert events == [*LOCKED, "repair a", *LET_GO]
    assert (end["stopped"], end["failures"]) == (f"on a {AT_WORK} any more", ["a is still down"])


def test_after_the_last_host_all_that_went_wrong_is_told(ended: Ended) -> None:
    events, end = ended["last"]
    assert events == ["lock b", "lock c", "repair b", "repair c", "unlock b", "unlock c"]
    assert end["repaired"] == ""
    assert end["failures"] == [
        "a cannot be reached",
        "b is still down",
        "c was repaired and its API server answers there, but not at https://10.0.0.1:6443: no route",
    ]
    assert [one["outcome"] for one in end["tried"]] == ["failed"] * 3
