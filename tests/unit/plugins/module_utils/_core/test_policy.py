# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drivers import DRIVERS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy, ServiceProbe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import (
    SETTINGS,
    Flag,
    Integer,
    Listing,
    PolicyError,
    Table,
    Text,
    parse_policy,
    read_settings,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import DAYS, Window

# What _cluster/policy_source.py says about where the policy came from; nobody sets them.
NO_SETTINGS = {"trouble", "braked", "owner_paused"}
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
TEXTS = {name: one for name, one in SETTINGS.items() if isinstance(one, Text)}
# Those of the state machine and its guards: default, lowest, highest.
DECIDED = {
    "cooldown": (300, 0, 86400),
    "cooldown_max": (3600, 0, 86400),
    "repair_deadline": (600, 300, 3600),
    "waiting_timeout": (600, 60, 3600),
    "waiting_timeout_gpu": (2400, 60, 7200),
    "evidence_age": (60, 30, 300),
    "storm_cooldown": (600, 0, 86400),
    "max_unavailable_percent": (20, 1, 100),
    "incident_retention": (604800, 86400, 31536000),
}
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


@pytest.mark.parametrize("name", DECIDED)
def test_defaults_and_ranges_of_the_state_machine(name: str) -> None:
    setting = INTEGERS[name]
    assert (getattr(Policy(), name), setting.low, setting.high) == DECIDED[name]


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
    "a probe with dots": (
        "service_probes",
        [{"namespace": "shop", "name": "web", "port": 80, "path": "/.well-known/a..b/...?to=../x"}],
        (ServiceProbe("shop", "web", "80", "http", "/.well-known/a..b/...?to=../x"),),
    ),
    "thresholds": ("thresholds", {A_CHECK: "90"}, {A_CHECK: 90}),
    "the highest threshold": ("thresholds", {A_CHECK: 604800}, {A_CHECK: 604800}),
    "remedies": ("remedies", {A_CHECK: "reboot"}, {A_CHECK: Remedy.REBOOT}),
    "no remedy, as YAML reads it": ("remedies", {A_CHECK: None}, {A_CHECK: Remedy.NONE}),
    "a window": ("maintenance_windows", [{"start": "22:00", "end": "04:30"}], (Window(1320, 270, DAYS, "UTC"),)),
    "a window as YAML 1.1 reads it": ("maintenance_windows", [{"start": 1320, "end": 60}], (Window(1320, 60),)),
    "a window in full": (
        "maintenance_windows",
        [{"start": "0:00", "end": "24:00", "days": ["Sun", "Sat", "Sun"], "timezone": "Europe/Berlin"}],
        (Window(0, 1440, ("Sat", "Sun"), "Europe/Berlin"),),
    ),
    "no windows": ("maintenance_windows", [], ()),
    "approvals": ("approval_required", ["Reboot", "Replace"], (Remedy.REBOOT, Remedy.REPLACE)),
}
AN_ADDRESS = "expected an address like https://10.0.0.1:6443, got "
A_NAME = "expected a name that is an RFC 1123 subdomain, got "
A_PATH = "expected a path like /healthz without the segments . and .. and without \\, got "
LEAVING = ("/../../../version", "/a/..", "/./a", "/%2e%2E/x", "/.%2e/x", "/..%2fx", "/..\\x", "/%5Cx", "/..?x")
A_PROBE = "expected a probe with namespace, name, port, and optionally kind (http, https or tcp) and path, got "
A_WINDOW = "expected a window with start and end, and optionally days and timezone, got "
A_TIME = "expected a time of the day like 22:00, got "
A_ZONE = "expected the name of a time zone like Europe/Berlin (UTC where there is no time zone database), got "
DAYS_LISTED = "expected a list out of Mon, Tue, Wed, Thu, Fri, Sat, Sun, got "
NIGHT = {"start": "22:00", "end": "04:00"}
# 22 is an hour to people and a minute to YAML 1.1, so it is neither.
NO_TIMES = [
    *("", "22", "22:", ":00", "24:01", "25:00", "22:60", "-1:00", "22:00:00", "ten:00", "２２:00", None, True, 22.0),
    *(22, 0, 59, 1441, 79200, -60, [], {}),
]
NO_ZONES = ["", "Nowhere/City", "Europe", "../etc/passwd", "/etc/localtime", "a\0b", None, 5, [], "CET " * 99]
NO_DAYS = ["Sat", [], ["sat"], ["Saturday"], ["Sat", None], [6], None, {"Sat": 1}, [["Sat"]]]
SECONDS = "expected an integer from 0 to 604800 (seconds), got "
LINES = "one\ntwo\n" * 99
WELL = {"namespace": "a", "name": "b", "port": 1}
# Each mistake by its place in the setting.
BAD_COLLECTIONS: dict[str, tuple[str, Any, list[tuple[str, str]]]] = {
    "no list of names": ("node_daemonsets", "cilium", [("", "expected a list of names, got 'cilium'")]),
    "a name that is none": ("node_daemonsets", ["ok", "Not_One"], [("[1]", A_NAME + "'Not_One'")]),
    "several names that are none": (
        "node_daemonsets",
        ["A", "ok", 5],
        [("[0]", A_NAME + "'A'"), ("[2]", A_NAME + "5")],
    ),
    "a probe that is none": ("service_probes", ["web"], [("[0]", A_PROBE + "'web'")]),
    "a probe without a port": (
        "service_probes",
        [WELL, {"namespace": "a", "name": "b"}],
        [("[1]", A_PROBE + "{'namespace': 'a', 'name': 'b'}")],
    ),
    "a probe with a misspelt key": (
        "service_probes",
        [WELL | {"pth": "/"}],
        [("[0]", f"{A_PROBE}{WELL | {'pth': '/'}}")],
    ),
    "a probe of a kind that is none": (
        "service_probes",
        [WELL | {"kind": "udp"}],
        [("[0].kind", "expected http, https or tcp, got 'udp'")],
    ),
    "a probe whose path leaves the line": (
        "service_probes",
        [WELL | {"path": "/a b"}],
        [("[0].path", "expected a path like /healthz, got '/a b'")],
    ),
    "probes whose paths leave the Service": (
        "service_probes",
        [WELL | {"path": path} for path in LEAVING],
        [(f"[{index}].path", f"{A_PATH}{path!r}") for index, path in enumerate(LEAVING)],
    ),
    "a probe of another path of the API": (
        "service_probes",
        [WELL | {"port": "80/../../x"}],
        [("[0].port", "expected the number or the name of a port, got '80/../../x'")],
    ),
    "a probe of no port": (
        "service_probes",
        [WELL | {"port": None}],
        [("[0].port", "expected the number or the name of a port, got None")],
    ),
    "a probe in a namespace that is none": (
        "service_probes",
        [WELL | {"namespace": "../kube-system"}],
        [("[0].namespace", A_NAME + "'../kube-system'")],
    ),
    "probes with everything wrong": (
        "service_probes",
        [{"name": "B", "kind": 5}, WELL, WELL | {"port": "", "path": "x"}],
        [
            ("[0]", A_PROBE + "{'name': 'B', 'kind': 5}"),
            ("[0].name", A_NAME + "'B'"),
            ("[0].kind", "expected http, https or tcp, got 5"),
            ("[2].port", "expected the number or the name of a port, got ''"),
            ("[2].path", "expected a path like /healthz, got 'x'"),
        ],
    ),
    "checks that are none": (
        "disabled_checks",
        ["nodeready", A_CHECK, "Zzz", 5, []],
        [
            ("[0]", "unknown check 'nodeready', did you mean NodeReady or PodNotReady or NodeMemory?"),
            ("[2]", "unknown check 'Zzz', docs/checks.md lists them"),
            ("[3]", "unknown check 5, docs/checks.md lists them"),
            ("[4]", "unknown check [], docs/checks.md lists them"),
        ],
    ),
    "a threshold of a check that is none": (
        "thresholds",
        {A_CHECK: 1, "PodIamge": 1},
        [(".PodIamge", "unknown check, did you mean PodImage?")],
    ),
    "a threshold of nothing alike": ("thresholds", {"x": 1}, [(".x", "unknown check, docs/checks.md lists them")]),
    "a threshold beyond its range": ("thresholds", {A_CHECK: 604801}, [(f".{A_CHECK}", SECONDS + "604801")]),
    "thresholds with everything wrong": (
        "thresholds",
        {A_CHECK: "5m", "PodOMO": -1, 5: 1, LINES: 1},
        [
            (f".{A_CHECK}", SECONDS + "'5m'"),
            (".PodOMO", "unknown check, did you mean PodOOM?"),
            (".PodOMO", SECONDS + "-1"),
            (".5", "unknown check, docs/checks.md lists them"),
            (f".{repr(LINES)[:77]}...", "unknown check, docs/checks.md lists them"),
        ],
    ),
    "no mapping": (
        "thresholds",
        [A_CHECK],
        [("", f"expected a mapping from names of checks to seconds, got ['{A_CHECK}']")],
    ),
    "no list of windows": (
        "maintenance_windows",
        "22:00-04:00",
        [("", "expected a list of windows, got '22:00-04:00'")],
    ),
    "windows that are none": (
        "maintenance_windows",
        [NIGHT, "always", {"start": "22:00"}, NIGHT | {"day": "Sat"}],
        [
            ("[1]", A_WINDOW + "'always'"),
            ("[2]", A_WINDOW + "{'start': '22:00'}"),
            ("[3]", f"{A_WINDOW}{NIGHT | {'day': 'Sat'}}"),
        ],
    ),
    "a window with everything wrong": (
        "maintenance_windows",
        [{"start": "noon", "end": 5, "days": "Sat", "timezone": "Berlin"}],
        [
            ("[0].start", A_TIME + "'noon'"),
            ("[0].end", A_TIME + "5"),
            ("[0].days", DAYS_LISTED + "'Sat'"),
            ("[0].timezone", A_ZONE + "'Berlin'"),
        ],
    ),
    "approvals of what needs none": (
        "approval_required",
        ["Reboot", "Restart", "None", 5, ["Reboot"]],
        [
            ("[1]", "expected Reboot or Replace, got 'Restart'"),
            ("[2]", "expected Reboot or Replace, got 'None'"),
            ("[3]", "expected Reboot or Replace, got 5"),
            ("[4]", "expected Reboot or Replace, got ['Reboot']"),
        ],
    ),
    "a remedy that is none": (
        "remedies",
        {A_CHECK: "Explode"},
        [(f".{A_CHECK}", "expected one of None, Restart, Reboot, Replace, got 'Explode'")],
    ),
}
ADDRESSES = [
    *("http://10.0.0.1", "https://10.0.0.1 /", 6443, None, "10.0.0.1:6443", "https:", "https://", "https:///"),
    *("https://:6443", "https://10.0.0.1:", "https://10.0.0.1:x", "https://10.0.0.1:0", "https://10.0.0.1:65536"),
    *("https://10.0.0.1/healthz", "https://10.0.0.1//", "https://10.0.0.1?x=1", "https://10.0.0.1#x", "https://[::1"),
    *("https://me@10.0.0.1", "https://10.0.0.1:-1"),
]


