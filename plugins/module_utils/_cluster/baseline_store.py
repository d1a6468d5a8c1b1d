# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The baseline, kept in a ConfigMap of the cluster that it is about.

It is a statistic and no memory of what was done: whoever loses a write loses one look of many, and a baseline that
cannot be read is begun anew. Only a run that holds the lease may write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Conflict, NotFound
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.baseline import (
    Baseline,
    BaselineError,
    from_dict,
    to_dict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import NAMESPACE

NAME = "selfheal-baseline"
KEY = "baseline.json"
_COLLECTION = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
_PATH = f"{_COLLECTION}/{NAME}"


@dataclass(frozen=True)
class Stored:
    """The baseline as it was read.

    ``trouble`` says why an empty one stands in for what is stored; ``found`` is the ConfigMap, None when there is none.
    """

    baseline: Baseline
    trouble: str = ""
    found: Mapping[str, Any] | None = field(default=None, repr=False)


def read_baseline(client: Client) -> Stored:
    """What is stored; an empty baseline when nothing is, and, with the trouble told, when it cannot be read.

    :raises ClusterError: when the API server does not say what is stored. That is not an empty baseline.
    """
    try:
        found = client.get(_PATH).body
    except NotFound:
        return Stored(Baseline())
    try:
        return Stored(_parse(found), found=found)
    except BaselineError as exc:
        return Stored(Baseline(), f"{exc}: it is begun anew", found)


def write_baseline(client: Client, stored: Stored, baseline: Baseline) -> bool:
    """Keep the baseline; whether it was written.

    It is not when nothing was learned, when somebody else has written since it was read, or when there is no
    namespace to write to.

    :param stored: what ``read_baseline`` gave; nothing that was written after it is overwritten.
    """
    if baseline == stored.baseline:
        return False
    text = json.dumps(to_dict(baseline), separators=(",", ":"))
    try:
        if stored.found is None:
            metadata = {"name": NAME, "namespace": NAMESPACE}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}
            client.create(_COLLECTION, body)
        else:
            data = {**_mapping(stored.found.get("data")), KEY: text}
            client.replace(_PATH, {**stored.found, "data": data})
    except (Conflict, NotFound):
        return False
    return True


def _parse(found: Mapping[str, Any]) -> Baseline:
    text = _mapping(found.get("data")).get(KEY)
    if not isinstance(text, str):
        raise BaselineError(f"ConfigMap {NAMESPACE}/{NAME} has no {KEY}")
    try:
        return from_dict(json.loads(text))
    except BaselineError as exc:
        raise BaselineError(f"ConfigMap {NAMESPACE}/{NAME}: {exc}") from None
    except (RecursionError, ValueError) as exc:
        raise BaselineError(f"ConfigMap {NAMESPACE}/{NAME}: {KEY} is not JSON ({exc!s:.80})") from None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
