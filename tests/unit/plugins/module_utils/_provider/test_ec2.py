# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reboots of EC2 instances: at most one that has an effect, whatever happens to the requests."""

from __future__ import annotations

from itertools import chain, product, repeat

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    NotFound,
    Rejected,
    SettingsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.ec2 import Ec2, Refused, over_boto3
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.once import NoReply, NotSent, ReplyLost

INSTANCE = "i-0123456789abcdef0"
BUSY = Refused("RequestLimitExceeded", "", 503)
BROKEN = Refused("InternalError", "An internal error has occurred", 500)
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
    """EC2 by hand, with a clock that stands still but for waits."""

    def __init__(self, *faults: tuple[Exception | None, bool], dry: Exception | None = None) -> None:
        self.faults, self.dry = chain(faults, repeat((None, True))), dry
        self.reboots, self.asked, self.now = 0, 0, 0.0

    def ask(self, instance: str, dry: bool) -> None:
        assert instance == INSTANCE
        self.now += 0.1
        if dry:
            raise self.dry or Refused("DryRunOperation", "Request would have succeeded", 412)
        self.asked += 1
        error, done = next(self.faults)
        self.reboots += done
        if error:
            raise error

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def client(self) -> Ec2:
        return Ec2(self.ask, sleep=self.sleep, monotonic=lambda: self.now)


def test_at_most_one_reboot_whatever_happens() -> None:
    good = 0
    for faults in product(FAULTS, repeat=4):
        cloud = Cloud(*faults)
        try:
            cloud.client().reboot(INSTANCE)
        except ReplyLost:
            assert cloud.reboots <= 1, faults
        except ClusterError:
            assert cloud.reboots == 0, faults
        else:
            assert cloud.reboots == 1, faults
            good += 1
        assert cloud.now < 56
    assert good > 300


def test_nothing_is_asked_before_a_dry_run_has_shown_that_it_may_be() -> None:
    for code, error in {
        "UnauthorizedOperation": Forbidden,
        "AuthFailure": Unauthorized,
        "InvalidInstanceID.NotFound": NotFound,
        "Whatever": Rejected,
    }.items():
        cloud = Cloud(dry=Refused(code, "no", 400))
        with pytest.raises(error, match=f"EC2 refuses instance {INSTANCE}: {code}: no"):
            cloud.client().reboot(INSTANCE)
        assert cloud.asked == 0
    for trouble in (NoReply("x"), NotSent("x"), BROKEN, BUSY):
        cloud = Cloud(dry=trouble)
        with pytest.raises(Unreachable):
            cloud.client().reboot(INSTANCE)
        assert cloud.asked == 0 and cloud.now > 30, "reads are repeated"
    cloud = Cloud()
    cloud.client().check(INSTANCE)
    assert cloud.asked == 0


def test_what_is_no_instance_or_region_is_never_sent() -> None:
    for instance in ("", "i-", "i-0123456789ABCDEF0", INSTANCE + "\n", "x" + INSTANCE, "i-012345678&x=y"):
        with pytest.raises(SettingsError, match="^instance: "):
            Cloud().client().reboot(instance)
    for region in ("", "eu-west-1.evil.example", "eu west", "-"):
        with pytest.raises(SettingsError, match="^region: "):
            over_boto3(region, None, None, 1)
