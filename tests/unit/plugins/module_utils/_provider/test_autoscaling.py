# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instances of EC2 Auto Scaling replaced: at most one that has an effect, whatever happens to the requests."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    Rejected,
    SettingsError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.autoscaling import AutoScaling
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.ec2 import Refused
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.once import NoReply, NotSent, ReplyLost
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW

INSTANCE = "i-0123456789abcdef0"
BUSY = Refused("Throttling", "Rate exceeded", 400)
BROKEN = Refused("InternalFailure", "", 500)
# What comes back, and whether it was done before.
FAULTS: tuple[tuple[Exception | None, bool], ...] = (
    (None, True),
    (BUSY, False),
    (NotSent("refused"), False),
    (BROKEN, False),
    (BROKEN, True),
    (NoReply("read timed out"), False),
    (NoReply("read timed out"), True),
)


class Cloud:
    """A group of one instance by hand, with a clock that stands still but for waits."""

    def __init__(self, *faults: tuple[Exception | None, bool], phase: str = "InService", **group: Any) -> None:
        self.faults, self.phase = list(faults), phase
        self.asked = self.launched = 0
        self.now = 0.0
        self.its_group: dict[str, Any] | None = {"AutoScalingGroupName": "workers", "DesiredCapacity": 3, **group}
        self.dies_at: float | None = None
        self.hidden: Exception | None = None

    def member(self, instance: str) -> dict[str, Any] | None:
        assert instance == INSTANCE
        self.now += 0.1
        if self.hidden is not None and self.asked:
            raise self.hidden
        return {"AutoScalingGroupName": "workers", "LifecycleState": self.phase} if self.phase else None

    def group(self, name: str) -> dict[str, Any] | None:
        assert name == "workers"
        return self.its_group

    def state(self, instance: str) -> str:
        if self.dies_at is None:
            return "running"
        return "terminated" if self.now >= self.dies_at else "shutting-down"

    def terminate(self, instance: str) -> None:
        self.asked += 1
        error, done = self.faults.pop(0) if self.faults else (None, True)
        if done:
            assert self.phase == "InService", "nobody takes away two"
            self.phase, self.launched, self.dies_at = "Terminating", self.launched + 1, self.now + 30
        if error is not None:
            raise error

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def client(self) -> AutoScaling:
        return AutoScaling(self, 55.0, self.sleep, lambda: self.now, lambda: NOW)


def test_an_instance_is_replaced_and_seen_to_be_gone() -> None:
    cloud = Cloud()
    done = cloud.client().replace(INSTANCE, 60)
    assert (done.asked, done.group, done.gone_at) == (True, "workers", "2026-11-21T03:00:00Z")
    assert cloud.launched == 1
    again = cloud.client().replace(INSTANCE, 0)
    assert (again.asked, cloud.asked, again.gone_at) == (False, 1, "2026-11-21T03:00:00Z")
    slow = Cloud()
    assert slow.client().replace(INSTANCE, 5).gone_at == "", "nobody has seen it gone"


@pytest.mark.parametrize("faults", list(product(FAULTS, repeat=2)))
def test_at_most_one_whatever_happens(faults: tuple[tuple[Exception | None, bool], ...]) -> None:
    cloud = Cloud(*faults)
    try:
        cloud.client().replace(INSTANCE, 0)
        assert cloud.launched == 1
    except ReplyLost:
        assert cloud.launched == 0, "what was done is seen"
    except ClusterError:
        # What it says has nothing been done for may be asked for again.
        assert cloud.phase == "InService"
    assert cloud.launched <= 1


def test_a_lost_reply_is_not_asked_for_again() -> None:
    cloud = Cloud((NoReply("read timed out"), False))
    with pytest.raises(ReplyLost, match="nothing tells whether i-0123456789abcdef0 is terminated: InService"):
        cloud.client().replace(INSTANCE, 0)
    assert cloud.asked == 1
    hidden = Cloud((NoReply("read timed out"), True))
    hidden.hidden = NoReply("read timed out")
    with pytest.raises(ReplyLost):
        hidden.client().replace(INSTANCE, 0)
    assert hidden.asked == hidden.launched == 1


@pytest.mark.parametrize(
    ("cloud", "why"),
    [
        (Cloud(phase=""), "is in no Auto Scaling group: nothing would launch a new one"),
        (Cloud(phase="Standby"), "is Standby in Auto Scaling group workers, not InService"),
        (Cloud(phase="Pending:Wait"), "not InService"),
        (Cloud(DesiredCapacity=0), "wants no instances"),
        (Cloud(Status="Delete in progress"), "is being deleted"),
        (Cloud(SuspendedProcesses=[{"ProcessName": "Launch"}]), r"has suspended processes \(Launch\)"),
    ],
)
def test_what_would_not_be_replaced_is_not_taken_away(cloud: Cloud, why: str) -> None:
    for act in (lambda: cloud.client().check(INSTANCE), lambda: cloud.client().replace(INSTANCE, 0)):
        with pytest.raises(Rejected, match=why):
            act()
    assert cloud.asked == 0


def test_what_is_refused_is_not_asked_for_again() -> None:
    cloud = Cloud((Refused("UnauthorizedOperation", "You are not authorized", 403), False))
    with pytest.raises(Forbidden, match="You are not authorized"):
        cloud.client().replace(INSTANCE, 0)
    assert cloud.asked == 1
    busy = Cloud(*[(BUSY, False)] * 99)
    with pytest.raises(Rejected, match="too busy"):
        busy.client().replace(INSTANCE, 0)
    away = Cloud(*[(NotSent("refused"), False)] * 99)
    with pytest.raises(Unreachable):
        away.client().replace(INSTANCE, 0)
    with pytest.raises(SettingsError, match="expected the ID of an EC2 instance"):
        Cloud().client().replace("i-1; reboot", 0)
