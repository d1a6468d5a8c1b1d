# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a run, with the real core, store and lease; made up are the API server, its clock and what is seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease, store
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer, Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    LeaseLost,
    StoreError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import Healer, View, view
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import LADDERS, Ladders
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Phase, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition, Heartbeat, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    HEALING,
    NOW,
    REBOOTING,
    UID,
    ago,
    fleet,
    incident,
    node,
    sick,
    snapshot,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_api import (
    IDENTITY,
    INCIDENTS,
    LEASES,
    RECORDS,
    FakeApi,
)


@dataclass
class Place:
    """A cluster, and a run that holds its lease. ``looks_take`` is for how long each look at it lasts."""

    nodes: list[Node]
    silent: set[str] = field(default_factory=set)
    policy: Policy = HEALING
    ladders: Ladders = field(default_factory=lambda: LADDERS)
    looks_take: float = 0.0
    api: FakeApi = field(default_factory=FakeApi)

    def __post_init__(self) -> None:
        self.held = lease.acquire(self.api, "healer-a", self.policy.lease_duration)
        self.looked = 0

    @property
    def healer(self) -> Healer:
        """One step's, which remembers nothing of the one before."""
        token, holder, api = self.held.token, self.held.holder, self.api
        return Healer(api, self.policy, UID, holder, token, api.sleep, api.monotonic, self.look, self.ladders)

    def look(self, _client: Client, _policy: Policy, _uid: str | None = None, only: str | None = None) -> Snapshot:
        """What is seen now: every kubelet that is not silent has just renewed its Lease."""
        self.looked += 1
        now = self.api.now
        self.api.sleep(self.looks_take)
        seen = snapshot([n for n in self.nodes if only in (None, "", n.name)], observed_at=now, local_time=now)
        renewed = {n.name: Heartbeat(ago(600) if n.name in self.silent else now, 40) for n in seen.nodes or ()}
        alive = {name: replace(one, renewed=now) for name, one in (seen.components or {}).items()}
        return replace(seen, heartbeats=renewed, components=alive)

    def view(self) -> View:
        """What a run would see and do."""
        return view(self.api, self.policy, UID, (), self.look, self.ladders, self.api.monotonic)

    def notes(self) -> list[dict[str, str]]:
        """What the plan wants written down."""
        return [note.to_dict() for note in self.view().plan.notes]

    def keep(self, *incidents: Incident) -> None:
        """Put them into the store."""
        for one in incidents:
            store.write_incident(self.api, one)
        self.api.writes.clear()

    @property
    def kept(self) -> dict[str, Incident]:
        """The incidents of the store by name."""
        return {one.name: one for one in store.read_incidents(self.api)}

    @property
    def written(self) -> list[str]:
        """The incidents and records that were written, deleted ones too."""
        return [
            f"{method} {path.rpartition('/')[2]}" for method, path in self.api.writes if not path.startswith(LEASES)
        ]

    def remembered(self) -> list[str]:
        """The writes of a whole run besides those of the lease and of the baseline."""
        before = len(self.api.writes)
        notes = self.notes()
        if notes:
            self.healer.write_notes(notes)
        self.healer.write_record()
        return [
            f"{method} {path}" for method, path in self.api.writes[before:] if path.startswith((INCIDENTS, RECORDS))
        ]


def well(name: str = "w1", boot_id: str = "boot-1", **changes: Any) -> Node:
    return node(name, boot_id=boot_id, **changes)


# --- what is written, and when

CLUSTERS: dict[str, tuple[list[Node], list[str]]] = {
    "healthy": (fleet(10), [f"POST {RECORDS}/cluster"]),
    "one that nobody may touch": (
        [sick(unschedulable=True), *fleet(9)],
        [f"POST {INCIDENTS}/w1-1", f"POST {RECORDS}/cluster"],
    ),
    "a storm": ([*(sick(f"w{n}") for n in range(5)), *fleet(5)], [f"POST {RECORDS}/cluster"]),
}


@pytest.mark.parametrize("case", CLUSTERS)
def test_two_runs_over_what_stays_the_same_write_once(case: str) -> None:
    nodes, first = CLUSTERS[case]
    place = Place(nodes)
    assert place.remembered() == first
    for seconds in (0, 5, 60):
        place.api.sleep(seconds)
        assert place.remembered() == []


