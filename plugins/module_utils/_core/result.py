# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What the modules return, bounded in bytes of JSON whatever the cluster is like; what was left out is counted.

A result goes through a pipe, a job's log and a database, and a storm in a cluster of thousands must not fill them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import Plan
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.render import (
    count_by_weight,
    health_lines,
    plan_lines,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

SCHEMA_VERSION = 1
# Bytes. Modules add a little of their own, such as ``changed``.
RESULT_LIMIT = 65536 - 1024
# Inside the result of a plan the health of the cluster has this much, and the plan has the rest.
HEALTH_IN_PLAN = 30000
FINDINGS_LIMIT = 100
PATTERNS_LIMIT = 20
TEXT_BYTES = 600
EVIDENCE_BYTES = 800
# A note is written down with the words of a fresh look, so here its text is only for people. No name is longer.
NOTE_BYTES = 260
# The order in which the lists of a plan are filled: the first takes all it needs, the others half of what is left.
PLAN_LISTS = ("actions", "notes", "needs_people", "refused")


def size(value: Any) -> int:
    """The bytes of the value as the JSON that Ansible makes of it, in which an emoji has 12."""
    return len(json.dumps(value))


def fit(text: str, limit: int) -> str:
    """As much of the text as fits into so many bytes of JSON, in one line."""
    text = printable(text)
    if 12 * len(text) + 2 <= limit or size(text) <= limit:
        return text
    room, kept = limit - len('"..."'), []
    for character in text[:limit]:
        room -= size(character) - 2
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "..."


def plain(value: Any, text_bytes: int = TEXT_BYTES) -> Any:
    """The value made of what JSON has, with no text longer than that."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {fit(str(key), text_bytes): plain(one, text_bytes) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [
            plain(one, text_bytes) for one in (value if isinstance(value, list | tuple) else sorted(value, key=str))
        ]
    return fit(str(value), text_bytes)


def entry(told: Mapping[str, Any]) -> dict[str, Any]:
    """One finding or diagnosis as it is returned; ``left_out`` in its evidence counts what had no room."""
    made: dict[str, Any] = {key: plain(value) for key, value in told.items() if key != "evidence"}
    evidence: dict[str, Any] = {}
    given = told.get("evidence") or {}
    for key, value in given.items():
        grown = {**evidence, fit(str(key), 100): plain(value, 200)}
        if size(grown) > EVIDENCE_BYTES:
            evidence["left_out"] = len(given) - len(evidence)
            break
        evidence = grown
    return {**made, "evidence": evidence}


def within(entries: Iterable[Any], room: int) -> list[Any]:
    """As many of the entries, from the first on, as fit into so many bytes."""
    kept, used = [], 2
    for one in entries:
        used += size(one) + 2
        if used > room:
            break
        kept.append(one)
    return kept


def report_within(lines: list[str], room: int) -> list[str]:
    """As many lines as fit; the last one tells how many did not."""
    lines = [fit(line, 4 * TEXT_BYTES) for line in lines]
    kept = within(lines, room)
    if len(kept) == len(lines):
        return kept
    kept = within(lines, room - 100)
    return [*kept, f"and {len(lines) - len(kept)} lines more, left out here"]


def health_result(snapshot: Snapshot, judgement: Judgement, limit: int = RESULT_LIMIT) -> dict[str, Any]:
    """The result of ``cluster_health_info``. The worst findings come first, and are left out last."""
    by_check: dict[str, dict[str, int]] = {}
    for finding in judgement.findings:
        reasons = by_check.setdefault(finding.check, {})
        reasons[finding.reason] = reasons.get(finding.reason, 0) + 1
    result: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "verdict": judgement.verdict.value,
        "cluster_uid": None if snapshot.cluster_uid is None else fit(snapshot.cluster_uid, TEXT_BYTES),
        "observed_at": format_time(snapshot.observed_at),
        "nodes_seen": None if snapshot.nodes is None else len(snapshot.nodes),
        "pods_seen": None if snapshot.pods is None else snapshot.pods.total,
        "counts": {
            "findings": len(judgement.findings),
            **count_by_weight(judgement.findings),
            "sick_nodes": judgement.sick_nodes,
            "by_check": by_check,
        },
        "checks": {name: verdict.value for name, verdict in judgement.checks.items()},
        "disabled_checks": list(judgement.disabled),
        "unread": {
            # Every mistake in the cluster's policy is in one text; the others are one error of one request.
            fit(part, 100): fit(why, limit // (6 if part == "policy" else 100))
            for part, why in judgement.unread.items()
        },
    }
    result["report"] = report_within(health_lines(snapshot, judgement), limit // 4)
    patterns = [entry(pattern.to_dict()) for pattern in judgement.patterns[:PATTERNS_LIMIT]]
    result["patterns"] = within(patterns, limit // 8)
    result["patterns_left_out"] = len(judgement.patterns) - len(result["patterns"])
    result["findings"], result["findings_left_out"] = [], len(judgement.findings)
    told = [entry(finding.to_dict(judgement.observed_at)) for finding in judgement.findings[:FINDINGS_LIMIT]]
    result["findings"] = within(told, limit - size(result))
    result["findings_left_out"] -= len(result["findings"])
    return result


def plan_result(snapshot: Snapshot, judgement: Judgement, plan: Plan) -> dict[str, Any]:
    """The result of ``remediation_plan_info``, besides what only the module knows.

    What a repair of this run needs, its notes among them, comes first in each list and is never left out.
    """
    health = health_result(snapshot, judgement, HEALTH_IN_PLAN)
    whole = plan.to_dict()
    lists = [key for key, value in whole.items() if isinstance(value, list)]
    result: dict[str, Any] = {key: plain(value, 4 * TEXT_BYTES) for key, value in whole.items() if key not in lists}
    room = RESULT_LIMIT - size(health) - size(result)
    result["report"] = report_within(plan_lines(plan), room // 4)
    room -= size(result["report"])
    for key in sorted(lists, key=lambda key: PLAN_LISTS.index(key) if key in PLAN_LISTS else len(PLAN_LISTS)):
        entries = [plain(one, NOTE_BYTES if key == "notes" else TEXT_BYTES) for one in whole[key]]
        result[key] = within(entries, room if key == PLAN_LISTS[0] else room // 2)
        result[f"{key}_left_out"] = whole.get(f"{key}_left_out", 0) + len(entries) - len(result[key])
        room -= size(result[key])
    return {"health": health, **result}
