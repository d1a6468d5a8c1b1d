# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""A small client of the API server: plain JSON, time-outs, retries and pages."""

from __future__ import annotations

import base64
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import kubeconfig
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Conflict,
    Expired,
    Forbidden,
    NotFound,
    Rejected,
    SettingsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.etcd import EtcdAccess
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.kubeconfig import Access, masked, one_line
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.transport import (
    BrokenConnection as _BrokenConnection,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.transport import Stats, Transport

T = TypeVar("T")
JSON = "application/json"
# Patches: fields are merged into the object, or applied as one owner's share of it (JSON is YAML).
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
PAGE_SIZE = 500
CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 15.0
_FINAL = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict}


def from_json(data: Any) -> Any:
    """What bytes, or a memoryview of some, say.

    :raises ValueError: when it is not JSON.
    """
    return json.loads(str(data, "utf-8"))


@dataclass(frozen=True)
class Settings:
    """How to reach the API server: a kubeconfig file with an optional context, or a host with a token; and etcd."""

    kubeconfig: str | None = None
    context: str | None = None
    host: str | None = None
    api_key: str | None = None
    ca_cert: str | None = None
    validate_certs: bool = True
    deadline: float = 30.0
    etcd: EtcdAccess | None = None


@dataclass(frozen=True)
class Answer:
    """The decoded body of an answer, and the API server's clock when it was given."""

    body: dict[str, Any]
    date: datetime


@dataclass(frozen=True)
class Raw:
    """An answer as it came, the API server's clock when it was given, and how many seconds it took."""

    status: int
    data: Any
    headers: Mapping[str, str]
    date: datetime
    seconds: float


