# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import fields

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import (
    SETTINGS,
    Policy,
    PolicyError,
    parse_policy,
)

WRONG_TYPES = [
    True,
    False,
    None,
    3.0,
    120.5,
    "",
    " ",
    "ten",
    "1e3",
    "0x10",
    "-5",
    "12.0",
    "９０",
    [],
    {},
    [90],
    "9" * 5000,
]


def test_every_integer_has_a_range_with_its_default_in_it() -> None:
    integers = {f.name: f.default for f in fields(Policy) if f.name != "monitor_only"}
    assert set(SETTINGS) == set(integers)
    for name, setting in SETTINGS.items():
        assert setting.low <= integers[name] <= setting.high, name
        assert setting.unit and setting.about


def test_defaults_touch_nothing() -> None:
    for nothing in (None, {}):
        assert parse_policy(nothing) == Policy()
        assert parse_policy(nothing).monitor_only is True


@pytest.mark.parametrize("name", SETTINGS)
def test_range(name: str) -> None:
    setting = SETTINGS[name]
    for good in (setting.low, setting.high, str(setting.low), f" {setting.high} "):
        assert getattr(parse_policy({name: good}), name) == int(good)
    for bad in (setting.low - 1, setting.high + 1, str(setting.high + 1), -1):
        if bad == -1 and setting.low <= -1:
            continue
        with pytest.raises(PolicyError) as caught:
            parse_policy({name: bad})
        expected = f"expected an integer from {setting.low} to {setting.high} ({setting.unit}), got {bad!r}"
        assert str(caught.value) == f"policy.{name}: {expected}"


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", WRONG_TYPES, ids=lambda value: repr(value)[:12])
def test_wrong_types(name: str, value: object) -> None:
    with pytest.raises(PolicyError, match=rf"^policy\.{name}: expected an integer from"):
        parse_policy({name: value})


@pytest.mark.parametrize(
    ("value", "meant"),
    [(True, True), (False, False), ("true", True), ("false", False), ("Yes", True), (" NO ", False)],
)
def test_monitor_only(value: object, meant: bool) -> None:
    assert parse_policy({"monitor_only": value}).monitor_only is meant


@pytest.mark.parametrize("value", [0, 1, None, "", "off", "0", "maybe", [], 0.0])
def test_monitor_only_is_never_guessed(value: object) -> None:
    with pytest.raises(PolicyError, match=r"^policy\.monitor_only: expected true or false, got "):
        parse_policy({"monitor_only": value})


def test_unknown_settings_are_named_with_the_known_ones() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy({"cool_down": 300})
    assert str(caught.value).startswith("policy.cool_down: unknown setting, expected one of monitor_only, ")
    assert "cooldown" in str(caught.value)


def test_every_mistake_is_told_at_once() -> None:
    wrong = dict.fromkeys(SETTINGS, "x") | {"monitor_only": "x", "unheard_of": 1}
    with pytest.raises(PolicyError) as caught:
        parse_policy(wrong | {"cooldown": 60})
    mistakes = str(caught.value).split("; ")
    assert [text.split(":")[0] for text in mistakes] == [f"policy.{name}" for name in wrong if name != "cooldown"]
    assert "\n" not in str(caught.value)


def test_one_mistake_spoils_the_whole_policy() -> None:
    with pytest.raises(PolicyError):
        parse_policy({"monitor_only": False, "cooldown": -1})