def test_what_changes_is_written_once() -> None:
    place = Place([sick(unschedulable=True), *fleet(9)])
    place.remembered()
    place.nodes[0] = replace(place.nodes[0], deleting=True)
    assert place.remembered() == [f"PUT {INCIDENTS}/w1-1"]
    assert [r.guard for r in place.kept["w1-1"].refusals] == ["human_cordon", "leaving"]
    place.nodes[0] = well()
    assert place.remembered() == [f"PUT {INCIDENTS}/w1-1", f"PUT {RECORDS}/cluster"]
    assert place.remembered() == []


def test_the_storm_is_remembered_from_run_to_run() -> None:
    place = Place([*(sick(f"w{n}") for n in range(5)), *fleet(5)])
    place.remembered()
    record = place.api.objects[f"{RECORDS}/cluster"]
    assert record["status"]["storm"] == {"cause": "mass_failure", "since": "2026-11-21T03:00:00Z"}
    place.api.sleep(100)
    place.nodes = [sick("w1"), *fleet(9)]
    assert [r.guard for r in place.view().plan.refusals] == ["storm_cooldown"]
    place.remembered()
    record = place.api.objects[f"{RECORDS}/cluster"]
    assert record["status"]["storm"]["ended"] == "2026-11-21T03:01:40Z"
    place.api.sleep(599)
    assert [r.guard for r in place.view().plan.refusals] == ["storm_cooldown"]
    place.api.sleep(1)
    assert [a.node for a in place.view().plan.actions] == ["w1"]


def test_a_record_that_cannot_be_read_stops_the_run() -> None:
    place = Place([sick(), *fleet(9)])
    place.api.put(f"{RECORDS}/cluster", {"metadata": {"name": "cluster"}, "status": {"storm": {"since": "?"}}})
    with pytest.raises(StoreError, match="mend or delete it"):
        place.view()


# --- notes


def test_a_hold_is_written_with_its_numbers() -> None:
    place = Place([sick(seconds=60), *fleet(9)])
    place.healer.write_notes(place.notes())
    one = place.kept["w1-1"]
    assert (one.phase, one.refused_at) == (Phase.SUSPECTED, NOW)
    assert [(r.rung, r.guard) for r in one.refusals] == [("kubelet_restart", "transient_tolerance")]
    assert "has lasted 60 s" in one.refusals[0].message
    assert place.written == ["POST w1-1"], "all of it in one write"


def test_what_nobody_has_asked_for_is_not_written_nor_what_builds_on_it() -> None:
    place = Place([sick(unschedulable=True), *fleet(9)])
    assert [n["event"] for n in place.notes()] == ["open", "confirm", "hold"]
    assert place.healer.write_notes([n for n in place.notes() if n["event"] != "open"]) == ()
    (opened,) = place.healer.write_notes([n for n in place.notes() if n["event"] != "confirm"])
    assert (opened.phase, opened.refusals) == (Phase.SUSPECTED, ())


def test_only_what_is_old_and_asked_for_is_forgotten() -> None:
    place = Place(fleet(3))
    old = {"phase": Phase.RECOVERED, "closed_at": ago(10**7)}
    place.keep(
        incident("w1", **old),
        replace(incident("w1", **old), name="w1-2"),
        replace(incident("w1", **{**old, "closed_at": ago(60)}), name="w1-3"),
        incident("w2", **old),
    )
    notes = place.notes()
    assert [(n["node"], n["event"]) for n in notes] == [("w1", "forget"), ("w2", "forget")]
    place.healer.write_notes(notes[:1])
    assert set(place.kept) == {"w1-3", "w2-1"}
    assert sorted(place.written) == ["DELETE w1-1", "DELETE w1-2"]


def test_who_has_lost_the_lease_forgets_nothing() -> None:
    place = Place(fleet(3))
    place.keep(incident("w1", phase=Phase.RECOVERED, closed_at=ago(10**7)))
    notes, healer = place.notes(), place.healer
    place.api.sleep(301)
    lease.acquire(place.api, "healer-b", 300)
    with pytest.raises(LeaseLost):
        healer.write_notes(notes)
    assert set(place.kept) == {"w1-1"}


