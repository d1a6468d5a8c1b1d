# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of an experiment: the Chaos Toolkit carries it out, and we look, judge and tidy up around it."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosheal import fingerprint
from chaosheal.healer import PLAYBOOK, Healer, Schedule
from chaosheal.history import History
from chaosheal.injection import Breaker
from chaosheal.invariants import broken
from chaosheal.model import ChaosError
from chaosheal.observer import Observer, look, wait_until_well
from chaosheal.setup import breaker_of, hands_of
from chaosheal.verdict import Arm, Verdict, judge

# What is written down of a run, in its folder.
EVENTS = "events.jsonl"
SETTLE_SECONDS = 300.0
# The action by which an experiment breaks something.
INJECT = "inject_fault"


@dataclass(frozen=True)
class Promise:
    """What an experiment says of itself, for us: in its ``extensions``, and the budget in its ``configuration``.

    :ivar ident: what it is called in tables.
    :ivar recovers: whether the healer has to make the fault good; otherwise it must do nothing about it, if it may not.
    :ivar budget: seconds from the effect to the recovery, at most; for so long a run without a healer is looked at.
    :ivar healer: variables of the healer's run.
    :ivar healers: so many of them at once.
    :ivar may_act: whether the healer may do something about what it need not make good.
    :ivar steady: whether the cluster has to be well at the end, before anything is taken back.
    :ivar control: whether a run without a healer shows anything that no other experiment does.
    :ivar planes: so many nodes of a control plane the cluster has to have, at least.
    :ivar faults: that its actions bring about, in their order; a healthy cluster has none.
    """

    ident: str
    title: str
    recovers: bool
    budget: float
    healer: Mapping[str, Any] = field(default_factory=dict)
    healers: int = 1
    may_act: bool = False
    steady: bool = False
    control: bool = True
    planes: int = 1
    faults: tuple[str, ...] = ()


