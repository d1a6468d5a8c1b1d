# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows that prove a pod well, and the promise behind them: what a check finds something in has another row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import (
    node_daemonsets,
    pod_crash_loop,
    pod_failed,
    pod_image,
    pod_not_ready,
    pod_oom,
    pod_pending,
    pod_restarts,
    pod_terminating,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import DaemonSet, Heartbeat, Pod, Pods
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import (
    COLUMNS,
    MissingColumn,
    Row,
    Rules,
    Screen,
    age_of,
    is_suspect,
    is_suspect_pod,
    trusted_nodes,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time
from ansible_collections.selfheal.kubernetes.tests.unit.plugins import printer
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, node, sick, snapshot
from hypothesis import event, given, settings
from hypothesis import strategies as st

POD_CHECKS = (
    pod_failed.CHECK,
    pod_restarts.CHECK,
    pod_crash_loop.CHECK,
    pod_image.CHECK,
    pod_oom.CHECK,
    pod_not_ready.CHECK,
    pod_pending.CHECK,
    pod_terminating.CHECK,
    node_daemonsets.CHECK,
)
# w1 is well, bad says that it is not, silent says that it is and has no Lease in date, gone does not exist.
NODES = (node("w1"), sick("bad"), node("silent"))
SEEN = snapshot(NODES, silent=["silent"])
RULES = Rules.of(SEEN.nodes, SEEN.heartbeats, Policy(), NOW)
WELL = Row("p1", "1/1", "Running", "0", "w1", "<none>")


def test_the_row_of_a_healthy_pod_is_no_suspect() -> None:
    assert not is_suspect(WELL, RULES)
    assert not is_suspect(replace(WELL, phase="Succeeded", status="Completed", ready="0/1"), RULES)


PROOFS: dict[str, dict[str, str]] = {
    "all of several containers": {"ready": "12/12"},
    "gates that are met": {"readiness_gates": "2/2"},
    "an old restart": {"restarts": "900 (3h ago)"},
    "a very old restart": {"restarts": "1 (2y10d ago)"},
    "just old enough": {"restarts": "7 (62m ago)"},
    "restarts that nobody remembers": {"restarts": "7"},
    "ended long ago on a dead node": {"phase": "Succeeded", "status": "Completed", "ready": "0/1", "node": "bad"},
    "ended after a restart": {"phase": "Succeeded", "status": "Completed", "ready": "0/1", "restarts": "1 (3m ago)"},
    "ended without a container's reason": {"phase": "Succeeded", "status": "Succeeded", "ready": "0/1"},
}
OTHER_WORDS = [
    "Pending",
    "ContainerCreating",
    "PodInitializing",
    "Init:0/1",
    "Init:CrashLoopBackOff",
    "Init:Error",
    "Init:Signal:9",
    "Init:ExitCode:1",
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "CreateContainerConfigError",
    "OOMKilled",
    "Error",
    "Signal:9",
    "ExitCode:1",
    "Terminating",
    "Unknown",
    "NodeLost",
    "Evicted",
    "NotReady",
    "SchedulingGated",
    "ContainerStatusUnknown",
    "running",
    "RUNNING",
    "SomethingNew",
]
DOUBTS: dict[str, dict[str, str]] = {
    "one container is not ready": {"ready": "1/2"},
    "no container is": {"ready": "0/1"},
    "there is none": {"ready": "0/0"},
    "more than there are": {"ready": "2/1"},
    "nothing said of containers": {"ready": ""},
    "no fraction": {"ready": "1"},
    "other digits": {"ready": "\u0661/\u0661"},
    "a negative number": {"ready": "-1/-1"},
    "a gate is not met": {"readiness_gates": "0/1"},
    "gates say nothing": {"readiness_gates": ""},
    "on a node that is not Ready": {"node": "bad"},
    "on a node without a heartbeat": {"node": "silent"},
    "on a node that does not exist": {"node": "gone"},
    "on no node": {"node": "<none>"},
    "restarted just now": {"restarts": "1 (0s ago)"},
    "restarted lately": {"restarts": "6 (59m ago)"},
    "restarted at the edge": {"restarts": "6 (61m ago)"},
    "restarted in the future": {"restarts": "6 (<invalid> ago)"},
    "restarts without a number": {"restarts": "many"},
    "no restarts at all": {"restarts": ""},
    "an age without a unit": {"restarts": "6 (5 ago)"},
    "an age of endless digits": {"restarts": f"6 ({'9' * 5000}d ago)"},
    "a failed pod that stopped politely": {"phase": "Failed", "status": "Completed", "ready": "0/1"},
    "a failed pod that still looks well": {"phase": "Failed"},
    "a container between two restarts": {"status": "Completed", "ready": "0/1"},
    "ended, but with another word": {"phase": "Succeeded", "status": "Error", "ready": "0/1"},
    **{status: {"status": status} for status in OTHER_WORDS},
    "no status": {"status": ""},
}


@pytest.mark.parametrize("change", PROOFS.values(), ids=PROOFS)
def test_these_rows_prove_their_pods_well(change: dict[str, str]) -> None:
    assert not is_suspect(replace(WELL, **change), RULES)


@pytest.mark.parametrize("change", DOUBTS.values(), ids=DOUBTS)
def test_these_rows_leave_a_doubt(change: dict[str, str]) -> None:
    assert is_suspect(replace(WELL, **change), RULES)


def cells_of(row: Row) -> tuple[list[str], list[dict[str, str]]]:
    """The row as a table has it, with the columns that nobody needs."""
    cells = [row.name, row.ready, row.status, row.restarts, "3d", "10.1.2.3", row.node, "<none>", row.readiness_gates]
    return cells, [{"type": "Completed", "status": "True", "reason": row.phase}] if row.phase else []


def test_the_quick_way_through_a_table_says_the_same() -> None:
    screen = Screen(printer.COLUMNS, RULES)
    for change in [*PROOFS.values(), *DOUBTS.values()] * 2:  # twice, because it remembers
        row = replace(WELL, **change)
        cells, conditions = cells_of(row)
        assert screen.row(cells, conditions) == row
        assert screen.is_suspect(cells, conditions) is is_suspect(row, RULES)


def test_what_is_remembered_of_one_node_is_not_believed_of_another() -> None:
    screen = Screen(printer.COLUMNS, RULES)
    for name, suspect in (("w1", False), ("bad", True), ("w1", False)):
        assert screen.is_suspect(cells_of(replace(WELL, node=name))[0]) is suspect


def test_restarts_may_be_a_number_and_conditions_absent() -> None:
    screen = Screen(printer.COLUMNS, RULES)
    cells = cells_of(WELL)[0]
    cells[3] = 0  # type: ignore[call-overload]
    assert not screen.is_suspect(cells)
    assert not screen.is_suspect(cells, None)


def test_columns_are_found_by_their_names() -> None:
    screen = Screen(COLUMNS[::-1], RULES)
    assert not screen.is_suspect(["<none>", "w1", "0", "Running", "1/1", "p1"])
    assert screen.is_suspect(["<none>", "bad", "0", "Running", "1/1", "p1"])


@pytest.mark.parametrize("column", COLUMNS)
def test_a_table_without_a_column_proves_nothing(column: str) -> None:
    with pytest.raises(MissingColumn, match=column):
        Screen([name for name in COLUMNS if name != column], RULES)


def test_other_conditions_of_a_row_tell_no_phase() -> None:
    screen = Screen(printer.COLUMNS, RULES)
    cells, _conditions = cells_of(replace(WELL, status="Completed", ready="0/1"))
    assert screen.is_suspect(cells, [{"type": "Other", "reason": "Succeeded"}])
    assert screen.is_suspect(cells, [{}])


def test_without_nodes_no_pod_is_suspected_for_its_node() -> None:
    rules = Rules.of(None, {}, Policy(), NOW)
    assert not is_suspect(replace(WELL, node="anywhere"), rules)


@pytest.mark.parametrize(
    ("window", "age", "suspect"), [(60, "62m", False), (86400, "24h", True), (86400, "25h", False)]
)
def test_the_longer_of_the_two_windows_counts(window: int, age: str, suspect: bool) -> None:
    rules = Rules.of(NODES, None, Policy(pod_oom_window=window), NOW)
    assert is_suspect(replace(WELL, restarts=f"1 ({age} ago)"), rules) is suspect


HEARTBEATS = {
    "in date": (Heartbeat(ago(5), 40), True),
    "run out": (Heartbeat(ago(60), 40), False),
    "run out and seen to move": (Heartbeat(ago(60), 40, moved=True), True),
    "run out and seen to stand still": (Heartbeat(ago(60), 40, moved=False), False),
    "never renewed": (Heartbeat(None, 40), False),
}


@pytest.mark.parametrize(("beat", "is_trusted"), HEARTBEATS.values(), ids=HEARTBEATS)
def test_a_ready_node_is_trusted_while_its_lease_lives(beat: Heartbeat, is_trusted: bool) -> None:
    assert trusted_nodes([node("w1")], {"w1": beat}, NOW) == (frozenset({"w1"}) if is_trusted else frozenset())


def test_a_node_is_trusted_by_its_ready_condition_where_no_lease_was_read() -> None:
    nodes = [node("w1"), sick("w2"), node("w3", conditions=())]
    assert trusted_nodes(nodes, None, NOW) == {"w1"}
    assert trusted_nodes(nodes, {}, NOW) == frozenset()
    assert trusted_nodes(None, {}, NOW) is None


AGES = {"0s": 0, "119s": 119, "5m30s": 330, "9m": 540, "179m": 10740, "2h15m": 8100, "47h": 169200, "3d4h": 273600}
AGES |= {"400d": 34560000, "2y10d": 63936000, "9y": 283824000}
NO_AGES = ["", "5", "m", "5m3", "-5m", "5s3m", "5 m", "<invalid>", "1w", "9" * 5000 + "s", "1.5h"]


@pytest.mark.parametrize(("text", "seconds"), AGES.items(), ids=AGES)
def test_ages_are_read(text: str, seconds: int) -> None:
    assert age_of(text) == seconds


@pytest.mark.parametrize("text", NO_AGES)
def test_other_texts_are_no_ages(text: str) -> None:
    assert age_of(text) is None


@given(st.floats(0, 20 * 365 * 86400))
def test_an_age_as_it_is_printed_is_never_more_than_the_age_itself(seconds: float) -> None:
    read = age_of(printer.human_duration(seconds))
    assert read is not None and read <= seconds
    assert read >= seconds * 0.85 - 1  # and not so much less that everything would be suspected


# The printer of the tests, held against rows that API servers were seen to print.
def api_pod(**changes: Any) -> dict[str, Any]:
    """A healthy Pod object; ``metadata``, ``spec`` and ``status`` are merged into its own."""
    return {
        "metadata": {"name": "p1", "namespace": "shop", "uid": "u1", "creationTimestamp": at(8000)}
        | changes.get("metadata", {}),
        "spec": {"nodeName": "w1", "containers": [{"name": "app"}]} | changes.get("spec", {}),
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": at(7000)}],
            "containerStatuses": [api_container("app")],
        }
        | changes.get("status", {}),
    }


