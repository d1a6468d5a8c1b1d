# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Reboots of EC2 instances by RebootInstances, with at most one that has an effect.

amazon.aws only stops and starts, which takes minutes, loses what is on instance stores, and leaves an instance stopped
when something fails in between. boto3 by itself would repeat a request that had no answer, so it is kept from that.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    NotFound,
    Rejected,
    SettingsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.once import (
    NoReply,
    NotSent,
    ReplyLost,
    delay,
)

_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-[0-9]{1,2}", re.ASCII)
BUSY = ("RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException")
_KINDS: dict[str, type[ClusterError]] = {
    "AuthFailure": Unauthorized,
    "ExpiredToken": Unauthorized,
    "InvalidClientTokenId": Unauthorized,
    "RequestExpired": Unauthorized,
    "SignatureDoesNotMatch": Unauthorized,
    "InvalidInstanceID.NotFound": NotFound,
    "InvalidInstanceID.Malformed": NotFound,
    "OptInRequired": Forbidden,
    "UnauthorizedOperation": Forbidden,
}


class Refused(Exception):
    """EC2 has said no, and why."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.status = status


# Asks for the reboot of an instance, or whether that would be allowed.
Ask = Callable[[str, bool], None]


class Ec2:
    """A client of the one call.

    :param deadline: seconds for all of it.
    """

    def __init__(
        self,
        ask: Ask,
        deadline: float = 55.0,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._deadline = deadline
        self._sleep = sleep
        self._monotonic = monotonic

    def check(self, instance: str) -> None:
        """Prove that the credentials are right and may do it, and that the instance is there. Nothing is done.

        :raises ClusterError: they are not.
        """
        self._check(instance, self._monotonic() + self._deadline)

    def reboot(self, instance: str) -> None:
        """Reboot an instance. It is only asked for: EC2 resets one that does not obey, after some minutes.

        :raises ReplyLost: nobody knows whether it was obeyed.
        :raises ClusterError: it was not.
        """
        end = self._monotonic() + self._deadline
        self._check(instance, end)
        tries = 0
        while True:
            tries += 1
            try:
                self._ask(instance, False)
                return
            except NotSent as exc:
                self._pause(tries, end, Unreachable(f"EC2 cannot be reached: {exc}"))
            except NoReply as exc:
                raise _lost(instance, str(exc)) from None
            except Refused as exc:
                if exc.code in BUSY:
                    self._pause(tries, end, Rejected(f"EC2 is too busy: {exc}"))
                elif exc.status >= 500:
                    raise _lost(instance, f"HTTP {exc.status}, {exc}") from None
                else:
                    raise refusal(instance, exc) from None

    def _check(self, instance: str, end: float) -> None:
        check_instance(instance)
        tries = 0
        while True:
            tries += 1
            try:
                self._ask(instance, True)
                raise Rejected(f"EC2 gives an answer that makes no sense: it obeyed a dry run for {instance}")
            except (NotSent, NoReply) as exc:
                self._pause(tries, end, Unreachable(f"EC2 gives no answer: {exc}"))
            except Refused as exc:
                if exc.code == "DryRunOperation":
                    return
                if exc.code not in BUSY and exc.status < 500:
                    raise refusal(instance, exc) from None
                self._pause(tries, end, Unreachable(f"EC2 has trouble: {exc}"))

    def _pause(self, tries: int, end: float, why: ClusterError) -> None:
        wait = delay(tries)
        if self._monotonic() + wait >= end:
            raise why
        self._sleep(wait)


def check_instance(instance: str) -> None:
    """Refuse what is no ID of an instance.

    :raises SettingsError: with what was given.
    """
    if not _INSTANCE.fullmatch(instance):
        raise SettingsError(f"instance: expected the ID of an EC2 instance, got {ascii(instance)[:60]}")


def _lost(instance: str, why: str) -> ReplyLost:
    return ReplyLost(f"the reply was lost ({why}), and nothing tells whether {instance} was rebooted")


def refusal(instance: str, exc: Refused) -> ClusterError:
    """What EC2 has refused as an error for people."""
    return _KINDS.get(exc.code, Rejected)(f"EC2 refuses instance {instance}: {exc}")


def over_boto3(region: str, profile: str | None, url: str | None, request_timeout: float) -> Ask:
    """The call by boto3, which finds its credentials as everywhere.

    :raises SettingsError: boto3, a region or the credentials are missing.
    """
    [client], call = clients(region, profile, url, request_timeout, "ec2")

    def ask(instance: str, dry: bool) -> None:
        call(lambda: client.reboot_instances(InstanceIds=[instance], DryRun=dry))

    return ask


# Makes a call of boto3, and says of its errors whether it was sent.
Call = Callable[[Callable[[], Any]], Any]


def clients(
    region: str, profile: str | None, url: str | None, request_timeout: float, *services: str
) -> tuple[list[Any], Call]:
    """Clients of boto3 that repeat nothing by themselves, and what their calls have to be made by.

    :raises SettingsError: boto3, a region or the credentials are missing.
    """
    if not _REGION.fullmatch(region):
        raise SettingsError(f"region: expected one of AWS's, such as eu-west-1, got {ascii(region)[:60]}")
    try:
        import boto3
        import botocore.config
        import botocore.exceptions as errors
        from botocore.parsers import ResponseParserError
    except ImportError:
        raise SettingsError(
            "the Python package 'boto3' is missing from the interpreter that runs this module: install boto3"
        ) from None
    once = botocore.config.Config(
        retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=request_timeout
    )
    try:
        session = boto3.session.Session(profile_name=profile, region_name=region)
        if session.get_credentials() is None:
            raise SettingsError("boto3 finds no credentials for AWS: set AWS_ACCESS_KEY_ID and so on, or a profile")
        made: list[Any] = [session.client(service, endpoint_url=url, config=once) for service in services]
    except (errors.BotoCoreError, ValueError) as exc:
        raise SettingsError(f"boto3 cannot be used: {' '.join(str(exc).split())[:200]}") from None

    def call(asked: Callable[[], Any]) -> Any:
        try:
            return asked()
        except errors.ClientError as exc:
            told = exc.response.get("Error", {})
            status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            message = " ".join(str(told.get("Message", "")).split())[:200]
            raise Refused(str(told.get("Code", "unknown")), message, int(status)) from None
        except (errors.EndpointConnectionError, errors.ConnectTimeoutError, errors.NoCredentialsError) as exc:
            raise NotSent(" ".join(str(exc).split())[:200]) from None
        except (errors.BotoCoreError, ResponseParserError) as exc:
            # The last one is half an answer, which boto3 does not count among its errors.
            raise NoReply(" ".join(str(exc).split())[:200]) from None

    return made, call
