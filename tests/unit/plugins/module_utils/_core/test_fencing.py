# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.fencing import (
    FENCED,
    OUT_OF_SERVICE,
    PROOF_SECONDS,
    SKEW_SECONDS,
    Fence,
    FenceMark,
    FencingProof,
    LastSigns,
    Proven,
    domain_power,
    fence_mark_of,
    fence_of,
    is_uuid_of_one,
    objection_to_fence,
    objection_to_machine,
    objection_to_unfence,
    signs_of,
    taint_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago
from hypothesis import given
from hypothesis import strategies as st

DEAD = LastSigns(ready="Unknown", boot_id="boot-1", renewed=ago(600))
OFF = FencingProof(Proven.POWER_OFF, "bmc-1 says Off", ago(10))
REBOOTED = FencingProof(Proven.BOOT_ID_CHANGED, "the host says so", ago(10), "boot-1", "boot-2")
STARTED = FencingProof(
    Proven.START_TIME_CHANGED, "the cloud says so", ago(10), str(format_time(ago(90000))), str(format_time(ago(60)))
)


def other(proof: FencingProof, **changes: Any) -> FencingProof:
    return replace(proof, **changes)


@pytest.mark.parametrize(
    ("signs", "proof", "objection"),
    [
        pytest.param(DEAD, OFF, None, id="off"),
        pytest.param(DEAD, REBOOTED, None, id="another boot ID"),
        pytest.param(DEAD, STARTED, None, id="another start time"),
        pytest.param(replace(DEAD, ready="False"), OFF, None, id="off and not Ready"),
        pytest.param(DEAD, other(OFF, seen=ago(-SKEW_SECONDS)), None, id="seen by a clock that is a little fast"),
        pytest.param(DEAD, other(OFF, seen=ago(PROOF_SECONDS)), None, id="as old as it may be"),
        pytest.param(DEAD, None, "no proof", id="nothing proven"),
        pytest.param(DEAD, other(OFF, evidence=" "), "no evidence", id="nothing said"),
        pytest.param(DEAD, other(OFF, seen=ago(PROOF_SECONDS + 1)), "301 s old", id="too old"),
        pytest.param(DEAD, other(OFF, seen=ago(-SKEW_SECONDS - 1)), "yet to come", id="of the future"),
        pytest.param(replace(DEAD, ready="True"), OFF, "it is Ready", id="Ready"),
        pytest.param(replace(DEAD, ready="True"), REBOOTED, "it is Ready", id="Ready with another boot ID"),
        pytest.param(replace(DEAD, renewed=None), OFF, "Lease cannot be read", id="no Lease"),
        pytest.param(replace(DEAD, renewed=ago(9)), OFF, "after the proof", id="alive after the proof"),
        pytest.param(DEAD, other(REBOOTED, after="boot-1"), "has not changed", id="the same boot ID"),
        pytest.param(DEAD, other(REBOOTED, after=""), "boot-1 before, unknown after", id="one boot ID"),
        pytest.param(DEAD, other(REBOOTED, before=""), "unknown before", id="the other boot ID"),
        pytest.param(DEAD, other(REBOOTED, before="boot-0"), "about boot-0", id="the boot ID of another time"),
        pytest.param(replace(DEAD, boot_id=""), REBOOTED, "ran under boot ID unknown", id="no boot ID known"),
        pytest.param(DEAD, other(STARTED, before="x"), "two RFC 3339 times", id="no time before"),
        pytest.param(DEAD, other(STARTED, after=""), "two RFC 3339 times", id="no time after"),
        pytest.param(DEAD, other(STARTED, after=STARTED.before), "not started anew", id="the same start"),
        pytest.param(DEAD, other(STARTED, before=STARTED.after, after=STARTED.before), "not started", id="backwards"),
        pytest.param(replace(DEAD, renewed=ago(60)), STARTED, "after it had started anew", id="alive since the start"),
    ],
)
def test_what_it_takes_to_say_that_a_node_is_out_of_service(
    signs: LastSigns, proof: FencingProof | None, objection: str | None
) -> None:
    found = objection_to_fence(signs, proof, NOW)
    assert (found is None) == (objection is None), found
    assert objection is None or objection in str(found)


@given(
    st.builds(
        LastSigns,
        ready=st.sampled_from(["True", "False", "Unknown", ""]),
        boot_id=st.sampled_from(["", "boot-1", "boot-2"]),
        renewed=st.none() | st.sampled_from([ago(600), ago(60), ago(5)]),
    ),
    st.builds(
        FencingProof,
        kind=st.sampled_from(list(Proven)),
        evidence=st.sampled_from(["", "seen"]),
        seen=st.sampled_from([ago(5000), ago(30), ago(-5000)]),
        before=st.sampled_from(["", "boot-1", STARTED.before]),
        after=st.sampled_from(["", "boot-1", "boot-2", STARTED.after]),
    ),
)
def test_no_node_that_may_be_alive_is_said_to_be_out_of_service(signs: LastSigns, proof: FencingProof) -> None:
    if objection_to_fence(signs, proof, NOW) is None:
        assert signs.ready != "True" and signs.renewed is not None and signs.renewed <= proof.seen <= ago(-30)
        assert proof.evidence and (proof.kind is Proven.POWER_OFF or proof.before != proof.after)
        assert proof.kind is not Proven.BOOT_ID_CHANGED or proof.before == signs.boot_id


