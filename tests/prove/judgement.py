# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make prove-judgement``: what the judgement must show, run again, one line for each item.

Size B of the bench and the growth up to it need 17 GB of free memory and the machine for itself; PROVE_B=0 leaves them
out, which is told as short. What was measured is kept in build/prove, for bench/results and ``python -m bench.report``.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping

from tests.prove.proof import LOGS, Proof, beginning, prove

LEAST_SNAPSHOTS = 60
# Whose tests end on a count of the reasons; the other checks have one reason each.
_REASONS = (
    *("api_server", "baseline_deviation", "certificate_expiry", "clock_skew", "controllers", "etcd_members"),
    *("kubelet_version", "node_daemonsets", "node_disk", "node_draining", "node_gpu", "node_heartbeat", "node_network"),
    *("node_never_joined", "node_ready", "node_usage", "pod_crash_loop", "pod_failed", "pod_not_ready", "pod_pending"),
    *("pod_terminating", "service_endpoints", "service_probe"),
)
_THRESHOLDS = (
    *(
        "controllers",
        "node_daemonsets",
        "node_network",
        "node_ready",
        "pod_not_ready",
        "pod_pending",
        "pod_terminating",
    ),
    *("pressure", "service_endpoints"),
)
# What must be there, by the beginning of its name.
UNIT: Mapping[str, tuple[str, ...]] = {
    "every reason of every check is given by a test of its own": tuple(
        f"test_{check}.test_every_reason_is_given" for check in _REASONS
    ),
    "every threshold has its edge: a second before, and the moment": tuple(
        f"test_{check}.test_from_the_threshold_on" for check in _THRESHOLDS
    )
    + tuple(
        f"test_{check}.test_nothing_is_said_before_the_threshold" for check in ("node_draining", "node_never_joined")
    ),
    "the order of a snapshot does not matter": (
        "test_properties.test_the_order_of_nodes_and_incidents_does_not_matter",
        "test_corpus.test_the_order_of_its_objects_does_not_matter",
        "test_patterns_properties.test_the_order_of_things_does_not_matter",
    ),
    "a healthy snapshot never yields a finding": (
        "test_properties.test_a_healthy_cluster_is_left_in_peace",
        "test_patterns_properties.test_a_healthy_cluster_shows_none",
    ),
    "more trouble never yields a better verdict": ("test_properties.test_more_trouble_never_makes_a_better_verdict",),
    "missing data never yields healthy": (
        "test_properties.test_less_data_never_makes_a_cluster_healthy",
        "test_properties.test_nobody_is_touched_while_a_part_is_missing",
        "test_properties.test_garbage_in_a_node_object_never_reads_as_healthy",
        "test_properties.test_garbage_in_a_lease_never_reads_as_a_heartbeat",
    ),
    "an invalid policy tells every mistake at once": ("test_policy.test_every_mistake_is_told_at_once",),
    "a result is never larger than 64 KiB": (
        "test_result.test_a_storm_stays_within_64_kib",
        "test_result.test_a_plan_in_a_storm_stays_within_64_kib",
    ),
}
API: Mapping[str, tuple[str, ...]] = {
    "screening finds exactly what a full evaluation finds (identities)": (
        "test_observe.test_screening_finds_what_a_full_evaluation_finds",
    ),
    "health changes nothing on a healthy and on a sick cluster (audit log)": (
        "test_observe.test_nothing_is_written",
        "test_playbooks.test_looking_ends_well",
        "test_playbooks.test_none_of_these_runs_has_changed_anything",
    ),
    "an invalid ConfigMap stops healing and not observing": (
        "test_policy.test_mistakes_stop_healing_and_not_observing",
    ),
    "the exit code of health is chosen by fail_on": (
        "test_playbooks.test_warnings_fail_only_who_wants_that",
        "test_playbooks.test_an_unknown_cluster_fails_unless_that_is_allowed",
    ),
}


def main() -> int:
    """Returns 0 when no item is short."""
    return prove("judgement", _show)


def _show(proof: Proof) -> None:
    _checks(proof)
    _corpus(proof)
    _api(proof)
    _bench(proof, "A")
    if os.environ.get("PROVE_B", "1") != "0":
        _bench(proof, "B")
        _grow(proof)
    else:
        proof.show("bench, size B", "measured", "left out by PROVE_B=0", False)
        proof.show("how cost grows", "measured", "left out by PROVE_B=0", False)


def _checks(proof: Proof) -> None:
    made = proof.make("unit", "unit")
    proof.show("every unit test passes", "exit 0", f"exit {made.code}, {made.last}", made.code == 0)
    reports = sorted((proof.clone / "build" / "test").glob("unit-*.xml"))
    for claim, names in UNIT.items():
        proof.tests(claim, reports, *map(beginning, names))


def _corpus(proof: Proof) -> None:
    made = proof.make("corpus", "corpus")
    last = made.last
    proof.show("precision and recall over the labelled snapshots", "1.0 and 1.0, exit 0", last, made.code == 0)
    files = sorted((proof.clone / "tests" / "corpus").glob("*/*.json"))
    snapshots = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    recorded = sum(one.get("origin") == "recorded" for one in snapshots)
    proof.show(
        "labelled snapshots, some of them recorded from real clusters",
        f"at least {LEAST_SNAPSHOTS}",
        f"{len(snapshots)}, {recorded} recorded",
        len(snapshots) >= LEAST_SNAPSHOTS and recorded > 0,
    )


def _api(proof: Proof) -> None:
    made = proof.make("api", "api")
    proof.show("every test against a real API server passes", "exit 0", made.last, made.code == 0)
    reports = sorted((proof.clone / "build" / "test").glob("api-*.xml"))
    for claim, names in API.items():
        proof.tests(claim, reports, *map(beginning, names))


def _bench(proof: Proof, size: str) -> None:
    made = proof.make(f"bench SIZE={size} JSON={LOGS / size}.json", f"bench-{size}")
    goals = re.findall(r"^(ok   |SHORT)  (.*): (.*) \(goal: (.*)\)$", made.output, re.MULTILINE)
    for word, claim, measured, goal in goals:
        proof.show(f"size {size}: {claim}", goal, measured, word == "ok   ")
    if not goals:
        proof.show(f"size {size}", "measured", f"exit {made.code}: {made.last}", False)


def _grow(proof: Proof) -> None:
    file = LOGS / "grow.json"
    made = proof.make(f"bench SIZE=grow JSON={file}", "bench-grow")
    if made.code:
        return proof.show("how cost grows", "measured", f"exit {made.code}: {made.last}", False)
    points = json.loads(file.read_text(encoding="utf-8"))["points"]
    cost = {point["size"]["nodes"]: min(s["cpu"] for s in point["samples"]["ours"] if "cpu" in s) for point in points}
    told = ", ".join(f"{nodes} nodes {seconds:.2f} s" for nodes, seconds in cost.items())
    (_small, middle, large) = sorted(cost)
    grown, bound = cost[large] / cost[middle], large / middle
    claim = f"client CPU grows no faster than the cluster ({middle} to {large} nodes)"
    return proof.show(claim, f"<= {bound:g}x", f"{grown:.1f}x; {told}", grown <= bound)


if __name__ == "__main__":
    sys.exit(main())
