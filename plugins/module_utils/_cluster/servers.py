# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Each API server by itself, and Services through the API server's proxy. Every question is asked once, and timed."""

from __future__ import annotations

import ipaddress
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client, Raw, explain
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Forbidden,
    SettingsError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.kubeconfig import one_line
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.parts import SERVICE_LABEL
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import ApiEndpoint, ProbeResult, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy, ServiceProbe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import leaves_its_place

API_SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
API_SERVICE = f"{SERVICE_LABEL}=kubernetes"
API_DEADLINE = 6.0
API_SERVERS = 16
# One answer may have waited for our own work on another thread.
SAMPLES = 2
SILENT_PROBES = 2
THREADS = 4
# What the API server's proxy says when it has no answer of the Service to hand on.
NOT_REACHED = "error trying to reach service: "
_FAILED = re.compile(r"^\[-\](\S+)", re.MULTILINE)


def read_endpoints(client: Client, policy: Policy) -> tuple[ApiEndpoint, ...]:
    """Each API server: the ones that the policy names, or that the cluster knows, and the one that we were given."""
    others = policy.api_endpoints or _addresses(client)
    given = client.server.rstrip("/")
    addresses = list(dict.fromkeys([given, *others]))[:API_SERVERS]
    with ThreadPoolExecutor(len(addresses)) as pool:
        return tuple(pool.map(lambda address: ask_server(client, address, address == given), addresses))


def ask_server(client: Client, address: str, given: bool) -> ApiEndpoint:
    """One API server: readyz with each of its checks, livez over the same connection, and its certificate."""
    try:
        own = client.at(address)
    except SettingsError as exc:
        return ApiEndpoint(address, None, None, trouble=str(exc), given=given)
    try:
        ready = own.ask("/readyz", {"verbose": ""}, API_DEADLINE)
        live = [own.ask("/livez", None, API_DEADLINE) for _sample in range(SAMPLES)]
    except Unreachable as exc:
        return ApiEndpoint(address, None, None, trouble=one_line(exc), given=given)
    finally:
        own.close()
    if not given and not own.verifies:
        # Anybody may have answered, so what was said is no proof of life; that somebody did is still no silence.
        trouble = "certificates are not verified, so it need not be an API server of this cluster"
        return ApiEndpoint(address, None, None, min(s.seconds for s in live) * 1000, trouble=trouble)
    texts = ready.data.decode("utf-8", "replace") + live[-1].data.decode("utf-8", "replace")
    odd = [("/readyz", ready), ("/livez", live[-1])]
    troubles = [explain("GET", path, r.status, r.data) for path, r in odd if _verdict(r) is None]
    if troubles and own.anonymous:
        troubles.append("it was asked without credentials, because no CA of the cluster's own is given")
    return ApiEndpoint(
        address,
        live=_verdict(live[-1]),
        ready=_verdict(ready),
        latency_ms=min(sample.seconds for sample in live) * 1000,
        failed=tuple(dict.fromkeys(_FAILED.findall(texts))),
        trouble="; ".join(troubles),
        given=given,
        certificate_expires=own.certificate_expires,
    )


def read_probes(client: Client, policy: Policy) -> tuple[ProbeResult, ...]:
    """The answers of the Services that the policy wants to be asked.

    :raises Forbidden: when we may not ask; that is not the Service's fault.
    """
    if not policy.service_probes:
        return ()
    with ThreadPoolExecutor(THREADS) as pool:
        return tuple(pool.map(lambda probe: probe_service(client, probe, policy), policy.service_probes))


def probe_service(client: Client, probe: ServiceProbe, policy: Policy) -> ProbeResult:
    """Ask one Service as often as the policy wants; one that does not answer at all is given up early."""
    scheme = "https:" if probe.kind == "https" else ""
    path = f"/api/v1/namespaces/{probe.namespace}/services/{scheme}{probe.name}:{probe.port}/proxy"
    path += quote(probe.path, safe="/?&=%:@,;+~!$'()*") if probe.kind != "tcp" else "/"
    ref = Ref("Service", probe.name, probe.namespace)
    if leaves_its_place(path):
        return ProbeResult(ref, probe.kind, 0, 0, (), "its path leads out of the Service")
    deadline = max(5.0, 2 * policy.response_time_ms / 1000)
    times: list[float] = []
    sent, silent, trouble = 0, 0, ""
    while sent < policy.probe_count and silent < SILENT_PROBES:
        sent += 1
        try:
            raw = client.ask(path, None, deadline)
        except Unreachable as exc:
            silent, trouble = silent + 1, one_line(exc)
            continue
        why = _failure(raw, probe, path)
        if why:
            trouble = why
        else:
            times.append(raw.seconds * 1000)
    return ProbeResult(ref, probe.kind, sent, sent - len(times), tuple(times), trouble)


def _addresses(client: Client) -> list[str]:
    found: list[str] = []
    for item in client.items(API_SLICES, {"labelSelector": API_SERVICE}):
        ports = [p.get("port") for p in item.get("ports") or () if p.get("name") in ("https", None, "")]
        for endpoint in item.get("endpoints") or ():
            for address in endpoint.get("addresses") or ():
                try:
                    host = str(ipaddress.ip_address(address))
                except ValueError:
                    continue
                found += [f"https://{f'[{host}]' if ':' in host else host}:{int(port)}" for port in ports if port]
    return sorted(found)


def _verdict(raw: Raw) -> bool | None:
    return {200: True, 500: False}.get(raw.status)


def _failure(raw: Raw, probe: ServiceProbe, path: str) -> str:
    """Why the answer is none of the Service's, or none of the good ones; empty when it is good."""
    if raw.status < 400:
        return ""
    said = _status(raw)
    if said is None:
        # The Service itself has answered, which is all that a probe of kind tcp asks for.
        return "" if probe.kind == "tcp" else f"the Service answered with HTTP {raw.status}"
    message = str(said.get("message") or "")
    if said.get("reason") in ("Forbidden", "Unauthorized"):
        raise Forbidden(explain("GET", path, raw.status, raw.data))
    if probe.kind == "tcp" and _connected(message):
        return ""
    return one_line(message or f"HTTP {raw.status}")


def _connected(message: str) -> bool:
    """Whether somebody took the connection, and merely does not speak HTTP."""
    return message.startswith(NOT_REACHED) and "dial " not in message and "timeout" not in message.lower()


def _status(raw: Raw) -> dict[str, Any] | None:
    """The API server's own Status, if the answer is one."""
    try:
        body = json.loads(raw.data)
    except ValueError:
        return None
    ours = isinstance(body, dict) and body.get("kind") == "Status" and body.get("apiVersion") == "v1"
    return body if ours else None
