# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the playbook that replaces a member of etcd goes on from step to step, and how it ends, run by Ansible itself.

The role, the modules and the plan are replaced by ones that say what is asked of them, and answer as the test wants it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.etcd_member import AT_HOME, Step

from lab.paths import CHECKOUT

PLAYBOOKS = CHECKOUT / "playbooks"
HOSTS = ("a", "b", "c")


def said(what: str) -> dict[str, Any]:
    return {"name": "Say it", "ansible.builtin.debug": {"msg": f"EVENT {what}"}}


def fact(**facts: Any) -> dict[str, Any]:
    return {"name": "Answer", "ansible.builtin.set_fact": facts}


ROLE: dict[str, list[dict[str, Any]]] = {
    "look": [fact(control_plane_repair_found={"trouble": "", "refusal": "", "steps": [], "node": "", "clock": 1})],
    "member_look": [
        said("look"),
        fact(
            control_plane_repair_members="{{ dict(control_plane_repair_hosts | zip(['x', 'x', 'x'])) }}",
            control_plane_repair_uptimes="{{ dict(control_plane_repair_hosts | zip([100, 100, 100])) }}",
        ),
    ],
    "lock": [
        said("lock-{{ control_plane_repair_host }}"),
        fact(
            control_plane_repair_lock={
                "number": "{{ 0 if fakes.locked == control_plane_repair_host else 1 }}",
                "since": 1,
                "until": 900,
                "busy": "{{ 'busy: somebody repairs it' if fakes.locked == control_plane_repair_host else '' }}",
                "trouble": "",
            }
        ),
    ],
    "unlock": [said("unlock-{{ control_plane_repair_host }}")],
    **{
        f"member_{step.value}": [
            said(f"{step.value}-{{{{ control_plane_repair_host }}}}-{{{{ control_plane_repair_act_until }}}}"),
            {
                "name": "Fail if the test says so",
                "ansible.builtin.fail": {"msg": "it went wrong"},
                "when": f"fakes.fails == '{step.value}'",
            },
            fact(control_plane_repair_added="abc"),
        ]
        for step in Step
    },
}
MODULE = """
import json, pathlib
from ansible.module_utils.basic import AnsibleModule
spec = {name: {"type": "raw"} for name in ("answers", "holder", "token", "node", "seconds", "state")}
module = AnsibleModule(spec, supports_check_mode=True)
path = pathlib.Path(module.params["answers"] + ".NAME")
left = json.loads(path.read_text())
with open(module.params["answers"] + ".asked", "a") as file:
    file.write("NAME " + str(module.params["state"] or module.params["token"] or "") + chr(10))
path.write_text(json.dumps(left[1:] or left))
if left[0].get("error_class"):
    module.fail_json(**left[0])
module.exit_json(**left[0])
"""
FILTER = """
import json, pathlib
class FilterModule:
    def filters(self):
        return {"etcd_member_plan": plan, "certificates": lambda text: [{"key": "ab"}]}
def plan(rounds, found, aliases, want="", gone=False, done=(), added=""):
    path = pathlib.Path(aliases["plans"][0])
    left = json.loads(path.read_text())
    path.write_text(json.dumps(left[1:] or left))
    empty = dict.fromkeys(("refusal", "step", "host", "member", "member_id", "url", "helper", "at", "manifest"), "")
    with open(aliases["plans"][0] + ".asked", "a") as file:
        file.write(json.dumps([len(rounds), list(done), added]) + chr(10))
    return {**empty, "lines": [], **left[0]}
"""


def step(name: str) -> dict[str, str]:
    at = "b" if name in AT_HOME else "a"
    return {"step": name, "host": "b", "member": "m", "member_id": "1", "url": "u", "helper": "a", "at": at}


WHOLE = ("keep", "out", "add", "finish")
BEGIN = [step("keep")] * 2
YES = {"proceed": True, "guard": "", "braked": False, "message": "", "act_within_seconds": 50}
NO = {"proceed": False, "guard": "paused", "braked": False, "message": "the cluster is paused", "act_within_seconds": 0}
SICK = {"refusal": "etcd has no quorum"}


@dataclass(frozen=True)
class Case:
    """What is planned at one look after the other, what the cluster says, and what goes wrong."""

    plans: Sequence[Mapping[str, Any]]
    permits: Sequence[Mapping[str, Any]] = (YES,)
    lease: Mapping[str, Any] = field(default_factory=lambda: {"holder": "h", "token": 3})
    fakes: Mapping[str, str] = field(default_factory=dict)
    monitor: bool = False


