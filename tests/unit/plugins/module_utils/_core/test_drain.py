# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import (
    CORDONED,
    MANAGER,
    Allowed,
    Budget,
    Cordon,
    EvictionAnswer,
    Fate,
    Mark,
    NodePod,
    Progress,
    Sorted,
    Word,
    cordon_of,
    fate_of,
    in_a_line,
    mark_of,
    owners_of,
    read_answer,
    why_left,
)
from hypothesis import given
from hypothesis import strategies as st

NOTHING = Allowed()
ALL = Allowed(emptydir_data=True, bare_pods=True)
WEB = NodePod("shop", "web-1", "u1", controller="ReplicaSet/web", controller_uid="rs")
SCRATCH = replace(WEB, empty_dirs=("scratch",))
BARE = replace(WEB, controller="", controller_uid="")
DAEMON = replace(WEB, controller="DaemonSet/agent")


@pytest.mark.parametrize(
    ("pod", "allowed", "fate"),
    [
        pytest.param(WEB, NOTHING, Fate.EVICT, id="of a ReplicaSet"),
        pytest.param(replace(WEB, phase="Pending"), NOTHING, Fate.EVICT, id="not started yet"),
        pytest.param(replace(WEB, phase="Unknown"), NOTHING, Fate.EVICT, id="of a phase that says nothing"),
        pytest.param(replace(WEB, phase="Succeeded"), ALL, Fate.SKIP, id="finished"),
        pytest.param(replace(WEB, phase="Failed"), ALL, Fate.SKIP, id="failed"),
        pytest.param(replace(BARE, phase="Succeeded"), NOTHING, Fate.SKIP, id="finished and bare"),
        pytest.param(replace(SCRATCH, phase="Failed"), NOTHING, Fate.SKIP, id="failed with data"),
        pytest.param(replace(WEB, deleting=True), NOTHING, Fate.WAIT, id="terminating"),
        pytest.param(replace(BARE, deleting=True), NOTHING, Fate.WAIT, id="terminating and bare"),
        pytest.param(replace(SCRATCH, deleting=True), NOTHING, Fate.WAIT, id="terminating with data"),
        pytest.param(replace(WEB, deleting=True, phase="Succeeded"), ALL, Fate.WAIT, id="terminating and finished"),
        pytest.param(SCRATCH, NOTHING, Fate.BLOCK, id="with data"),
        pytest.param(SCRATCH, Allowed(bare_pods=True), Fate.BLOCK, id="with data, and something else allowed"),
        pytest.param(SCRATCH, Allowed(emptydir_data=True), Fate.EVICT, id="with data, allowed"),
        pytest.param(BARE, NOTHING, Fate.BLOCK, id="bare"),
        pytest.param(BARE, Allowed(emptydir_data=True), Fate.BLOCK, id="bare, and something else allowed"),
        pytest.param(BARE, Allowed(bare_pods=True), Fate.EVICT, id="bare, allowed"),
        pytest.param(replace(SCRATCH, controller=""), Allowed(bare_pods=True), Fate.BLOCK, id="both, one allowed"),
        pytest.param(replace(SCRATCH, controller=""), ALL, Fate.EVICT, id="both, allowed"),
        pytest.param(DAEMON, ALL, Fate.SKIP, id="of a DaemonSet"),
        pytest.param(replace(DAEMON, empty_dirs=("x",)), NOTHING, Fate.SKIP, id="of a DaemonSet with data"),
        pytest.param(replace(DAEMON, deleting=True), ALL, Fate.SKIP, id="of a DaemonSet, terminating"),
        pytest.param(replace(DAEMON, phase="Failed"), ALL, Fate.SKIP, id="of a DaemonSet, failed"),
        pytest.param(replace(BARE, mirror=True), NOTHING, Fate.SKIP, id="static"),
        pytest.param(replace(BARE, mirror=True, deleting=True), ALL, Fate.SKIP, id="static, terminating"),
        pytest.param(replace(SCRATCH, mirror=True), NOTHING, Fate.SKIP, id="static with data"),
        pytest.param(replace(WEB, controller="DaemonSetLike/x"), NOTHING, Fate.EVICT, id="of something named alike"),
    ],
)
def test_the_filters_of_kubectl_in_their_order(pod: NodePod, allowed: Allowed, fate: Fate) -> None:
    found, why = fate_of(pod, allowed)
    assert found is fate and bool(why) == (fate is not Fate.EVICT)


