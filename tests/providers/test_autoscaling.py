# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module for EC2 Auto Scaling with the real boto3, against moto, with a connection in between that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.providers.test_ec2 import REGION, Between, run_module

TERMINATE = "TerminateInstanceInAutoScalingGroup"


class Group:
    """An Auto Scaling group of two instances, as the provider itself sees it."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        self.ec2 = boto3.client("ec2", region_name=REGION, endpoint_url=self.url, **keys)
        self.scaling = boto3.client("autoscaling", region_name=REGION, endpoint_url=self.url, **keys)
        image = self.ec2.describe_images()["Images"][0]["ImageId"]
        self.scaling.create_launch_configuration(
            LaunchConfigurationName="launch", ImageId=image, InstanceType="t3.micro"
        )
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName="workers",
            LaunchConfigurationName="launch",
            MinSize=0,
            MaxSize=3,
            DesiredCapacity=2,
            AvailabilityZones=[f"{REGION}a"],
        )

    @property
    def instances(self) -> list[str]:
        """Those that are in the group."""
        [group] = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["workers"])["AutoScalingGroups"]
        return [one["InstanceId"] for one in group["Instances"]]

    def state(self, instance: str) -> str:
        """The state of an instance."""
        told = self.ec2.describe_instances(InstanceIds=[instance])
        return str(told["Reservations"][0]["Instances"][0]["State"]["Name"])


@pytest.fixture
def group() -> Iterator[Group]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    _host, port = server.get_host_and_port()
    yield Group(port)
    server.stop()


def replace(instance: str, url: str, **options: Any) -> dict[str, Any]:
    return run_module("ec2_instance_replace", instance=instance, url=url, **options)


def test_an_instance_is_terminated_and_a_new_one_launched(group: Group) -> None:
    first, second = group.instances
    check = replace(first, group.url, _ansible_check_mode=True)
    assert check["changed"] and check["group"] == "workers" and group.instances == [first, second], check
    done = replace(first, group.url, settle=20)
    assert done["changed"] and done["gone_at"], done
    assert group.state(first) == "terminated" and group.state(second) == "running"
    after = group.instances
    assert len(after) == 2 and second in after and first not in after
    again = replace(first, group.url)
    assert not again.get("failed") and not again["changed"] and group.instances == after, again


@pytest.mark.parametrize(("fault", "effects"), [("", 1), ("before", 0), ("after", 1), ("half", 1)])
def test_a_reply_that_is_lost_is_not_asked_for_again(group: Group, fault: str, effects: int) -> None:
    """Two requests would take two instances away only if they were for two; one is what is asked for all the same."""
    first, second = group.instances
    between = Between(group.port, fault, TERMINATE)
    result = replace(first, between.url)
    assert between.asked == 1 and len(group.instances) == 2 and second in group.instances, result
    assert (first not in group.instances) is bool(effects)
    if effects:
        assert result["changed"], result
    else:
        assert result["error_class"] == "ReplyLost" and "the reply was lost" in result["msg"], result


def test_what_would_not_be_replaced_is_left_and_said_in_one_line(group: Group) -> None:
    first, second = group.instances
    group.scaling.suspend_processes(AutoScalingGroupName="workers", ScalingProcesses=["Launch"])
    suspended = replace(first, group.url)
    assert "has suspended processes (Launch): resume them first" in suspended["msg"], suspended
    group.scaling.resume_processes(AutoScalingGroupName="workers", ScalingProcesses=["Launch"])
    image = group.ec2.describe_images()["Images"][0]["ImageId"]
    alone = group.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    single = replace(alone, group.url)
    assert "is in no Auto Scaling group: nothing would launch a new one" in single["msg"], single
    nobody = replace(first, "http://127.0.0.1:9")
    assert nobody["error_class"] == "Unreachable", nobody
    assert group.instances == [first, second] and group.state(alone) == "running"