def at(seconds: float) -> str:
    """The moment so many seconds before NOW, as the API writes it."""
    return str(format_time(ago(seconds)))


def api_container(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "ready": True, "started": True, "restartCount": 0, "state": {"running": {}}} | changes


def stopped(code: int = 0, reason: str = "Completed", **more: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": at(30)} | more}


def last(seconds: float, code: int = 1, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": at(seconds)}}


INIT = {"initContainers": [{"name": "setup"}]}
SIDECAR = {"initContainers": [{"name": "proxy", "restartPolicy": "Always"}]}
BEGINNING = {"phase": "Pending", "conditions": [], "containerStatuses": [api_container("app", ready=False, state={})]}
ROWS: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    "healthy": ({}, ("1/1", "Running", "0")),
    "restarted": (
        {"status": {"containerStatuses": [api_container("app", restartCount=5, lastState=last(330))]}},
        ("1/1", "Running", "5 (5m30s ago)"),
    ),
    "restarted, nobody knows when": (
        {"status": {"containerStatuses": [api_container("app", restartCount=5)]}},
        ("1/1", "Running", "5"),
    ),
    "on its way": (
        {"spec": INIT, "status": BEGINNING | {"initContainerStatuses": [api_container("setup", ready=False)]}},
        ("0/1", "Init:0/1", "0"),
    ),
    "an init container crashes": (
        {
            "spec": INIT,
            "status": BEGINNING
            | {
                "initContainerStatuses": [
                    api_container(
                        "setup",
                        ready=False,
                        restartCount=3,
                        lastState=last(60),
                        state={"waiting": {"reason": "CrashLoopBackOff"}},
                    )
                ]
            },
        },
        ("0/1", "Init:CrashLoopBackOff", "3 (60s ago)"),
    ),
    "an init container was killed": (
        {
            "spec": INIT,
            "status": BEGINNING
            | {"initContainerStatuses": [api_container("setup", state=stopped(137, reason="", signal=9))]},
        },
        ("0/1", "Init:Signal:9", "0"),
    ),
    "an init container failed": (
        {"spec": INIT, "status": BEGINNING | {"initContainerStatuses": [api_container("setup", state=stopped(1, ""))]}},
        ("0/1", "Init:ExitCode:1", "0"),
    ),
    "restarts of an init container that is done do not count": (
        {
            "spec": INIT,
            "status": {
                "initContainerStatuses": [
                    api_container("setup", restartCount=9, lastState=last(60, 137, "OOMKilled"), state=stopped())
                ]
            },
        },
        ("1/1", "Running", "0"),
    ),
    "with a sidecar": (
        {
            "spec": SIDECAR,
            "status": {"initContainerStatuses": [api_container("proxy", restartCount=2, lastState=last(240))]},
        },
        ("2/2", "Running", "2 (4m ago)"),
    ),
    "with a sidecar that is not ready": (
        {"spec": SIDECAR, "status": {"initContainerStatuses": [api_container("proxy", ready=False)]}},
        ("1/2", "Running", "0"),
    ),
    "with a sidecar that crashes later": (
        {
            "spec": SIDECAR,
            "status": {
                "conditions": [{"type": "Initialized", "status": "True"}],
                "initContainerStatuses": [
                    api_container("proxy", started=False, state={"waiting": {"reason": "CrashLoopBackOff"}})
                ],
            },
        },
        ("1/2", "Init:CrashLoopBackOff", "0"),
    ),
    "its container waits": (
        {
            "status": BEGINNING
            | {"containerStatuses": [api_container("app", state={"waiting": {"reason": "ContainerCreating"}})]}
        },
        ("0/1", "ContainerCreating", "0"),
    ),
    "its container was killed": (
        {"status": {"containerStatuses": [api_container("app", state=stopped(137, reason="", signal=9))]}},
        ("0/1", "Signal:9", "0"),
    ),
    "its container failed": (
        {"status": {"containerStatuses": [api_container("app", state=stopped(1, reason=""))]}},
        ("0/1", "ExitCode:1", "0"),
    ),
    "one of two has ended, the pod is ready": (
        {
            "spec": {"containers": [{"name": "once"}, {"name": "app"}]},
            "status": {"containerStatuses": [api_container("once", state=stopped()), api_container("app")]},
        },
        ("1/2", "Running", "0"),
    ),
    "one of two has ended, the pod is not ready": (
        {
            "spec": {"containers": [{"name": "once"}, {"name": "app"}]},
            "status": {
                "conditions": [],
                "containerStatuses": [api_container("once", state=stopped()), api_container("app")],
            },
        },
        ("1/2", "NotReady", "0"),
    ),
    "held by gates": (
        {
            "spec": {"nodeName": ""},
            "status": {
                "phase": "Pending",
                "containerStatuses": [],
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
            },
        },
        ("0/1", "SchedulingGated", "0"),
    ),
    "evicted": (
        {"status": {"phase": "Failed", "reason": "Evicted", "containerStatuses": []}},
        ("0/1", "Evicted", "0"),
    ),
    "evicted, stopped politely": (
        {
            "status": {
                "phase": "Failed",
                "reason": "Evicted",
                "containerStatuses": [api_container("app", state=stopped())],
            }
        },
        ("0/1", "Completed", "0"),
    ),
    "deleted": ({"metadata": {"deletionTimestamp": at(5)}}, ("1/1", "Terminating", "0")),
    "deleted on a lost node": (
        {"metadata": {"deletionTimestamp": at(5)}, "status": {"reason": "NodeLost"}},
        ("1/1", "Unknown", "0"),
    ),
}


@pytest.mark.parametrize(("changes", "printed"), ROWS.values(), ids=ROWS)
def test_the_printer_of_the_tests_prints_as_kubernetes_does(changes: dict[str, Any], printed: tuple[str, ...]) -> None:
    cells, _conditions = printer.print_pod(api_pod(**changes), NOW)
    assert tuple(cells[1:4]) == printed


def test_a_pod_that_has_ended_is_called_terminating_by_old_servers_only() -> None:
    one = api_pod(
        metadata={"deletionTimestamp": at(5)},
        status={"phase": "Succeeded", "containerStatuses": [api_container("app", state=stopped())]},
    )
    assert printer.print_pod(one, NOW)[0][2] == "Completed"
    assert printer.print_pod(one, NOW, printer.OLD)[0][2] == "Terminating"
    assert printer.print_pod(one, NOW)[1] == [{"type": "Completed", "status": "True", "reason": "Succeeded"}]


def test_a_failed_container_beside_a_completed_one_is_told_by_new_servers_only() -> None:
    one = api_pod(
        spec={"containers": [{"name": "a"}, {"name": "b"}]},
        status={
            "containerStatuses": [api_container("a", state=stopped()), api_container("b", state=stopped(1, "Error"))]
        },
    )
    assert printer.print_pod(one, NOW)[0][2] == "Completed"
    assert printer.print_pod(one, NOW, printer.NEW)[0][2] == "Error"


# Thousands of made-up pods: each a healthy one but for a few of its fields, and some as no kubelet would write them.
STATES = [
    {},
    {"waiting": {"reason": "CrashLoopBackOff"}},
    {"waiting": {"reason": "ImagePullBackOff"}},
    {"waiting": {"reason": "CreateContainerError"}},
    {"waiting": {"reason": "ContainerCreating"}},
    {"waiting": {"reason": "PodInitializing"}},
    {"waiting": {"reason": ""}},
    stopped(),
    stopped(0, ""),
    stopped(0, "OOMKilled"),
    stopped(1, "Error"),
    stopped(137, "OOMKilled"),
    stopped(137, "", signal=9),
    {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
]
LASTS = [
    *(last(s, 137, "OOMKilled") for s in (-600, -1, 0, 59, 60, 3599, 3600, 3700, 86399, 86400)),
    *(last(s) for s in (-600, 10, 3599, 3600, 90000)),
    {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    {},
]
TIMES = [None, *(at(s) for s in (-100, 0, 10, 299, 300, 4000, 90000))]
OWNERS = ["ReplicaSet/web-1", "DaemonSet/calico-node", "DaemonSet/other", "StatefulSet/db", "Job/j", "Node/w1", ""]
# Field -> what it may be besides what it is in a healthy pod.
ODD: dict[str, list[Any]] = {
    "ready": [False],
    "started": [False, None],
    "restartCount": [1, 6, 7, 900],
    "history": [{"restartCount": count, "lastState": state} for count in (1, 7) for state in LASTS],
    "state": STATES,
    "lastState": LASTS,
    "setupState": [{"running": {}}, *STATES],
    "Ready": ["False", "Unknown", None],
    "PodScheduled": ["False", "Unknown", None],
    "Initialized": ["False", "Unknown", None],
    "gate": ["False", "Unknown", None],
    "created": [at(4000), at(20), None],
    "deleted": [at(s) for s in (-60, 10, 299, 300, 90000)],
    "node": ["bad", "silent", "gone", ""],
    "phase": ["Pending", "Failed", "Succeeded", "Unknown", None],
    "reason": ["Evicted", "NodeLost", "Terminated", "Preempting"],
    "told": [0, 1],
}


@st.composite
def api_pods(draw: st.DrawFn) -> dict[str, Any]:
    odd = draw(st.sets(st.sampled_from(sorted(ODD)), max_size=4))

    def one_of(field: str, healthy: Any) -> Any:
        return draw(st.sampled_from([*ODD[field], healthy])) if field in odd else healthy

    def status_of(name: str) -> dict[str, Any]:
        state = one_of("setupState", stopped()) if name == "setup" else one_of("state", {"running": {}})
        fields = {"started": name != "setup", "ready": True, "restartCount": 0, "lastState": {}}
        return {"name": name, "state": state} | {k: one_of(k, v) for k, v in fields.items()} | one_of("history", {})

    def condition(kind: str) -> list[dict[str, Any]]:
        status = one_of(kind, "True")
        gated = kind == "PodScheduled" and kind in odd
        reason = draw(st.sampled_from(["Unschedulable", "SchedulingGated"])) if gated else ""
        moment = {"reason": reason, "lastTransitionTime": draw(st.sampled_from(TIMES))}
        return [] if status is None else [{"type": kind, "status": status} | moment]

    init = draw(st.sampled_from([(), ("setup",), ("proxy",), ("setup", "proxy"), ("proxy", "setup")]))
    names = [f"c{n}" for n in range(draw(st.sampled_from([1, 1, 2, 3])))]
    kind, _slash, name = draw(st.sampled_from(OWNERS)).partition("/")
    return {
        "metadata": {
            "name": "p1",
            "namespace": "kube-system",
            "uid": "u1",
            "creationTimestamp": one_of("created", at(90000)),
            "deletionTimestamp": one_of("deleted", None),
            "finalizers": draw(st.sampled_from([None, ["x/y"]])),
            "ownerReferences": [{"kind": kind, "name": name, "controller": True}] if kind else None,
        },
        "spec": {
            "nodeName": one_of("node", "w1"),
            "containers": [{"name": n} for n in names],
            "initContainers": [{"name": n} | ({"restartPolicy": "Always"} if n == "proxy" else {}) for n in init],
            "readinessGates": draw(st.sampled_from([None, [{"conditionType": "gate"}]])),
        },
        "status": {
            "phase": one_of("phase", "Running"),
            "reason": one_of("reason", None),
            "conditions": [c for k in ("Ready", "PodScheduled", "Initialized", "gate") for c in condition(k)],
            "containerStatuses": [status_of(n) for n in names[: one_of("told", 3)]],
            "initContainerStatuses": [status_of(n) for n in init],
        },
    }


RELEASES = st.sampled_from([printer.OLD, printer.USUAL, printer.NEW])
POLICIES = st.builds(
    Policy,
    pod_restart_threshold=st.sampled_from([1, 5, 20]),
    pod_oom_window=st.sampled_from([60, 3600, 86400]),
    thresholds=st.sampled_from([{}, {check.name: 0 for check in POD_CHECKS}]),
)


def found(pod: Pod, policy: Policy) -> list[tuple[str, str]]:
    """What the checks say about this pod, the only one that was read in full."""
    one = replace(
        SEEN,
        pods=Pods(total=1, suspects=(pod,)),
        daemonsets=(DaemonSet("calico-node", "kube-system", "u", 3, 3, 3),),
    )
    return [(f.check, f.reason) for check in POD_CHECKS for f in check.evaluate(one, policy) if f.target == pod.ref]


def restarted(count: int, last_state: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"containerStatuses": [api_container("app", restartCount=count, lastState=last_state, **changes)]}


NOT_READY = {"type": "Ready", "status": "False", "lastTransitionTime": at(4000)}
TRAPS: dict[str, tuple[dict[str, Any], str]] = {
    "looks well on a node that is not Ready": ({"spec": {"nodeName": "bad"}, "metadata": {}}, "PodOnUnreadyNode"),
    "looks well on a node that is silent": ({"spec": {"nodeName": "silent"}}, "PodOnUnreadyNode"),
    "looks well on a node that is gone": ({"spec": {"nodeName": "gone"}}, "PodOnUnreadyNode"),
    "looks well but for a readiness gate": (
        {"spec": {"readinessGates": [{"conditionType": "lb"}]}, "status": {"conditions": [NOT_READY]}},
        "ReadinessGatesNotMet",
    ),
    "settled just before its page was printed": ({"status": restarted(6, last(3599))}, "TooManyRestarts"),
    "ran out of memory in the long window": ({"status": restarted(1, last(86399, 137, "OOMKilled"))}, "OOMKilled"),
    "evicted and stopped politely": (
        {
            "metadata": {"ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": True}]},
            "status": {"phase": "Failed", "reason": "Evicted"} | restarted(0, {}, state=stopped(), ready=False),
        },
        "Evicted",
    ),
    "one-shot container is done, another goes on": (
        {
            "spec": {"containers": [{"name": "once"}, {"name": "app"}]},
            "status": {
                "conditions": [NOT_READY],
                "containerStatuses": [api_container("once", state=stopped(), ready=False), api_container("app")],
            },
        },
        "PodPartlyCompleted",
    ),
    "all containers are done, the pod goes on": (
        {"status": restarted(0, {}, state=stopped(), ready=False) | {"conditions": [NOT_READY]}},
        "PodPartlyCompleted",
    ),
    "a sidecar crashes": (
        {
            "spec": SIDECAR,
            "status": {
                "conditions": [NOT_READY, {"type": "Initialized", "status": "True"}],
                "initContainerStatuses": [
                    api_container(
                        "proxy", ready=False, started=False, state={"waiting": {"reason": "CrashLoopBackOff"}}
                    )
                ],
            },
        },
        "CrashLoopBackOff",
    ),
    "a sidecar ran out of memory": (
        {
            "spec": SIDECAR,
            "status": {
                "initContainerStatuses": [api_container("proxy", restartCount=1, lastState=last(600, 137, "OOMKilled"))]
            },
        },
        "OOMKilled",
    ),
    "held by a finalizer": (
        {"metadata": {"deletionTimestamp": at(900), "finalizers": ["x/y"]}},
        "PodHeldByFinalizers",
    ),
    "held by scheduling gates": (
        {
            "spec": {"nodeName": ""},
            "status": {
                "phase": "Pending",
                "containerStatuses": [],
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "SchedulingGated",
                        "lastTransitionTime": at(900),
                    }
                ],
            },
        },
        "SchedulingGated",
    ),
    "no phase at all": ({"status": {"phase": ""}}, "PodPhaseUnknown"),
}


