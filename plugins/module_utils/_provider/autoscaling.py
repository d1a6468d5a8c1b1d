# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Instances of EC2 Auto Scaling replaced by TerminateInstanceInAutoScalingGroup, with at most one that has an effect.

The group keeps its desired capacity, so that it launches a new one. An instance that is on its way out is not asked for
again, and after a request that had no answer the group itself is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotFound,
    Rejected,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.ec2 import (
    BUSY,
    Refused,
    check_instance,
    clients,
    refusal,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.once import (
    NoReply,
    NotSent,
    ReplyLost,
    delay,
)

LOOK_SECONDS = 2.0
# For how long the group is looked at after a request that had no answer.
LOST_SECONDS = 20.0
# Without these processes of a group nothing would be terminated, or nothing launched.
NEEDED = ("Launch", "Terminate")
GONE = ("terminated",)


class Api(Protocol):
    """The calls that are needed. Each may raise Refused, NotSent or NoReply."""

    def member(self, instance: str) -> dict[str, Any] | None:
        """The instance as its group sees it, None if it is in none."""

    def group(self, name: str) -> dict[str, Any] | None:
        """A group, None if it is not there."""

    def state(self, instance: str) -> str:
        """The state of an instance, such as running."""

    def terminate(self, instance: str) -> None:
        """Have an instance terminated, and a new one launched."""


@dataclass(frozen=True)
class Outcome:
    """What became of it.

    :ivar asked: whether this call has asked for it; it was under way already if not.
    :ivar group: the group's name, empty if the instance had left it before.
    :ivar gone_at: when the instance was seen to be terminated, in RFC 3339; empty if it was not.
    """

    asked: bool
    group: str
    gone_at: str


class AutoScaling:
    """A client of these calls.

    :param deadline: seconds for asking.
    """

    def __init__(
        self,
        api: Api,
        deadline: float = 55.0,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._deadline = deadline
        self._sleep = sleep
        self._monotonic = monotonic
        self._clock = clock

    def check(self, instance: str) -> tuple[str, bool]:
        """The group of an instance that may be replaced, and whether that is still to be asked for. Nothing is done.

        :raises ClusterError: it may not, or nobody knows.
        """
        check_instance(instance)
        return self._check(instance, self._monotonic() + self._deadline)

    def replace(self, instance: str, settle: float) -> Outcome:
        """Have an instance terminated, unless that is under way, and see whether it is gone within ``settle`` seconds.

        :raises ReplyLost: nobody knows whether it was obeyed.
        :raises ClusterError: it was not.
        """
        check_instance(instance)
        end = self._monotonic() + self._deadline
        group, needed = self._check(instance, end)
        if needed:
            self._terminate(instance, end)
        return Outcome(needed, group, self._gone(instance, settle))

    def _check(self, instance: str, end: float) -> tuple[str, bool]:
        member = self._read(instance, end, lambda: self._api.member(instance))
        if member is None:
            state = self._read(instance, end, lambda: self._api.state(instance))
            if state in ("shutting-down", *GONE):
                return "", False
            raise Rejected(f"instance {instance} is in no Auto Scaling group: nothing would launch a new one")
        name, phase = str(member.get("AutoScalingGroupName") or ""), str(member.get("LifecycleState") or "")
        if phase.startswith("Terminat"):
            return name, False
        if phase != "InService":
            raise Rejected(
                f"instance {instance} is {phase or 'in no state'} in Auto Scaling group {name}, not InService"
            )
        group = self._read(instance, end, lambda: self._api.group(name))
        if group is None or group.get("Status"):
            raise Rejected(f"Auto Scaling group {name} is {'not there' if group is None else 'being deleted'}")
        if int(group.get("DesiredCapacity") or 0) < 1:
            raise Rejected(f"Auto Scaling group {name} wants no instances: it would launch no new one")
        stopped = sorted(str(one.get("ProcessName")) for one in group.get("SuspendedProcesses") or ())
        if set(stopped) & set(NEEDED):
            raise Rejected(
                f"Auto Scaling group {name} has suspended processes ({', '.join(stopped)}): resume them first"
            )
        return name, True

    def _terminate(self, instance: str, end: float) -> None:
        tries = 0
        while True:
            tries += 1
            try:
                self._api.terminate(instance)
                return None
            except NotSent as exc:
                self._pause(tries, end, Unreachable(f"EC2 Auto Scaling cannot be reached: {exc}"))
            except NoReply as exc:
                return self._look(instance, str(exc))
            except Refused as exc:
                if exc.code in BUSY:
                    self._pause(tries, end, Rejected(f"EC2 Auto Scaling is too busy: {exc}"))
                elif exc.status >= 500:
                    return self._look(instance, f"HTTP {exc.status}, {exc}")
                else:
                    raise refusal(instance, exc) from None

    def _look(self, instance: str, why: str) -> None:
        """See whether an instance that may have been terminated is on its way out."""
        end = self._monotonic() + LOST_SECONDS
        while True:
            try:
                member = self._api.member(instance)
                if member is None or str(member.get("LifecycleState") or "").startswith("Terminat"):
                    return
                seen = str(member.get("LifecycleState"))
            except (NotSent, NoReply, Refused) as exc:
                seen = str(exc)
            if self._monotonic() + LOOK_SECONDS >= end:
                raise ReplyLost(
                    f"the reply was lost ({why}), and nothing tells whether {instance} is terminated:"
                    f" {seen} {LOST_SECONDS:.0f} s later"
                )
            self._sleep(LOOK_SECONDS)

    def _gone(self, instance: str, settle: float) -> str:
        end = self._monotonic() + settle
        while True:
            now = self._clock()
            try:
                if self._api.state(instance) in GONE:
                    return format_time(now) or ""
            except Refused as exc:
                # It is forgotten about an hour after it was terminated.
                if exc.code == "InvalidInstanceID.NotFound":
                    return format_time(now) or ""
            except (NotSent, NoReply):
                pass
            if self._monotonic() + LOOK_SECONDS >= end:
                return ""
            self._sleep(LOOK_SECONDS)

    def _read(self, instance: str, end: float, asked: Callable[[], Any]) -> Any:
        tries = 0
        while True:
            tries += 1
            try:
                return asked()
            except (NotSent, NoReply) as exc:
                self._pause(tries, end, Unreachable(f"EC2 Auto Scaling gives no answer: {exc}"))
            except Refused as exc:
                if exc.code not in BUSY and exc.status < 500:
                    raise refusal(instance, exc) from None
                self._pause(tries, end, Unreachable(f"EC2 Auto Scaling has trouble: {exc}"))

    def _pause(self, tries: int, end: float, why: ClusterError) -> None:
        wait = delay(tries)
        if self._monotonic() + wait >= end:
            raise why
        self._sleep(wait)


class Boto3:
    """The calls by boto3, which finds its credentials as everywhere.

    :raises SettingsError: boto3, a region or the credentials are missing.
    """

    def __init__(self, region: str, profile: str | None, url: str | None, request_timeout: float) -> None:
        (self._scaling, self._ec2), self._call = clients(region, profile, url, request_timeout, "autoscaling", "ec2")

    def member(self, instance: str) -> dict[str, Any] | None:
        """See ``Api``."""
        told = self._call(lambda: self._scaling.describe_auto_scaling_instances(InstanceIds=[instance]))
        found: list[dict[str, Any]] = told.get("AutoScalingInstances") or []
        return next((one for one in found if one.get("InstanceId") == instance), None)

    def group(self, name: str) -> dict[str, Any] | None:
        """See ``Api``."""
        told = self._call(lambda: self._scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name]))
        found: list[dict[str, Any]] = told.get("AutoScalingGroups") or []
        return next((one for one in found if one.get("AutoScalingGroupName") == name), None)

    def state(self, instance: str) -> str:
        """See ``Api``."""
        told = self._call(lambda: self._ec2.describe_instances(InstanceIds=[instance]))
        found = [one for group in told.get("Reservations") or () for one in group.get("Instances") or ()]
        if not found:
            raise NotFound(f"EC2 knows no instance {instance}")
        return str((found[0].get("State") or {}).get("Name") or "")

    def terminate(self, instance: str) -> None:
        """See ``Api``."""
        self._call(
            lambda: self._scaling.terminate_instance_in_auto_scaling_group(
                InstanceId=instance, ShouldDecrementDesiredCapacity=False
            )
        )