def test_the_lease_is_proven_before_each_that_is_forgotten() -> None:
    place = Place(fleet(3))
    old = incident("w1", phase=Phase.RECOVERED, closed_at=ago(10**7))
    place.keep(old, replace(old, name="w1-2"))
    delete = place.api.delete

    def slowly(path: str, resource_version: str) -> Answer:
        answer = delete(path, resource_version)
        place.api.sleep(301)
        return answer

    place.api.delete = slowly  # type: ignore[method-assign]
    with pytest.raises(LeaseLost):
        place.healer.write_notes(place.notes())
    assert set(place.kept) == {"w1-2"}


@pytest.mark.parametrize(("looks_take", "guards"), [(60, []), (61, ["evidence_age"])])
def test_a_plan_knows_how_long_its_look_took(looks_take: float, guards: list[str]) -> None:
    place = Place([sick(), *fleet(9)], looks_take=looks_take)
    assert [r.guard for r in place.view().plan.refusals] == guards


# --- begin


def begun_place(**changes: Any) -> Place:
    place = Place([sick(boot_id="boot-1"), *fleet(9)], **changes)
    place.keep(incident("w1"))
    return place


def test_begin_says_by_when_the_repair_must_have_proven_itself() -> None:
    place = begun_place(policy=Policy(monitor_only=False, repair_deadline=450))
    outcome = place.healer.begin("w1", "uid-w1", "kubelet_restart")
    assert outcome.proceed
    one = place.kept["w1-1"]
    assert (one.phase, one.deadline, one.boot_id) == (Phase.REPAIRING, NOW + timedelta(seconds=450), "boot-1")


@pytest.mark.parametrize(
    ("policy", "looks_take", "within"),
    [
        pytest.param({}, 0, 60, id="what was seen may be so old"),
        pytest.param({}, 20, 40, id="it is older already"),
        pytest.param({"evidence_age": 300}, 0, 60, id="the lease must last to the end of the rung"),
        pytest.param({"evidence_age": 300, "lease_duration": 400}, 0, 160, id="a longer lease"),
    ],
)
def test_begin_says_within_how_many_seconds_to_act(policy: dict[str, int], looks_take: float, within: int) -> None:
    place = begun_place(policy=Policy(monitor_only=False, **policy), looks_take=looks_take)
    outcome = place.healer.begin("w1", "uid-w1", "kubelet_restart")
    assert (outcome.proceed, outcome.act_within) == (True, within)


@pytest.mark.parametrize(
    ("looks_take", "identity_takes", "age", "written"),
    [
        pytest.param(61, 0, 61, ["PUT w1-1"], id="the look was slow"),
        pytest.param(25, 40, 65, [], id="what came after it was slow"),
    ],
)
def test_nothing_begins_on_what_was_seen_too_long_ago(
    looks_take: float, identity_takes: float, age: int, written: list[str]
) -> None:
    place = begun_place(looks_take=looks_take)
    place.api.delays[IDENTITY] = identity_takes
    outcome = place.healer.begin("w1", "uid-w1", "kubelet_restart")
    assert not outcome.proceed
    told = f"the cluster was looked at {age} s ago; the limit is 60 s"
    assert outcome.message == f"evidence_age: {told}"
    [people] = outcome.people
    assert people.startswith("w1: ") and people.endswith(told)
    assert place.written == written
    assert (place.kept["w1-1"].phase, place.kept["w1-1"].attempts) == (Phase.UNHEALTHY, 0)


@pytest.mark.parametrize(
    ("change", "message", "people"),
    [
        pytest.param({"unschedulable": True}, "human_cordon: ", (), id="what a person wants is nobody's alarm"),
        pytest.param({"deleting": True}, "leaving: ", (), id="what settles itself is not, either"),
    ],
)
def test_who_says_no_at_the_last_moment_is_written_down(
    change: dict[str, Any], message: str, people: tuple[str, ...]
) -> None:
    place = begun_place()
    place.nodes[0] = replace(place.nodes[0], **change)
    outcome = place.healer.begin("w1", "uid-w1", "kubelet_restart")
    assert not outcome.proceed and outcome.message.startswith(message)
    assert outcome.people == people
    assert [r.guard for r in place.kept["w1-1"].refusals] == [message.rstrip(": ")]
    assert place.written == ["PUT w1-1"]