@pytest.mark.parametrize("case", GOOD_COLLECTIONS)
def test_lists_and_mappings(case: str) -> None:
    name, given, meant = GOOD_COLLECTIONS[case]
    assert getattr(parse_policy({name: given}), name) == meant


@pytest.mark.parametrize("case", BAD_COLLECTIONS)
def test_wrong_lists_and_mappings(case: str) -> None:
    name, given, mistakes = BAD_COLLECTIONS[case]
    assert mistake(name, given) == "; ".join(f"policy.{name}{place}: {said}" for place, said in mistakes)


@pytest.mark.parametrize("address", ADDRESSES, ids=repr)
def test_an_address_is_that_of_a_server_and_no_more(address: object) -> None:
    assert mistake("api_endpoints", ["https://a", address]) == f"policy.api_endpoints[1]: {AN_ADDRESS}{address!r}"


@pytest.mark.parametrize("address", ["https://10.0.0.1", "https://[fd00::1]:6443", "https://API.example:1"])
def test_addresses_with_and_without_a_port(address: str) -> None:
    assert parse_policy({"api_endpoints": [address, f"{address}/"]}).api_endpoints == (address, address)


@pytest.mark.parametrize("value", NO_TIMES, ids=repr)
def test_what_is_no_time_of_the_day(value: object) -> None:
    said = mistake("maintenance_windows", [NIGHT | {"end": value}])
    assert said == f"policy.maintenance_windows[0].end: {A_TIME}{value!r}"


