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

from tests.prove.proof import LOGS, Proof, prove

LEAST_SNAPSHOTS = 60


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
    for claim, pattern in {
        "every reason of every check is given by a test of its own": r"every_reason_is_given",
        "every threshold has its edge: a second before, and the moment": r"threshold|edge|lasted|patient",
        "the order of a snapshot does not matter": r"order_of",
        "a healthy snapshot never yields a finding": r"healthy_cluster_is_left_in_peace|healthy",
        "more trouble never yields a better verdict": r"more_trouble_never",
        "missing data never yields healthy": r"missing|absent|garbage",
        "an invalid policy tells every mistake at once": r"test_policy\..*every_mistake",
        "a result is never larger than 64 KiB": r"64|bounded",
    }.items():
        proof.tests(claim, reports, pattern)


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
    for claim, pattern in {
        "screening finds exactly what a full evaluation finds (identities)": r"screening",
        "health changes nothing on a healthy and on a sick cluster (audit log)": r"(writes|changes)_nothing",
        "an invalid ConfigMap stops healing and not observing": r"test_policy",
        "the exit code of health is chosen by fail_on": r"fail_on",
    }.items():
        proof.tests(claim, reports, pattern)


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
