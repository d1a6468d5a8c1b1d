# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make prove-first-heal``: what the first heal must show, run again, one line for each item.

Works on a fresh clone of HEAD, and with the standard library only: the cold items first remove everything that the lab
has on this machine, environments too. They take an hour in all; PROVE_COLD=0 leaves them out, which is told as short.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.prove.proof import Made, Proof, prove

INTERRUPT_AFTER = 60.0


def main() -> int:
    """Returns 0 when no item is short."""
    return prove("first-heal", _show)


def _show(proof: Proof) -> None:
    if os.environ.get("PROVE_COLD", "1") != "0":
        _cold(proof)
    else:
        for claim in ("make demo, cold", "make test, cold, interrupted and started again"):
            proof.show(claim, "measured", "left out by PROVE_COLD=0", False)
    _warm(proof)


def _cold(proof: Proof) -> None:
    proof.make("clean", "clean-1")
    proof.timed("make demo, cold", 1200, proof.make("demo", "demo-cold"))
    proof.make("clean", "clean-2")
    first = proof.make("test", "test-cold-interrupted", interrupt_after=INTERRUPT_AFTER)
    second = proof.make("test", "test-cold")
    both = Made(second.code if first.code != 0 else 1, first.seconds + second.seconds, second.output)
    claim = f"make test, cold, interrupted after {INTERRUPT_AFTER:.0f} s (exit {first.code}) and started again"
    proof.timed(claim, 2700, both)


def _warm(proof: Proof) -> None:
    # With the image in the cache; the cluster itself is made anew.
    proof.make("demo", "demo-before-warm")
    in_lane = [sys.executable, "-m", "lab.toolchain", "run", "--"]
    subprocess.run([*in_lane, "python", "-m", "lab", "down", "--name", "selfheal-demo"], cwd=proof.clone, check=True)
    interrupted = proof.make("demo", "demo-interrupted", interrupt_after=12)
    demo = proof.make("demo", "demo-warm")
    proof.timed("make demo, image in the cache", 180, demo)
    both = f"exit {interrupted.code}, then exit {demo.code}"
    proof.show(
        "make demo, interrupted while it makes the cluster, started again",
        "not 0, then 0",
        both,
        interrupted.code != 0 and demo.code == 0,
    )
    for claim, words in {
        "demo: monitor-only finds the node, touches nothing": "ok    monitor-only found the node and touched nothing",
        "demo: the node ends healthy": "ok    the node is healthy again",
        "demo: the second run is changed=0": "ok    the second run changed nothing",
        "demo: the audit log shows no write to a node": "ok    the healer wrote only its own memory",
    }.items():
        proof.show(claim, "told by the demo", "told" if words in demo.output else "not told", words in demo.output)

    test = proof.make("test", "test-warm")
    proof.timed("make test, warm", 900, test)
    reports = proof.clone / "build" / "test"
    e2e = sorted(path for path in reports.glob("e2e-*.xml") if "smoke" not in path.name)
    smoke = sorted(reports.glob("e2e-smoke-*.xml"))
    api = sorted(reports.glob("api-*.xml"))
    proof.tests(
        "kubectl get incidents tells the story; only the sick host is touched (audit log, Docker)",
        e2e,
        "stopped_kubelet_is_healed",
    )
    proof.tests("control run: without the healer the node does not come back", e2e, "without_a_repair")
    proof.tests("monitor-only and check mode change nothing (audit log)", e2e, "looking_changes_nothing")
    for claim, pattern in BAD_INPUT.items():
        proof.tests(f"bad input: {claim}", api, pattern)
    proof.tests("the oldest ansible-core heals, too", smoke, "stopped_kubelet_is_healed")
    for part in ("ruff", "mypy", "ansible-lint", "sanity new", "sanity py311", "unit new", "unit py311"):
        found = re.search(rf"^(passed|FAILED)  {re.escape(part)} .*$", test.output, re.MULTILINE)
        measured = " ".join(found.group(0).split()) if found else "did not run"
        proof.show(f"make test runs {part}", "passed", measured, bool(found) and found.group(1) == "passed")
    lanes = subprocess.run(
        [sys.executable, "-m", "lab.toolchain", "lanes"], cwd=proof.clone, check=True, text=True, capture_output=True
    ).stdout
    told = "; ".join(line.split(" (")[0] for line in lanes.splitlines())
    proof.show(
        "lanes: newest Python present; ansible-core 2.19 to 2.21",
        "2.19 and 2.21",
        told,
        "2.19" in told and "2.21" in told,
    )


BAD_INPUT = {
    "no kubeconfig": r"\[(no kubeconfig|health without a kubeconfig)\]",
    "API not reachable, verdict unknown": r"\[(nobody answers|health when nobody answers)\]",
    "wrong cluster identity": r"\[(another cluster|a bootstrap of another cluster)\]",
    "a node that no inventory host matches": r"test_a_sick_node_without_a_host",
    "a node name that is no valid name": r"\[a name that is none\]",
    "nothing is changed by any of them (audit log)": "none_of_these_runs_has_changed_anything",
}


if __name__ == "__main__":
    sys.exit(main())
