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
from collections.abc import Mapping

from tests.prove.proof import Made, Proof, exactly, prove

LEAST_RUNS, LEAST_STATES, LEAST_BUGS = 10_000, 100_000, 15
LEAST_ROUNDS, LEAST_KILLS, LEAST_STOPS = 100, 90, 60

# Each claim with the tests that show it, by their names: file and function. A test that is not there is a shortfall.
CORE: Mapping[str, tuple[str, ...]] = {
    "every pair of phase and event: a step of the table or an error, never a default": (
        "test_machine.test_every_pair",
        "test_machine.test_the_table_covers_every_phase",
    ),
    "an attempt counts from its beginning, and only then": (
        "test_machine.test_begin_uses_an_attempt_up",
        "test_machine.test_only_begin_uses_an_attempt_up",
    ),
    "each guard: without it the forbidden is done": (
        "test_guards.test_every_guard_is_proven_by_breaking_it",
        "test_guards.test_without_the_guard_the_forbidden_is_done",
        "test_guards.test_without_the_budget_all_are_repaired",
        "test_guards.test_without_its_guard_a_gpu_node_is_replaced",
        "test_guard_pattern.test_without_the_guard_the_forbidden_is_done",
    ),
    "each guard that counts: both sides of its edge, with its numbers": (
        "test_guards.test_mass_failure_counts",
        "test_guards.test_transient_tolerance",
        "test_guards.test_cooldown",
        "test_guards.test_attempts",
        "test_guards_repairs.test_storm_cooldown_after_a_storm",
        "test_guards_repairs.test_evidence_age",
        "test_guards_repairs.test_under_repair_ends_with_the_time_for_it",
        "test_guards_repairs.test_budget",
        "test_guards_repairs.test_a_pause_with_and_without_a_time",
        "test_guards_repairs.test_failure_domain_counts_those_under_repair",
        "test_guards_repairs.test_failure_domain_counts_more_for_what_is_disruptive",
        "test_guards_repairs.test_one_control_plane_node_at_a_time",
        "test_guards_repairs.test_the_last_control_plane_node_that_works_is_not_taken_down",
        "test_guards_repairs.test_etcd_quorum",
        "test_guards_repairs.test_maintenance_window",
    ),
    "each guard that does not count: what it refuses, and what it lets pass": (
        "test_guards.test_monitor_only",
        "test_guards.test_identity",
        "test_guards.test_any_value_of_the_annotation_pauses",
        "test_guards.test_other_annotations_do_not_pause",
        "test_guards.test_any_value_of_the_label_excludes",
        "test_guards.test_other_labels_do_not_exclude",
        "test_guards.test_human_cordon",
        "test_guards.test_leaving",
        "test_guards.test_same_machine",
        "test_guards_repairs.test_vantage_points",
        "test_guards_repairs.test_gpu_node",
        "test_guards_repairs.test_approval",
        "test_guard_pattern.test_a_member_is_not_repaired",
        "test_guard_pattern.test_others_do_not_matter",
    ),
    "a failed repair backs off": ("test_guards.test_cooldown", "test_guards.test_cooldown_grows_to_its_longest"),
    "storms: whatever comes, they end after they began": (
        "test_storm.test_whatever_comes",
        "test_storm.test_an_api_server_whose_clock_is_behind_ends_no_storm_before_it_began",
    ),
    "maintenance windows: edges, midnight, time zones": (
        "test_windows.test_edges",
        "test_windows.test_a_night_belongs_to_the_day_on_which_it_begins",
        "test_windows.test_time_zones",
        "test_windows.test_a_window_over_the_change_of_the_clocks_is_as_long_as_the_clock_says",
    ),
    "the lease: ours only while it says what we wrote, and nobody else's is renewed or let go": (
        "test_lease.test_after_silence_it_is_ours_only_if_it_says_what_we_wrote",
        "test_lease.test_who_has_not_got_it_cannot_renew_it",
        "test_lease.test_only_what_is_ours_is_let_go",
    ),
    "a proof begins anew when the API server was away, and good looks before a bad one do not count": (
        "test_healer.test_a_proof_is_three_good_looks_in_a_row",
        "test_healer.test_good_looks_that_are_never_three_in_a_row_prove_nothing",
        "test_healer.test_an_api_server_that_stays_away_to_the_end_of_a_proof_is_an_error",
    ),
}
# Claims that are tried again and again, with the least number of times, and the property that counts them.
REPEATED = (
    (
        "two healers from one barrier: exactly one acts, the loser has written nothing (audit log)",
        LEAST_ROUNDS,
        ("test_concurrency.test_of_two_healers_exactly_one_acts",),
        "rounds of two healers",
    ),
    (
        "SIGKILL at each step: the next turn converges, no lock, deadline or taint outlives its limit",
        LEAST_KILLS,
        (
            "test_kill.test_a_healer_may_be_killed_at_any_step",
            "test_kill.test_a_killed_healer_leaves_nothing_that_time_does_not_take",
        ),
        "killed at points",
    ),
    (
        "SIGSTOP at each step, the lease passes, SIGCONT: the stale holder neither writes nor acts",
        LEAST_STOPS,
        ("test_kill.test_a_healer_that_was_suspended_does_nothing_any_more",),
        "suspended at points",
    ),
)
API: Mapping[str, tuple[str, ...]] = {
    "two playbooks at once: one repairs, one is busy with a code of its own": (
        "test_concurrency.test_of_two_playbooks_one_is_busy",
    ),
    "busy names the holder and how long": (
        "test_lease.test_busy_names_the_holder_and_how_long",
        "test_playbooks.test_bad_input_ends_in_one_clear_line[somebody else is at work]",
    ),
    "SIGTERM: the run ends within 30 s, the next one goes on": (
        "test_concurrency.test_a_job_that_is_cancelled_ends_and_the_next_one_goes_on",
    ),
    "a command that comes too late does nothing": ("test_playbooks.test_a_command_that_comes_too_late_does_nothing",),
    "a repair past its deadline has failed": (
        "test_playbooks.test_a_repair_past_its_deadline_has_failed_and_is_not_verified",
    ),
    "a memory that cannot be read: nothing is done, one line, exit 2": (
        "test_concurrency.test_on_a_memory_that_cannot_be_read_nothing_is_done",
    ),
    "what people write on an incident, or that they delete it, is respected": (
        "test_concurrency.test_what_people_write_on_an_incident_survives",
        "test_concurrency.test_an_incident_that_people_delete_amid_a_repair",
    ),
    "two runs that see the same: the second writes nothing (audit log)": (
        "test_concurrency.test_of_two_runs_that_see_the_same_the_second_writes_nothing",
    ),
    "a node that left takes its incident along": ("test_incidents.test_a_node_that_left_takes_its_incident_along",),
    "another node of the same name is another": (
        "test_incidents.test_another_machine_under_the_same_name",
        "test_verify.test_another_machine_under_the_same_name_is_no_proof",
    ),
    "heal as a loop in one job": (
        "test_playbooks.test_turns_follow_each_other_and_quiet_ones_say_and_write_nothing",
        "test_playbooks.test_a_turn_that_goes_wrong_or_finds_the_lease_busy_does_not_end_the_run",
    ),
    "pause and resume, of the cluster and of nodes": (
        "test_pause.test_a_cluster_is_paused_and_resumed",
        "test_pause.test_nodes_are_paused_and_resumed",
        "test_pause.test_a_pause_ends_by_itself",
    ),
    "report: why was it rebooted": ("test_report.test_why_was_it_rebooted",),
    "report: why was it not": ("test_report.test_why_was_it_not", "test_report.test_why_was_nobody_in_a_storm"),
}


