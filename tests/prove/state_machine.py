# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make prove-state-machine``: what the repair state machine must show, run again, one line for each item.

Nothing is left out and nothing is taken from a run before: simulation, exploration, planted bugs, and every test on a
real API server, in a fresh clone of HEAD.
"""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET

from tests.prove.proof import Made, Proof, prove

LEAST_RUNS, LEAST_STATES, LEAST_BUGS = 10_000, 100_000, 15
LEAST_ROUNDS, LEAST_KILLS, LEAST_STOPS = 100, 90, 60


def main() -> int:
    """Returns 0 when no item is short."""
    return prove("state-machine", _show)


def _show(proof: Proof) -> None:
    _simulation(proof, proof.make("simulation", "simulation"))
    _exploration(proof, proof.make("explore", "explore"))
    _bugs(proof, proof.make("mutants", "mutants"))
    _core(proof, proof.make("unit", "unit"))
    _api(proof, proof.make("api", "api"))


def _simulation(proof: Proof, made: Made) -> None:
    runs, steps, acts, failed, seeds = _numbers(
        made, r"^(\d+) runs, (\d+) steps, (\d+) acts, .*; (\d+) of (\d+) seeds failed$", 5
    )
    proof.show(
        "simulated cluster: every invariant after every step, real core and store, recorded seeds",
        f"at least {LEAST_RUNS} runs, no seed failed",
        f"{runs} runs, {steps} steps, {acts} acts, {failed} of {seeds} seeds failed, {made.seconds:.0f} s",
        made.code == 0 and runs >= LEAST_RUNS and seeds > 0 and failed == 0 < acts,
    )
    met = [(int(count), what) for count, what in re.findall(r"^ *(\d+) times (.*)$", made.output, re.MULTILINE)]
    rarest = min(met, default=(0, "nothing was counted"))
    proof.show(
        "simulated cluster: what must happen now and then has happened (crashes, busy leases, fences, storms ...)",
        "each of them met",
        f"{sum(count > 0 for count, _what in met)} of {len(met)} met, the rarest {rarest[0]} times: {rarest[1]}",
        rarest[0] > 0,
    )


def _exploration(proof: Proof, made: Made) -> None:
    line = (
        r"^(\d+) healers, (\d+) nodes, (\d+) faults, .*: (\d+) states, (\d+) transitions, depth (\d+), .*no rule broken"
    )
    healers, nodes, faults, states, transitions, depth = _numbers(made, line, 6)
    proof.show(
        "exhaustive exploration: every interleaving, request by request, a fault anywhere",
        f"2 healers, 3 nodes, at least {LEAST_STATES} states, no rule broken",
        f"{healers} healers, {nodes} nodes, {faults} faults, {states} states, {transitions} transitions, depth {depth},"
        f" {made.seconds:.0f} s",
        made.code == 0 and (healers, nodes) == (2, 3) and faults >= 1 and states >= LEAST_STATES,
    )


def _bugs(proof: Proof, made: Made) -> None:
    caught, planted = _numbers(made, r"^(\d+) of (\d+) planted bugs caught", 2)
    survived = re.findall(r"^(\S+) .*NOT CAUGHT", made.output, re.MULTILINE)
    proof.show(
        "planted bugs, each caught (make mutants lists them)",
        f"at least {LEAST_BUGS}, all caught",
        f"{caught} of {planted} caught{': not ' + ', '.join(survived) if survived else ''}, {made.seconds:.0f} s",
        made.code == 0 and caught == planted >= LEAST_BUGS,
    )


def _core(proof: Proof, made: Made) -> None:
    proof.show("every unit test passes", "exit 0", f"exit {made.code}, {made.last}", made.code == 0)
    reports = sorted((proof.clone / "build" / "test").glob("unit-*.xml"))
    for claim, pattern in {
        "every pair of phase and event: a step of the table or an error, never a default": r"test_machine.*every_pair",
        "an attempt counts from its beginning, and only then": r"test_machine.*begin_uses_an_attempt",
        "each guard: without it the forbidden is done": r"test_guards.*(forbidden_is_done|proven_by_breaking_it)",
        "each guard: both sides of its edge, with its numbers": r"\.test_guards(_repairs)?\.",
        "a failed repair backs off": r"test_guards.*cooldown",
        "storms: whatever comes, they end after they began": r"\.test_storm\.",
        "maintenance windows: edges, midnight, time zones": r"\.test_windows\.",
    }.items():
        proof.tests(claim, reports, pattern)


def _api(proof: Proof, made: Made) -> None:
    proof.show("every test on a real API server passes", "exit 0", f"exit {made.code}, {made.last}", made.code == 0)
    reports = sorted((proof.clone / "build" / "test").glob("api-*.xml"))
    counts = {
        one.get("name"): one.get("value") or ""
        for report in reports
        for one in ET.parse(report).getroot().iter("property")  # noqa: S314 (pytest wrote it a moment ago)
    }
    for claim, least, pattern, key in (
        (
            "two healers from one barrier: exactly one acts, the loser has written nothing (audit log)",
            LEAST_ROUNDS,
            r"of_two_healers_exactly_one_acts",
            "rounds of two healers",
        ),
        (
            "SIGKILL at each step: the next turn converges, no lock, deadline or taint outlives its limit",
            LEAST_KILLS,
            r"may_be_killed_at_any_step",
            "killed at points",
        ),
        (
            "SIGSTOP at each step, the lease passes, SIGCONT: the stale holder neither writes nor acts",
            LEAST_STOPS,
            r"suspended_does_nothing",
            "suspended at points",
        ),
    ):
        count = int(counts.get(key, "0"))
        proof.show(f"{claim}: how often", f"at least {least} times", f"{count} times", count >= least)
        proof.tests(claim, reports, pattern)
    for claim, pattern in {
        "two playbooks at once: one repairs, one is busy with a code of its own": r"of_two_playbooks_one_is_busy",
        "busy names the holder and how long": r"busy_names_the_holder|somebody else is at work",
        "SIGTERM: the run ends within 30 s, the next one goes on": r"job_that_is_cancelled",
        "a command that comes too late does nothing": r"comes_too_late",
        "a repair past its deadline has failed": r"past_its_deadline",
        "a memory that cannot be read: nothing is done, one line, exit 2": r"memory_that_cannot_be_read",
        "what people write on an incident, or that they delete it, is respected": r"people_(write|delete)",
        "two runs that see the same: the second writes nothing (audit log)": r"see_the_same_the_second_writes_nothing",
        "a node that left takes its incident along; one of the same name is another": r"another_machine|_left_",
        "heal as a loop in one job": r"turns_follow_each_other",
        "pause and resume, of the cluster and of nodes": r"\.test_pause\.",
        "report: why was it rebooted": r"test_report\..*why_was_it_rebooted",
        "report: why was it not": r"test_report\..*why_was_(it_not|nobody)",
    }.items():
        proof.tests(claim, reports, pattern)


def _numbers(made: Made, pattern: str, count: int) -> tuple[int, ...]:
    """The numbers in the last line that matches; zeros where there is none."""
    found = re.findall(pattern, made.output, re.MULTILINE)
    return tuple(map(int, found[-1])) if found else (0,) * count


if __name__ == "__main__":
    sys.exit(main())
