# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.pod_crash_loop import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Severity, Verdict
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import container, findings, late, waits

LOOPS = {"restarts": 3, "last_reason": "Error", "last_exit_code": 2, "last_finished": ago(40)}


def test_a_crash_loop_is_told_at_once_with_the_numbers() -> None:
    (finding,) = findings(CHECK, late(waits("CrashLoopBackOff", "web", **LOOPS), seconds=10))
    assert (finding.reason, finding.verdict, finding.severity) == (
        "CrashLoopBackOff",
        Verdict.UNHEALTHY,
        Severity.ERROR,
    )
    assert finding.message == ("container web has crashed and is started again later (Error, exit code 2, 3 restarts)")


def test_since_is_the_older_of_the_last_crash_and_the_loss_of_readiness() -> None:
    loops = waits("CrashLoopBackOff", **LOOPS)
    assert findings(CHECK, late(loops, seconds=10))[0].since == ago(40)
    assert findings(CHECK, late(loops, seconds=900))[0].since == ago(900)
    assert findings(CHECK, late(loops, conditions=()))[0].since == ago(40)
    assert findings(CHECK, late(waits("CrashLoopBackOff"), conditions=()))[0].since is None
    assert findings(CHECK, late(loops, seconds=-60))[0].since == ago(40)
    assert findings(CHECK, late(waits("CrashLoopBackOff"), seconds=-60))[0].since is None


def test_all_that_crash_are_named() -> None:
    setup = waits("CrashLoopBackOff", "setup", init=True)
    (finding,) = findings(CHECK, late(setup, waits("CrashLoopBackOff", "web"), container("fine")))
    assert "init container setup" in finding.message and "container web" in finding.message
    assert "fine" not in finding.message
    assert "no reason, exit code unknown" in finding.message


def test_other_waiting_is_no_crash_loop() -> None:
    assert findings(CHECK, late(waits("ContainerCreating"), container(ready=False))) == []


def test_a_container_that_is_ready_does_not_crash() -> None:
    assert findings(CHECK, late(waits("CrashLoopBackOff", ready=True))) == []


def test_every_reason_is_given() -> None:
    assert set(CHECK.reasons) == {"CrashLoopBackOff"}
