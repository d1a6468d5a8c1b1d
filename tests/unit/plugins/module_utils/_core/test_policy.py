# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy, ServiceProbe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import (
    SETTINGS,
    Flag,
    Integer,
    Listing,
    PolicyError,
    Table,
    parse_policy,
    read_settings,
)

# What _cluster/policy_source.py says about where the policy came from; nobody sets them.
NO_SETTINGS = {"trouble", "braked"}
# The names and the ranges that the project promised to its users before there was any code.
PROMISED = {
    "health_check_interval": (30, 10, 300),
    "node_failure_threshold": (3, 1, 10),
    "pod_restart_threshold": (5, 1, 20),
    "recovery_timeout": (300, 60, 1800),
}
INTEGERS = {name: one for name, one in SETTINGS.items() if isinstance(one, Integer)}
FLAGS = {name: one for name, one in SETTINGS.items() if isinstance(one, Flag)}
LISTINGS = {name: one for name, one in SETTINGS.items() if isinstance(one, Listing)}
TABLES = {name: one for name, one in SETTINGS.items() if isinstance(one, Table)}
NO_INTEGERS = [
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
NO_FLAGS = [0, 1, None, "", "off", "0", "maybe", [], {}, 0.0, "true false"]
A_CHECK = CHECKS[0].name


def mistake(name: str, value: object) -> str:
    """What is said about a wrong value."""
    with pytest.raises(PolicyError) as caught:
        parse_policy({name: value})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_field_of_a_policy_is_a_setting_that_takes_its_default() -> None:
    assert {f.name for f in fields(Policy)} - NO_SETTINGS == set(SETTINGS)
    policy = Policy()
    for name, setting in SETTINGS.items():
        default = getattr(policy, name)
        given = list(default) if isinstance(setting, Listing) else default
        assert getattr(parse_policy({name: given}), name) == default, name
        assert setting.about and setting.expected


def test_promised_names_defaults_and_ranges() -> None:
    for name, promise in PROMISED.items():
        setting = INTEGERS[name]
        assert (getattr(Policy(), name), setting.low, setting.high) == promise
    assert Policy().notification_enabled is True


def test_defaults_touch_nothing() -> None:
    for nothing in (None, {}):
        assert parse_policy(nothing) == Policy()
        assert parse_policy(nothing).monitor_only is True


@pytest.mark.parametrize("name", INTEGERS)
def test_range(name: str) -> None:
    setting = INTEGERS[name]
    for good in (setting.low, setting.high, str(setting.low), f" {setting.high} "):
        assert getattr(parse_policy({name: good}), name) == int(good)
    for bad in (setting.low - 1, setting.high + 1, str(setting.high + 1)):
        expected = f"expected an integer from {setting.low} to {setting.high} ({setting.unit}), got {bad!r}"
        assert mistake(name, bad) == f"policy.{name}: {expected}"


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("value", NO_INTEGERS, ids=lambda value: repr(value)[:12])
def test_what_is_no_integer(name: str, value: object) -> None:
    assert mistake(name, value).startswith(f"policy.{name}: expected an integer from")


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize(
    ("value", "meant"),
    [(True, True), (False, False), ("true", True), ("false", False), ("Yes", True), (" NO ", False)],
)
def test_flags(name: str, value: object, meant: bool) -> None:
    assert getattr(parse_policy({name: value}), name) is meant


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", NO_FLAGS, ids=repr)
def test_a_flag_is_never_guessed(name: str, value: object) -> None:
    assert mistake(name, value) == f"policy.{name}: expected true or false, got {value!r}"


GOOD_COLLECTIONS: dict[str, tuple[str, Any, Any]] = {
    "addresses": ("api_endpoints", ["https://10.0.0.1:6443/"], ("https://10.0.0.1:6443",)),
    "names": ("node_daemonsets", ["calico-node"], ("calico-node",)),
    "no names": ("node_daemonsets", [], ()),
    "checks": ("disabled_checks", [A_CHECK, A_CHECK], frozenset({A_CHECK})),
    "a probe": (
        "service_probes",
        [{"namespace": "shop", "name": "web", "port": 80}],
        (ServiceProbe("shop", "web", "80", "http", "/"),),
    ),
    "a probe in full": (
        "service_probes",
        [{"namespace": "shop", "name": "web", "port": "tls-port", "kind": "https", "path": "/x?y=1"}],
        (ServiceProbe("shop", "web", "tls-port", "https", "/x?y=1"),),
    ),
    "thresholds": ("thresholds", {A_CHECK: "90"}, {A_CHECK: 90}),
    "the highest threshold": ("thresholds", {A_CHECK: 604800}, {A_CHECK: 604800}),
    "remedies": ("remedies", {A_CHECK: "reboot"}, {A_CHECK: Remedy.REBOOT}),
    "no remedy, as YAML reads it": ("remedies", {A_CHECK: None}, {A_CHECK: Remedy.NONE}),
}
BAD_COLLECTIONS: dict[str, tuple[str, Any, str]] = {
    "no list of names": ("node_daemonsets", "calico-node", "a list of names"),
    "a name that is none": ("node_daemonsets", ["ok", "Not_One"], "names that are RFC 1123 subdomains"),
    "an address without TLS": ("api_endpoints", ["http://10.0.0.1"], "addresses like https://10.0.0.1:6443"),
    "an address with a blank": ("api_endpoints", ["https://10.0.0.1 /"], "addresses like"),
    "an address that is none": ("api_endpoints", [6443], "addresses like"),
    "a probe that is none": ("service_probes", ["web"], "probes with namespace, name, port"),
    "a probe without a port": ("service_probes", [{"namespace": "a", "name": "b"}], "probes with namespace"),
    "a probe with a misspelt key": (
        "service_probes",
        [{"namespace": "a", "name": "b", "port": 1, "pth": "/"}],
        "probes with namespace",
    ),
    "a probe of a kind that is none": (
        "service_probes",
        [{"namespace": "a", "name": "b", "port": 1, "kind": "udp"}],
        "probes with namespace",
    ),
    "a probe whose path leaves the line": (
        "service_probes",
        [{"namespace": "a", "name": "b", "port": 1, "path": "/a b"}],
        "probes with namespace",
    ),
    "a probe of another path of the API": (
        "service_probes",
        [{"namespace": "a", "name": "b", "port": "80/../../x"}],
        "probes with namespace",
    ),
    "a probe in a namespace that is none": (
        "service_probes",
        [{"namespace": "../kube-system", "name": "b", "port": 1}],
        "names that are RFC 1123 subdomains",
    ),
    "a check that is none": ("disabled_checks", ["NodeHappy"], f"names of checks ({A_CHECK}, "),
    "a threshold of a check that is none": ("thresholds", {"NodeHappy": 1}, "names of checks"),
    "a threshold beyond its range": ("thresholds", {A_CHECK: 604801}, "an integer from 0 to 604800 (seconds)"),
    "a threshold that is none": ("thresholds", {A_CHECK: "soon"}, "an integer from 0 to 604800 (seconds)"),
    "no mapping": ("thresholds", [A_CHECK], "a mapping from names of checks to seconds"),
    "a remedy that is none": ("remedies", {A_CHECK: "Explode"}, "one of None, Restart, Reboot, Replace"),
}


@pytest.mark.parametrize("case", GOOD_COLLECTIONS)
def test_lists_and_mappings(case: str) -> None:
    name, given, meant = GOOD_COLLECTIONS[case]
    assert getattr(parse_policy({name: given}), name) == meant


@pytest.mark.parametrize("case", BAD_COLLECTIONS)
def test_wrong_lists_and_mappings(case: str) -> None:
    name, given, words = BAD_COLLECTIONS[case]
    told = mistake(name, given)
    assert told.startswith(f"policy.{name}: expected {words}")
    assert told.endswith(f", got {given!r}")


@pytest.mark.parametrize("name", [*LISTINGS, *TABLES])
@pytest.mark.parametrize("value", [None, 1, True, "x", 1.5], ids=repr)
def test_what_is_no_list_and_no_mapping(name: str, value: object) -> None:
    assert mistake(name, value) == f"policy.{name}: expected {SETTINGS[name].expected}, got {value!r}"


def test_unknown_settings_are_named_with_the_known_ones() -> None:
    told = mistake("cool_down", 300)
    assert told.startswith("policy.cool_down: unknown setting, expected one of monitor_only, ")
    assert "cooldown" in told


def test_every_mistake_is_told_at_once() -> None:
    wrong: dict[str, object] = dict.fromkeys(SETTINGS, "x") | {"unheard_of": 1, "cooldown": 60}
    with pytest.raises(PolicyError) as caught:
        parse_policy(wrong)
    mistakes = str(caught.value).split("; ")
    assert [text.split(":")[0] for text in mistakes] == [f"policy.{name}" for name in wrong if name != "cooldown"]


def test_one_mistake_spoils_the_whole_policy() -> None:
    with pytest.raises(PolicyError):
        parse_policy({"monitor_only": False, "cooldown": -1})


def test_only_what_was_given_is_read() -> None:
    assert read_settings({"cooldown": "60"}) == {"cooldown": 60}
    with pytest.raises(PolicyError, match=r"^here\.cooldown: expected"):
        read_settings({"cooldown": "x"}, "here")


def test_soft_rungs_wait_for_so_many_looks() -> None:
    assert parse_policy({"node_failure_threshold": 4, "health_check_interval": 15}).soft_rung_after == 60
