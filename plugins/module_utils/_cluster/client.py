# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""A small client over the official package: its configuration and its connection pool, plain JSON, and deadlines."""

from __future__ import annotations

import base64
import json
import os
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    SettingsError,
    Unauthorized,
    Unreachable,
)

PAGE_SIZE = 500
CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 15.0
_FINAL = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict}


@dataclass(frozen=True)
class Settings:
    """How to reach the API server: a kubeconfig file with an optional context, or a host with a token."""

    kubeconfig: str | None = None
    context: str | None = None
    host: str | None = None
    api_key: str | None = None
    ca_cert: str | None = None
    validate_certs: bool = True
    deadline: float = 30.0


@dataclass(frozen=True)
class Answer:
    """The decoded body of an answer, and the API server's clock when it was given."""

    body: dict[str, Any]
    date: datetime


class Client:
    """GET, POST, PUT and paged lists of plain JSON objects.

    Reads are repeated on 429, 5xx and broken connections until the deadline. Writes are repeated only on 429, which
    the server answers before it does anything; after any other trouble nobody knows whether the write was done, and
    the caller must look.
    """

    def __init__(
        self,
        settings: Settings,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            import kubernetes.client.rest
        except ImportError:
            raise SettingsError(
                "the Python package 'kubernetes' is missing from the interpreter that runs this module:"
                " install kubernetes>=30"
            ) from None
        self._configuration = _configuration(settings)
        self._pool = kubernetes.client.rest.RESTClientObject(self._configuration).pool_manager
        self._deadline = settings.deadline
        self._sleep = sleep
        self._monotonic = monotonic

    @property
    def server(self) -> str:
        """The address of the API server."""
        return str(self._configuration.host)

    def cluster_entry(self) -> dict[str, Any]:
        """How this API server is reached and verified, as a kubeconfig's cluster entry."""
        entry: dict[str, Any] = {"server": self.server}
        if not self._configuration.verify_ssl:
            entry["insecure-skip-tls-verify"] = True
        elif self._configuration.ssl_ca_cert:
            with open(self._configuration.ssl_ca_cert, "rb") as stream:
                entry["certificate-authority-data"] = base64.b64encode(stream.read()).decode()
        if getattr(self._configuration, "tls_server_name", None):
            entry["tls-server-name"] = self._configuration.tls_server_name
        if self._configuration.proxy:
            entry["proxy-url"] = self._configuration.proxy
        return entry

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        """Read one object, or one page of a list."""
        return self._request("GET", path, query, None)

    def items(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Every object of a list, page after page."""
        token = ""
        while True:
            answer = self.get(path, {"limit": PAGE_SIZE, **(query or {}), **({"continue": token} if token else {})})
            if "items" not in answer.body:
                raise Unreachable(f"GET {path}: the answer is not a list of objects")
            yield from answer.body["items"] or ()
            token = (answer.body.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    def create(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Create an object."""
        return self._request("POST", path, None, body)

    def replace(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Write an object; with metadata.resourceVersion in the body only if nobody has written it since."""
        return self._request("PUT", path, None, body)

    def _request(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None
    ) -> Answer:
        end = self._monotonic() + self._deadline
        delay = 0.25
        while True:
            retry_after = None
            try:
                status, headers, data = self._send(method, path, query, body, end)
            except _BrokenConnection as exc:
                trouble = f"{self.server}: {exc}"
                repeatable = method == "GET"
            else:
                if status < 300:
                    return _answer(data, headers, f"{method} {path}")
                trouble = _explain(method, path, status, data)
                if status in _FINAL:
                    raise _FINAL[status](trouble)
                if 400 <= status < 500 and status not in (408, 429):
                    raise Rejected(trouble)
                repeatable = method == "GET" or status == 429
                retry_after = _seconds(headers.get("Retry-After"))
            wait = max(retry_after or 0.0, delay * random.uniform(0.5, 1.0))
            if not repeatable or self._monotonic() + wait >= end:
                raise Unreachable(trouble)
            self._sleep(wait)
            delay = min(delay * 2, 4.0)

    def _send(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None, end: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        import urllib3

        headers = {"Accept": "application/json", "User-Agent": "selfheal.kubernetes"}
        for auth in self._configuration.auth_settings().values():
            if auth.get("in") == "header" and auth.get("value"):
                headers[auth["key"]] = auth["value"]
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = self.server.rstrip("/") + path + ("?" + urlencode(query) if query else "")
        left = max(0.1, end - self._monotonic())
        timeout = urllib3.Timeout(connect=min(CONNECT_TIMEOUT, left), read=min(READ_TIMEOUT, left))
        try:
            answer = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=timeout,
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as exc:
            # A certificate that is not trusted now will not be so in a second.
            if exc.args and isinstance(exc.args[0], ssl.SSLCertVerificationError):
                raise Unreachable(f"{self.server}: {_one_line(exc)}") from None
            raise _BrokenConnection(_one_line(exc)) from None
        except (OSError, ValueError) as exc:
            raise _BrokenConnection(_one_line(exc)) from None
        return answer.status, answer.headers, answer.data


class _BrokenConnection(Exception):
    pass


def _configuration(settings: Settings) -> Any:
    import kubernetes.client
    import kubernetes.config

    configuration = kubernetes.client.Configuration()
    if settings.host or settings.api_key:
        if not (settings.host and settings.api_key):
            raise SettingsError("host and api_key belong together: give both, or a kubeconfig")
        if settings.kubeconfig or settings.context:
            raise SettingsError("give host and api_key, or kubeconfig and context, but not both")
        configuration.host = settings.host
        configuration.api_key = {"authorization": f"Bearer {settings.api_key}"}
        configuration.verify_ssl = settings.validate_certs
        if settings.ca_cert:
            configuration.ssl_ca_cert = _readable(settings.ca_cert, "ca_cert")
        return configuration
    # A service account that happens to be mounted is never used: from a pod of AWX it would be AWX's own cluster.
    path = settings.kubeconfig or os.environ.get("KUBECONFIG") or os.path.join("~", ".kube", "config")
    files = [os.path.expanduser(part) for part in path.split(os.pathsep) if part]
    if not any(os.path.isfile(file) for file in files):
        how = "set kubeconfig (or K8S_AUTH_KUBECONFIG or KUBECONFIG) to a kubeconfig file, or give host and api_key"
        raise SettingsError(f"no kubeconfig: {path} does not exist; {how}")
    try:
        kubernetes.config.load_kube_config(
            config_file=os.pathsep.join(files),
            context=settings.context,
            client_configuration=configuration,
            persist_config=False,
        )
    # The loader raises whatever its parsers raise, and every one of them means the same to the user.
    except Exception as exc:
        raise SettingsError(f"kubeconfig {path} cannot be used: {_one_line(exc)}") from None
    if not settings.validate_certs:
        configuration.verify_ssl = False
    return configuration


def _readable(path: str, what: str) -> str:
    path = os.path.expanduser(path)
    if not os.access(path, os.R_OK):
        raise SettingsError(f"{what}: {path} is not a readable file")
    return path


def _answer(data: bytes, headers: Mapping[str, str], what: str) -> Answer:
    try:
        body = json.loads(data)
    except ValueError:
        raise Unreachable(f"{what}: the answer is not JSON, so it does not come from an API server") from None
    if not isinstance(body, dict):
        raise Unreachable(f"{what}: the answer is not a JSON object, so it does not come from an API server")
    return Answer(body=body, date=_date(headers.get("Date")))


def _date(text: str | None) -> datetime:
    if text:
        try:
            return parsedate_to_datetime(text).astimezone(UTC)
        except (TypeError, ValueError):
            pass
    return datetime.now(UTC)


def _explain(method: str, path: str, status: int, data: bytes) -> str:
    try:
        message = json.loads(data).get("message") or ""
    except (ValueError, AttributeError):
        message = data[:120].decode("utf-8", "replace")
    return f"{method} {path}: HTTP {status} {_one_line(message)}".rstrip()


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None


def _one_line(thing: object) -> str:
    text = " ".join(str(thing).split()) or type(thing).__name__
    return text if len(text) <= 300 else text[:297] + "..."