CASES = {
    "whole": Case([*BEGIN, step("keep"), SICK, SICK, step("out"), step("add"), step("finish"), {}]),
    "stopped": Case([*BEGIN, SICK]),
    "refused": Case([SICK]),
    "monitored": Case([*BEGIN], monitor=True),
    "paused": Case([*BEGIN, step("keep")], [YES, NO]),
    "busy": Case([*BEGIN], lease={"msg": "busy: another", "error_class": "LeaseBusy"}),
    "locked": Case([*BEGIN], fakes={"locked": "b"}),
    "failed": Case([*BEGIN, step("out")], fakes={"fails": "out"}),
}
KEPT = ("trouble", "busy", "repaired", "steps", "tried")


@dataclass(frozen=True)
class Ended:
    """What was done in its order, what was remembered, what the cluster and the plan were asked, and what failed."""

    events: list[str]
    end: dict[str, Any]
    asked: list[str]
    planned: list[list[Any]]
    failure: str


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Every case. Ansible is slow to start, so it is started once."""
    folder = tmp_path_factory.mktemp("etcd_member")
    collection = folder / "ansible_collections" / "selfheal" / "kubernetes"
    for part in ("tasks", "vars"):
        shutil.copytree(PLAYBOOKS / part, folder / part)
    for name, tasks in ROLE.items():
        file = collection / "roles" / "control_plane_repair" / "tasks" / f"{name}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(tasks), encoding="utf-8")
    for kind in ("modules", "filter"):
        (collection / "plugins" / kind).mkdir(parents=True)
    for name in ("remediation_permit", "remediation_lease"):
        (collection / "plugins" / "modules" / f"{name}.py").write_text(MODULE.replace("NAME", name), encoding="utf-8")
    (collection / "meta").mkdir()
    groups = {"selfheal": ["remediation_permit", "remediation_lease"]}
    (collection / "meta" / "runtime.yml").write_text(yaml.safe_dump({"action_groups": groups}), encoding="utf-8")
    (collection / "plugins" / "filter" / "fakes.py").write_text(FILTER, encoding="utf-8")
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
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    parts = re.split(r"(?m)^PLAY \[(.*?)\] \**$", done.stdout)[1:]
    events = {name: re.findall(r"EVENT ([\w-]+)", text) for name, text in zip(parts[::2], parts[1::2], strict=True)}
    return {name: one(folder / name, events[name]) for name in CASES}


def one(path: Path, events: list[str]) -> Ended:
    end = json.loads(Path(f"{path}.end").read_text(encoding="utf-8"))
    asked, planned = Path(f"{path}.asked"), Path(f"{path}.plans.asked")
    return Ended(
        events,
        end,
        asked.read_text(encoding="utf-8").splitlines() if asked.exists() else [],
        [json.loads(line) for line in planned.read_text(encoding="utf-8").splitlines()],
        end["failure"],
    )


def play(folder: Path, name: str) -> dict[str, Any]:
    """The playbook's own tasks, from what it begins with to before it sums up, and a file of what they remember."""
    case, path = CASES[name], folder / name
    for part, answers in (
        ("plans", case.plans),
        ("remediation_permit", case.permits),
        ("remediation_lease", [case.lease]),
    ):
        Path(f"{path}.{part}").write_text(json.dumps(answers), encoding="utf-8")
    tasks = yaml.safe_load((PLAYBOOKS / "replace_etcd_member.yml").read_text(encoding="utf-8"))[0]["tasks"]
    names = [task["name"] for task in tasks]
    begin = tasks[names.index("Begin")]
    middle = tasks[names.index("Look at every control-plane host") : names.index("Say that there is nothing to do")]
    remembered = "{{ {" + ", ".join(f"'{one}': __selfheal_{one}" for one in KEPT)
    remembered += ", 'failure': failure | default('')} | to_json }}"
    answers = {"answers": str(path)}
    return {
        "name": name,
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": ["vars/control_plane.yml", "vars/etcd_member.yml"],
        "module_defaults": {"group/selfheal.kubernetes.selfheal": answers},
        "vars": {
            "selfheal_monitor_only": case.monitor,
            "fakes": {"locked": "", "fails": "", **case.fakes},
            "__selfheal_connection": answers,
            "__selfheal_authorities": ["ab"],
            "__selfheal_hosts": {host: [] for host in HOSTS},
        },
        "tasks": [
            # Over the variables of the playbook: less to wait for, and the plan of this case.
            {
                "ansible.builtin.set_fact": {
                    "__selfheal_aliases": {"plans": [f"{path}.plans"]},
                    "__selfheal_pause": 1,
                    "__selfheal_written_seconds": 1,
                    "__selfheal_first_looks": 2,
                    "__selfheal_most_looks": 3,
                    "__selfheal_rounds": 7,
                    "failure": "",
                }
            },
            begin,
            {
                "block": middle,
                "rescue": [{"ansible.builtin.set_fact": {"failure": "{{ ansible_failed_result.msg }}"}}],
            },
            {"ansible.builtin.copy": {"dest": f"{path}.end", "content": remembered}},
        ],
    }