def main() -> int:
    """Returns 0 when no item is short."""
    return prove("state-machine", _show)


def _show(proof: Proof) -> None:
    _simulation(proof, proof.make("simulation", "simulation"))
    _exploration(proof, proof.make("explore", "explore"))
    _bugs(proof, proof.make("mutants", "mutants"))
    _core(proof, proof.make("unit", "unit"))
    _api(proof, proof.make("api THOROUGH=1", "api"))


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
    for claim, names in CORE.items():
        proof.tests(claim, reports, *map(exactly, names))


def _api(proof: Proof, made: Made) -> None:
    proof.show("every test on a real API server passes", "exit 0", f"exit {made.code}, {made.last}", made.code == 0)
    reports = sorted((proof.clone / "build" / "test").glob("api-*.xml"))
    counts = {
        one.get("name"): one.get("value") or ""
        for report in reports
        for one in ET.parse(report).getroot().iter("property")  # noqa: S314 (pytest wrote it a moment ago)
    }
    for claim, least, names, key in REPEATED:
        count = int(counts.get(key, "0"))
        proof.show(f"{claim}: how often", f"at least {least} times", f"{count} times", count >= least)
        proof.tests(claim, reports, *map(exactly, names))
    for claim, names in API.items():
        proof.tests(claim, reports, *map(exactly, names))


def _numbers(made: Made, pattern: str, count: int) -> tuple[int, ...]:
    """The numbers in the last line that matches; zeros where there is none."""
    found = re.findall(pattern, made.output, re.MULTILINE)
    return tuple(map(int, found[-1])) if found else (0,) * count


if __name__ == "__main__":
    sys.exit(main())
