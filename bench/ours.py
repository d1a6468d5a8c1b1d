# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection's own modules do, called as they call it.

Importing this imports all that a module imports, what it imports only when it connects too: no contestant's imports are
part of its measurement.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import urllib3
import urllib3.util.ssl_
from ansible_collections.selfheal.kubernetes.plugins.module_utils import _module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import decode, observe, screen
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client, Settings
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pod, Pods
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.result import health_result

from bench.shapes import Size, sick_pods

Identity = tuple[str, str, str]
# What a module has loaded counts as its memory, whether it is used here or not.
LOADED = (_module, urllib3.util.ssl_)


def whole(server: str, token: str, ca: str) -> dict[str, Any]:
    """Observe, judge, and make the module's result."""
    client = _client(server, token, ca)
    policy = Policy()
    begun = time.perf_counter()
    snapshot = observe.observe(client, policy)
    observed = time.perf_counter() - begun
    judgement = judge(snapshot, policy)
    result = json.dumps(health_result(snapshot, judgement))
    if snapshot.pods is None or snapshot.nodes is None:
        raise RuntimeError(f"not read: {dict(snapshot.unread)}")
    return {
        "observe_wall": observed,
        "result_bytes": len(result.encode()),
        "bytes": client.stats.received,
        "requests": client.stats.requests,
        "pods": snapshot.pods.total,
        "suspects": len(snapshot.pods.suspects),
        "left_out": sum(snapshot.pods.left_out.values()),
        "findings": len(judgement.findings),
        "unread": dict(snapshot.unread),
    }


def screening(server: str, token: str, ca: str) -> dict[str, Any]:
    """Screen all pods, and look at none of them in full."""
    client = _client(server, token, ca)
    seen = screen.screen(client, Policy(), datetime.now(UTC))
    return {"bytes": client.stats.received, "pods": seen.total, "suspects": sum(seen.counted.values())}


def exact(server: str, token: str, ca: str, size: Size) -> dict[str, Any]:
    """What an observation finds against what a look at every pod in full finds: same nodes, same moment."""
    client = _client(server, token, ca)
    # As many details as there are suspects: how many of them a run looks at is another matter.
    policy = Policy(suspects_limit=size.pods)
    seen = observe.observe(client, policy)
    if seen.pods is None:
        raise RuntimeError(f"not read: {dict(seen.unread)}")
    pods = tuple(_every_pod(client))
    full = replace(seen, pods=Pods(len(pods), pods, per_node=seen.pods.per_node))
    by_screening, by_full = _identities(judge(seen, policy).findings), _identities(judge(full, policy).findings)
    suspects = {(pod.namespace, pod.name) for pod in seen.pods.suspects}
    planted = sick_pods(size)
    found = {name for _check, name, _reason in by_full}
    return {
        "pods": len(pods),
        "missed": _told(by_full - by_screening),
        "extra": _told(by_screening - by_full),
        "unseen": [f"{namespace}/{name}" for namespace, name in sorted(set(planted) - suspects)],
        "findings": len(by_full),
        "objects": len({name for _check, name, _reason in by_full if name.startswith("Pod ")}),
        "planted": len(planted),
        "suspects": len(suspects),
        "silent": Counter(fault for (ns, name), fault in planted.items() if f"Pod {ns}/{name}" not in found),
    }


def _every_pod(client: Client) -> Iterable[Pod]:
    for page in client.pages("/api/v1/pods", decode=lambda data: decode.decode(decode.Pods, data)):
        yield from (Pod.from_api(item) for item in page["items"])


def _identities(findings: Iterable[Finding]) -> set[Identity]:
    return {(finding.check, str(finding.target), finding.reason) for finding in findings}


def _told(identities: Iterable[Identity]) -> list[str]:
    return [" ".join(identity) for identity in sorted(identities)]


def _client(server: str, token: str, ca: str) -> Client:
    return Client(Settings(host=server, api_key=token, ca_cert=ca, deadline=60.0))
