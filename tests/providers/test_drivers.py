# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What drivers ask of modules that others keep, held against the modules' own documentation.

Nobody here has these clouds and machines, so it is the collections, at their pinned versions, that say which options
there are, which of them must be given, and which words are allowed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drivers import DEEDS

from lab.paths import CHECKOUT

# A driver of a reboot is one file, and one more if it asks for the machine's power; one of the others is a folder.
FILES = {
    (deed, name): sorted((CHECKOUT / "roles" / f"node_{deed}" / "tasks").glob(pattern.format(name)))
    for deed, pattern in (("reboot", "*/{}.yml"), ("replace", "drivers/{}/*.yml"), ("fence", "drivers/{}/*.yml"))
    for name in DEEDS[deed]
}
OTHERS = sorted((deed, name) for deed, name in FILES if DEEDS[deed][name].module)


def tasks_of(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        inside = [one for part in ("block", "rescue", "always") for one in task.get(part, [])]
        yield from tasks_of(inside) if inside else iter([task])


def asked(deed: str, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Each call of a module that is not Ansible's own, with its arguments."""
    files = [tasks_of(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in FILES[deed, name]]
    calls = [(key, task[key]) for tasks in files for task in tasks for key in task if key.count(".") == 2]
    return [(module, arguments) for module, arguments in calls if not module.startswith("ansible.builtin.")]


@cache
def options_of(module: str) -> dict[str, dict[str, Any]]:
    program = Path(sys.executable).with_name("ansible-doc")
    done = subprocess.run(
        [program, "--type", "module", "--json", module], capture_output=True, text=True, check=True, timeout=120
    )
    options: dict[str, dict[str, Any]] = json.loads(done.stdout)[module]["doc"]["options"]
    return {called: one for name, one in options.items() for called in (name, *one.get("aliases", []))}


def test_there_are_drivers_of_other_collections() -> None:
    assert len(OTHERS) >= 6 and all(FILES.values())
    for deed, name in OTHERS:
        needed = DEEDS[deed][name].module
        modules = {module for module, _arguments in asked(deed, name)}
        assert needed in modules and {module.rpartition(".")[0] for module in modules} == {needed.rpartition(".")[0]}


@pytest.mark.parametrize(("deed", "name"), sorted(FILES))
def test_a_driver_gives_modules_what_they_know(deed: str, name: str) -> None:
    for module, arguments in asked(deed, name):
        known = options_of(module)
        assert set(arguments) <= set(known), module
        needed = {option for option, one in known.items() if one.get("required")}
        aliases = {alias for option in arguments for alias in known[option].get("aliases", [])}
        assert needed <= set(arguments) | aliases, module
        for option, value in arguments.items():
            choices = known[option].get("choices")
            if choices and "{{" not in str(value):
                assert value in choices, (module, option)
