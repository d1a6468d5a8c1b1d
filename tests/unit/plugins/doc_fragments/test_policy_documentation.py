# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written down for people is what is in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.doc_fragments._connection import ModuleDocFragment
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.policy_source import parse_config
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import GUARDS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Guard
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import LADDERS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import PATTERNS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import SETTINGS, Integer

from lab import docs
from lab.paths import CHECKOUT

DESCRIPTION = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["policy"]["description"]
CHECKS_PAGE = (CHECKOUT / "docs" / "checks.md").read_text(encoding="utf-8")
GUARDS_PAGE = (CHECKOUT / "docs" / "guards.md").read_text(encoding="utf-8")
POLICY_PAGE = (CHECKOUT / "docs" / "policy.md").read_text(encoding="utf-8")


def test_what_is_made_from_code_is_up_to_date() -> None:
    stale = [str(path.relative_to(CHECKOUT)) for path in docs.stale()]
    assert stale == [], "run: python3 -m lab.toolchain run -- python -m lab.docs"


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_in_the_documentation_of_the_modules(name: str) -> None:
    lines = [line for line in DESCRIPTION if line.startswith(f"C({name}) (")]
    assert len(lines) == 1
    assert lines[0].endswith(f"), {SETTINGS[name].about}.")
    setting = SETTINGS[name]
    if isinstance(setting, Integer):
        assert f"({setting.low}-{setting.high} {setting.unit}, default {getattr(Policy(), name)})" in lines[0]


def test_no_other_setting_is_in_the_documentation_of_the_modules() -> None:
    told = [line[2 : line.index(")")] for line in DESCRIPTION if re.match(r"C\([a-z_]+\) \(", line)]
    assert told == list(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_has_its_row(name: str) -> None:
    rows = [line for line in POLICY_PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    assert SETTINGS[name].about in rows[0]


def test_each_check_and_each_of_its_reasons_has_a_row() -> None:
    rows = CHECKS_PAGE.splitlines()
    for check in CHECKS:
        own = [row for row in rows if row.startswith(f"| `{check.name}` |")]
        assert len(own) == 1 + len(check.reasons), check.name
        assert all(any(f"| `{reason}` |" in row for row in own) for reason in check.reasons)
        assert f"| {check.threshold} s" in own[0]
    for pattern in PATTERNS:
        assert f"| `{pattern.name}` | {pattern.about} |" in rows


def test_each_guard_has_a_row_with_its_settings_and_whether_it_calls_people() -> None:
    for guard in GUARDS:
        (row,) = [line for line in GUARDS_PAGE.splitlines() if line.startswith(f"| `{guard.name}` |")]
        assert guard.about in row
        assert row.endswith("| quiet |" if guard.quiet else "| loud |")
        assert all(f"`{name}` ({docs.shown(name)})" in row for name in guard.steered_by)


def attributes_of(path: Path) -> set[str]:
    """Every attribute that a module reads of anything."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {one.attr for one in ast.walk(tree) if isinstance(one, ast.Attribute)}


CORE = CHECKOUT / "plugins" / "module_utils" / "_core"
# What a guard reads by way of others: file, what it reads of it, and the settings behind that.
BEHIND = {
    "mass_failure": ("storm.py", {"mass_failure_percent"}),
    "storm_cooldown": ("storm.py", {"mass_failure_percent"}),
    "transient_tolerance": (
        "policy.py",
        {"health_check_interval", "node_failure_threshold", "waiting_timeout", "waiting_timeout_gpu"},
    ),
    "cooldown": ("policy.py", {"waiting_timeout", "waiting_timeout_gpu"}),
    "pattern": ("patterns/flapping.py", {"flapping_changes"}),
}
# A check's threshold is the policy's in its findings, and the time for a reboot is in the incident.
BY_THE_WAY = {"transient_tolerance": {"thresholds"}, "under_repair": {"waiting_timeout", "waiting_timeout_gpu"}}


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_names_the_settings_that_it_reads(guard: Guard) -> None:
    read = attributes_of(CORE / "guards" / f"{guard.name}.py") & set(SETTINGS)
    if guard.name in BEHIND:
        file, names = BEHIND[guard.name]
        assert names <= attributes_of(CORE / file)
        read |= names
    assert set(guard.steered_by) == read | BY_THE_WAY.get(guard.name, set())


def test_each_ladder_has_a_row_with_its_rungs() -> None:
    for reason, rungs in LADDERS.items():
        (row,) = [line for line in GUARDS_PAGE.splitlines() if line.startswith(f"| `{reason}` |")]
        places = [row.index(f"{number}. {rung.about} (`{rung.name}`") for number, rung in enumerate(rungs, 1)]
        assert places == sorted(places)


def test_a_table_keeps_its_columns_whatever_is_in_it() -> None:
    assert docs.table(("a", "b"), [("x|y", "z")]).splitlines()[-1] == r"| x\|y | z |"


def test_the_example_is_a_config_map_that_can_be_used() -> None:
    config = parse_config(yaml.safe_load(docs.EXAMPLE))
    assert (config.trouble, config.braked) == ("", False)
    assert {"thresholds", "service_probes", "cooldown", "maintenance_windows"} <= set(config.values)


def test_a_page_that_says_something_else_is_found() -> None:
    text = docs.FRAGMENT.read_text(encoding="utf-8")
    assert docs.fragment(text.replace("C(cooldown) (0-86400", "C(cooldown) (0-99")) == text