def promise_of(experiment: Mapping[str, Any]) -> Promise:
    """Out of the experiment's own file.

    :raises ChaosError: it has none, or one that makes no sense.
    """
    mine = [one for one in experiment.get("extensions") or () if one.get("name") == "chaosheal"]
    try:
        [told] = mine
        promise = Promise(
            ident=str(told["id"]),
            title=str(experiment["title"]),
            recovers=bool(told["recovers"]),
            budget=float(experiment["configuration"]["budget"]),
            healer=dict(told.get("healer") or {}),
            healers=int(told.get("healers", 1)),
            may_act=bool(told.get("may_act", False)),
            steady=bool(told.get("steady", False)),
            control=bool(told["recovers"]) and bool(told.get("control", True)),
            planes=int(told.get("planes", 1)),
            faults=tuple(str(one["provider"]["arguments"]["fault"]) for one in experiment["method"] if _injects(one)),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise ChaosError(
            f"the experiment needs an extension chaosheal with id and recovers, and a budget: {exc!r}"
        ) from None
    if promise.budget <= 0:
        raise ChaosError(f"configuration: budget: expected seconds above 0, got {promise.budget:g}")
    if not 1 <= promise.healers <= 5:
        raise ChaosError(f"extensions: chaosheal: healers: expected a number from 1 to 5, got {promise.healers}")
    return promise


def with_patience(experiment: Mapping[str, Any], patience: float) -> dict[str, Any]:
    """The same experiment with a budget that is so many times as long. Pure.

    :raises ChaosError: it is not multiplied by a number above 0, or has no budget.
    """
    promise = promise_of(experiment)
    if not 0 < patience < math.inf:
        raise ChaosError(f"patience: expected a number above 0, got {patience:g}")
    return {**experiment, "configuration": {**experiment["configuration"], "budget": promise.budget * patience}}


def _injects(activity: Mapping[str, Any]) -> bool:
    return (activity.get("provider") or {}).get("func") == INJECT


def load(path: Path) -> dict[str, Any]:
    """An experiment's file, as the Chaos Toolkit reads it, and found to be one by its rules.

    :raises ChaosError: it is none.
    """
    from chaoslib.exceptions import ChaosException
    from chaoslib.experiment import ensure_experiment_is_valid
    from chaoslib.loader import load_experiment

    try:
        experiment: dict[str, Any] = load_experiment(str(path))
        ensure_experiment_is_valid(experiment)
    except ChaosException as exc:
        raise ChaosError(f"{path} is no experiment: {' '.join(str(exc).split())[:300]}") from None
    return experiment


@dataclass(frozen=True)
class Healing:
    """How a healer is run.

    :ivar variables: of its runs, that hold for every experiment.
    :ivar playbook: by its name in a collection, or a file's path.
    """

    inventory: str
    kubeconfig: str
    variables: Mapping[str, Any]
    playbook: str = PLAYBOOK


class Run:
    """One run of one experiment in one arm.

    :param folder: where what happens is written down.
    :param kubeconfig: of somebody who may do everything; KUBECONFIG's if it is empty and the experiment has none.
    :param patience: the experiment's budget is multiplied by it, as for a cluster or a healer that is slower by design.
    """

    def __init__(
        self, path: Path, folder: Path, healing: Healing, arm: Arm, kubeconfig: str = "", patience: float = 1.0
    ) -> None:
        self._experiment = with_patience(load(path), patience)
        self._promise = promise_of(self._experiment)
        self._folder, self._arm, self._healing = folder, arm, healing
        self._configuration = {
            **({"chaosheal_kubeconfig": kubeconfig} if kubeconfig else {}),
            **(self._experiment.get("configuration") or {}),
            "chaosheal_journal": str(folder / "faults.jsonl"),
            "chaosheal_events": str(folder / EVENTS),
        }
        self._hands = hands_of(self._configuration)
        self._breaker: Breaker = breaker_of(self._configuration)
        self._history = History(folder / EVENTS)

    def carry_out(self) -> Verdict:
        """Carry it out and judge it; whatever happens, what was broken is taken back before this comes back."""
        promise, history = self._promise, self._history
        nodes = self._hands.nodes()
        observer = Observer(self._hands, history, len(nodes))
        before = fingerprint.take(self._hands, nodes)
        history.tell("begun", experiment=promise.ident, arm=self._arm.value, nodes=[node.name for node in nodes])
        wrong = look(self._hands, len(nodes))
        planes = sum(node.role == "control-plane" for node in nodes)
        if planes < promise.planes:
            wrong = [f"expected at least {promise.planes} nodes of a control plane, found {planes}", *wrong]
        history.tell("gate", ok=not wrong, why="; ".join(wrong))
        if not wrong:
            self._under_way(observer)
            # Now that nothing is broken any more.
            wait_until_well(self._hands, len(nodes), SETTLE_SECONDS)
            history.tell("settled", wrong=look(self._hands, len(nodes)))
            history.tell("fingerprint", differences=fingerprint.differences(before, self._after(before)))
        for rule in broken(history.events):
            history.tell("invariant", name=rule.name, why=rule.why)
        verdict = judge(
            history.events,
            self._arm,
            promise.recovers,
            promise.budget,
            bool(promise.faults),
            promise.may_act,
            promise.steady,
        )
        history.tell("verdict", word=verdict.word.value, why=verdict.why)
        return verdict

    def _under_way(self, observer: Observer) -> None:
        """Break, with healers at work if there are to be any, and take it back, whatever happens."""
        schedule = None if self._arm is Arm.CONTROL else Schedule(self._promise.healers, self._healer)
        observer.start()
        try:
            if schedule:
                schedule.start()
            self._method()
        finally:
            if schedule:
                schedule.stop()
            observer.stop()
            self._history.tell("rollback", left=self._breaker.undo())

    def _healer(self, which: int) -> Healer:
        mine = self._promise.healer
        variables = {
            **self._healing.variables,
            **mine,
            "selfheal_policy": {
                **(self._healing.variables.get("selfheal_policy") or {}),
                **(mine.get("selfheal_policy") or {}),
            },
            "selfheal_run_for": int(self._promise.budget + 300),
        }
        environ = {**os.environ, "KUBECONFIG": self._healing.kubeconfig}
        return Healer(which, self._healing.playbook, self._healing.inventory, variables, environ, self._history)

    def _method(self) -> None:
        """Have the Chaos Toolkit carry out the experiment."""
        from chaoslib.exceptions import ChaosException

        experiment = {**self._experiment, "configuration": self._configuration}
        try:
            journal = play(experiment, self._history)
        except ChaosException as exc:
            self._history.tell("interrupted", why=str(exc))
            return
        (self._folder / "journal.json").write_text(json.dumps(journal, default=str, indent=1), encoding="utf-8")
        if journal.get("status") != "completed":
            self._history.tell("interrupted", why=f"the Chaos Toolkit calls the experiment {journal.get('status')}")

    def _after(self, before: Mapping[str, Any]) -> dict[str, list[str]]:
        return fingerprint.take(self._hands, [node for node in self._hands.nodes() if node.name in before])


def end_as_with_ctrl_c() -> None:
    """Let an end from outside go the way of Ctrl-C, so that what was broken is taken back."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def play(experiment: Mapping[str, Any], history: History) -> dict[str, Any]:
    """Have the Chaos Toolkit carry an experiment out, and write down each activity; its journal.

    :raises KeyboardInterrupt: it was ended from outside.
    :raises ChaosException: the Chaos Toolkit cannot carry it out.
    """
    from chaoslib.experiment import run_experiment
    from chaoslib.run import RunEventHandler
    from chaoslib.types import Strategy

    class Ears(RunEventHandler):  # type: ignore[misc, unused-ignore] # the Chaos Toolkit is not in every lane
        """Hears of each activity when it is over."""

        def activity_completed(self, activity: Mapping[str, Any], run: Mapping[str, Any]) -> None:
            """Write down what became of it."""
            good = run.get("status") == "succeeded"
            words = {"name": activity.get("name"), "ok": good, "output": run.get("output")}
            history.tell("activity", **words)
            if activity.get("type") == "action" and not good:
                history.tell("inject_failed", why=_last_line(run.get("exception")))
            elif _injects(activity):
                history.tell("injected", faults=run.get("output"))

        def started(self, experiment: Mapping[str, Any], journal: Mapping[str, Any]) -> None:
            """Take SIGTERM back: the Chaos Toolkit makes an exception of it that counts as an activity's failure."""
            end_as_with_ctrl_c()

    journal: dict[str, Any] = run_experiment(
        experiment,
        # What was broken is taken back by us, and not before the observer has seen what came of it.
        settings={"runtime": {"rollbacks": {"strategy": "never"}}},
        strategy=Strategy.BEFORE_METHOD,
        event_handlers=[Ears()],
    )
    if journal.get("status") == "interrupted":
        raise KeyboardInterrupt
    return journal


def _last_line(exception: Any) -> str:
    lines = [str(line).strip() for line in exception or ()]
    return next((line.split(": ", 1)[-1] for line in reversed(lines) if line), "it failed without a word")