@pytest.mark.parametrize(
    ("value", "minute"), [("0:00", 0), ("6:05", 365), (" 23:59 ", 1439), ("24:00", 1440), (60, 60), (1440, 1440)]
)
def test_times_of_the_day(value: object, minute: int) -> None:
    assert parse_policy({"maintenance_windows": [NIGHT | {"start": value}]}).maintenance_windows[0].start == minute


@pytest.mark.parametrize("value", NO_ZONES, ids=lambda value: repr(value)[:20])
def test_what_is_no_time_zone(value: object) -> None:
    said = mistake("maintenance_windows", [NIGHT | {"timezone": value}])
    assert said == f"policy.maintenance_windows[0].timezone: {A_ZONE}{value!r}"


@pytest.mark.parametrize("value", NO_DAYS, ids=repr)
def test_what_are_no_days(value: object) -> None:
    said = mistake("maintenance_windows", [NIGHT | {"days": value}])
    assert said == f"policy.maintenance_windows[0].days: {DAYS_LISTED}{value!r}"


@pytest.mark.parametrize("value", [1, True, [], {}, "Docker", "kind", "docker,ssh", "\x1b[2J"], ids=repr)
def test_what_is_none_of_the_drivers(value: object) -> None:
    said = mistake("reboot_driver", value)
    assert said == f"policy.reboot_driver: expected one of {', '.join(sorted(DRIVERS))}, or empty, got {value!r}"


