# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Reboots of instances by Civo's API, version 2, with at most one that has an effect.

The API knows no key that would make a request safe to repeat, and tells no time at which an instance has started. So a
request to reboot is repeated only while nothing was done: it was never sent, or the API was too busy (429). After any
other trouble nobody knows, and the instance itself is looked at.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

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

API = "https://api.civo.com"
REBOOTING = "REBOOTING"
OFF = "SHUTOFF"
SUCCESS = "success"
LOOK_SECONDS = 2.0
# Of an answer; ours are a few hundred bytes.
BODY_LIMIT = 1 << 20
WAIT_LIMIT = 30.0
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,30}", re.ASCII)
_FINAL: Mapping[int, type[ClusterError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound}


@dataclass(frozen=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of a reboot.

    :ivar asked: whether this call has asked for it; it was under way already if not.
    :ivar acknowledged: whether the API said yes. If not, the instance was seen to obey.
    :ivar status: of the instance before.
    """

    asked: bool
    acknowledged: bool
    status: str


# Method, path with its query, headers, body, and seconds for it.
Send: TypeAlias = "Callable[[str, str, Mapping[str, str], bytes | None, float], Reply]"


class Civo:
    """A client of the part of the API that reboots need.

    :param deadline: seconds for one call of a method, all of its tries and waits included.
    :param request_timeout: seconds without a word after which a request is given up.
    :param settle: for how many seconds an instance is watched after a request that had no answer.
    :raises SettingsError: a token, region or address that cannot be one.
    """

    def __init__(
        self,
        token: str,
        region: str,
        send: Send,
        deadline: float = 60.0,
        request_timeout: float = 10.0,
        settle: float = 20.0,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not re.fullmatch(r"[!-~]{1,512}", token):
            raise SettingsError("the token for Civo's API is missing, or has something in it that no token has")
        if not _REGION.fullmatch(region):
            raise SettingsError(f"region: expected one of Civo's, such as LON1, got {ascii(region)[:60]}")
        self._headers = {"Authorization": f"bearer {token}", "Accept": "application/json"}
        self._token = token
        self._region = region
        self._send = send
        self._deadline = deadline
        self._request_timeout = request_timeout
        self._settle = settle
        self._sleep = sleep
        self._monotonic = monotonic

    def status(self, instance: str) -> str:
        """The status of an instance, such as ACTIVE. Reads change nothing, and are repeated until the deadline.

        :raises ClusterError: it cannot be known.
        """
        return self._status(instance, self._monotonic() + self._deadline)

    def reboot(self, instance: str, hard: bool = True, power_on: bool = False) -> Outcome:
        """Reboot an instance, unless that is under way.

        :param power_on: also one that is switched off, which somebody may have done.
        :raises ReplyLost: nobody knows whether it was obeyed.
        :raises ClusterError: it was not.
        """
        end = self._monotonic() + self._deadline
        before = self._status(instance, end)
        if before == REBOOTING:
            return Outcome(False, False, before)
        refuse_off(instance, before, power_on)
        path = f"/v2/instances/{_checked(instance)}/{'hard' if hard else 'soft'}_reboots"
        form = urlencode({"region": self._region}).encode()
        tries = 0
        while True:
            tries += 1
            try:
                reply = self._once("POST", path, form, end)
            except NotSent as exc:
                self._pause(tries, {}, end, Unreachable(f"Civo's API cannot be reached: {exc}"))
                continue
            except NoReply as exc:
                return self._look(instance, before, str(exc))
            if reply.status == 429:
                self._pause(tries, reply.headers, end, Rejected(f"Civo's API is too busy: {self._words(reply)}"))
                continue
            if reply.status >= 500:
                return self._look(instance, before, self._words(reply))
            if reply.status >= 300:
                raise self._refusal(instance, reply)
            try:
                result = _object(reply).get("result")
            except ValueError as exc:
                return self._look(instance, before, str(exc))
            if result != SUCCESS:
                raise Rejected(f"Civo's API did not reboot instance {instance}: {self._words(reply)}")
            return Outcome(True, True, before)

    def _look(self, instance: str, before: str, why: str) -> Outcome:
        """Watch an instance that may have been rebooted."""
        end = self._monotonic() + self._settle
        seen: list[str] = []
        while True:
            try:
                now = self._status(instance, min(end, self._monotonic() + self._request_timeout))
            except (Unreachable, Rejected) as exc:
                seen.append(str(exc))
            else:
                if now != before:
                    return Outcome(True, False, before)
                seen.append(now)
            if self._monotonic() + LOOK_SECONDS >= end:
                raise ReplyLost(
                    f"the reply was lost ({why}), and instance {instance} does not show whether it was rebooted:"
                    f" {seen[-1]} {self._settle:.0f} s later"
                )
            self._sleep(LOOK_SECONDS)

    def _status(self, instance: str, end: float) -> str:
        path = f"/v2/instances/{_checked(instance)}"
        tries = 0
        while True:
            tries += 1
            headers: Mapping[str, str] = {}
            try:
                reply = self._once("GET", path, None, end)
            except (NotSent, NoReply) as exc:
                why: ClusterError = Unreachable(f"Civo's API gives no answer: {exc}")
            else:
                if reply.status < 300:
                    try:
                        told = _object(reply)
                        if told.get("id") == instance and isinstance(told.get("status"), str) and told["status"]:
                            return str(told["status"]).upper()
                        raise ValueError("it tells of no instance of that ID with a status")
                    except ValueError as exc:
                        why = Rejected(f"Civo's API gives an answer that makes no sense: {exc}")
                elif reply.status == 429 or reply.status >= 500:
                    headers, why = reply.headers, Unreachable(f"Civo's API has trouble: {self._words(reply)}")
                else:
                    raise self._refusal(instance, reply)
            self._pause(tries, headers, end, why)

    def _once(self, method: str, path: str, body: bytes | None, end: float) -> Reply:
        left = end - self._monotonic()
        if left <= 0:
            raise NotSent("there is no time left")
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        target = f"{path}?{urlencode({'region': self._region})}"
        return self._send(method, target, headers, body, min(self._request_timeout, left))

    def _pause(self, tries: int, headers: Mapping[str, str], end: float, why: ClusterError) -> None:
        """Wait before another try, or give up.

        :raises ClusterError: ``why``, when there is no time for another one.
        """
        wait = min(_retry_after(headers), WAIT_LIMIT) or delay(tries)
        if self._monotonic() + wait >= end:
            raise why
        self._sleep(wait)

    def _refusal(self, instance: str, reply: Reply) -> ClusterError:
        kind = _FINAL.get(reply.status, Rejected)
        return kind(f"Civo's API refuses instance {instance} in region {self._region}: {self._words(reply)}")

    def _words(self, reply: Reply) -> str:
        """An answer in one short line, without the token, which a server may well send back."""
        try:
            told = _object(reply)
            text = str(told.get("reason") or told.get("details") or told.get("result") or told.get("code") or "")
        except ValueError:
            text = ""
        text = " ".join(text.replace(self._token, "***").split())[:200]
        return f"HTTP {reply.status}{f', {text}' if text else ''}"


def refuse_off(instance: str, status: str, power_on: bool) -> None:
    """Leave alone what somebody may have switched off.

    :raises Rejected: it is off, and is not to be turned on.
    """
    if status == OFF and not power_on:
        raise Rejected(f"instance {instance} is switched off, which somebody may have done: nothing was done")


def _checked(instance: str) -> str:
    if not _UUID.fullmatch(instance):
        raise SettingsError(f"instance: expected the UUID of an instance, got {ascii(instance)[:60]}")
    return instance


def _object(reply: Reply) -> dict[str, Any]:
    """What an answer says.

    :raises ValueError: when it is no JSON object.
    """
    try:
        told = json.loads(reply.data)
    except (ValueError, RecursionError):
        raise ValueError(f"HTTP {reply.status} without JSON") from None
    if not isinstance(told, dict):
        raise ValueError(f"HTTP {reply.status} without a JSON object")
    return told


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, of a header that holds them or a moment; 0 without one."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return 0.0


def over_http(url: str, validate_certs: bool = True, ca_path: str | None = None) -> Send:
    """Requests over Ansible's own HTTP client, to the API at an address.

    :raises SettingsError: an address that is none, or that would send the token in the clear.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise SettingsError(f"url: expected an address such as {API}, got {ascii(url)[:80]}")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise SettingsError(f"url: {ascii(url)[:80]} would send the token in the clear, expected https")
    base = url.rstrip("/")

    def send(method: str, target: str, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Reply:
        from ansible.module_utils.urls import open_url

        options: dict[str, Any] = {"validate_certs": validate_certs, "ca_path": ca_path, "timeout": max(1.0, seconds)}
        try:
            # A redirect would send a request to reboot, or the token, to somewhere else.
            with open_url(
                base + target, method=method, data=body, headers=dict(headers), follow_redirects="none", **options
            ) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read(BODY_LIMIT))
        except urllib.error.HTTPError as exc:
            try:
                data = exc.read(BODY_LIMIT)
            except (OSError, HTTPException):
                data = b""
            return Reply(exc.code, dict(exc.headers or {}), data)
        except urllib.error.URLError as exc:
            if isinstance(exc.reason, ssl.SSLCertVerificationError):
                # What is not trusted now will not be so in a second.
                raise Unreachable(f"the API at {parts.hostname} is not to be trusted: {exc.reason}") from None
            if isinstance(exc.reason, (ConnectionRefusedError, socket.gaierror)):
                raise NotSent(str(exc.reason)) from None
            raise NoReply(str(exc.reason) or type(exc).__name__) from None
        except (OSError, HTTPException) as exc:
            raise NoReply(str(exc) or type(exc).__name__) from None

    return send