@pytest.mark.parametrize(("changes", "reason"), TRAPS.values(), ids=TRAPS)
def test_the_traps_of_the_table_are_seen(changes: dict[str, Any], reason: str) -> None:
    item = api_pod(**changes)
    policy = Policy(pod_oom_window=86400 if reason == "OOMKilled" else 60)
    assert reason in [given for _check, given in found(Pod.from_api(item), policy)]
    rules = Rules.of(SEEN.nodes, SEEN.heartbeats, policy, NOW)
    assert Screen(printer.COLUMNS, rules).is_suspect(*printer.print_pod(item, ago(-60)))


UNSEEN: dict[str, dict[str, Any]] = {
    "an init container that is done ran out of memory before": {
        "spec": INIT,
        "status": {
            "initContainerStatuses": [
                api_container("setup", restartCount=9, lastState=last(60, 137, "OOMKilled"), state=stopped())
            ]
        },
    },
    "a Ready condition that contradicts everything else": {"status": {"conditions": [NOT_READY]}},
    "ended well, and is not taken away": {
        "metadata": {"deletionTimestamp": at(9000), "finalizers": ["batch.kubernetes.io/job-tracking"]},
        "status": {"phase": "Succeeded"} | restarted(3, last(60, 137, "OOMKilled"), state=stopped(), ready=False),
    },
}


