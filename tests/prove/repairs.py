# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make prove-repairs``: what the repairs must show, run again, one line for each item.

Every test that a claim names is run in a fresh clone of HEAD, those on real clusters that take long as well, and no
others, since all of them take a night. What has passed with these very files is not run again, so a night that was
interrupted goes on where it was. What is not there is a shortfall.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.prove.proof import Proof, exactly, prove

# Each role has a scenario of its own; those that need more than one node that is well have their tests in tests/e2e.
SCENARIOS = (
    "kubelet_restart",
    "container_runtime_restart",
    "kube_proxy_restart",
    "kubelet_certificates",
    "node_reboot",
    "control_plane_repair",
    "cni_reapply_rare",
)

E2E: Mapping[str, tuple[str, ...]] = {
    "kubelet_restart: healed, idempotent, and one that fails is an error": (
        "test_first_heal.test_a_stopped_kubelet_is_healed",
        "test_first_heal.test_the_role_by_itself_is_idempotent_and_has_a_check_mode",
        "test_first_heal.test_a_repair_that_fails_is_an_error_and_waits_before_the_next",
    ),
    "kubelet_certificates: an expired client certificate is renewed without a reboot, with a control run": (
        "test_kubelet_certificates.test_an_expired_certificate_is_renewed_and_only_by_that_the_node_comes_back",
        "test_kubelet_certificates.test_what_is_gone_or_corrupt_is_renewed",
        "test_kubelet_certificates.test_a_cluster_that_refuses_is_an_error_and_leaves_all_as_it_was",
    ),
    "control_plane_repair: kubelet, runtime, manifests, certificates, etcd without space, each healed from outside": (
        "test_control_plane_repair.test_a_stopped_kubelet_and_a_killed_api_server_come_back_only_by_a_repair",
        "test_control_plane_repair.test_a_runtime_that_is_stopped_or_hangs_is_restarted",
        "test_control_plane_repair.test_a_manifest_that_is_gone_is_made_again_from_what_etcd_holds",
        "test_control_plane_repair.test_expired_certificates_are_renewed",
        "test_control_plane_repair.test_an_etcd_without_space_gets_some_after_a_snapshot",
        "test_control_plane_repair.test_an_api_server_that_hangs_is_ended",
    ),
    "control_plane_repair: what cannot be repaired is an error that says what is still wrong": (
        "test_control_plane_repair.test_what_cannot_be_repaired_is_an_error_that_says_what_is_still_wrong",
    ),
    "ha: the API fully down with all kubelets stopped, the first host not to be reached: healed on the second": (
        "test_control_plane_repair.test_all_kubelets_stopped_and_the_first_host_not_to_be_reached",
    ),
    "ha: a lost quorum is left to people": ("test_control_plane_repair.test_a_lost_quorum_is_left_to_people",),
    "ha: a dead member of etcd is replaced, the second one refused while quorum is at risk": (
        "test_etcd_member.test_a_dead_member_is_replaced",
        "test_etcd_member.test_a_second_one_is_refused_while_quorum_is_at_risk",
        "test_etcd_member.test_a_run_that_is_killed_after_the_removal_is_gone_on_with",
        "test_etcd_member.test_a_machine_that_is_gone_costs_its_member_when_somebody_says_so_and_only_then",
    ),
    "node_reboot: a fault under /run is healed by the reboot, one under /etc outlives it and the role says so": (
        "test_node_reboot.test_a_fault_under_run_is_healed_by_a_reboot_that_is_proven",
        "test_node_reboot.test_a_fault_under_etc_outlives_it_and_the_role_says_so",
    ),
    "node_reboot: a reply that is lost, a host that is dead, a systemd that hangs": (
        "test_node_reboot.test_a_provider_that_loses_its_reply_reboots_once",
        "test_node_reboot.test_a_dead_host_is_rebooted_and_one_that_must_answer_is_an_error",
        "test_node_reboot.test_a_host_reboots_over_its_connection_also_when_its_systemd_hangs",
    ),
    "ladder: a fault under /run is healed by the reboot rung": ("test_node_reboot.test_the_ladder_",),
    "ladder: a fault under /etc is healed by repair or replace": ("test_node_replace.test_the_ladder_",),
    "a dead node's volume moves only with proof that it is off; never two writers; without proof nothing is forced": (
        "test_node_fence.test_a_volume_moves_only_when_its_writer_is_proven_to_be_gone",
        "test_node_fence.test_the_power_of_a_node_that_is_ready_is_not_cut",
    ),
    "GPU: the device plugin is restarted before the node is, with a control run": (
        "test_device_plugin.test_a_plugin_that_kubelet_has_forgotten_is_restarted",
    ),
    "cni_reapply (Calico): what is gone comes back, what users have set stays": ("test_cni_reapply.",),
    "node_replace: a node broken under /etc is replaced": ("test_node_replace.",),
    "evidence before a disruptive rung; canary after a repair": ("test_evidence.", "test_canary."),
}
API: Mapping[str, tuple[str, ...]] = {
    "node_drain: budgets, UIDs, blockers, deadlines, cordons of people": ("test_drain.",),
    "fencing: no taint without a proof that holds": (
        "test_fencing.test_without_a_proof_that_holds_nothing_is_forced",
        "test_fencing.test_a_proof_of_another_time_is_none",
        "test_fencing.test_a_node_that_is_alive_is_not_forced",
        "test_fencing.test_a_restart_is_proof_as_well",
    ),
    "device plugin: what is left in place is an error that says what is wrong": ("test_device_plugin.",),
    "node_replace by Cluster API: proven, at most once, never what would not be made again; stuck is an error": (
        "test_replace.test_a_machine_is_deleted_and_a_new_one_seen_to_come",
        "test_replace.test_a_second_request_takes_nothing_more_away",
        "test_replace.test_what_would_not_be_made_again_is_not_deleted",
        "test_replace.test_what_does_not_come_is_an_error",
    ),
    "node_replace: GPU nodes and control planes never; what is alive is drained first": (
        "test_replace.test_what_is_never_replaced_is_refused_in_every_state",
        "test_replace.test_a_node_that_is_alive_is_drained_before",
    ),
    "the record is written on change only": (
        "test_concurrency.test_of_two_runs_that_see_the_same_the_second_writes_nothing",
    ),
}
UNIT: Mapping[str, tuple[str, ...]] = {
    "civo against an emulator of its documented API, 500, 429, time-out, reply lost: at most one effective reboot": (
        "test_civo.test_at_most_one_reboot_whatever_happens",
        "test_civo.test_the_module_has_at_most_one_effect_over_a_real_connection",
    ),
    "nothing that a cluster can name reaches a shell unquoted (fuzzed names, labels, providerIDs)": (
        "test_provider_id.test_nothing_that_comes_out_needs_a_quote_in_a_shell_or_a_url",
        "test_drivers.test_a_name_stays_one_word_whatever_it_is",
        "test_drivers.test_what_has_no_mistake_in_it_holds_only_names",
        "test_node_reboot.test_no_name_reaches_a_shell",
        "test_host_services.test_what_the_check_lets_through_is_one_plain_word",
        "test_control_plane_roles.test_every_command_has_two_time_limits_and_no_quote_that_ends_it",
    ),
    "a fence stands before every command that changes something": (
        "test_control_plane_roles.test_a_fence_stands_before_every_command_that_changes_something",
        "test_host_services.test_nothing_is_done_behind_a_closed_fence",
        "test_node_reboot.test_the_fence_stands_before_what_reboots",
    ),
    "a custom time-out holds": (
        "test_host_services.test_each_command_and_each_task_has_a_time_limit",
        "test_control_plane_roles.test_no_command_behind_the_fence_outlives_the_lock",
    ),
    "etcd is kept before anything of it is changed": (
        "test_control_plane_roles.test_etcd_is_kept_before_anything_of_it_is_changed",
        "test_control_plane_roles.test_nothing_of_etcd_is_changed_without_a_snapshot",
    ),
    "a member of etcd is replaced in no cluster whose quorum that would put at risk, and after any kill": (
        "test_etcd_member.test_in_no_cluster_quorum_is_put_at_risk",
        "test_etcd_member.test_without_the_count_these_tests_fail",
        "test_etcd_member.test_whatever_is_begun_is_ended_after_any_kill",
        "test_etcd_member_role.test_only_a_manifest_that_joins_is_put_over_an_empty_disk",
        "test_etcd_member_role.test_no_step_is_taken_after_the_lease_or_the_lock_have_passed",
    ),
}
PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "EC2 against moto: at most one effective reboot": (
        "test_ec2.test_an_instance_is_rebooted_once",
        "test_ec2.test_a_reply_that_is_lost_is_not_asked_for_again",
    ),
    "EC2 Auto Scaling against moto: one instance taken away and one launched, whatever becomes of the reply": (
        "test_autoscaling.test_an_instance_is_terminated_and_a_new_one_launched",
        "test_autoscaling.test_a_reply_that_is_lost_is_not_asked_for_again",
    ),
    "Redfish against the emulator of sushy-tools": (
        "test_redfish.test_the_machine_is_reset_once_and_nothing_is_taken_on_trust",
    ),
    "Hetzner Cloud against an emulator of its documented API: reset once at most, whatever the reply": (
        "test_hetzner.test_a_machine_is_reset_once_at_most_whatever_the_reply",
    ),
    "a machine that somebody has switched off stays off, unless it is wanted on (Redfish, IPMI)": (
        "test_redfish.test_a_machine_that_somebody_has_switched_off_is_left_alone",
        "test_ipmi.test_a_machine_that_is_on_is_reset_and_one_that_is_off_only_if_that_is_wanted",
    ),
}