def test_a_storm_that_only_the_last_look_sees_calls_people_and_is_remembered() -> None:
    """However short it is, what it has put off is not all done in the moment in which it ends."""
    place = begun_place()
    calm = place.nodes
    place.nodes = [calm[0], *(sick(f"n{n}") for n in range(1, 5)), *calm[5:]]
    outcome = place.healer.begin("w1", "uid-w1", "kubelet_restart")
    assert not outcome.proceed and "mass_failure: 5 of 10 nodes are sick" in outcome.message
    assert [line for line in outcome.people if "5 of 10 nodes are sick" in line]
    place.nodes = calm
    assert [r.guard for r in place.view().plan.refusals] == ["storm_cooldown"]


def test_a_storm_that_only_the_plan_has_seen_is_remembered() -> None:
    place = begun_place()
    calm = place.nodes
    place.nodes = [calm[0], *(sick(f"n{n}") for n in range(1, 5)), *calm[5:]]
    seen = place.view().storm
    assert seen is not None and seen.ended is None
    place.nodes = calm
    place.healer.write_record(seen)
    assert place.api.objects[f"{RECORDS}/cluster"]["status"]["storm"]["ended"]
    assert [r.guard for r in place.view().plan.refusals] == ["storm_cooldown"]


def test_what_blocks_everything_blocks_the_beginning() -> None:
    place = begun_place()
    looked = place.look

    def blind(*arguments: Any) -> Snapshot:
        return replace(looked(*arguments), heartbeats=None, unread={"heartbeats": "HTTP 500"})

    place.look = blind  # type: ignore[method-assign]
    outcome = place.healer.begin("w1", "uid-w1", "kubelet_restart")
    assert not outcome.proceed and "not everything could be observed" in outcome.message
    assert [line for line in outcome.people if "not everything could be observed" in line]
    assert place.written == []


@pytest.mark.parametrize(
    ("uid", "rung"), [("uid-of-another", "kubelet_restart"), ("uid-w1", "reboot")], ids=["another node", "another rung"]
)
def test_only_what_was_planned_begins(uid: str, rung: str) -> None:
    place = begun_place()
    outcome = place.healer.begin("w1", uid, rung)
    assert (outcome.proceed, place.written) == (False, [])


def test_what_is_not_written_down_yet_does_not_begin() -> None:
    """By another API server's clock the tolerance may be over a second before the one that wrote down what was seen."""
    place = Place([sick(seconds=120), *fleet(9)])
    place.keep(incident("w1", phase=Phase.SUSPECTED, since=120))
    outcome = place.healer.begin("w1", "uid-w1", "kubelet_restart")
    assert (outcome.proceed, outcome.message) == (False, "what is known of w1 is not written down yet")
    assert place.written == []


def test_a_host_out_of_reach_is_remembered_once_and_costs_no_attempt() -> None:
    place = begun_place()
    for expected in (["PUT w1-1"], []):
        place.api.writes.clear()
        place.healer.hold("w1", "uid-w1", "kubelet_restart", "w1 cannot be reached")
        assert place.written == expected
    one = place.kept["w1-1"]
    assert [(r.guard, r.message) for r in one.refusals] == [("host", "w1 cannot be reached")]
    assert (one.phase, one.attempts, one.attempted_at) == (Phase.UNHEALTHY, 0, ())
    assert place.healer.begin("w1", "uid-w1", "kubelet_restart").proceed
    assert place.kept["w1-1"].refusals == ()


def test_a_silent_host_is_remembered_apart_from_one_that_is_another_machine() -> None:
    place = begun_place()
    for silent, guard, expected in (
        (False, "host", ["PUT w1-1"]),
        (True, "silent_host", ["PUT w1-1"]),
        (True, "silent_host", []),
        (False, "host", ["PUT w1-1"]),
    ):
        place.api.writes.clear()
        place.healer.hold("w1", "uid-w1", "kubelet_restart", "w1 cannot be reached", silent)
        assert place.written == expected
        assert [r.guard for r in place.kept["w1-1"].refusals] == [guard]


