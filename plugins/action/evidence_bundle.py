# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import typing as t
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from ansible.plugins.action import ActionBase
from ansible_collections.selfheal.kubernetes.plugins.module_utils import _evidence_folder as folder
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.evidence import (
    BundleError,
    Section,
    bundle_name,
    check_bundle_name,
    limits,
    redact,
    render,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_node_name


class ActionModule(ActionBase):
    """Keeps what a host has told; see the documentation of the module of this name.

    It runs in Ansible's own process, so that what may hold secrets goes into no other program and no temporary file.
    """

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """What Ansible calls."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        result["changed"] = False
        _validated, given = self.validate_argument_spec(
            {
                "state": {"type": "str", "default": "kept", "choices": ["kept", "planned"]},
                "dir": {"type": "str", "default": ""},
                "name": {"type": "str", "default": ""},
                "cluster_uid": {"type": "str", "default": ""},
                "node": {"type": "str", "required": True},
                "about": {"type": "dict", "default": {}},
                "commands": {"type": "list", "elements": "dict", "required": True},
                "answers": {"type": "list", "elements": "dict", "default": []},
                "max_bytes": {"type": "int", "default": 2097152},
                "keep": {"type": "int", "default": 50},
                "keep_days": {"type": "int", "default": 90},
            }
        )
        try:
            result.update(self._made(given))
        except (BundleError, InvalidName) as exc:
            result.update(failed=True, msg=redact(str(exc))[0])
        return result

    def _made(self, given: Mapping[str, t.Any]) -> dict[str, t.Any]:
        check_node_name(given["node"])
        for name, low, high in (("keep", 1, 10000), ("keep_days", 1, 3650)):
            if not low <= given[name] <= high:
                raise BundleError(f"{name}: expected an integer from {low} to {high}, got {given[name]}")
        name = given["name"] or bundle_name(given["cluster_uid"], given["node"], datetime.now(UTC))
        check_bundle_name(name)
        for number, one in enumerate(given["commands"]):
            if not isinstance(one.get("name"), str) or not str(one.get("share", "")).isdigit():
                raise BundleError(
                    f"commands[{number}]: expected a name and a share, which is a number, got {sorted(one)}"
                )
        room = limits({one["name"]: int(one["share"]) for one in given["commands"]}, given["max_bytes"])
        made: dict[str, t.Any] = {"name": name, "limits": room, "reason": folder.why_not(given["dir"])}
        if given["state"] == "planned" or self._task.check_mode:
            return made
        sections = tuple(_sections(given["commands"], given["answers"], room))
        if not made["reason"] and not any(one.text for one in sections):
            told = next((one.trouble for one in sections if one.trouble), "")
            made["reason"] = f"the host has told nothing{f': {told}' if told else ''}"
        if not made["reason"]:
            try:
                about = {"node": given["node"], "cluster_uid": given["cluster_uid"], **given["about"]}
                about = {key: value for key, value in about.items() if value not in ("", None)}
                bundle = folder.keep(given["dir"], name, render(about, sections, given["max_bytes"]))
                made.update(changed=True, sha256=bundle.sha256, bytes=bundle.size)
                made["pruned"] = list(folder.prune(given["dir"], name, given["keep"], given["keep_days"], time.time()))
                made["sections"] = sum(1 for one in sections if one.text)
            except BundleError as exc:
                made["reason"] = str(exc)
        made["reason"] = redact(made["reason"])[0].replace("\n", " ")[:300]
        return made


def _sections(
    commands: Iterable[Mapping[str, t.Any]], answers: Iterable[Mapping[str, t.Any]], room: Mapping[str, int]
) -> Iterable[Section]:
    """Each command with its answer. One that was never asked has none, and that is told as well."""
    given = {}
    for one in answers:
        asked = one.get(one.get("ansible_loop_var") or "item")
        # What was passed over has no answer either.
        if isinstance(asked, Mapping) and not one.get("skipped"):
            given[str(asked.get("name", ""))] = one
    for command in commands:
        name = str(command["name"])
        answer = given.get(name)
        told = answer or {}
        text = str(told.get("stdout") or "")
        trouble = str(told.get("stderr") or "").strip()
        if answer is None:
            trouble = "it was not asked for: the time was over, or the host did not answer any more"
        elif told.get("unreachable") or told.get("timedout") or (told.get("failed") and not text):
            trouble = str(told.get("msg") or trouble or "no answer")
        code = told.get("rc")
        yield Section(
            name=name,
            command=str(command["command"]),
            text=text,
            share=int(command["share"]),
            tail=bool(command.get("tail")),
            limit=room[name],
            rc=code if isinstance(code, int) else None,
            trouble=trouble,
        )