def main() -> int:
    """Returns 0 when no item is short."""
    return prove("repairs", _show)


def _show(proof: Proof) -> None:
    for group, claims in (("unit", UNIT), ("providers", PROVIDERS), ("api", API), ("e2e", E2E)):
        chosen = selection(proof.clone / "tests" / group, [one for names in claims.values() for one in names])
        reports = [report for part in parts(group, chosen) if (report := proof.pytest(*part))]
        _claims(proof, reports, claims)
    _scenarios(proof)


def parts(group: str, chosen: Iterable[str]) -> list[tuple[str, str, str]]:
    """What is run at once: the name of each part, its tests, and the extra whose environment they need.

    On real clusters that is one file, so that a night that was interrupted goes on with the next.
    """
    extra = "providers" if group == "providers" else ""
    if group != "e2e":
        return [(group, " ".join(chosen), extra)]
    files: dict[str, list[str]] = {}
    for one in chosen:
        files.setdefault(Path(one.partition("::")[0]).stem, []).append(one)
    return [(f"{group}-{name}", " ".join(tests), extra) for name, tests in files.items()]


def selection(folder: Path, names: Iterable[str]) -> list[str]:
    """What pytest is told to run for these names: tests, or whole files where a name stands for all that begin so.

    A test that is not there is left out, for pytest would run nothing at all.
    """
    chosen: dict[str, None] = {}
    for name in names:
        module, _dot, test = name.partition(".")
        for path in sorted(folder.rglob(f"{module}.py")):
            place = path.relative_to(folder.parent.parent)
            if not test or test.endswith("_"):
                chosen[str(place)] = None
            elif f"def {test}(" in path.read_text(encoding="utf-8"):
                chosen[f"{place}::{test}"] = None
    # One that is in a file that is run as a whole would be run with it, and pytest knows that.
    return [one for one in chosen if "::" not in one or one.partition("::")[0] not in chosen]


def _claims(proof: Proof, reports: Sequence[Path], claims: Mapping[str, tuple[str, ...]]) -> None:
    for claim, names in claims.items():
        # A name that ends in a dot or an underscore stands for all tests that begin so.
        patterns = [rf"(^|\.){re.escape(one)}" if one[-1] in "._" else exactly(one) for one in names]
        proof.tests(claim, reports, *patterns)


def _scenarios(proof: Proof) -> None:
    for scenario in SCENARIOS:
        # They share a cluster, which the last one takes away.
        keep = " SELFHEAL_KEEP=1" if scenario != SCENARIOS[-1] else ""
        said = proof.once(f"molecule SCENARIO={scenario}{keep}", f"molecule-{scenario}")
        proof.show(
            f"molecule, {scenario}: real faults, healed, proven, idempotent; a fault left in place is an error",
            "the scenario passes",
            said,
            said.startswith("exit 0"),
        )


if __name__ == "__main__":
    sys.exit(main())