@pytest.mark.parametrize(("given", "meant"), [("", ""), (None, ""), (" docker\n", "docker"), ("civo", "civo")])
def test_a_driver_is_one_of_its_words(given: object, meant: str) -> None:
    assert parse_policy({"reboot_driver": given}).reboot_driver == meant


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [None, 1, True, [], {}, "a\nb", "\x1b[2J", "x" * 201], ids=lambda v: repr(v)[:12])
def test_what_is_no_line_of_text(name: str, value: object) -> None:
    assert mistake(name, value) == f"policy.{name}: expected one line of text, at most 200 characters, got {value!r}"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", ""),
        ("  ", ""),
        ("false", "false"),
        ("maintenance of the switch\n", "maintenance of the switch"),
        ("2026-11-22T06:00:00Z moving", "2026-11-22T06:00:00Z moving"),
        ("x" * 200, "x" * 200),
    ],
)
def test_a_pause_in_words(given: str, meant: str) -> None:
    assert parse_policy({"paused": given}).paused == meant


@pytest.mark.parametrize("name", [*LISTINGS, *TABLES])
@pytest.mark.parametrize("value", [None, 1, True, "x", 1.5], ids=repr)
def test_what_is_no_list_and_no_mapping(name: str, value: object) -> None:
    assert mistake(name, value) == f"policy.{name}: expected {SETTINGS[name].expected}, got {value!r}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("colldown", "did you mean cooldown or cooldown_max or storm_cooldown?"),
        ("recovery_time", "did you mean recovery_timeout or response_time_ms?"),
        ("Max_Repair", "did you mean max_repairs?"),
        ("node_percent", "did you mean disk_percent or cpu_percent or memory_percent?"),
        ("zzz", "docs/policy.md lists them"),
        ("", "docs/policy.md lists them"),
    ],
)
def test_an_unknown_setting_is_named_with_the_nearest_ones(name: str, hint: str) -> None:
    assert mistake(name, 300) == f"policy.{name}: unknown setting, {hint}"


def test_the_name_of_an_unknown_setting_neither_fills_nor_breaks_the_line() -> None:
    told = mistake("x\n" * 500, 1)
    assert told.startswith("policy.'x\\nx") and told.endswith("...: unknown setting, docs/policy.md lists them")
    assert len(told) < 150


def test_every_mistake_is_told_at_once() -> None:
    words: dict[str, object] = {"canary_image": "a b", "canary_storage_class": "$(x)"}
    wrong = dict.fromkeys(SETTINGS, "x") | words | {"paused": 5, "unheard_of": 1, "cooldown": 60}
    with pytest.raises(PolicyError) as caught:
        parse_policy(wrong)
    mistakes = caught.value.mistakes
    assert "; ".join(mistakes) == str(caught.value)
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
