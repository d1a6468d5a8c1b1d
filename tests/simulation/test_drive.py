# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The twin of a turn does what the playbook's turn does: the same modules with the same events in the same order.

The playbook's order is read out of its YAML. The twin's is seen: a turn runs in a world in which nothing goes wrong but
what a case says, and every step that has a module in the playbook is written down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Unreachable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import Healer, Outcome
from ansible_collections.selfheal.kubernetes.tests.simulation import drive

from lab.paths import CHECKOUT

OURS = "selfheal.kubernetes."
TASKS = CHECKOUT / "playbooks" / "tasks"
ROLE = CHECKOUT / "roles" / "repair_node" / "tasks" / "main.yml"
HOST = "{{ repair_node_action.host }}"
# What a turn does from its look to its end, and a repair inside it. "rung" stands for the rung's role.
REPAIR = ["identify", "begin", "rung", "acted", "verify"]
TURN = ["plan", "held", "note", "record", *REPAIR, "record", "released"]


# --- the playbook


def load(path: Any) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tasks


def steps(tasks: Sequence[dict[str, Any]], rescued: bool = False) -> Iterator[str]:
    """The steps that these tasks make, in their order; the ones of a rescue only if that is what is asked for."""
    for task in tasks:
        if "block" in task:
            inner = task["block"] if not rescued or not task.get("rescue") else []
            yield from steps(inner, rescued)
            yield from steps(task.get("rescue", []) if rescued else [])
            yield from steps(task.get("always", []), rescued)
        elif "ansible.builtin.include_tasks" in task and "repair_node_action" in str(task.get("when")):
            # Evidence before what is disruptive, and hosts that are silent: the simulation has neither.
            assert re.search(r"repair_node_action\.(evidence|silent)\b", str(task["when"])), task["name"]
        elif "ansible.builtin.include_tasks" in task:
            name = task["ansible.builtin.include_tasks"]
            yield from steps(load((ROLE.parent if (ROLE.parent / name).exists() else TASKS) / name), rescued)
        elif "ansible.builtin.include_role" in task:
            role = task["ansible.builtin.include_role"]
            if role["name"] == f"{OURS}repair_node":
                yield from steps(load(ROLE), rescued)
            elif role["tasks_from"] == "rung":
                yield "rung"
            else:
                # What a rung's role checks before and looks at afterwards does nothing.
                assert role["tasks_from"] in ("ready", "{{ repair_node_back }}")
        elif "ansible.builtin.raw" in task:
            assert task["delegate_to"] == HOST
            yield "identify"
        else:
            yield from (_word(name, task[name]) for name in task if name.startswith(OURS))


def _word(module: str, options: dict[str, Any] | None) -> str:
    options = options or {}
    words = {
        f"{OURS}remediation_plan_info": "plan",
        f"{OURS}cluster_record": "record",
        f"{OURS}remediation_lease": options.get("state", "held"),
        f"{OURS}incident": options.get("event", ""),
    }
    return str(words[module])


def test_the_playbook_s_turn() -> None:
    assert list(steps(load(TASKS / "turn.yml"))) == TURN


def test_the_playbook_s_repair_that_fails() -> None:
    assert list(steps(load(ROLE), rescued=True)) == ["hold", "fail"]


# --- the twin


# What the plan has seen of storms.
STORM = object()


class Plan:
    """A plan with one repair, or with none."""

    blocked = ""

    def __init__(self, repairs: int) -> None:
        self.notes = [_Note()]
        self.actions = [_Action() for _number in range(repairs)]


class _Note:
    def to_dict(self) -> dict[str, str]:
        return {}


class _Action:
    node, node_uid, rung = "w1", "uid-w1", "kubelet_restart"