def test_everything_that_is_in_the_way_of_a_pod_is_named_at_once() -> None:
    _fate, why = fate_of(replace(SCRATCH, controller=""), NOTHING)
    assert why == "its data in emptyDir scratch would be lost and no controller would make it again"


def item(**changes: Any) -> dict[str, Any]:
    """A pod as the API gives it."""
    made: dict[str, Any] = {
        "metadata": {
            "name": "web-1",
            "namespace": "shop",
            "uid": "u1",
            "ownerReferences": [
                {"kind": "Node", "name": "w1", "uid": "n1"},
                {"kind": "ReplicaSet", "name": "web", "uid": "rs", "controller": True},
            ],
        },
        "spec": {"containers": [], "volumes": [{"name": "token", "projected": {}}]},
        "status": {"phase": "Running"},
    }
    for path, value in changes.items():
        first, second = path.split("_", 1)
        made[first][second] = value
    return made


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, WEB),
        ({"spec_volumes": [{"name": "a", "emptyDir": {}}]}, replace(WEB, empty_dirs=("a",))),
        ({"spec_volumes": [{"name": "a", "emptyDir": {"medium": "Memory"}}]}, replace(WEB, empty_dirs=("a",))),
        ({"spec_volumes": None}, WEB),
        ({"metadata_ownerReferences": None}, BARE),
        ({"metadata_ownerReferences": [{"kind": "Job", "name": "j", "uid": "j"}]}, BARE),
        ({"metadata_annotations": {"kubernetes.io/config.mirror": ""}}, replace(WEB, mirror=True)),
        ({"metadata_annotations": {"kubernetes.io/config.source": "api"}}, WEB),
        (
            {"metadata_ownerReferences": [{"kind": "Node", "name": "w1", "uid": "n", "controller": True}]},
            replace(WEB, controller="Node/w1", controller_uid="n", mirror=True),
        ),
        ({"metadata_deletionTimestamp": "nonsense"}, replace(WEB, deleting=True)),
        ({"status_phase": None}, replace(WEB, phase="")),
    ],
)
def test_what_is_read_of_a_pod(changes: dict[str, Any], expected: NodePod) -> None:
    assert NodePod.from_api(item(**changes)) == expected


@pytest.mark.parametrize(
    ("toleration", "tolerates"),
    [
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoSchedule"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}, True),
        ({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}, True),
        ({"key": "node.kubernetes.io/unschedulable", "value": "x"}, False),
        ({"key": "node.kubernetes.io/not-ready", "operator": "Exists"}, False),
        ({"operator": "Equal"}, False),
    ],
)
def test_who_tolerates_a_cordon(toleration: dict[str, str], tolerates: bool) -> None:
    assert NodePod.from_api(item(spec_tolerations=[toleration])).tolerates_cordon is tolerates


@pytest.mark.parametrize(
    "changes", [{"metadata_uid": ""}, {"metadata_uid": None}, {"metadata_name": "a/../b"}, {"metadata_namespace": "A"}]
)
def test_a_pod_that_does_not_say_which_it_is_is_not_read(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"UID|not valid"):
        NodePod.from_api(item(**changes))


# --- properties

PODS = st.builds(
    NodePod,
    namespace=st.sampled_from(["a", "b"]),
    name=st.sampled_from(["db-0", "web-1"]),
    uid=st.sampled_from([f"u{n}" for n in range(12)]),
    phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown", ""]),
    controller=st.sampled_from(["", "ReplicaSet/x", "DaemonSet/x", "StatefulSet/db", "Job/x"]),
    controller_uid=st.sampled_from(["", "c1", "c2"]),
    mirror=st.booleans(),
    deleting=st.booleans(),
    empty_dirs=st.sampled_from([(), ("scratch",)]),
    tolerates_cordon=st.booleans(),
)
LISTS = st.lists(PODS, max_size=10, unique_by=lambda pod: pod.uid)
OPTIONS = st.builds(Allowed, st.booleans(), st.booleans())


def lists_of(seen: Sorted) -> list[list[NodePod]]:
    return [list(seen.evict), list(seen.wait), [p for p, _w in seen.skip], [p for p, _w in seen.block]]