def test_a_host_that_answers_again_is_silent_no_more() -> None:
    place = begun_place()
    place.healer.hold("w1", "uid-w1", "kubelet_restart", "w1 cannot be reached", silent=True)
    for expected in (["PUT w1-1"], []):
        place.api.writes.clear()
        assert place.healer.answered("w1", "uid-w1", "w1 answers again").proceed
        assert place.written == expected
        assert place.kept["w1-1"].refusals == ()
    # What else is remembered of the host is not its silence.
    place.healer.hold("w1", "uid-w1", "kubelet_restart", "w1 is another machine")
    place.api.writes.clear()
    place.healer.answered("w1", "uid-w1", "w1 answers again")
    assert place.written == []


def test_a_reboot_for_silence_says_so_in_the_story() -> None:
    place = begun_place()
    place.nodes[0] = replace(sick(), provider_id="kind://docker/lab/w1")
    place.silent.add("w1")
    place.policy = replace(HEALING, reboot_driver="docker")
    place.healer.hold("w1", "uid-w1", "kubelet_restart", "w1 cannot be reached", silent=True)
    assert not place.healer.begin("w1", "uid-w1", "kubelet_restart").proceed
    assert place.healer.begin("w1", "uid-w1", "node_reboot").proceed
    one = place.kept["w1-1"]
    assert one.history[-1].message == "attempt 1: node_reboot (its host does not answer)"
    assert (one.rung, one.refusals) == ("node_reboot", ())


def test_a_node_that_came_back_is_left_alone() -> None:
    place = begun_place()
    place.nodes[0] = well()
    outcome = place.healer.begin("w1", "uid-w1", "kubelet_restart")
    assert (outcome.proceed, outcome.message) == (False, "kubelet_restart on w1 is not called for any more")
    assert place.written == []


# --- acted


def repairing(rung: str = "kubelet_restart", **changes: Any) -> Incident:
    made = incident(phase=Phase.REPAIRING, attempted=[60], deadline=ago(-540), boot_id="boot-1")
    return replace(made, **{"rung": rung, **changes})


@pytest.mark.parametrize(("left", "phase"), [(1, Phase.VERIFYING), (0, Phase.UNHEALTHY), (-60, Phase.UNHEALTHY)])
def test_a_role_that_took_too_long_has_failed(left: int, phase: Phase) -> None:
    place = Place([sick(), *fleet(9)])
    place.keep(repairing(deadline=ago(-left)))
    outcome = place.healer.acted("w1", "uid-w1", "kubelet_restart is done")
    assert outcome.proceed is (phase is Phase.VERIFYING)
    assert place.kept["w1-1"].phase is phase
    if not outcome.proceed:
        assert outcome.message == "kubelet_restart took longer than the repair may take"


@pytest.mark.parametrize(
    ("nodes", "seconds"),
    [
        pytest.param([well()], 600, id="a node"),
        pytest.param([well(capacity={"nvidia.com/gpu": "8"})], 2400, id="a GPU node"),
        pytest.param([], 2400, id="not to be seen at the moment"),
    ],
)
def test_after_a_reboot_the_node_is_waited_for(nodes: list[Node], seconds: int) -> None:
    place = Place([*nodes, *fleet(9)], ladders=REBOOTING)
    place.keep(repairing("reboot"))
    assert place.healer.acted("w1", "uid-w1", "reboot is done").proceed
    one = place.kept["w1-1"]
    assert (one.phase, one.wait_until) == (Phase.WAITING, NOW + timedelta(seconds=seconds))
    assert one.deadline == NOW + timedelta(seconds=seconds + 540)


def test_how_long_it_is_waited_for_is_for_the_policy_to_say() -> None:
    place = Place([well(), *fleet(9)], policy=Policy(monitor_only=False, waiting_timeout=77), ladders=REBOOTING)
    place.keep(repairing("reboot"))
    place.healer.acted("w1", "uid-w1", "reboot is done")
    assert place.kept["w1-1"].wait_until == NOW + timedelta(seconds=77)


# --- verify


def waiting_place(nodes: list[Node]) -> Place:
    place = Place([*nodes, *fleet(9)], ladders=REBOOTING)
    place.keep(repairing("reboot", phase=Phase.WAITING, wait_until=ago(-600), deadline=ago(-1140)))
    return place


