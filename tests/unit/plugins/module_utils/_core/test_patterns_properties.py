# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold for every pattern, in whatever cluster: made-up snapshots, the real checks over them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from time import process_time

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Moment,
    Phase,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    Etcd,
    EtcdMember,
    Heartbeat,
    Node,
    Pods,
    Ref,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import PATTERNS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins import kit
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, incident
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pattern_kit import (
    conditions,
    endpoint,
    event,
    evicted,
    findings_of,
    fleet,
    pod,
    unplaced,
    well,
    world,
    zoned,
)
from hypothesis import Phase as HypothesisPhase
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = {pattern.name for pattern in PATTERNS}
POLICY = Policy()


def patterns_in(findings: Iterable[Finding], seen: Snapshot, memory: Iterable[Incident] = ()) -> list[Diagnosis]:
    return [d for p in PATTERNS for d in p.evaluate(tuple(findings), seen, POLICY, tuple(memory))]


# Few times, so that nodes fall together and apart: in seconds, None for a time that is not said.
AGES = [5, 100, 130, 400, 400, 410, 700, 700, 1000, 1000, 1900, -50, None]
# The same trouble in many nodes is what patterns are about, so most of a fleet is drawn from few kinds.
READY = [("True", 9000)] * 8 + [(status, age) for status in ("False", "Unknown") for age in AGES] + [("", 5)]
BEATS = [5] * 20 + [45, 140, 170, 440, 450, 740, 1040, 9000, -600, None]
PRESSURES: list[dict[str, float]] = [
    *([{}] * 9),
    *({kind: 900.0} for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")),
]
WELL = (READY[0], BEATS[0], PRESSURES[0])
KIND = st.tuples(st.sampled_from(READY), st.sampled_from(BEATS), st.sampled_from(PRESSURES))


def made(name: str, zone: str, kind: tuple) -> tuple[Node, Heartbeat | None]:
    (status, age), beat, pressure = kind
    ready = kit.ready(status)._replace(last_transition=None if age is None else ago(age))
    node = kit.node(name, conditions=conditions(ready, pressure), labels=zoned(zone))
    return node, None if beat is None else Heartbeat(ago(beat), 40, moved=False, watched=10)


SAID = [
    "driver name a.csi not found in the list of registered CSI drivers",
    "0/9 nodes are available: 9 Insufficient memory.",
    "0/9 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
    "The node was low on resource: memory. ",
    "driver name a.csi not found in the list of registered CSI drivers",
    'configmap "c" not found',
    "",
]
SERVERS = [
    {},
    {},
    {"latency_ms": 4000.0},
    {"ready": False, "failed": ("etcd",)},
    {"live": None, "ready": None},
]
ETCD = [
    Etcd((EtcdMember("m", True),)),
    Etcd((EtcdMember("m", True),), ("NOSPACE",)),
    Etcd((EtcdMember("m", False),)),
    None,
]


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    kinds = draw(st.lists(KIND, min_size=1, max_size=4))
    size = draw(st.integers(0, 12))
    pick = draw(st.lists(st.sampled_from([*kinds, kinds[0]]), min_size=size, max_size=size))
    zones = draw(st.lists(st.sampled_from(["", "a", "a", "b", "c"]), min_size=size, max_size=size))
    if draw(st.sampled_from([False, False, True])):
        pick = [kinds[-1] if zone == "a" else WELL for zone in zones]
    pairs = [made(f"n{i:02}", zone, kind) for i, (zone, kind) in enumerate(zip(zones, pick, strict=True))]
    return world(
        [node for node, _beat in pairs],
        heartbeats=draw(st.sampled_from([{n.name: b for n, b in pairs if b is not None}] * 9 + [None])),
        endpoints=draw(
            st.none()
            | st.lists(st.sampled_from(SERVERS), max_size=3).map(
                lambda states: tuple(endpoint(number, **state) for number, state in enumerate(states, 1))
            )
        ),
        etcd=draw(st.sampled_from(ETCD)),
        components=draw(
            st.none()
            | st.lists(st.sampled_from([1, 1, 100, 600]), min_size=2, max_size=2).map(
                lambda ages: dict(
                    zip(
                        ("kube-controller-manager", "kube-scheduler"),
                        (Heartbeat(ago(a), 15, "cp", False, 10) for a in ages),
                        strict=True,
                    )
                )
            )
        ),
        **draw(workload()),
    )


@st.composite
def workload(draw: st.DrawFn) -> dict[str, object]:
    kinds = st.tuples(st.sampled_from(["waits", "pending", "evicted", "leaves", "leaves"]), st.sampled_from(SAID))
    suspects, events = [], []
    for number, (kind, said) in enumerate(draw(st.lists(kinds, max_size=5))):
        name, place = f"p{number}", f"n{number:02}"
        owner = draw(st.sampled_from(["ReplicaSet/a", "StatefulSet/b"]))
        suspects.append(
            {
                "waits": pod(name, place, owner=owner),
                "pending": unplaced(name, said, owner=owner),
                "evicted": evicted(name, place, said, owner=owner),
                "leaves": pod(name, draw(st.sampled_from(["", place])), owner=owner, deleted=ago(3000)),
            }[kind]
        )
        reason = draw(st.sampled_from(["FailedMount", "FailedMount", "Evicted"]))
        events.append(event(suspects[-1].ref, reason, said, draw(st.sampled_from([60, 60, 60, 60, 3700, None]))))
    if draw(st.booleans()):
        events.append(event(Ref("Node", "n00"), "SystemOOM", "x"))
        events.append(event(Ref("PersistentVolumeClaim", "data", "shop"), "ProvisioningFailed", "rpc error"))
    return {
        "pods": draw(st.sampled_from([Pods(len(suspects), tuple(suspects))] * 9 + [None])),
        "events": draw(st.sampled_from([tuple(events)] * 9 + [None])),
    }


@st.composite
def memories(draw: st.DrawFn) -> list[Incident]:
    ages = st.lists(st.sampled_from([60, 600, 1200, 2400, 3000, 3700]), max_size=8)
    return [
        incident(
            f"n{number:02}",
            history=tuple(
                Moment(ago(age), (Phase.SUSPECTED, Phase.RECOVERED)[place % 2], "healer", "")
                for place, age in enumerate(sorted(draw(ages), reverse=True))
            ),
        )
        for number in range(draw(st.integers(0, 3)))
    ]


def test_these_clusters_show_every_pattern() -> None:
    # Else the properties below would hold for want of anything to see.
    shown: set[str] = set()

    @settings(max_examples=300, database=None, derandomize=True, phases=[HypothesisPhase.generate])
    @given(snapshots(), memories())
    def look(seen: Snapshot, memory: list[Incident]) -> None:
        shown.update(d.pattern for d in patterns_in(findings_of(seen), seen, memory))

    look()
    assert shown == NAMES


@given(snapshots(), memories(), st.randoms(use_true_random=False))
def test_the_order_of_things_does_not_matter(seen: Snapshot, memory: list[Incident], random: Random) -> None:
    def mixed(things: tuple | None) -> tuple | None:
        return None if things is None else tuple(random.sample(things, len(things)))

    other = replace(
        seen,
        nodes=mixed(seen.nodes),
        events=mixed(seen.events),
        endpoints=mixed(seen.endpoints),
        pods=seen.pods and replace(seen.pods, suspects=mixed(seen.pods.suspects) or ()),
    )
    told = patterns_in(mixed(findings_of(other)) or (), other, random.sample(memory, len(memory)))
    assert told == patterns_in(findings_of(seen), seen, memory)


@given(snapshots(), memories())
def test_without_findings_there_is_no_pattern(seen: Snapshot, memory: list[Incident]) -> None:
    assert patterns_in((), seen, memory) == []


@given(snapshots(), memories())
def test_members_are_unique_sorted_and_in_trouble(seen: Snapshot, memory: list[Incident]) -> None:
    findings = findings_of(seen)
    known = {f.target for f in findings}
    for one in patterns_in(findings, seen, memory):
        assert one.members == tuple(sorted(set(one.members)))
        assert one.members and set(one.members) <= known


@given(snapshots(), memories())
def test_what_is_told_is_one_line_and_plain_data(seen: Snapshot, memory: list[Incident]) -> None:
    for one in patterns_in(findings_of(seen), seen, memory):
        assert one.pattern in NAMES
        assert all(text and "\n" not in text for text in (one.cause, one.remedy, one.message))
        assert json.loads(json.dumps(one.to_dict())) == one.to_dict()
        assert one.since is None or one.since <= NOW


@given(st.integers(0, 30), st.lists(st.sampled_from(["", "a", "b"]), max_size=3), memories())
def test_a_healthy_cluster_shows_none(count: int, zones: list[str], memory: list[Incident]) -> None:
    nodes = [well(f"n{n:02}", zones[n % len(zones)] if zones else "") for n in range(count)]
    seen = world(nodes)
    assert patterns_in(findings_of(seen), seen, memory) == []


@given(
    KIND,
    st.sampled_from(["", "a", "b"]),
    st.integers(6, 40),
    st.sampled_from(["", "a", "b"]),
    st.booleans(),
    memories(),
)
def test_a_single_sick_node_is_claimed_by_nothing_but_flapping(
    kind: tuple, zone: str, others: int, other_zone: str, oom: bool, memory: list[Incident]
) -> None:
    sick, beat = made("n00", zone, kind)
    rest = fleet(others, other_zone)
    beats = {n.name: Heartbeat(ago(5), 40) for n in rest} | ({} if beat is None else {"n00": beat})
    thrown_out = evicted("p", "n00", "The node was low on resource: memory. ")
    seen = world(
        [sick, *rest],
        heartbeats=beats,
        pods=Pods(1, (thrown_out,)),
        events=(event(Ref("Node", "n00"), "SystemOOM", "x"),) if oom else (),
    )
    told = patterns_in(findings_of(seen), seen, memory)
    assert {d.pattern for d in told} <= {"Flapping"}
    changes = [m for i in memory if i.node == "n00" for m in i.history if m.at > ago(3600)]
    if len(changes) < POLICY.flapping_changes:
        assert told == []


def test_a_large_cluster_in_which_everybody_is_silent_takes_no_minute() -> None:
    nodes = [well(f"n{number:04}", "abc"[number % 3]) for number in range(5000)]
    suspects = tuple(unplaced(f"p{number}", SAID[1]) for number in range(200))
    events = tuple(event(one.ref, "FailedMount", SAID[0]) for one in suspects)
    seen = world(
        nodes, {n.name: 600 + number % 50 for number, n in enumerate(nodes)}, pods=Pods(200, suspects), events=events
    )
    findings = findings_of(seen)
    begun = process_time()
    assert {d.pattern for d in patterns_in(findings, seen)} == {
        "NetworkPartition",
        "StorageTrouble",
        "ResourceExhaustion",
    }
    # A tenth of a second for each pattern; whatever is quadratic in nodes takes several.
    assert process_time() - begun < 3
