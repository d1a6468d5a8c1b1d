# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a canary pod is made of, and what may be concluded from what is seen of it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.canary import (
    FAILED,
    PASSED,
    SKIPPED,
    TESTS,
    UNKNOWN,
    Result,
    Seen,
    claim_of,
    controls,
    default_class,
    is_pulling,
    judge_canary,
    network_result,
    pod_of,
    read_pod,
    together,
    volume_result,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Verdict
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import node, sick
from hypothesis import given
from hypothesis import strategies as st

GOOD = {"dns": PASSED, "service": PASSED, "name": PASSED}
WELL = Seen(started=True, over=True, address="10.0.0.7", told=GOOD)
NETWORK = {"start": PASSED, "address": PASSED, "dns": PASSED, "service": PASSED}
WHOLE = Result("w2", {**NETWORK, "volume": PASSED})


def result(**tests: str) -> Result:
    words = {**NETWORK, "volume": SKIPPED, **tests}
    return Result("w1", words, {name: f"no {name}" for name, word in words.items() if word != PASSED})


# --- the pod


@pytest.mark.parametrize("claim", ["", "canary-1"])
def test_the_pod_may_do_nothing_and_needs_no_scheduler(claim: str) -> None:
    spec = pod_of("canary-1", "w1", "busybox", claim)["spec"]
    assert spec["nodeName"] == "w1" and spec["tolerations"] == [{"operator": "Exists"}]
    assert spec["restartPolicy"] == "Never" and spec["activeDeadlineSeconds"] > 0
    assert spec["automountServiceAccountToken"] is False and "hostNetwork" not in spec
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"]
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    claims = [one["persistentVolumeClaim"]["claimName"] for one in spec["volumes"] if "persistentVolumeClaim" in one]
    assert claims == ([claim] if claim else [])
    done = subprocess.run(["sh", "-n", "-c", container["command"][2]], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_claim_of_a_class_that_waits_for_its_first_pod_is_bound_without_a_scheduler() -> None:
    claim = claim_of("canary-1", "w1", "fast")
    assert claim["metadata"]["annotations"] == {"volume.kubernetes.io/selected-node": "w1"}
    assert claim["spec"]["storageClassName"] == "fast"


def test_the_default_class() -> None:
    def one(name: str, default: str, made: str) -> dict[str, Any]:
        mark = {"storageclass.kubernetes.io/is-default-class": default}
        return {"metadata": {"name": name, "annotations": mark, "creationTimestamp": made}}

    classes = [one("a", "true", "2026-01-01T00:00:00Z"), one("b", "false", "2026-03-01T00:00:00Z")]
    assert default_class(classes) == "a"
    assert default_class([*classes, one("c", "true", "2026-02-01T00:00:00Z")]) == "c"
    assert default_class([{"metadata": {"name": "plain"}}]) == default_class([]) == ""


# --- what is read of it


def pod(state: dict[str, Any], phase: str = "Pending", **status: Any) -> dict[str, Any]:
    return {"status": {"phase": phase, "containerStatuses": [{"state": state}], **status}}


def test_what_the_pod_has_told() -> None:
    ended = {"terminated": {"exitCode": 0, "startedAt": "x", "message": "dns=passed\nservice=failed\nname=passed\n"}}
    seen = read_pod(pod(ended, "Succeeded", podIP="10.0.0.7"))
    assert seen.started and seen.over and seen.address == "10.0.0.7"
    assert seen.told == {"dns": "passed", "service": "failed", "name": "passed"}


def test_why_it_does_not_start_comes_from_the_node_s_own_words() -> None:
    events = [
        {"type": "Normal", "reason": "Pulled", "message": "it is there"},
        {"type": "Warning", "reason": "FailedCreatePodSandBox", "message": "cni plugin not\x1b[2J initialized\n" * 50},
    ]
    seen = read_pod(pod({"waiting": {"reason": "ContainerCreating"}}), events)
    assert not seen.started and "FailedCreatePodSandBox: cni plugin not" in seen.why
    assert seen.why.isprintable() and len(seen.why) <= 200
    assert read_pod({}) == Seen()


def test_an_image_on_its_way_is_nothing_to_blame_a_node_for() -> None:
    pulling, pulled = {"reason": "Pulling"}, {"reason": "Pulled"}
    assert is_pulling([pulling]) and not is_pulling([pulling, pulled]) and not is_pulling([])


# --- what one pod shows


@pytest.mark.parametrize(
    ("seen", "pulling", "start", "words"),
    [
        (Seen(refused="exceeded quota"), False, UNKNOWN, "refused: exceeded quota"),
        (Seen(reason="ErrImagePull", why="no such image"), False, UNKNOWN, "its image is not there"),
        (Seen(reason="ImagePullBackOff"), False, UNKNOWN, "its image is not there"),
        (Seen(reason="ContainerCreating"), True, UNKNOWN, "still being pulled"),
        (Seen(reason="OutOfcpu", over=True), False, UNKNOWN, "no room for it"),
        (Seen(reason="CreateContainerConfigError"), False, UNKNOWN, "no room for it, or may not run it"),
        (Seen(reason="ContainerCreating", why="FailedCreatePodSandBox: no cni"), False, FAILED, "no cni"),
        (Seen(reason="RunContainerError", why="runc is gone"), False, FAILED, "runc is gone"),
        (Seen(), False, FAILED, "nobody says why"),
    ],
)
def test_a_pod_that_does_not_start(seen: Seen, pulling: bool, start: str, words: str) -> None:
    shown = network_result("w1", seen, pulling)
    assert shown.tests["start"] == start and words in shown.notes["start"]
    assert {shown.tests[test] for test in ("address", "dns", "service")} == {UNKNOWN}


@pytest.mark.parametrize(
    ("told", "dns", "service"),
    [
        (GOOD, PASSED, PASSED),
        ({**GOOD, "dns": FAILED, "name": FAILED}, FAILED, PASSED),
        ({**GOOD, "service": FAILED, "name": FAILED}, PASSED, FAILED),
        ({**GOOD, "name": FAILED}, PASSED, FAILED),
        ({**GOOD, "dns": "untested"}, UNKNOWN, PASSED),
        ({"dns": PASSED, "service": "untested", "name": "untested"}, PASSED, UNKNOWN),
        ({"dns": "nonsense"}, UNKNOWN, UNKNOWN),
    ],
)
def test_what_a_pod_tells_of_the_network(told: dict[str, str], dns: str, service: str) -> None:
    shown = network_result("w1", replace(WELL, told=told))
    assert (shown.tests["dns"], shown.tests["service"]) == (dns, service)


def test_a_pod_without_an_address_and_one_that_says_nothing() -> None:
    assert network_result("w1", replace(WELL, address="")).tests["address"] == FAILED
    silent = network_result("w1", Seen(started=True, address="10.0.0.7"))
    assert silent.tests == {"start": PASSED, "address": PASSED, "dns": UNKNOWN, "service": UNKNOWN}


def test_what_a_pod_tells_of_storage() -> None:
    assert volume_result("w1", None).tests == {"volume": SKIPPED}
    assert volume_result("w1", None, "not bound").tests == {"volume": UNKNOWN}
    assert volume_result("w1", Seen(started=True, told={"volume": PASSED})).tests == {"volume": PASSED}
    assert volume_result("w1", Seen(started=True, told={"volume": FAILED})).tests == {"volume": FAILED}
    mount = volume_result("w1", Seen(reason="ContainerCreating", why="FailedMount: no such device"))
    assert mount.tests == {"volume": FAILED} and "FailedMount" in mount.notes["volume"]
    assert volume_result("w1", Seen(reason="ErrImagePull")).tests == {"volume": UNKNOWN}
    assert volume_result("w1", Seen(started=True, address="10.0.0.7")).tests == {"volume": UNKNOWN}


# --- what is thought of the node


def test_all_well() -> None:
    whole = together(network_result("w1", WELL), volume_result("w1", Seen(started=True, told={"volume": PASSED})))
    proof = judge_canary(whole)
    assert proof.verdict is Verdict.HEALTHY
    assert proof.message == "a pod on w1: start, address, dns, service, volume well"
    without = judge_canary(together(network_result("w1", WELL), volume_result("w1", None)))
    assert without.verdict is Verdict.HEALTHY and "no StorageClass to try" in without.message


@pytest.mark.parametrize("test", TESTS)
def test_what_fails_here_and_not_on_a_healthy_node_speaks_against_this_one(test: str) -> None:
    proof = judge_canary(result(**{test: FAILED}), WHOLE)
    assert proof.verdict is Verdict.UNHEALTHY
    assert proof.message == f"a pod on w1: no {test}; the one on w2 is well"


@pytest.mark.parametrize("test", TESTS)
def test_what_fails_there_as_well_is_not_the_node(test: str) -> None:
    proof = judge_canary(result(**{test: FAILED}), replace(WHOLE, tests={**WHOLE.tests, test: FAILED}))
    assert proof.verdict is Verdict.UNKNOWN and "(the same on w2)" in proof.message


@pytest.mark.parametrize(
    ("test", "verdict"),
    [(test, Verdict.UNHEALTHY if test in ("start", "address") else Verdict.UNKNOWN) for test in TESTS],
)
def test_without_another_node_only_what_is_the_node_s_own_speaks_against_it(test: str, verdict: Verdict) -> None:
    assert judge_canary(result(**{test: FAILED})).verdict is verdict
    silent = Result("w2", dict.fromkeys(TESTS, UNKNOWN))
    assert judge_canary(result(**{test: FAILED}), silent).verdict is verdict


def test_storage_that_could_not_be_tried_takes_nothing_away() -> None:
    assert judge_canary(result(volume=UNKNOWN)).verdict is Verdict.HEALTHY
    assert judge_canary(result(dns=UNKNOWN)).verdict is Verdict.UNKNOWN


WORDS = st.sampled_from((PASSED, FAILED, UNKNOWN, SKIPPED))
RESULTS = st.builds(lambda words: dict(zip(TESTS, words, strict=True)), st.tuples(*[WORDS] * len(TESTS)))


@given(RESULTS, st.none() | RESULTS)
def test_no_node_is_called_sick_for_want_of_knowledge_nor_well_with_a_fault(
    tests: dict[str, str], other: dict[str, str] | None
) -> None:
    proof = judge_canary(Result("w1", tests), None if other is None else Result("w2", other))
    if FAILED not in tests.values():
        assert proof.verdict is not Verdict.UNHEALTHY
    else:
        assert proof.verdict is not Verdict.HEALTHY
    if proof.verdict is Verdict.UNHEALTHY:
        guilty = [test for test in TESTS if tests[test] == FAILED and (other or {}).get(test) != FAILED]
        assert guilty
    assert proof.message.isprintable() and proof.message.startswith("a pod on w1: ")


def test_it_is_compared_with_workers_that_are_well() -> None:
    plane = node("cp", labels={"node-role.kubernetes.io/control-plane": ""})
    nodes = [plane, node("w1"), node("w2"), node("w3"), replace(node("w4"), unschedulable=True), sick("w5")]
    assert controls(nodes, "w1", ["w2"]) == ("w3", "cp")