MARK = FenceMark("run-1", "w1-1", "2026-11-21T03:00:00Z", "n1", "boot-1", "power_off", "Off", "2026-11-21T02:59:50Z")
READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def node(*taints: dict[str, str], mark: str | None = MARK.to_text(), uid: str = "n1") -> dict[str, Any]:
    annotations = {} if mark is None else {FENCED: mark}
    return {"metadata": {"uid": uid, "annotations": annotations}, "spec": {"taints": list(taints)}}


@pytest.mark.parametrize(
    ("seen", "whose"),
    [
        pytest.param(node(READY, taint_of(MARK)), Fence.OURS, id="as we set it"),
        pytest.param(node(READY), Fence.NONE, id="taken away, our mark left"),
        pytest.param(node(mark=None), Fence.NONE, id="nothing"),
        pytest.param(node(taint_of(MARK), mark=None), Fence.OTHERS, id="our mark taken away"),
        pytest.param(node(taint_of(MARK), mark="{"), Fence.OTHERS, id="a mark that is none"),
        pytest.param(node(taint_of(MARK), uid="n2"), Fence.OTHERS, id="of the node that had the name before"),
        pytest.param(node({**taint_of(MARK), "timeAdded": "2026-11-21T03:00:01Z"}), Fence.OTHERS, id="set again"),
        pytest.param(node({"key": OUT_OF_SERVICE, "value": "nodeshutdown", "effect": "NoExecute"}), Fence.OTHERS,
                     id="by kubectl taint, our mark left"),
        pytest.param(node(taint_of(MARK), {**taint_of(MARK), "effect": "NoSchedule"}), Fence.OTHERS, id="two of them"),
    ],
)  # fmt: skip
def test_whose_an_out_of_service_taint_is(seen: dict[str, Any], whose: Fence) -> None:
    assert fence_of(seen) is whose


def test_the_mark_comes_back_as_it_was_written() -> None:
    assert fence_mark_of(node()) == MARK


@pytest.mark.parametrize(
    ("signs", "objection"),
    [
        (LastSigns("True", "boot-2", NOW), None),
        (LastSigns("Unknown", "boot-2", NOW), "not back: Ready is Unknown"),
        (LastSigns("", "boot-2", NOW), "Ready is unknown"),
        (LastSigns("True", "boot-1", NOW), "the proof was wrong (power_off: Off)"),
    ],
)
def test_when_a_node_is_in_service_again(signs: LastSigns, objection: str | None) -> None:
    found = objection_to_unfence(signs, MARK)
    assert (found is None) == (objection is None), found
    assert objection is None or objection in str(found)


def test_where_the_boot_id_was_never_known_being_ready_is_enough() -> None:
    assert objection_to_unfence(LastSigns("True", "", NOW), replace(MARK, boot_id="")) is None


def test_the_last_signs_of_life() -> None:
    seen = {
        "status": {
            "conditions": [{"type": "DiskPressure", "status": "True"}, {"type": "Ready", "status": "Unknown"}],
            "nodeInfo": {"bootID": "boot-1"},
        }
    }
    lease = {"spec": {"renewTime": "2026-11-21T02:50:00.000000Z"}}
    assert signs_of(seen, lease) == DEAD
    assert signs_of({}, None) == LastSigns("", "", None)


@pytest.mark.parametrize(
    ("state", "power"),
    [
        ("shut off\n\n", "off"),
        ("running\n", "on"),
        ("in shutdown", "on"),
        ("paused", "on"),
        ("crashed", "on"),
        ("pmsuspended", "on"),
        ("", ""),
        ("shutdown", ""),
        ("error: failed to get domain 'shut off'", ""),
    ],
)
def test_a_domain_is_off_only_when_it_is_shut_off(state: str, power: str) -> None:
    assert domain_power(state) == power


UUID = "4c4c4544-0042-4a10-8056-b2c04f4d3233"
OTHER = "4c4c4544-0042-4a10-8056-b2c04f4d3234"
ZEROS = "00000000-0000-0000-0000-000000000000"
MAKERS = "03000200-0400-0500-0006-000700080009"


@pytest.mark.parametrize(
    ("unnamed", "told", "known", "objection"),
    [
        pytest.param("", "", UUID, None, id="the providerID names it"),
        pytest.param("no name", UUID, UUID, None, id="the same UUID"),
        pytest.param("no name", UUID.upper(), UUID, None, id="in other letters"),
        pytest.param(
            "no name", OTHER, UUID, f"its system UUID is '{OTHER}', that of the node is {UUID}", id="next to it"
        ),
        pytest.param("no name", "", UUID, "no name, and the driver tells no system UUID", id="nothing told"),
        pytest.param("no name", "", "", "tells no system UUID", id="nothing known at all"),
        pytest.param("no name", UUID, "", "which is nobody's", id="nothing known of the node"),
        pytest.param("no name", ZEROS, ZEROS, "which is nobody's", id="zeros"),
        pytest.param("no name", MAKERS, MAKERS.upper(), "which is nobody's", id="one of many"),
        pytest.param("no name", "x", "x", "which is nobody's", id="no UUID"),
    ],
)
def test_a_proof_is_of_the_machine_that_the_node_is_on(
    unnamed: str, told: str, known: str, objection: str | None
) -> None:
    """An inventory that is off by one proves the wrong machine off."""
    found = objection_to_machine(unnamed, told, known)
    assert (found is None) == (objection is None) and (objection or "") in (found or ""), found


@given(st.sampled_from(["", "no name"]), *[st.text() | st.sampled_from([UUID, OTHER, ZEROS, UUID.upper()])] * 2)
def test_no_other_machine_s_word_is_taken(unnamed: str, told: str, known: str) -> None:
    if objection_to_machine(unnamed, told, known) is None:
        assert not unnamed or (told.lower() == known.lower() and is_uuid_of_one(told))
