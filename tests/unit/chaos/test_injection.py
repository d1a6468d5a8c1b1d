# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which order a fault is brought about and taken back, and what is left when something goes wrong in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chaosheal.hands import Done, NodeOf
from chaosheal.injection import Breaker
from chaosheal.journal import Journal, still_broken
from chaosheal.model import ChaosError, Command, Look, Where
from chaosheal.targets import Radius

NODES = [
    NodeOf("cp-1", "control-plane", "10.0.0.1", (), True, False),
    *(NodeOf(f"w-{n}", "worker", f"10.0.1.{n}", (), True, False) for n in (1, 2)),
]


class Hands:
    """Writes down what would be done to nodes, in the place of the real ones, which tests/chaos have."""

    kubeconfig, engine = "kubeconfig", "docker"

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.done: list[str] = []
        self.takes_effect, self.allowed = True, True
        # What there is to see, one look after the other; the last goes on.
        self.kubelet: list[bool] = []
        self.fails: str | None = None

    def carry_out(self, command: Command, node: str, seconds: float = 60.0) -> Done:
        line = f"{node}: {' '.join(command.argv)}"
        if command.where is not Where.API:
            assert node in {one.node for one in self.journal.entries()}, "nothing is touched that is not written down"
        if self.fails and self.fails in line and not command.may_fail:
            raise ChaosError(f"{line} ended with 1")
        self.done.append(line)
        return Done(0, "", "")

    def kubectl(self, *words: str, **_options: Any) -> Done:
        return Done(0, '{"selfheal.kubernetes/chaos": "allowed"}' if self.allowed else "{}", "")

    def sees(self, look: Look, node: str, seconds: float = 60.0) -> bool:
        if self.kubelet:
            runs = self.kubelet.pop(0) if len(self.kubelet) > 1 else self.kubelet[0]
            return runs is not look.command.argv[2].startswith("!")
        return self.takes_effect

    def nodes(self) -> list[NodeOf]:
        return NODES

    def planes(self, nodes: object) -> tuple[str, ...]:
        return ("10.0.0.1",)


class Clock:
    """Time that passes only when somebody waits."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "faults.jsonl")


def breaker(journal: Journal, radius: Radius = Radius(2, 100)) -> tuple[Breaker, Hands, list[str]]:  # noqa: B008
    hands, clock, timers = Hands(journal), Clock(), []
    made = Breaker(hands, journal, radius, lambda ident, _seconds: timers.append(ident), clock, clock.sleep)  # type: ignore[arg-type]
    return made, hands, timers


def test_it_is_written_down_then_timed_then_done_then_seen(journal: Journal) -> None:
    made, hands, timers = breaker(journal)
    [injected] = made.inject("kubelet_stop", {"names": ["w-1"]})
    assert timers == [injected.ident]
    assert hands.done == [
        f"w-1: systemd-run --collect --on-active=900 --unit=chaosheal-undo-{injected.ident} sh -c"
        " systemctl enable --now kubelet",
        "w-1: sh -c systemctl disable --now kubelet",
    ]
    assert [one.phase for one in journal.entries()] == ["injected"]
    hands.done.clear()
    assert made.undo() == [] and still_broken(journal.entries()) == []
    assert hands.done == [
        f"w-1: systemctl stop chaosheal-undo-{injected.ident}.timer",
        "w-1: sh -c systemctl enable --now kubelet",
    ]
    assert made.undo() == [], "there is nothing more to take back"


def test_what_does_not_take_effect_is_taken_back(journal: Journal) -> None:
    made, hands, _timers = breaker(journal)
    hands.takes_effect = False
    with pytest.raises(ChaosError, match="kubelet_hang did not take effect on w-1 within 30 s"):
        made.inject("kubelet_hang", {"names": ["w-1"]})
    assert hands.done[-1] == "w-1: sh -c pkill -CONT -x kubelet" and still_broken(journal.entries()) == []


def test_when_the_second_node_fails_the_first_is_mended_too(journal: Journal) -> None:
    made, hands, _timers = breaker(journal)
    hands.fails = "w-2: sh -c systemctl disable"
    with pytest.raises(ChaosError, match="w-2: .* ended with 1"):
        made.inject("kubelet_stop", {"names": ["w-1", "w-2"]})
    assert "w-1: sh -c systemctl enable --now kubelet" in hands.done and still_broken(journal.entries()) == []


def test_what_cannot_be_taken_back_is_told_and_stays_in_the_journal(journal: Journal) -> None:
    made, hands, _timers = breaker(journal)
    made.inject("kubelet_stop", {"names": ["w-1"]})
    hands.fails = "enable --now"
    [left] = made.undo()
    assert "fault kubelet_stop on w-1 could not be taken back" in left
    assert [one.node for one in still_broken(journal.entries())] == ["w-1"]
    hands.fails = None
    assert made.undo() == []


def test_nothing_is_touched_in_a_cluster_that_is_no_fair_game(journal: Journal) -> None:
    made, hands, timers = breaker(journal)
    hands.allowed = False
    with pytest.raises(ChaosError, match="the cluster is no fair game"):
        made.inject("node_crash", {"names": ["w-1"]})
    assert hands.done == [] and timers == [] and journal.entries() == []


def test_the_radius_counts_what_is_broken_already(journal: Journal) -> None:
    made, _hands, _timers = breaker(journal, Radius(1, 100))
    made.inject("kubelet_stop", {"names": ["w-1"]})
    with pytest.raises(ChaosError, match="2 nodes would be broken at once"):
        made.inject("kubelet_stop", {"names": ["w-2"]})


UP, DOWN = True, False
SETTING = {"off": 10, "on": 20}


@pytest.mark.parametrize(
    ("kubelet", "seen"),
    [
        ([UP, UP, DOWN, DOWN, UP], True),
        ([DOWN, UP], True),
        ([DOWN], False),
        ([UP], False),
        ([*[UP] * 51, DOWN, UP], False),
        ([DOWN, *[DOWN] * 41, UP], False),
    ],
    ids=["both", "both at once", "stays away", "never goes", "goes too late", "comes back too late"],
)
def test_a_kubelet_flaps_only_if_it_is_seen_to_go_and_to_come_back(
    journal: Journal, kubelet: list[bool], seen: bool
) -> None:
    made, hands, _timers = breaker(journal)
    hands.kubelet = list(kubelet)
    if not seen:
        with pytest.raises(ChaosError, match="kubelet_flapping did not take effect on w-1 within"):
            made.inject("kubelet_flapping", {"names": ["w-1"]}, SETTING)
        assert still_broken(journal.entries()) == []
        return
    made.inject("kubelet_flapping", {"names": ["w-1"]}, SETTING)
    [entry] = journal.entries()
    hands.kubelet = [UP] * 15 + [DOWN] * 5 + [UP]
    assert made.is_there(entry), "whichever half it is in"
    hands.kubelet = [UP]
    assert not made.is_there(entry)
    hands.kubelet = [DOWN]
    assert not made.is_there(entry)


def test_a_fault_that_stays_is_looked_for_once(journal: Journal) -> None:
    made, hands, _timers = breaker(journal)
    made.inject("kubelet_stop", {"names": ["w-1"]})
    hands.kubelet = [UP, DOWN]
    assert not made.is_there(journal.entries()[0])