class Watched:
    """Writes down each step of a turn, and lets the one fail that is named."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, breaks: str = "", refuses: str = "", repairs: int = 1) -> None:
        self.seen: list[str] = []
        self.storms: list[object] = []
        self._breaks, self._refuses = breaks, refuses

        def held(*_: Any) -> lease.Held:
            self.step("held")
            return lease.Held("healer", 1, None)  # type: ignore[arg-type]

        def looked(*_: Any) -> Any:
            self.step("plan")
            return type("View", (), {"plan": Plan(repairs), "storm": STORM})

        def recorded(_healer: Healer, known: object = None) -> Outcome:
            self.storms.append(known)
            return self.step("record")

        monkeypatch.setattr(drive, "view", looked)
        monkeypatch.setattr(drive, "stale_record", lambda *_: False)
        monkeypatch.setattr(lease, "acquire", held)
        monkeypatch.setattr(lease, "release", lambda *_: self.step("released"))
        monkeypatch.setattr(Healer, "__init__", lambda *_: None)
        monkeypatch.setattr(Healer, "write_notes", lambda *_: self.step("note"))
        monkeypatch.setattr(Healer, "write_record", recorded)
        for event in ("begin", "acted", "fail", "hold", "verify"):
            monkeypatch.setattr(Healer, event, lambda *_, event=event: self.step(event))
        policy = type("Policy", (), {"monitor_only": False, "lease_duration": 300, "recovery_timeout": 300})
        self.turn = drive.Turn(None, policy, "uid", "healer", None, self, None, None)  # type: ignore[arg-type]

    def step(self, word: str) -> Outcome:
        self.seen.append(word)
        if word == self._breaks:
            raise OSError("it does not answer") if word == "identify" else Unreachable(f"{word} fails")
        return Outcome(word != self._refuses, word, None, True, 60)

    def uptime(self, _name: str) -> float:
        self.step("identify")
        return 1.0

    def act(self, *_: Any) -> None:
        self.step("rung")


def test_the_twin_s_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    assert watched.turn.run().words == [("w1", "repaired")]
    assert watched.seen == TURN


def test_both_hand_the_storm_that_the_plan_has_seen_to_the_first_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """By then it may be over, and its cool-down would be forgotten."""
    watched = Watched(monkeypatch)
    watched.turn.run()
    assert watched.storms == [STORM, None]
    [guarded] = [task for task in load(TASKS / "act.yml") if "block" in task]
    records = [task[f"{OURS}cluster_record"] for task in guarded["block"] if f"{OURS}cluster_record" in task]
    assert records == [{"storm": "{{ __selfheal_plan.storm }}"}, None]


# What is asked of the repair when one of its steps fails: the playbook's conditions, in the words of the role.
AFTER = {
    ("identify", ""): ["identify", "hold"],
    ("begin", ""): ["identify", "begin"],
    ("", "begin"): ["identify", "begin"],
    ("rung", ""): ["identify", "begin", "rung", "fail"],
    ("acted", ""): ["identify", "begin", "rung", "acted", "fail"],
    ("", "acted"): ["identify", "begin", "rung", "acted"],
    ("verify", ""): REPAIR,
    ("", "verify"): REPAIR,
}


@pytest.mark.parametrize(("breaks", "refuses"), AFTER)
def test_the_twin_s_repair_that_fails(monkeypatch: pytest.MonkeyPatch, breaks: str, refuses: str) -> None:
    watched = Watched(monkeypatch, breaks, refuses)
    watched.turn.run()
    assert watched.seen == ["plan", "held", "note", "record", *AFTER[breaks, refuses], "record", "released"]


def test_the_playbook_has_the_same_conditions() -> None:
    """What is left out after a step that failed or said no is said by the tasks' own conditions."""
    [repair] = [task for task in load(ROLE) if "block" in task]
    after_begin = repair["block"][-1]
    assert after_begin["when"] == "__repair_node_begun.proceed"
    asked = {next(_word(n, t[n]) for n in t if n.startswith(OURS)): t for t in after_begin["block"] if _is_step(t)}
    assert "when" not in asked["acted"] and asked["verify"]["when"] == "__repair_node_acted.proceed"
    held, written = repair["rescue"][-2:]
    # Nothing is in it before the question whether to begin was answered.
    assert held["when"] == ["not __repair_node_begun", "not __repair_node_heard"]
    assert written["when"] == [
        "__repair_node_begun.proceed | default(false)",
        "__repair_node_acted.proceed is not defined",
    ]


def _is_step(task: dict[str, Any]) -> bool:
    return any(name.startswith(OURS) for name in task)


def test_both_leave_the_rest_alone_after_as_many_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    told = yaml.safe_load((CHECKOUT / "playbooks" / "vars" / "turns.yml").read_text(encoding="utf-8"))
    assert f"length >= {drive.FAILURES_ALLOWED} " in told["__selfheal_leave_the_rest"]
    watched = Watched(monkeypatch, breaks="rung", repairs=3)
    assert [word for _node, word in watched.turn.run().words] == ["failed", "failed", "left alone"]


@pytest.mark.parametrize("breaks", ["note", "record"])
def test_both_let_the_lease_go_whatever_happens(monkeypatch: pytest.MonkeyPatch, breaks: str) -> None:
    watched = Watched(monkeypatch, breaks)
    with pytest.raises(Unreachable):
        watched.turn.run()
    assert watched.seen[-1] == "released" and "identify" not in watched.seen
    [guarded] = [task for task in load(TASKS / "act.yml") if "block" in task]
    assert list(steps(guarded["always"])) == ["released"] and "rescue" not in guarded