@pytest.mark.parametrize("changes", UNSEEN.values(), ids=UNSEEN)
def test_what_the_table_does_not_show_no_check_speaks_of(changes: dict[str, Any]) -> None:
    """Else a look at the suspects and a look at everything would not find the same."""
    item = api_pod(**changes)
    assert found(Pod.from_api(item), Policy()) == []
    assert not Screen(printer.COLUMNS, RULES).is_suspect(*printer.print_pod(item, NOW))


@settings(max_examples=600, deadline=None)
@given(api_pods(), POLICIES, st.sampled_from([-60, 0, 1, 60]), RELEASES)
def test_a_pod_in_which_a_check_finds_something_has_a_suspicious_row(
    item: dict[str, Any], policy: Policy, later: int, release: int
) -> None:
    """The promise of the screening. The row may be of a moment before or after the one that the checks count from."""
    pod = Pod.from_api(item)
    reasons = found(pod, policy)
    rules = Rules.of(SEEN.nodes, SEEN.heartbeats, policy, NOW)
    cells, conditions = printer.print_pod(item, ago(-later), release)
    screen = Screen(printer.COLUMNS, rules)
    event(f"suspect={screen.is_suspect(cells, conditions)} findings={bool(reasons)}")
    assert screen.is_suspect(cells, conditions) or not reasons, (cells, reasons)
    assert is_suspect(screen.row(cells, conditions), rules) is screen.is_suspect(cells, conditions)


@settings(max_examples=600, deadline=None)
@given(api_pods(), POLICIES)
def test_a_pod_in_which_a_check_finds_something_is_suspicious_in_full(item: dict[str, Any], policy: Policy) -> None:
    pod = Pod.from_api(item)
    rules = Rules.of(SEEN.nodes, SEEN.heartbeats, policy, NOW)
    assert is_suspect_pod(pod, rules) or not found(pod, policy)


@given(api_pods())
def test_a_pod_is_found_out_at_most_once_by_each_check(item: dict[str, Any]) -> None:
    checks = [check for check, _reason in found(Pod.from_api(item), Policy())]
    assert len(set(checks)) == len(checks)


def test_a_healthy_pod_is_no_suspect_in_full() -> None:
    rules = Rules.of(SEEN.nodes, SEEN.heartbeats, Policy(), NOW)
    assert not is_suspect_pod(Pod.from_api(api_pod()), rules)
    done = api_container("setup", state=stopped(), ready=True)
    assert not is_suspect_pod(Pod.from_api(api_pod(spec=INIT, status={"initContainerStatuses": [done]})), rules)
    assert not is_suspect_pod(Pod.from_api(api_pod(status={"phase": "Succeeded"})), rules)