def phases(place: Place) -> list[str]:
    return [moment.phase.value for moment in place.kept["w1-1"].history[1:]]


def test_a_container_is_proven_by_its_own_start_which_its_boot_id_never_shows() -> None:
    place = waiting_place([well()])
    assert place.healer.verify("w1", "uid-w1", 300, restarted=True).proceed
    assert phases(place) == ["Verifying", "Recovered"]
    assert place.kept["w1-1"].history[1].message == "back after another start of its host"
    # It has to be back all the same.
    place = waiting_place([sick()])
    outcome = place.healer.verify("w1", "uid-w1", 300, restarted=True)
    assert not outcome.proceed and outcome.message.startswith("not back after another start of its host by")


def test_a_node_is_proven_after_it_is_back_with_another_boot_id() -> None:
    place = waiting_place([well()])
    sleep = place.api.sleep

    def until_it_restarts(seconds: float) -> None:
        sleep(seconds)
        if place.api.slept >= 100:
            place.nodes[0] = well(boot_id="boot-2")

    place.api.sleep = until_it_restarts  # type: ignore[method-assign]
    assert place.healer.verify("w1", "uid-w1", 300).proceed
    assert phases(place) == ["Verifying", "Recovered"]
    one = place.kept["w1-1"]
    assert one.outcome == "Repaired"
    assert one.history[1].at >= NOW + timedelta(seconds=100), "it was Ready all the time before"


NOT_BACK = {
    "it has never gone down": well(),
    "it does not say which boot it is": well(boot_id=""),
    "it is not Ready": replace(sick(), boot_id="boot-2"),
    "another machine has its name": well(boot_id="boot-2", uid="uid-of-another"),
}


@pytest.mark.parametrize("case", [*NOT_BACK, "it is not there"])
def test_a_node_that_does_not_come_back_has_failed(case: str) -> None:
    place = waiting_place([NOT_BACK[case]] if case in NOT_BACK else [])
    outcome = place.healer.verify("w1", "uid-w1", 300)
    assert (outcome.proceed, outcome.message) == (False, "not back with another boot ID by 2026-11-21T03:10:00Z")
    assert phases(place) == ["Unhealthy"]
    assert 600 <= place.api.slept < 610


def test_the_time_for_the_proof_ends_with_the_repair() -> None:
    place = Place([sick(), *fleet(9)])
    place.keep(repairing(phase=Phase.VERIFYING, deadline=ago(-100)))
    outcome = place.healer.verify("w1", "uid-w1", 300)
    assert not outcome.proceed and outcome.message.startswith("not healthy 100 s after kubelet_restart: ")
    assert 90 < place.api.slept <= 100
    assert place.kept["w1-1"].outcome == "RepairFailed"


class Lamp:
    """What becomes of each look of a proof, in its order: it is good, the node is sick, or no answer comes.

    After the last one the cluster stays as it was then. Each look shows a Lease that was renewed just now.
    """

    def __init__(self, place: Place, *looks: str) -> None:
        self.place, self.looks, self.number = place, looks, 0
        self._look = place.look
        place.look = self.look  # type: ignore[method-assign]

    def look(self, *arguments: Any) -> Snapshot:
        """One look."""
        now = self.looks[min(self.number, len(self.looks) - 1)]
        self.number += 1
        if now == AWAY:
            raise Unreachable("GET /api/v1/nodes: no answer")
        self.place.nodes[0] = well(boot_id="boot-2") if now == GOOD else replace(sick(), boot_id="boot-2")
        return self._look(*arguments)


GOOD, SICK, AWAY = "good", "sick", "away"


def proving(*looks: str) -> tuple[Place, Lamp]:
    """A repair that waits for its proof."""
    place = Place([sick(), *fleet(9)])
    place.keep(repairing(phase=Phase.VERIFYING))
    return place, Lamp(place, *looks)