class Client:
    """GET, POST, PUT, PATCH, DELETE and paged lists of plain JSON objects.

    Reads are repeated on 429, 5xx and broken connections until the deadline. Writes are repeated only on 429, which
    the server answers before it does anything; after any other trouble nobody knows whether the write was done, and
    the caller must look. Threads may share a client.
    """

    def __init__(
        self,
        settings: Settings,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = _checked(_access(settings))
        self._deadline = settings.deadline
        self.etcd = settings.etcd
        self.anonymous = False
        self._sleep = sleep
        self._monotonic = monotonic
        self.stats = Stats()
        self._transport = Transport(self._access, monotonic, self.stats)

    def at(self, server: str) -> Client:
        """The same client for another address of the same cluster, counted together with this one.

        The cluster's data name such addresses, and whoever writes those must not be sent our credentials. So they go
        there only if the connection proves the cluster's own authority; the given address always has them.
        """
        server = server.rstrip("/")
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        proxy = kubeconfig.proxy_for(server, self._access.proxy or kubeconfig.environment_proxy(server))
        other._access = replace(self._access, server=server, proxy=proxy)
        # Any host on the net has a certificate that the system's authorities vouch for.
        proven = server.startswith("https://") and self._access.verify and self._access.ca
        if server != self.server.rstrip("/") and not proven:
            other._access = replace(other._access, certificate=None, key=None, headers=kubeconfig.no_headers)
            other.anonymous = True
        other._transport = Transport(other._access, self._monotonic, self.stats)
        return other

    def within(self, seconds: float) -> Client:
        """The same client, over the same connections, with no longer a deadline than this."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._deadline = max(0.1, min(self._deadline, seconds))
        return other

    def close(self) -> None:
        """Close the connections that are open."""
        self._transport.close()

    @property
    def server(self) -> str:
        """The address of the API server."""
        return self._access.server

    @property
    def verifies(self) -> bool:
        """Whether only the server at this address can answer, and nobody in between or in its place."""
        return self._access.verify and self.server.startswith("https://")

    @property
    def certificate_expires(self) -> datetime | None:
        """Until when the server's certificate is good; None before a connection was made and verified."""
        return self._transport.certificate_expires

    def cluster_entry(self) -> dict[str, Any]:
        """How this API server is reached and verified, as a kubeconfig's cluster entry."""
        entry: dict[str, Any] = {"server": self.server}
        if not self._access.verify:
            entry["insecure-skip-tls-verify"] = True
        elif self._access.ca:
            entry["certificate-authority-data"] = base64.b64encode(self._access.ca).decode()
        if self._access.tls_server_name:
            entry["tls-server-name"] = self._access.tls_server_name
        if self._access.proxy:
            entry["proxy-url"] = self._access.proxy
        return entry

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        """Read one object, or one page of a list."""
        raw = self._request("GET", path, dict(query or {}), None)
        return Answer(_decoded(from_json, raw.data, f"GET {path}"), raw.date)

    def ask(self, path: str, query: Mapping[str, Any] | None = None, deadline: float = 10.0) -> Raw:
        """Send one GET and no second one; any status is an answer.

        :raises Unreachable: when there is none.
        """
        return self.once("GET", path, query, None, deadline)

    def once(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None, deadline: float
    ) -> Raw:
        """Send one request and no second one; any status is an answer.

        :raises Unreachable: when there is none. Nobody knows then whether a write was done.
        """
        begun = self._monotonic()
        end = begun + min(deadline, self._deadline)
        try:
            status, headers, data = self._send(method, path, query, body, end)
        except _BrokenConnection as exc:
            raise Unreachable(f"{self.server}: {exc}") from None
        return Raw(status, data, headers, _date(headers.get("Date")), self._monotonic() - begun)

    def pages(
        self,
        path: str,
        query: Mapping[str, Any] | None = None,
        decode: Callable[[Any], Any] = from_json,
        accept: str = JSON,
    ) -> Iterator[dict[str, Any]]:
        """The pages of a list, one after the other. A server that is too busy is asked for half as much at once.

        :param decode: makes an object of a page's bytes (or memoryview), which are gone when it has done so.
        :raises Expired: when the rest of the list is not to be had any more; ``twice`` begins it anew.
        """
        asked = {"limit": PAGE_SIZE, **(query or {})}
        while True:
            raw = self._request("GET", path, asked, None, accept, lend=True)
            page = _decoded(decode, raw.data, f"GET {path}")
            token = (page.get("metadata") or {}).get("continue") or ""
            # Neither the bytes nor the page may be held while the next one comes.
            del raw
            yield page
            del page
            if not token:
                return
            asked["continue"] = token

    def items(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Every object of a list, page after page."""
        yield from twice(lambda: [item for page in self.pages(path, query) for item in items_of(page, path)])

    def create(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Create an object."""
        return self._write("POST", path, body)

    def replace(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Write an object; with metadata.resourceVersion in the body only if nobody has written it since."""
        return self._write("PUT", path, body)

    def patch(self, path: str, body: Mapping[str, Any], kind: str = MERGE, manager: str | None = None) -> Answer:
        """Change an object, or with ``APPLY`` make it what ``manager`` wants of it; see ``replace`` for a condition."""
        query = {"fieldManager": manager} if manager else {}
        raw = self._request("PATCH", path, query, body, kind=kind)
        return Answer(_decoded(from_json, raw.data, f"PATCH {path}"), raw.date)

    def delete(self, path: str, resource_version: str) -> Answer:
        """Remove an object, only if nobody has written it since."""
        conditions = {"resourceVersion": resource_version}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": conditions}
        return self._write("DELETE", path, body)

    def _write(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        raw = self._request(method, path, {}, body)
        return Answer(_decoded(from_json, raw.data, f"{method} {path}"), raw.date)

    def _request(
        self,
        method: str,
        path: str,
        query: dict[str, Any],
        body: Mapping[str, Any] | None,
        accept: str = JSON,
        lend: bool = False,
        kind: str = JSON,
    ) -> Raw:
        begun = self._monotonic()
        end = begun + self._deadline
        delay = 0.25
        while True:
            retry_after = None
            try:
                status, headers, data = self._send(method, path, query, body, end, accept, lend, kind)
            except _BrokenConnection as exc:
                trouble = f"{self.server}: {exc}"
                repeatable = method == "GET"
            else:
                if status < 300:
                    return Raw(status, data, headers, _date(headers.get("Date")), self._monotonic() - begun)
                trouble = explain(method, path, status, data)
                if status in _FINAL:
                    raise _FINAL[status](trouble)
                if status == 410 and query.get("continue"):
                    raise Expired(trouble)
                if 400 <= status < 500 and status not in (408, 429):
                    raise Rejected(trouble)
                repeatable = method == "GET" or status == 429
                retry_after = _seconds(headers.get("Retry-After"))
                if status == 429 and query.get("limit"):
                    query["limit"] = max(1, query["limit"] // 2)
            wait = max(retry_after or 0.0, delay * random.uniform(0.5, 1.0))
            if not repeatable or self._monotonic() + wait >= end:
                raise Unreachable(trouble)
            self._sleep(wait)
            delay = min(delay * 2, 4.0)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        end: float,
        accept: str = JSON,
        lend: bool = False,
        kind: str = JSON,
    ) -> tuple[int, Mapping[str, str], Any]:
        headers = {"Accept": accept, "User-Agent": "selfheal.kubernetes", **self._access.headers()}
        data = None
        if body is not None:
            headers["Content-Type"] = kind
            data = json.dumps(body).encode()
        target = path + ("?" + urlencode(query) if query else "")
        answer = self._transport.send(method, target, headers, data, end, CONNECT_TIMEOUT, READ_TIMEOUT, lend)
        return answer.status, answer.headers, answer.data


def twice(read: Callable[[], T]) -> T:
    """Read a list, and once more from its beginning if its pages ran out on the way."""
    try:
        return read()
    except Expired:
        return read()


def items_of(page: Mapping[str, Any], path: str) -> list[Any]:
    """The objects of a page.

    :raises Unreachable: when it has none, not even an empty list: then it is no list, and says nothing about objects.
    """
    if "items" not in page:
        raise Unreachable(f"GET {path}: the answer is not a list of objects")
    return page["items"] or []


def explain(method: str, path: str, status: int, data: bytes) -> str:
    """What a refused request was refused for, in one line."""
    try:
        message = json.loads(data).get("message") or ""
    except (ValueError, AttributeError):
        message = data[:120].decode("utf-8", "replace")
    return f"{method} {path}: HTTP {status} {one_line(message) if message else ''}".rstrip()


def _access(settings: Settings) -> Access:
    if settings.host or settings.api_key:
        if not (settings.host and settings.api_key):
            raise SettingsError("host and api_key belong together: give both, or a kubeconfig")
        if settings.kubeconfig or settings.context:
            raise SettingsError("give host and api_key, or kubeconfig and context, but not both")
        server = settings.host.rstrip("/")
        return Access(
            server=server,
            verify=settings.validate_certs,
            ca=_readable(settings.ca_cert, "ca_cert") if settings.ca_cert else None,
            proxy=kubeconfig.proxy_for(server, kubeconfig.environment_proxy(server)),
            headers=kubeconfig.bearer(settings.api_key),
        )
    # A service account that happens to be mounted is never used: from a pod of AWX it would be AWX's own cluster.
    path = settings.kubeconfig or os.environ.get("KUBECONFIG") or os.path.join("~", ".kube", "config")
    access = kubeconfig.load(path, settings.context)
    return access if settings.validate_certs else replace(access, verify=False)


def _checked(access: Access) -> Access:
    try:
        url = urlsplit(access.server)
        sound = url.scheme in ("http", "https") and bool(url.hostname)
    except ValueError:
        sound = False
    if not sound:
        # Without a scheme it would be plain HTTP, and our token would go through the net for everybody to read.
        raise SettingsError(
            f"expected the API server's address like https://10.0.0.1:6443, got {masked(access.server, access.server)}"
        )
    if "@" in access.server:
        # The address is part of many messages, and API servers do not know such passwords anyway.
        raise SettingsError(
            "expected the API server's address without user and password, like https://10.0.0.1:6443, got"
            f" {masked(access.server, access.server)}"
        )
    return access


def _readable(path: str, what: str) -> bytes:
    path = os.path.expanduser(path)
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        raise SettingsError(f"{what}: {path} is not a readable file") from None


def _decoded(decode: Callable[[Any], Any], data: Any, what: str) -> dict[str, Any]:
    try:
        body = decode(data)
    except ValueError:
        raise Unreachable(f"{what}: the answer is not JSON, so it does not come from an API server") from None
    if not isinstance(body, dict):
        raise Unreachable(f"{what}: the answer is not a JSON object, so it does not come from an API server")
    return body


def _date(text: str | None) -> datetime:
    if text:
        try:
            return parsedate_to_datetime(text).astimezone(UTC)
        except (TypeError, ValueError):
            pass
    return datetime.now(UTC)


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None
