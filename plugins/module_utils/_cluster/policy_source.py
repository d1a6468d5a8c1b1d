# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Where a policy comes from: a job's settings over those of the cluster's ConfigMap over the defaults.

The ConfigMap belongs to the cluster's owner. One that is not there says nothing; one that cannot be read or used stops
healing and not observing; ``monitor_only`` in it is a brake that no job can lift.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotFound,
    Unauthorized,
    Unreachable,
    WrongCluster,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import identify
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core import names
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.pauses import SETTING
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import (
    SETTINGS,
    Listing,
    PolicyError,
    Table,
    read_settings,
)

NAMESPACE, NAME = names.NAMESPACE, names.CONFIG_MAP
PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{NAME}"
BRAKE = "monitor_only"
# A ConfigMap may hold a megabyte of nonsense, and what is said about it goes into the result of a job.
MISTAKES_LIMIT = 40
MISTAKE_LENGTH = 600
YAML_LENGTH = 65536
YAML_DEPTH = 12


@dataclass(frozen=True)
class Config:
    """What the ConfigMap says. ``trouble`` is why its settings cannot be used; ``values`` is empty then."""

    values: Mapping[str, Any] = field(default_factory=dict)
    braked: bool = False
    trouble: str = ""


def policy_of(
    client: Client, given: Mapping[str, Any] | None, cluster_uid: str | None = None, finishing: bool = False
) -> Policy:
    """The policy for one run of a module.

    :param given: the job's own settings.
    :param cluster_uid: the UID that namespace kube-system must have. Nothing else is read from another cluster.
    :param finishing: what was begun is being written down to its end, which neither the brake nor a ConfigMap that
        cannot be used may prevent.
    :raises PolicyError: when the job's own settings are wrong, before anything is sent.
    :raises Unreachable: when the API server does not answer at all, Unauthorized when it does not know us.
    :raises WrongCluster: when it is another cluster.
    """
    own = read_settings(given)
    try:
        identify(client, cluster_uid)
    except (Unauthorized, Unreachable, WrongCluster):
        raise
    except ClusterError:
        # Who may not read the namespace may still look; a repair is refused for it elsewhere.
        pass
    config = read_config(client)
    # What the cluster's owner has paused no job can resume, and one of the two that is over does not end the other.
    values, owner_paused = dict(config.values), str(config.values.get(SETTING) or "")
    values.pop(SETTING, None)
    policy = Policy(**{**values, **own}, owner_paused=owner_paused)
    if finishing:
        return policy
    return replace(
        policy, monitor_only=policy.monitor_only or config.braked, braked=config.braked, trouble=config.trouble
    )


def read_config(client: Client) -> Config:
    """What the ConfigMap says now."""
    try:
        return parse_config(client.get(PATH).body)
    except NotFound:
        return Config()
    except ClusterError as exc:
        return Config(trouble=f"ConfigMap {NAMESPACE}/{NAME} cannot be read: {exc}")


def parse_config(body: Mapping[str, Any]) -> Config:
    """Read a ConfigMap as the API gives it; every mistake in it is told at once."""
    data, binary = body.get("data") or {}, body.get("binaryData") or {}
    if not (isinstance(data, Mapping) and isinstance(binary, Mapping)):
        return Config(trouble=f"{NAME}.data: expected a mapping from settings to texts")
    values: dict[str, Any] = {}
    mistakes = [f"{NAME}.binaryData.{name}: settings are texts and stand in data" for name in binary]
    for name, text in data.items():
        if name not in SETTINGS and len(mistakes) >= MISTAKES_LIMIT:
            # Only counted below, and to find out what was meant takes its time.
            mistakes.append(f"{NAME}.data.{name}")
            continue
        try:
            values.update(read_settings({name: _value(name, text)}, f"{NAME}.data"))
        except _NotYaml as exc:
            mistakes.append(f"{NAME}.data.{name}: expected {SETTINGS[name].expected} as YAML ({exc}), got {text!r}")
        except PolicyError as exc:
            mistakes += exc.mistakes
    # The brake works in a ConfigMap that is otherwise of no use.
    braked = values.get(BRAKE) is True
    if not mistakes:
        return Config(values, braked)
    told = [_short(mistake) for mistake in mistakes]
    if len(told) > MISTAKES_LIMIT:
        told[MISTAKES_LIMIT:] = [f"and {len(told) - MISTAKES_LIMIT} mistakes more"]
    return Config(braked=braked, trouble="; ".join(told))


def _short(text: str) -> str:
    """The text with its middle left out if it is long: at its end stands what was given."""
    return text if len(text) <= MISTAKE_LENGTH else f"{text[: MISTAKE_LENGTH - 203]}...{text[-200:]}"


class _NotYaml(Exception):
    """A text is not the YAML of one value; the message says why in a few words."""


def _value(name: str, text: Any) -> Any:
    if not isinstance(SETTINGS.get(name), Listing | Table) or not isinstance(text, str):
        return text
    import yaml

    if len(text) > YAML_LENGTH:
        raise _NotYaml(f"{len(text)} characters are too many, the limit is {YAML_LENGTH}")
    try:
        _check_size(yaml.parse(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise _NotYaml(str(getattr(exc, "problem", None) or "it is none")) from None
    except (RecursionError, ValueError) as exc:
        raise _NotYaml(type(exc).__name__) from None


def _check_size(events: Iterable[Any]) -> None:
    """Refuse YAML that is small as a text and not when it is read.

    :raises _NotYaml: A few lines of aliases can stand for more than any memory holds, as soon as somebody prints them,
        and nobody needs deep nesting, which takes the parser minutes.
    """
    depth = 0
    for event in events:
        kind = type(event).__name__
        if kind == "AliasEvent":
            raise _NotYaml("aliases are not taken")
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if depth > YAML_DEPTH:
            raise _NotYaml("it is nested too deep")