@pytest.mark.parametrize(
    ("looks", "needed"),
    [
        pytest.param([GOOD], 3, id="one good look is no proof, nor are two"),
        pytest.param([SICK, GOOD], 4, id="bad ones before do not harm"),
        pytest.param([GOOD, GOOD, SICK, GOOD], 6, id="good ones before a bad one do not count"),
        pytest.param([AWAY, GOOD], 4, id="the API server is away at first"),
        pytest.param([GOOD, GOOD, AWAY, GOOD], 6, id="good ones before the API server was away do not count"),
        pytest.param([GOOD, AWAY, GOOD, AWAY, GOOD], 7, id="it comes and goes"),
    ],
)
def test_a_proof_is_three_good_looks_in_a_row(looks: list[str], needed: int) -> None:
    place, lamp = proving(*looks)
    outcome = place.healer.verify("w1", "uid-w1", 60)
    assert (outcome.proceed, lamp.number) == (True, needed)
    assert outcome.message == "proven healthy: 3 good observations, its Lease seen to move 2 times"
    assert place.kept["w1-1"].outcome == "Repaired"


@pytest.mark.parametrize("between", [SICK, AWAY])
def test_good_looks_that_are_never_three_in_a_row_prove_nothing(between: str) -> None:
    place, lamp = proving(*[between, GOOD, GOOD] * 100)
    timeout = 60
    outcome = place.healer.verify("w1", "uid-w1", timeout)
    assert not outcome.proceed and outcome.message.startswith("not healthy 60 s after kubelet_restart: ")
    assert lamp.number == timeout // 2 and place.kept["w1-1"].outcome == "RepairFailed"


def test_a_lease_that_moved_before_the_api_server_was_away_does_not_count() -> None:
    """Nothing of the proof before is kept: not that the node's Lease has moved, either."""
    place, lamp = proving(GOOD, AWAY, GOOD)
    looked, renewed = place.look, NOW

    def still(*arguments: Any) -> Snapshot:
        seen = looked(*arguments)
        at = renewed if lamp.number == 1 else renewed + timedelta(seconds=5)
        return replace(seen, heartbeats={"w1": Heartbeat(at, 40)})

    place.look = still  # type: ignore[method-assign]
    outcome = place.healer.verify("w1", "uid-w1", 30)
    assert not outcome.proceed
    assert outcome.message.endswith("13 good observations, its Lease seen to move 0 times")


@pytest.mark.parametrize("looks", [[AWAY], [GOOD, GOOD, AWAY], [SICK, AWAY]], ids=" ".join)
def test_an_api_server_that_stays_away_to_the_end_of_a_proof_is_an_error(looks: list[str]) -> None:
    """Whether the node is well is not known, so nothing is written of it; the next run takes it up."""
    place, _lamp = proving(*looks)
    with pytest.raises(Unreachable, match="no answer"):
        place.healer.verify("w1", "uid-w1", 60)
    assert 50 < place.api.slept <= 60
    assert (place.written, place.kept["w1-1"].phase) == ([], Phase.VERIFYING)


def test_an_api_server_that_is_away_while_a_node_restarts_is_waited_for() -> None:
    place = waiting_place([well()])
    lamp = Lamp(place, SICK, AWAY, AWAY, GOOD)
    assert place.healer.verify("w1", "uid-w1", 300).proceed
    assert phases(place) == ["Verifying", "Recovered"]
    assert lamp.number == 4 + 3, "what was seen while it was waited for is no part of the proof"


def test_an_api_server_that_stays_away_while_a_node_restarts_is_an_error() -> None:
    place = waiting_place([well()])
    Lamp(place, SICK, AWAY)
    # The lease is renewed all the same, so that it is not what ends the wait.
    with pytest.raises(Unreachable, match="no answer"):
        place.healer.verify("w1", "uid-w1", 300)
    assert 600 <= place.api.slept < 610
    assert (place.written, place.kept["w1-1"].phase) == ([], Phase.WAITING)


def test_who_has_lost_the_lease_proves_nothing() -> None:
    place = Place([well(), *fleet(9)])
    place.keep(repairing(phase=Phase.VERIFYING))
    place.looks_take = 301
    with pytest.raises(LeaseLost):
        place.healer.verify("w1", "uid-w1", 300)
    assert place.written == []


def test_the_builder_builds_what_these_tests_say() -> None:
    place = Place([well(), sick("w2")], silent={"w2"})
    seen = place.look(place.api, HEALING)
    ready = seen.nodes[0].condition("Ready") if seen.nodes else None
    assert isinstance(ready, Condition) and ready.status == "True"
    assert place.looked == 1