LOCKED, LET_GO = [f"lock-{host}" for host in HOSTS], [f"unlock-{host}" for host in HOSTS]
RELEASED = "remediation_lease released"


def steps(events: Sequence[str]) -> list[str]:
    return [one for one in events if one != "look"]


def test_every_step_comes_after_a_fresh_look_and_a_fresh_word_of_the_cluster(ended: dict[str, Ended]) -> None:
    told = ended["whole"]
    wanted = [f"{one}-{'b' if one in AT_HOME else 'a'}-150" for one in WHOLE]
    assert steps(told.events) == [*LOCKED, *wanted, *LET_GO]
    for name in wanted:
        assert told.events[told.events.index(name) - 1] == "look"
    assert told.end["steps"] == list(WHOLE)
    assert (told.end["repaired"], told.end["trouble"], told.failure) == ("m", "", "")
    assert told.end["tried"][0] == {"host": "b", "outcome": "repaired", "steps": list(WHOLE), "message": ""}
    # Before the lease, and before each step with it.
    assert told.asked == [
        "remediation_permit ",
        "remediation_lease ",
        *["remediation_permit 3"] * len(WHOLE),
        RELEASED,
    ]


def test_what_was_done_and_added_is_told_to_the_plan_and_the_end_takes_two_looks(ended: dict[str, Ended]) -> None:
    planned = ended["whole"].planned
    assert [one[0] for one in planned] == [1, 2, *[1] * 6, 2]
    assert planned[2] == [1, [], ""]
    assert planned[6] == [1, ["keep", "out"], ""]
    assert planned[7] == [1, ["keep", "out", "add"], "abc"]


def test_a_refusal_in_the_middle_is_believed_the_third_time(ended: dict[str, Ended]) -> None:
    assert ended["whole"].events.count("look") == 2 + 6 + 2
    told = ended["stopped"]
    assert steps(told.events) == [*LOCKED, *LET_GO]
    assert (told.end["trouble"], told.end["repaired"]) == (SICK["refusal"], "")
    assert told.events.count("look") == 2 + 3
    assert told.asked[-1] == RELEASED


def test_nothing_is_asked_of_the_cluster_when_nothing_may_be_done(ended: dict[str, Ended]) -> None:
    told = ended["refused"]
    assert (told.events, told.asked) == (["look"] * 3, [])
    assert told.end["trouble"] == SICK["refusal"]


@pytest.mark.parametrize("name", ["monitored", "busy"])
def test_nobody_is_touched_without_the_cluster_s_lease(ended: dict[str, Ended], name: str) -> None:
    told = ended[name]
    assert steps(told.events) == []
    assert told.asked[1:] == (["remediation_lease "] if name == "busy" else [])
    assert told.end["busy"] == ("busy: another" if name == "busy" else "")


def test_a_host_that_is_locked_keeps_all_of_them_from_being_touched(ended: dict[str, Ended]) -> None:
    told = ended["locked"]
    assert steps(told.events) == ["lock-a", "lock-b", "unlock-a"]
    assert "b is busy: somebody repairs it" in told.end["busy"]
    assert told.asked[-1] == RELEASED


@pytest.mark.parametrize(
    ("name", "done", "word"),
    [
        ("paused", [], "nothing more is done: the cluster is paused; done so far: nothing"),
        ("failed", ["out-b-150"], "it went wrong"),
    ],
)
def test_whatever_goes_wrong_everything_is_let_go(
    ended: dict[str, Ended], name: str, done: list[str], word: str
) -> None:
    told = ended[name]
    assert steps(told.events) == [*LOCKED, *done, *LET_GO]
    assert told.failure == word
    assert told.asked[-1] == RELEASED and told.end["repaired"] == ""
