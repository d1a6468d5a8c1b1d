# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a member of etcd may be replaced, out of what hosts print, and that no kill leaves it half done.

A small model of etcd prints what etcdctl prints. The steps that the core asks for are done to it, so that what they
lead to is judged by the model and not by the core.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.filter import etcd_member_plan as plan_filter
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core import etcd_member
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.control_plane import Step as Repair
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.etcd_member import (
    Host,
    Member,
    Plan,
    Refused,
    joining,
    make_plan,
    quorum,
    read_view,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

MANIFEST = """\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://ADDRESS:2379
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
    - --advertise-client-urls=https://ADDRESS:2379
    - --data-dir=/var/lib/etcd
    - --initial-advertise-peer-urls=https://ADDRESS:2380
    - --initial-cluster=NAME=https://ADDRESS:2380
    - --listen-client-urls=https://127.0.0.1:2379,https://ADDRESS:2379
    - --name=NAME
    image: registry.example/etcd:3.6.5-0   # as kubeadm has it
    name: etcd
  volumes:
  - hostPath:
      path: /var/lib/etcd
      type: DirectoryOrCreate
    name: etcd-data
"""
OURS, OTHER = 77, 99


def manifest(number: int) -> str:
    return MANIFEST.replace("NAME", f"cp-{number}").replace("ADDRESS", f"10.0.0.{number}")


def coded(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.b64encode(text.encode()).decode()


@dataclass
class Machine:
    """A control-plane host: what is on its disk, and whether its etcd runs and under which ID."""

    number: int
    id: int
    answers: bool = True
    manifest: str | None = ""
    running: bool = True
    data: bool = True
    saved: str | None = None
    rogue: bool = False
    ready: bool = True
    paused: bool = False
    steps: tuple[Repair, ...] = ()

    def __post_init__(self) -> None:
        self.manifest = manifest(self.number) if self.manifest == "" else self.manifest

    @property
    def name(self) -> str:
        return f"cp-{self.number}"

    @property
    def url(self) -> str:
        return f"https://10.0.0.{self.number}:2380"

    def lose(self) -> None:
        """Its data are gone, so it does not start."""
        self.running = self.data = self.ready = False


@dataclass
class Etcd:
    """A cluster: the list of its members, and the machines."""

    machines: list[Machine]
    listed: list[dict[str, Any]] = field(default_factory=list)
    next_id: int = 1000
    revision: int = 500
    alarms: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, count: int) -> Etcd:
        machines = [Machine(n, 100 + n) for n in range(1, count + 1)]
        return cls(machines, [cls.entry(one) for one in machines])

    @staticmethod
    def entry(one: Machine) -> dict[str, Any]:
        return {
            "ID": one.id,
            "name": one.name,
            "peerURLs": [one.url],
            "clientURLs": [one.url.replace("2380", "2379")],
        }

    def up(self) -> list[Machine]:
        """Whose voters really work."""
        voters = {one["ID"] for one in self.listed if not one.get("isLearner")}
        return [one for one in self.machines if one.running and not one.rogue and one.id in voters]

    @property
    def voters(self) -> int:
        return sum(not one.get("isLearner") for one in self.listed)

    @property
    def works(self) -> bool:
        return len(self.up()) >= quorum(self.voters)

    def status(self, one: Machine, at: str) -> dict[str, Any]:
        leader = self.up()[0].id if self.works else 0
        header = {"cluster_id": OURS, "member_id": one.id, "revision": self.revision}
        if one.rogue:
            header, leader = {"cluster_id": OTHER, "member_id": 5, "revision": 3}, 5
        body: dict[str, Any] = {"header": header, "errors": self.alarms}
        return {"Endpoint": at, "Status": body | ({"leader": leader} if leader else {})}

    def text(self, one: Machine) -> str:
        """What a look at a host prints."""
        lines = ["look.uptime=100", f"look.addresses=127.0.0.1 10.244.0.{one.number} 10.0.0.{one.number} fe80::1%eth0"]
        known = any(entry["ID"] == one.id for entry in self.listed)
        if one.running:
            lines.append("look.running=yes")
            own = self.status(one, "https://127.0.0.1:2379")
            voter = any(entry["ID"] == one.id and not entry.get("isLearner") for entry in self.listed)
            if one.rogue or (known and voter and self.works):
                listed = [{**self.entry(one), "ID": 5}] if one.rogue else self.listed
                lines.append(f"look.members={coded({'members': listed})}")
                lines.append("look.healthy=yes")
            else:
                lines.append(f"look.stale={coded({'members': self.listed})}")
            lines.append(f"look.own={coded([own])}")
            seen = [m for m in self.machines if m.running and any(e["ID"] == m.id or m.rogue for e in self.listed)]
            seen = [one] if one.rogue else seen
            lines.append(f"look.status={coded([self.status(m, m.url.replace('2380', '2379')) for m in seen])}")
        files = {"manifest": one.manifest, "saved": one.saved}
        lines += [f"look.{name}={coded(text)}" for name, text in files.items() if text is not None]
        lines += [f"look.{name}={word}" for name, word in (("data", "yes"), ("ready", "ok")) if getattr(one, name)]
        if one.paused:
            lines.append("look.paused=yes")
        return "\r\n".join(lines)

    def hosts(self) -> dict[str, Host]:
        return {
            f"host-{one.number}": Host(
                "" if not one.answers else one.name,
                "" if one.answers else "cannot be reached: no route",
                "",
                one.steps,
                (f"10.0.0.{one.number}", one.name),
            )
            for one in self.machines
        }

    def plan(self, rounds: int = 1, **options: Any) -> Plan:
        looks = []
        for _round in range(rounds):
            looks.append({f"host-{one.number}": read_view(self.text(one)) for one in self.machines if one.answers})
            self.revision += 7
        return make_plan(looks, self.hosts(), **options)

    def machine(self, host: str) -> Machine:
        return next(one for one in self.machines if f"host-{one.number}" == host)

    # --- what the role does

    def do(self, plan: Plan, half: bool = False) -> str:
        """Do a step, or the first half of one; the ID of what was added."""
        if plan.step == "out":
            one = self.machine(plan.host)
            if one.manifest is not None:
                one.saved, one.manifest = one.manifest, None
            if half:
                return ""
            one.running = one.data = one.rogue = False
        elif plan.step == "remove":
            gone = [entry for entry in self.listed if f"{entry['ID']:x}" == plan.member_id]
            assert len(gone) == 1, "only a member of the list is removed"
            after = [entry for entry in self.listed if entry not in gone]
            self.listed = after
        elif plan.step == "add":
            self.next_id += 1
            self.listed.append({"ID": self.next_id, "peerURLs": [plan.url], "isLearner": True})
            return f"{self.next_id:x}"
        elif plan.step == "enter":
            one = self.machine(plan.host)
            assert one.manifest is None and not one.data and not one.running
            one.manifest = plan.manifest
            if half:
                return ""
            self.start(one)
        elif plan.step == "promote":
            for entry in self.listed:
                if f"{entry['ID']:x}" == plan.member_id:
                    del entry["isLearner"]
        elif plan.step in ("ready", "kubelet"):
            self.machine(plan.host).ready = True
        elif plan.step == "finish":
            self.machine(plan.host).saved = None
        return ""

    def start(self, one: Machine) -> None:
        """What kubelet and etcd do with a manifest."""
        assert one.manifest is not None
        if not one.data:
            assert "--initial-cluster-state=existing" in one.manifest, "etcd would begin an empty cluster"
            mine = [entry for entry in self.listed if entry["peerURLs"] == [one.url] and not entry.get("name")]
            if not mine:
                return
            assert f"cp-{one.number}={one.url}" in one.manifest
            assert one.manifest.partition("--initial-cluster=")[2].partition("\n")[0].count("=") == len(self.listed)
            one.id = mine[0]["ID"]
            mine[0].update({**self.entry(one), "isLearner": True})
        one.running = one.data = True

    def live(self) -> None:
        """What goes on while nobody heals: kubelet starts what has a manifest and can start."""
        for one in self.machines:
            if one.manifest is not None and not one.running and one.saved is not None:
                self.start(one)


def run(etcd: Etcd, kill_after: int = -1, half: bool = False, **options: Any) -> Plan:
    """A run as the playbook does it, or the part of it before it is killed."""
    done: list[str] = []
    added = ""
    plan = etcd.plan(3, **options)
    for count in range(25):
        if plan.refusal or not plan.step:
            return plan
        if count == kill_after and not half:
            return plan
        before = len(etcd.up()), quorum(etcd.voters)
        added = etcd.do(plan, half and count == kill_after) or added
        assert etcd.works, f"{plan.step} has cost the quorum, it was {before}"
        if count == kill_after:
            return plan
        done.append(plan.step)
        plan = etcd.plan(2 if plan.step == "finish" else 1, done=done, added=added, **options)
    raise AssertionError(f"no end: {done}")


def lost(count: int = 3, number: int = 2) -> Etcd:
    etcd = Etcd.of(count)
    etcd.machines[number - 1].lose()
    return etcd


# --- what is done


def test_a_lost_member_is_replaced_step_by_step() -> None:
    etcd = lost()
    done: list[str] = []
    plan = etcd.plan(3)
    added = ""
    while plan.step:
        assert not plan.refusal
        assert (plan.host, plan.member, plan.url) == ("host-2", "cp-2", "https://10.0.0.2:2380")
        assert plan.at == ("host-2" if plan.step in ("out", "enter", "ready", "kubelet", "finish") else "host-1")
        done.append(plan.step)
        added = etcd.do(plan) or added
        plan = etcd.plan(2 if done[-1] == "finish" else 1, done=done, added=added)
    assert plan.refusal == ""
    assert done == ["keep", "out", "remove", "add", "enter", "promote", "ready", "finish"]
    assert len(etcd.up()) == 3 and etcd.voters == 3
    assert 102 not in [entry["ID"] for entry in etcd.listed], "it is another member"
    assert "cp-2=https://10.0.0.2:2380" in (etcd.machines[1].manifest or "")
    again = etcd.plan(3)
    assert (again.step, again.refusal) == ("", "")


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("kill", range(9))
def test_a_run_that_is_killed_anywhere_is_gone_on_with(kill: int, number: int, half: bool) -> None:
    """Whoever dies before a step, or in the middle of it: the next run comes to the same end, whichever host it was."""
    etcd = lost(3, number)
    run(etcd, kill, half)
    etcd.live()
    end = run(etcd)
    assert (end.refusal, end.step) == ("", "")
    assert len(etcd.up()) == 3 and etcd.voters == len(etcd.listed) == 3
    assert [one.saved for one in etcd.machines] == [None] * 3


def test_a_learner_that_does_not_work_gets_a_new_id_and_never_runs_again_under_its_old_one() -> None:
    etcd = lost()
    run(etcd, 4)
    entered = etcd.plan(3)
    assert entered.step == "keep", "what this run has not added itself may have run already"
    [learner] = [entry for entry in etcd.listed if entry.get("isLearner")]
    end = run(etcd)
    assert (end.refusal, end.step) == ("", "")
    assert learner["ID"] not in [entry["ID"] for entry in etcd.listed]


def test_a_member_that_has_begun_an_empty_cluster_is_replaced_as_well() -> None:
    """The first host's own manifest does that on an empty disk: it answers, is healthy by its own word, and is lost."""
    etcd = Etcd.of(3)
    etcd.machines[0].rogue = True
    plan = etcd.plan(3)
    assert (plan.refusal, plan.host, plan.helper) == ("", "host-1", "host-2")
    end = run(etcd)
    assert (end.refusal, end.step) == ("", "")
    assert len(etcd.up()) == 3


def test_a_machine_that_is_gone_costs_its_member_only_if_somebody_says_so() -> None:
    etcd = lost()
    etcd.machines[1].answers = False
    refusal = etcd.plan(3).refusal
    assert "host-2 cannot be reached: no route" in refusal and "selfheal_etcd_member_gone" in refusal
    assert "needs selfheal_etcd_member" in etcd.plan(3, gone=True).refusal
    plan = etcd.plan(3, gone=True, want="cp-2")
    assert (plan.step, plan.at) == ("keep", "host-1")
    end = run(etcd, gone=True, want="cp-2")
    assert (end.refusal, end.step) == ("", "")
    assert [entry["name"] for entry in etcd.listed] == ["cp-1", "cp-3"]
    etcd = lost()
    assert "host-2 answers" in etcd.plan(3, gone=True, want="cp-2").refusal


# --- what is refused


def test_a_healthy_member_is_never_replaced() -> None:
    etcd = Etcd.of(3)
    for want in ("cp-2", "host-2", "10.0.0.2"):
        plan = etcd.plan(3, want=want)
        assert plan.refusal == "member cp-2 is healthy, and a healthy member is never replaced"
        assert plan.step == ""
    assert "is no member of etcd" in etcd.plan(3, want="cp-9").refusal


def test_without_a_quorum_nothing_is_done_and_the_numbers_are_told() -> None:
    etcd = lost()
    etcd.machines[2].lose()
    for want in ("", "cp-2"):
        refusal = etcd.plan(3, want=want).refusal
        assert "etcd has no quorum: 1 of 3 members answer (host-1)" in refusal
        assert "2 must be healthy" in refusal and "etcd-quorum-lost.md" in refusal
    etcd.machines[0].lose()
    assert "0 of 3 members answer (none)" in etcd.plan(3).refusal


def test_hosts_that_could_not_be_asked_say_nothing_of_the_quorum() -> None:
    etcd = Etcd.of(3)
    for one in etcd.machines:
        one.answers = False
    refusal = etcd.plan(3).refusal
    assert refusal.startswith("nobody knows whether etcd has its quorum: 0 of 3 members answer (none)"), refusal
    assert "host-1" in refusal and "make those hosts answer first" in refusal and "etcd-quorum-lost" not in refusal
    # Two that were looked at and are dead are a lost quorum, whatever the third one is.
    etcd = Etcd.of(3)
    etcd.machines[0].answers = False
    etcd.machines[1].lose()
    etcd.machines[2].lose()
    assert "etcd has no quorum: 0 of 3 members answer (none)" in etcd.plan(3).refusal


def test_quorum_is_counted_without_the_member_and_only_with_those_that_could_be_asked() -> None:
    etcd = lost(5, 5)
    etcd.machines[3].lose()
    etcd.machines[2].answers = False
    assert etcd.works
    refusal = etcd.plan(3, want="cp-5").refusal
    assert "without cp-5 2 of 4 members would be known to be healthy, and 3 must be" in refusal
    assert "look at cp-3, cp-4 first" in refusal
    etcd.machines[2].answers = True
    assert etcd.plan(3, want="cp-5").step == "keep"
    assert "2 members are not known to be healthy: cp-4, cp-5; 3 of 5 are" in etcd.plan(3).refusal


def test_the_only_member_and_one_of_two_are_left_alone() -> None:
    etcd = lost(1, 1)
    assert "no quorum" in etcd.plan(3).refusal
    etcd = lost(2, 2)
    assert "no quorum" in etcd.plan(3).refusal


def test_members_that_do_not_agree_stop_everything() -> None:
    etcd = lost()
    looks = [{f"host-{one.number}": read_view(etcd.text(one)) for one in etcd.machines}]
    etcd.listed = [entry for entry in etcd.listed if entry["ID"] != 102]
    looks[0]["host-3"] = read_view(etcd.text(etcd.machines[2]))
    plan = make_plan(looks, etcd.hosts())
    assert "do not agree about who they are: host-1 says 65, 66, 67; host-3 says 65, 67" in plan.refusal


def test_one_that_comes_and_goes_is_not_lost() -> None:
    etcd = lost()
    looks = [{f"host-{one.number}": read_view(etcd.text(one)) for one in etcd.machines}]
    etcd.machines[1].running = etcd.machines[1].data = True
    looks.append({f"host-{one.number}": read_view(etcd.text(one)) for one in etcd.machines})
    for order in (looks, looks[::-1]):
        assert "did not all say the same" in make_plan(order, etcd.hosts()).refusal


def test_one_that_some_can_reach_is_not_lost() -> None:
    etcd = lost()
    seen = {f"host-{one.number}": read_view(etcd.text(one)) for one in etcd.machines}
    etcd.machines[1].running = True
    seen["host-3"] = read_view(etcd.text(etcd.machines[2]))
    assert make_plan([seen], etcd.hosts()).refusal == "member cp-2 answers host-3, so it is not lost"


def test_while_another_member_is_being_added_nothing_is_done() -> None:
    for more in ({"name": "cp-9", "clientURLs": ["https://10.0.0.9:2379"]}, {}):
        etcd = lost()
        etcd.listed.append({"ID": 7, "peerURLs": ["https://10.0.0.9:2380"], "isLearner": True, **more})
        assert "another member is being added" in etcd.plan(3, want="cp-2").refusal


@pytest.mark.parametrize("kill", [0, 1, 3, 6, 7])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_people_who_are_at_work_on_any_host_stop_it_before_every_step(number: int, kill: int) -> None:
    etcd = lost()
    run(etcd, kill)
    etcd.live()
    assert etcd.plan(3).step
    etcd.machines[number - 1].paused = True
    plan = etcd.plan(3)
    assert plan.refusal.startswith(f"host-{number}: people are at work on it: /etc/kubernetes/selfheal-paused is there")
    assert not plan.step


def test_a_host_that_was_paused_at_the_first_look_stops_it_though_it_is_not_asked_about_etcd() -> None:
    etcd = lost()
    views = {f"host-{one.number}": read_view(etcd.text(one)) for one in etcd.machines if one.number != 3}
    hosts = etcd.hosts() | {"host-3": Host("cp-3", refusal="people are at work on it", paused=True)}
    assert "host-3: people are at work on it" in make_plan([views], hosts).refusal
    found = {host: {"paused": host == "host-3", "node": ""} for host in hosts}
    told = plan_filter.FilterModule().filters()["etcd_member_plan"]([{"host-1": ""}], found)
    assert "host-3: people are at work on it" in told["refusal"]


def test_an_alarm_comes_first() -> None:
    etcd = lost()
    etcd.alarms = ["memberID:101 alarm:NOSPACE "]
    assert "etcd has raised an alarm (NOSPACE)" in etcd.plan(3).refusal


@pytest.mark.parametrize(
    ("step", "refused"),
    [
        (Repair("kubelet", "kubelet is inactive (disabled)"), True),
        (Repair("runtime", "containerd is inactive"), True),
        (Repair("manifest_copy", "etcd.yaml is missing, and /etc/kubernetes/etcd.yaml is whole", "etcd"), True),
        (Repair("kubelet", "kube-apiserver does not run, though nothing else is wrong"), False),
        (Repair("restart_api_server", "it runs and does not answer", "kube-apiserver"), False),
    ],
)
def test_a_softer_repair_comes_first(step: Repair, refused: bool) -> None:
    etcd = lost()
    etcd.machines[1].steps = (step,)
    assert ("needs a softer repair first" in etcd.plan(3).refusal) is refused


def test_what_a_host_says_must_fit_what_etcd_knows() -> None:
    for old, new, word in (
        ("--name=cp-2", "--name=cp-3", "the manifest of etcd names member cp-3"),
        ("--name=cp-2", "--name=$(reboot)", "a name that it must not have"),
        ("peer-urls=https://10.0.0.2", "peer-urls=https://10.0.0.3", "the host has no such address"),
        (
            "peer-urls=https://10.0.0.2:2380",
            "peer-urls=https://10.0.0.2:2381",
            "the list of members https://10.0.0.2:2380",
        ),
        ("peer-urls=https://10.0.0.2", "peer-urls=https://$(reboot)", "expected https://ADDRESS:PORT"),
    ):
        etcd = lost()
        etcd.machines[1].manifest = manifest(2).replace(old, new)
        plan = etcd.plan(3)
        assert word in plan.refusal, plan.refusal
        assert plan.step == plan.manifest == ""
    etcd = lost()
    etcd.machines[1].manifest = None
    assert "has no manifest of etcd" in etcd.plan(3).refusal


def test_what_people_get_to_see_does_nothing_to_a_terminal() -> None:
    etcd = lost()
    etcd.listed[1]["name"] = "\x1b[2Jcp\n-2" * 300
    plan = etcd.plan(3)
    for line in (plan.refusal, *plan.lines):
        assert line.isprintable() and len(line) <= 600


@given(
    st.text(max_size=400), st.dictionaries(st.sampled_from(["members", "own", "status", "stale"]), st.text(max_size=60))
)
def test_whatever_a_host_prints_is_read_without_an_error(text: str, fields: dict[str, str]) -> None:
    lines = "\n".join(f"look.{name}={base64.b64encode(value.encode()).decode()}" for name, value in fields.items())
    view = read_view(f"{text}\n{lines}")
    assert make_plan([{"a": view}], {"a": Host()}).refusal


# --- the quorum, in any cluster

STATES = st.sampled_from(["well", "well", "well", "lost", "cut off", "rogue"])


def made(states: list[str], learner: bool) -> Etcd:
    etcd = Etcd.of(len(states))
    for one, state in zip(etcd.machines, states, strict=True):
        if state == "lost":
            one.lose()
        one.rogue = state == "rogue"
        one.answers = state != "cut off"
    if learner:
        etcd.listed.append({"ID": 7, "peerURLs": ["https://10.0.0.99:2380"], "isLearner": True})
    return etcd


def violated(states: list[str], learner: bool, want: int) -> str:
    """What is wrong with what is done in such a cluster; empty if nothing is."""
    etcd = made(states, learner)
    target = etcd.machines[want % len(states)]
    plan = etcd.plan(3, want=target.name)
    if not plan.step:
        return "" if plan.refusal else "it says nothing"
    if target in etcd.up():
        return "a healthy member would be replaced"
    if not etcd.works:
        return "there is no quorum"
    asked = [one for one in etcd.up() if one.answers]
    if len(asked) < quorum(etcd.voters - 1):
        return "quorum would be at risk without the member"
    return "another member is being added" if learner else ""


@given(st.lists(STATES, min_size=1, max_size=9), st.booleans(), st.integers(0, 8))
@settings(max_examples=400)
def test_in_no_cluster_quorum_is_put_at_risk(states: list[str], learner: bool, want: int) -> None:
    assert violated(states, learner, want) == ""


@given(st.lists(STATES, min_size=3, max_size=7), st.integers(0, 9), st.booleans())
@settings(max_examples=300)
def test_whatever_is_begun_is_ended_after_any_kill(states: list[str], kill: int, half: bool) -> None:
    etcd = made(states, False)
    sick = [one for one in etcd.machines if one not in etcd.up() and one.answers]
    assume(sick)
    if not etcd.plan(3, want=sick[0].name).step:
        return
    run(etcd, kill, half, want=sick[0].name)
    etcd.live()
    run(etcd, want=sick[0].name)
    assert sick[0] in etcd.up() and etcd.voters == len(states)


def test_without_the_count_these_tests_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of five work, and one of those could not be asked: only the count keeps the fourth from being removed."""
    states = ["well", "well", "cut off", "lost", "lost"]
    assert violated(states, False, 4) == ""
    monkeypatch.setattr(etcd_member, "quorum", lambda _voters: 0)
    assert violated(states, False, 4) == "quorum would be at risk without the member"


# --- the manifest

LIST = (
    Member(1, "cp-1", ("https://10.0.0.1:2380",)),
    Member(2, "", ("https://10.0.0.2:2380",), (), True),
    Member(3, "cp-3", ("https://[fd00::3]:2380",)),
)
WANTED = "cp-1=https://10.0.0.1:2380,cp-2=https://10.0.0.2:2380,cp-3=https://[fd00::3]:2380"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("state", ["", "new", "existing"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_manifest_joins_and_every_other_line_is_as_it_was(newline: str, state: str, quote: str) -> None:
    text = manifest(2)
    if state:
        text = text.replace("    - --listen", f"    - --initial-cluster-state={state}\n    - --listen")
    if quote:
        text = text.replace(
            "--initial-cluster=cp-2=https://10.0.0.2:2380", '"--initial-cluster=cp-2=https://10.0.0.2:2380"'
        )
    text = text.replace("\n", newline)
    made_of = joining(text, "cp-2", "https://10.0.0.2:2380", LIST)
    command = yaml.safe_load(made_of)["spec"]["containers"][0]["command"]
    assert f"--initial-cluster={WANTED}" in command
    assert [one for one in command if one.startswith("--initial-cluster-state")] == ["--initial-cluster-state=existing"]
    rest = [line for line in text.split("\n") if "--initial-cluster" not in line]
    assert [line for line in made_of.split("\n") if "--initial-cluster" not in line] == rest


UNFIT = [
    ("    - --initial-cluster=cp-2=https://10.0.0.2:2380\n", ""),
    ("    - --listen", "    - --initial-cluster=a=https://10.0.0.2:2380\n    - --listen"),
    ("    - --listen", "    - --force-new-cluster\n    - --listen"),
    ("--data-dir=/var/lib/etcd", "--data-dir=/data"),
    ("    - --initial-cluster=", "    - --initial-cluster\n    - "),
    ("kind: Pod", "kind: ["),
]


@pytest.mark.parametrize(("old", "new"), UNFIT)
@pytest.mark.parametrize("kill", [0, 2, 3])
def test_a_manifest_that_could_not_join_is_refused_before_anything_is_changed(kill: int, old: str, new: str) -> None:
    """Also the one that an earlier run has taken out of the way: nothing more is done then, nor said to be next."""
    etcd = lost()
    run(etcd, kill)
    machine = etcd.machines[1]
    assert (machine.saved is not None) is (kill > 0)
    if machine.saved is None:
        machine.manifest = manifest(2).replace(old, new)
    else:
        machine.saved = machine.saved.replace(old, new)
    etcd.live()
    for want in ("", "host-2"):
        plan = etcd.plan(3, want=want)
        assert plan.refusal and not plan.step and "manifest of etcd" in plan.refusal


@pytest.mark.parametrize(("old", "new"), UNFIT)
def test_a_manifest_that_kubeadm_would_not_make_is_refused(old: str, new: str) -> None:
    assert old in manifest(2)
    with pytest.raises(Refused):
        joining(manifest(2).replace(old, new), "cp-2", "https://10.0.0.2:2380", LIST)


@pytest.mark.parametrize("name", ["cp 1", "cp-1,x=https://10.6.6.6:2380", "$(reboot)", "'", ""])
def test_no_name_of_a_member_gets_into_a_manifest_unchecked(name: str) -> None:
    members = (Member(1, name, ("https://10.0.0.1:2380",)), *LIST[1:])
    with pytest.raises(Refused):
        joining(manifest(2), "cp-2", "https://10.0.0.2:2380", members)
    with pytest.raises(Refused):
        joining(manifest(2), "cp-2", "https://10.0.0.2:2380", (Member(1, "cp-1", (f"https://{name}:1",)), *LIST[1:]))