@given(LISTS, OPTIONS)
def test_every_pod_has_one_fate_and_no_other(pods: list[NodePod], allowed: Allowed) -> None:
    sorted_uids = [pod.uid for found in lists_of(Progress().look(pods, allowed)) for pod in found]
    assert sorted(sorted_uids) == sorted(pod.uid for pod in pods)


@given(LISTS, OPTIONS, st.randoms())
def test_the_order_of_the_list_does_not_matter(pods: list[NodePod], allowed: Allowed, random: Any) -> None:
    mixed = list(pods)
    random.shuffle(mixed)
    assert Progress().look(mixed, allowed) == Progress().look(pods, allowed)


@given(LISTS, OPTIONS)
def test_neither_daemons_nor_static_pods_nor_finished_ones_are_evicted(pods: list[NodePod], allowed: Allowed) -> None:
    for pod in Progress().look(pods, allowed).evict:
        assert not pod.controller.startswith("DaemonSet/") and not pod.mirror and not pod.deleting
        assert pod.phase not in ("Succeeded", "Failed")


@given(LISTS)
def test_nothing_that_would_be_lost_is_evicted_unless_it_is_allowed(pods: list[NodePod]) -> None:
    assert not [pod for pod in Progress().look(pods, NOTHING).evict if pod.empty_dirs or not pod.controller]


@given(LISTS, OPTIONS)
def test_what_is_allowed_besides_only_ever_evicts_more(pods: list[NodePod], allowed: Allowed) -> None:
    some, more = Progress().look(pods, allowed), Progress().look(pods, ALL)
    assert set(some.evict) <= set(more.evict) and some.wait == more.wait and some.skip == more.skip
    assert not more.block


@given(LISTS, LISTS, OPTIONS)
def test_pods_are_known_by_their_uids(before: list[NodePod], after: list[NodePod], allowed: Allowed) -> None:
    """One of the same name that has come since is another one, and has its own eviction before it."""
    progress = Progress()
    accepted = progress.look(before, allowed).evict
    for pod in accepted:
        progress.accept(pod)
    later = [pod for pod in after if pod.uid not in {one.uid for one in before}]
    seen = progress.look(later, allowed)
    fresh = {pod.uid for pod in Progress().look(later, allowed).evict}
    # Only what tolerates the cordon and comes back is left alone from then on.
    left_alone = {pod.uid for pod, why in seen.skip if "come back" in why}
    assert {pod.uid for pod in seen.evict} == fresh - left_alone
    assert all(pod.tolerates_cordon for pod, why in seen.skip if "come back" in why)


def test_a_pod_of_a_statefulset_that_has_come_back_under_its_name_is_another_one() -> None:
    progress = Progress()
    db = NodePod("shop", "db-0", "old", controller="StatefulSet/db", controller_uid="sts")
    progress.look([db], NOTHING)
    progress.accept(db)
    assert progress.look([replace(db, deleting=True)], NOTHING).wait
    assert progress.look([replace(db, uid="new")], NOTHING).evict == (replace(db, uid="new"),)
    assert list(progress.accepted) == ["old"]


def test_what_tolerates_the_cordon_and_comes_back_is_not_evicted_again_and_again() -> None:
    progress = Progress()
    one, two = (replace(WEB, uid=uid, name=uid, tolerates_cordon=True) for uid in ("one", "two"))
    assert progress.look([one, two], NOTHING).evict == (one, two)
    progress.accept(one)
    back = replace(one, uid="back")
    seen = progress.look([back, two], NOTHING)
    # Its brother was there from the beginning, and is still to be evicted.
    assert seen.evict == (two,) and [pod for pod, _why in seen.skip] == [back]
    assert progress.look([replace(back, tolerates_cordon=False)], NOTHING).evict


def test_an_eviction_whose_reply_was_lost_counts_when_its_effect_is_seen() -> None:
    gone, ending, untouched = (replace(WEB, uid=uid) for uid in ("gone", "ending", "untouched"))
    progress = Progress()
    progress.asked = {pod.uid: pod for pod in (gone, ending, untouched)}
    progress.look([replace(ending, deleting=True), untouched], NOTHING)
    assert set(progress.accepted) == {"gone", "ending"} and set(progress.asked) == {"untouched"}


# --- answers


