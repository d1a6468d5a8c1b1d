# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.pod_image import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Severity, Verdict
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import container, findings, late, waits


@pytest.mark.parametrize("reason", CHECK.reasons)
@pytest.mark.parametrize("phase", ["Pending", "Running"])
@pytest.mark.parametrize("init", [False, True])
def test_each_word_of_the_kubelet_is_told_at_once(reason: str, phase: str, init: bool) -> None:
    one = late(waits(reason, "web", init=init, message="no such\nhost"), seconds=1, phase=phase)
    (finding,) = findings(CHECK, one)
    assert (finding.reason, finding.verdict, finding.severity) == (reason, Verdict.UNHEALTHY, Severity.ERROR)
    assert finding.message == "container web has no image: no such host"
    assert finding.since == ago(1)


def test_the_words_of_the_issue_are_known() -> None:
    assert set(CHECK.reasons) >= {
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "ImageInspectError",
    }


def test_without_a_message_the_meaning_is_told_and_others_are_counted() -> None:
    one = late(container("fine"), waits("ErrImagePull", "a"), waits("ImagePullBackOff", "b"), phase="Pending")
    (finding,) = findings(CHECK, one)
    assert finding.message == "container a has no image: the image could not be pulled (and 1 more containers)"


@pytest.mark.parametrize("reason", ["ContainerCreating", "CrashLoopBackOff", "", "errimagepull"])
def test_other_waiting_is_not_for_an_image(reason: str) -> None:
    assert findings(CHECK, late(waits(reason))) == []


def test_a_terminated_container_does_not_wait_for_its_image() -> None:
    assert findings(CHECK, late(container(ready=False, state="terminated", reason="ErrImagePull"))) == []