def budget_said(message: str) -> dict[str, Any]:
    return {
        "message": "Cannot evict pod as it would violate the pod's disruption budget.",
        "details": {"causes": [{"reason": "DisruptionBudget", "message": message}]},
    }


NEEDS = "The disruption budget web needs 2 healthy pods and has 2 currently"
NO_RIGHT = (
    'pods "web" is forbidden: User "x" cannot create resource "pods/eviction" in API group "" in the namespace "s"'
)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, {"status": "Success"}, EvictionAnswer(Word.ACCEPTED)),
        (200, {}, EvictionAnswer(Word.ACCEPTED)),
        (404, {"message": "gone"}, EvictionAnswer(Word.LOOK_AGAIN, "gone")),
        (409, {"message": "another"}, EvictionAnswer(Word.LOOK_AGAIN, "another")),
        (429, budget_said(NEEDS), EvictionAnswer(Word.BUDGET, NEEDS, "web", 3.0)),
        (
            429,
            budget_said("The disruption budget web is still being processed by the server."),
            EvictionAnswer(
                Word.BUDGET, "The disruption budget web is still being processed by the server.", "web", 3.0
            ),
        ),
        (429, budget_said("words of a new kind"), EvictionAnswer(Word.BUDGET, "words of a new kind", "", 3.0)),
        (
            429,
            budget_said("disruption budget ../x y"),
            EvictionAnswer(Word.BUDGET, "disruption budget ../x y", "", 3.0),
        ),
        (429, {}, EvictionAnswer(Word.BUSY, "HTTP 429", "", 3.0)),
        (429, {"message": "slow down", "details": {}}, EvictionAnswer(Word.BUSY, "slow down", "", 3.0)),
        (403, {"message": NO_RIGHT}, EvictionAnswer(Word.FORBIDDEN, NO_RIGHT)),
        (401, {"message": "who?"}, EvictionAnswer(Word.FORBIDDEN, "who?")),
        (403, {"message": "being terminated"}, EvictionAnswer(Word.REFUSED, "being terminated", "", 3.0)),
        (500, {"message": "two budgets"}, EvictionAnswer(Word.REFUSED, "two budgets", "", 3.0)),
        (503, [], EvictionAnswer(Word.REFUSED, "HTTP 503", "", 3.0)),
        (504, None, EvictionAnswer(Word.REFUSED, "HTTP 504", "", 3.0)),
    ],
)
def test_what_an_answer_means(status: int, body: Any, expected: EvictionAnswer) -> None:
    assert read_answer(status, body, 3.0) == expected


def test_why_a_pod_is_left() -> None:
    leaving = NodePod.from_api(
        item(
            metadata_deletionTimestamp="2026-11-21T03:00:30Z",
            metadata_deletionGracePeriodSeconds=30,
            metadata_finalizers=["example.com/hold"],
        )
    )
    said = "terminating, due to be gone at 2026-11-21T03:00:30Z (grace 30 s), held by finalizer example.com/hold"
    assert why_left(leaving, None, {}) == said
    refused = EvictionAnswer(Word.BUDGET, NEEDS, "web")
    known = Budget.from_api("shop", "web", {"status": {"currentHealthy": 2, "desiredHealthy": 2, "expectedPods": 3}})
    numbers = "PodDisruptionBudget web: 2 of 3 pods are healthy, 2 must be, 0 may be disrupted"
    assert why_left(WEB, refused, {("shop", "web"): known}) == numbers
    # Of another namespace's it says nothing, and where it cannot be read there are the server's words.
    assert why_left(WEB, refused, {("other", "web"): known}) == NEEDS
    assert why_left(WEB, refused, {("shop", "web"): Budget("shop", "web")}) == NEEDS
    assert why_left(WEB, None, {}) == "not evicted yet"


def test_a_line_does_not_get_long() -> None:
    pods = [(replace(WEB, name=f"web-{n}"), "why") for n in range(9)]
    assert in_a_line(pods).startswith("shop/web-0 (why); ") and in_a_line(pods).endswith("shop/web-4 (why); and 4 more")
    assert in_a_line([(WEB, "")]) == "shop/web-1"


# --- cordons

MARK = Mark("run-1", "w1-1", "2026-11-21T03:00:00Z", "n1")
OURS = {"f:metadata": {"f:annotations": {f"f:{CORDONED}": {}}}, "f:spec": {"f:unschedulable": {}}}


def node(
    unschedulable: bool = True, mark: str | None = MARK.to_text(), owners: Any = None, uid: str = "n1"
) -> dict[str, Any]:
    """A node that we have cordoned, or what became of it."""
    owners = [(MANAGER, "Apply", OURS)] if owners is None else owners
    managed = [{"manager": m, "operation": o, "fieldsType": "FieldsV1", "fieldsV1": f} for m, o, f in owners]
    metadata = {"name": "w1", "uid": uid, "managedFields": managed}
    if mark is not None:
        metadata["annotations"] = {CORDONED: mark, "other": "x"}
    return {"metadata": metadata, "spec": {"unschedulable": True} if unschedulable else {}}


CORDON = {"f:spec": {"f:unschedulable": {}}}
ANNOTATION = {"f:metadata": {"f:annotations": {f"f:{CORDONED}": {}}}}


@pytest.mark.parametrize(
    ("seen", "whose"),
    [
        pytest.param(node(), Cordon.OURS, id="as we set it"),
        pytest.param(node(owners=[("kubelet", "Update", {"f:status": {}}), (MANAGER, "Apply", OURS)]), Cordon.OURS,
                     id="others own other fields"),
        pytest.param(node(unschedulable=False), Cordon.NONE, id="uncordoned, our mark left"),
        pytest.param(node(mark=None, owners=[("kubectl-cordon", "Update", CORDON)]), Cordon.OTHERS, id="a person's"),
        pytest.param(node(owners=[(MANAGER, "Apply", ANNOTATION), ("kubectl", "Update", CORDON)]), Cordon.OTHERS,
                     id="uncordoned and cordoned again, our mark left"),
        pytest.param(node(owners=[(MANAGER, "Apply", CORDON), ("kubectl", "Update", ANNOTATION)]), Cordon.OTHERS,
                     id="our mark written by somebody else"),
        pytest.param(node(mark=None), Cordon.OTHERS, id="our mark taken away"),
        pytest.param(node(owners=[(MANAGER, "Apply", OURS), ("gitops", "Apply", CORDON)]), Cordon.OTHERS,
                     id="somebody else wants it as well"),
        pytest.param(node(owners=[(MANAGER, "Update", OURS)]), Cordon.OTHERS, id="our name in another operation"),
        pytest.param(node(owners=[]), Cordon.OTHERS, id="nobody noted"),
        pytest.param(node(mark="{}"), Cordon.OTHERS, id="an empty mark"),
        pytest.param(node(mark="not JSON"), Cordon.OTHERS, id="a mark that is none"),
        pytest.param(node(mark="[" * 3000), Cordon.OTHERS, id="a mark that is too deep"),
        pytest.param(node(mark='{"by": 1}' + " " * 5000), Cordon.OTHERS, id="a mark that is too long"),
        pytest.param(node(uid="n2"), Cordon.OTHERS, id="a mark of the node that had the name before"),
        pytest.param({"metadata": {}, "spec": None}, Cordon.NONE, id="nothing at all"),
    ],
)  # fmt: skip
def test_whose_a_cordon_is(seen: dict[str, Any], whose: Cordon) -> None:
    assert cordon_of(seen) is whose


def test_a_mark_says_who_what_for_and_when() -> None:
    assert mark_of(node()) == MARK
    assert json.loads(MARK.to_text()) == {"by": "run-1", "incident": "w1-1", "at": MARK.at, "node": "n1"}


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_mark_comes_back_as_it_was_written(by: str, incident: str) -> None:
    mark = replace(MARK, by=by, incident=incident)
    assert mark_of(node(mark=mark.to_text())) == mark


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_no_annotation_breaks_the_reading_of_a_mark(value: Any) -> None:
    seen = node()
    seen["metadata"]["annotations"] = {CORDONED: value}
    assert mark_of(seen) is None
    seen["metadata"]["annotations"] = {CORDONED: json.dumps(value)}
    assert mark_of(seen) is None


def test_owners_are_read_from_where_they_stand() -> None:
    seen = node(owners=[("a", "Apply", CORDON), ("b", "Update", {"f:spec": {".": {}}}), ("c", "Update", None)])
    assert owners_of(seen, "f:spec", "f:unschedulable") == {("a", "Apply")}
    assert owners_of({}, "f:spec") == set()
