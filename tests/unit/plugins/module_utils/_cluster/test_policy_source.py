# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job's settings over the ConfigMap's over the defaults; the API server here only answers what a test says."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer, Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    NotFound,
    Rejected,
    Unauthorized,
    Unreachable,
    WrongCluster,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.policy_source import (
    MISTAKE_LENGTH,
    MISTAKES_LIMIT,
    PATH,
    YAML_LENGTH,
    Config,
    parse_config,
    policy_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import SETTINGS, Integer, PolicyError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import Window
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, UID, node, plan_for, sick, snapshot

KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
A_CHECK = CHECKS[0].name
WHERE = "self-healing-config.data"


class Server(Client):
    """An API server that answers each path with a body or an error; it keeps what it was asked."""

    def __init__(self, answers: Mapping[str, dict[str, Any] | ClusterError]) -> None:
        self.answers, self.asked = answers, list[str]()

    @property
    def server(self) -> str:
        return "https://here"

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        self.asked.append(path)
        answer = self.answers.get(path, NotFound(f"GET {path}: HTTP 404"))
        if isinstance(answer, ClusterError):
            raise answer
        return Answer(answer, NOW)


def server(data: Mapping[str, Any] | ClusterError | None) -> Server:
    """An API server of our cluster, with that in its ConfigMap (None: without one)."""
    answers: dict[str, dict[str, Any] | ClusterError] = {KUBE_SYSTEM: {"metadata": {"uid": UID}}}
    if data is not None:
        answers[PATH] = data if isinstance(data, ClusterError) else {"data": dict(data)}
    return Server(answers)


# --- precedence


def test_without_a_config_map_there_are_the_jobs_settings_and_the_defaults() -> None:
    assert policy_of(server(None), {}) == Policy()
    assert policy_of(server(None), {"cooldown": 60}) == Policy(cooldown=60)
    assert policy_of(server({}), None) == Policy()


def test_each_level_is_over_the_next() -> None:
    policy = policy_of(server({"cooldown": "60", "max_attempts": "5"}), {"cooldown": 70})
    assert policy == Policy(cooldown=70, max_attempts=5)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_can_be_set_by_the_config_map(name: str) -> None:
    """An edge of its range that is not its default, as a text."""
    given: dict[str, tuple[str, Any]] = {
        "monitor_only": ("false", False),
        "notification_enabled": ("false", False),
        "kubelet_summary": ("true", True),
        "api_endpoints": ("[https://10.0.0.1:6443]", ("https://10.0.0.1:6443",)),
        "node_daemonsets": ("- a\n- b\n", ("a", "b")),
        "disabled_checks": (f"[{A_CHECK}]", frozenset({A_CHECK})),
        "maintenance_windows": (
            "- {start: 22:00, end: 04:00, days: [Sat]}\n- {start: 1:00, end: '24:00'}",
            (Window(1320, 240, ("Sat",)), Window(60, 1440)),
        ),
        "approval_required": ("[Reboot]", (Remedy.REBOOT,)),
        "reboot_driver": ("ec2", "ec2"),
        "replace_driver": ("ec2_asg", "ec2_asg"),
        "canary_image": ("registry.example/busybox:1.37", "registry.example/busybox:1.37"),
        "canary_storage_class": ("fast", "fast"),
        "paused": ("2026-11-22T06:00:00Z moving house\n", "2026-11-22T06:00:00Z moving house"),
        "thresholds": (f"{A_CHECK}: 17", {A_CHECK: 17}),
        "remedies": (f"{A_CHECK}: None", {A_CHECK: Remedy.NONE}),
    }
    setting = SETTINGS[name]
    if isinstance(setting, Integer):
        edge = setting.low if setting.low != getattr(Policy(), name) else setting.high
        given[name] = (str(edge), edge)
    if name == "service_probes":
        probe = policy_of(server({name: "- {namespace: shop, name: web, port: 80}"}), {}).service_probes
        assert [(p.namespace, p.name, p.port) for p in probe] == [("shop", "web", "80")]
        return
    text, meant = given[name]
    policy = policy_of(server({name: text}), {})
    assert policy.trouble == ""
    # The owner's pause stands beside that of a job, because neither ends the other.
    name = "owner_paused" if name == "paused" else name
    assert getattr(policy, name) == meant != getattr(Policy(), name)


# --- the brake


@pytest.mark.parametrize("brake", ["true", "True", "yes", " true\n"])
@pytest.mark.parametrize("job", [{"monitor_only": False}, {"monitor_only": "false"}, {}])
def test_no_job_can_lift_the_brake(brake: str, job: dict[str, Any]) -> None:
    policy = policy_of(server({"monitor_only": brake}), job)
    assert (policy.monitor_only, policy.braked, policy.trouble) == (True, True, "")


def test_the_brake_works_in_a_config_map_that_is_otherwise_of_no_use() -> None:
    policy = policy_of(server({"nonsense": "1", "monitor_only": "true"}), {"monitor_only": False})
    assert policy.monitor_only and policy.braked and policy.trouble


@pytest.mark.parametrize(("job", "monitor_only"), [(False, False), (True, True)])
def test_with_the_brake_off_the_job_decides(job: bool, monitor_only: bool) -> None:
    policy = policy_of(server({"monitor_only": "false"}), {"monitor_only": job})
    assert (policy.monitor_only, policy.braked) == (monitor_only, False)


def test_what_was_begun_is_written_down_to_its_end() -> None:
    job = {"monitor_only": False}
    braked = policy_of(server({"monitor_only": "true", "cooldown": "60"}), job, finishing=True)
    assert braked == Policy(monitor_only=False, cooldown=60)
    for config in ({"nonsense": "1"}, Forbidden("HTTP 403")):
        assert policy_of(server(config), job, finishing=True) == Policy(monitor_only=False)


# --- a ConfigMap that cannot be used


def test_one_that_cannot_be_used_leaves_the_defaults_and_says_so() -> None:
    policy = policy_of(server({"cooldown": "60", "max_attempts": "0"}), {"monitor_only": False, "recovery_timeout": 90})
    expected = f"{WHERE}.max_attempts: expected an integer from 1 to 10 (attempts), got '0'"
    assert policy == Policy(monitor_only=False, recovery_timeout=90, trouble=expected)


def test_every_mistake_is_told_at_once_with_path_range_and_what_was_given() -> None:
    config = parse_config(
        {
            "data": {
                "cooldown": "soon",
                "max_attempts": "3",
                "cool_down": "300",
                "monitor_only": "perhaps",
                "node_daemonsets": "calico-node",
                "thresholds": "{NodeReady: [",
                "remedies": f"{A_CHECK}: Explode",
            },
            "binaryData": {"recovery_timeout": "MzAw"},
        }
    )
    assert config.values == {} and not config.braked
    mistakes = config.trouble.split("; ")
    told = {text.split(":")[0]: text for text in mistakes}
    assert len(told) == len(mistakes) == 7
    assert told[f"{WHERE}.cooldown"].endswith("expected an integer from 0 to 86400 (seconds), got 'soon'")
    hint = "did you mean cooldown or cooldown_max or storm_cooldown?"
    assert told[f"{WHERE}.cool_down"].endswith(f"cool_down: unknown setting, {hint}")
    assert told[f"{WHERE}.monitor_only"].endswith("expected true or false, got 'perhaps'")
    assert told[f"{WHERE}.node_daemonsets"].endswith("expected a list of names, got 'calico-node'")
    assert told[f"{WHERE}.thresholds"].startswith(f"{WHERE}.thresholds: expected a mapping from names of checks to")
    assert told[f"{WHERE}.thresholds"].endswith("got '{NodeReady: ['")
    assert told[f"{WHERE}.remedies.{A_CHECK}"].endswith("expected one of None, Restart, Reboot, Replace, got 'Explode'")
    assert told["self-healing-config.binaryData.recovery_timeout"].endswith("settings are texts and stand in data")
    assert "\n" not in config.trouble


# Small enough to hurt nobody when it goes off; with some lines more it would fill any memory.
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[", id="no YAML"),
        pytest.param("", id="nothing"),
        pytest.param("a\n---\nb", id="two documents"),
        pytest.param("!!python/object/apply:os.system [id]", id="an object"),
        pytest.param("2026-99-99", id="a date that is none"),
        pytest.param("9" * 9000, id="a number that int refuses"),
        pytest.param("[" * 20000, id="too deep"),
        pytest.param("x" * (YAML_LENGTH + 1), id="too long"),
        pytest.param(BOMB, id="a bomb"),
        pytest.param("\x00", id="a character that YAML has not"),
        pytest.param("{[1]: 2}", id="a key that is none"),
    ],
)
@pytest.mark.parametrize("name", ["thresholds", "node_daemonsets"])
def test_yaml_that_is_of_no_use_is_one_short_mistake(name: str, text: str) -> None:
    begun = time.process_time()
    config = parse_config({"data": {name: text}})
    assert time.process_time() - begun < 5
    assert config.trouble.startswith(f"{WHERE}.{name}: expected ")
    assert len(config.trouble) <= MISTAKE_LENGTH and "\n" not in config.trouble


@pytest.mark.parametrize(("text", "why"), [(BOMB, "aliases are not taken"), ("[" * 13, "it is nested too deep")])
def test_yaml_that_is_larger_than_it_looks_is_not_read(text: str, why: str) -> None:
    assert f"as YAML ({why}), got " in parse_config({"data": {"thresholds": text}}).trouble


def test_a_long_mistake_keeps_the_setting_and_what_was_given() -> None:
    told = parse_config(
        {"data": {"service_probes": f"[{{namespace: shop, name: web, path: /{'x' * 999} , kind: tcp}}]"}}
    ).trouble
    assert told.startswith(f"{WHERE}.service_probes[0]: expected a probe with namespace, name, port, ")
    assert told.endswith("xxx', 'kind': 'tcp'}") and len(told) == MISTAKE_LENGTH


def test_the_mistakes_in_one_setting_are_told_and_counted_one_by_one() -> None:
    names = ", ".join(f"Not_{i}_{'x' * 30}" for i in range(MISTAKES_LIMIT + 5))
    mistakes = parse_config({"data": {"node_daemonsets": f"[{names}]"}}).trouble.split("; ")
    assert len(mistakes) == MISTAKES_LIMIT + 1 and mistakes[-1] == "and 5 mistakes more"
    assert all(text.startswith(f"{WHERE}.node_daemonsets[{i}]: expected ") for i, text in enumerate(mistakes[:-1]))


def test_a_megabyte_of_mistakes_is_told_in_a_few() -> None:
    config = parse_config({"data": {f"setting{i}": "x" * 500 for i in range(2000)}})
    assert len(config.trouble) <= (MISTAKES_LIMIT + 1) * (MISTAKE_LENGTH + 2)
    assert config.trouble.endswith(f"; and {2000 - MISTAKES_LIMIT} mistakes more")


def test_what_is_not_told_is_not_compared_with_all_there_is() -> None:
    data = {f"node_setting{i}": "" for i in range(50000)} | {"monitor_only": "true", "cooldown": "x"}
    begun = time.process_time()
    config = parse_config({"data": data})
    assert time.process_time() - begun < 3
    assert config.braked and config.trouble.endswith(f"; and {50001 - MISTAKES_LIMIT} mistakes more")


@pytest.mark.parametrize(
    "body", [{"data": "x"}, {"data": ["x"]}, {"data": {}, "binaryData": 1}, {"data": {"cooldown": 60.5}}]
)
def test_an_odd_shape_is_a_mistake(body: dict[str, Any]) -> None:
    assert parse_config(body).trouble.startswith(WHERE)


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}, "binaryData": None}])
def test_an_empty_one_says_nothing(body: dict[str, Any]) -> None:
    assert parse_config(body) == Config()


@pytest.mark.parametrize("error", [Forbidden("HTTP 403 no"), Rejected("HTTP 400 no"), Unreachable("HTTP 503 no")])
def test_one_that_cannot_be_read_is_like_one_that_cannot_be_used(error: ClusterError) -> None:
    policy = policy_of(server(error), {"monitor_only": False})
    expected = f"ConfigMap self-healing/self-healing-config cannot be read: {error}"
    assert policy == Policy(monitor_only=False, trouble=expected)


# --- the cluster


def test_nothing_is_sent_when_the_job_is_wrong() -> None:
    asked = server({})
    with pytest.raises(PolicyError, match=r"^policy\.cooldown: "):
        policy_of(asked, {"cooldown": -1})
    assert asked.asked == []


def test_nothing_else_is_read_from_another_cluster() -> None:
    asked = server({"cooldown": "60"})
    with pytest.raises(WrongCluster):
        policy_of(asked, {}, "another-uid")
    assert asked.asked == [KUBE_SYSTEM]
    assert policy_of(asked, {}, UID).cooldown == 60


@pytest.mark.parametrize("error", [Unreachable("refused"), Unauthorized("HTTP 401")])
def test_a_cluster_that_does_not_answer_is_not_asked_again(error: ClusterError) -> None:
    asked = Server({KUBE_SYSTEM: error})
    with pytest.raises(type(error)):
        policy_of(asked, {})
    assert asked.asked == [KUBE_SYSTEM]


def test_who_may_not_read_the_namespace_may_still_have_settings() -> None:
    answers: dict[str, dict[str, Any] | ClusterError] = {KUBE_SYSTEM: Forbidden("HTTP 403")}
    assert policy_of(Server({**answers, PATH: {"data": {"cooldown": "60"}}}), {}).cooldown == 60


# --- what follows from it


def test_a_config_map_of_no_use_stops_healing_and_not_observing() -> None:
    policy = policy_of(server({"cooldown": "x"}), {"monitor_only": False})
    seen = snapshot([sick("w1"), *(node(f"w{i}") for i in range(2, 10))])
    judgement = judge(seen, policy)
    assert judgement.verdict is Verdict.UNHEALTHY
    assert judgement.unread["policy"] == policy.trouble
    assert judge(snapshot([node()]), policy).verdict is Verdict.UNKNOWN
    assert policy.trouble in plan_for(seen, policy=policy).blocked
    assert plan_for(seen, policy=policy_of(server({"cooldown": "300"}), {"monitor_only": False})).blocked == ""


def test_the_brake_leaves_no_repair() -> None:
    policy = policy_of(server({"monitor_only": "true"}), {"monitor_only": False})
    plan = plan_for(snapshot([sick("w1"), *(node(f"w{i}") for i in range(2, 10))]), policy=policy)
    assert plan.actions == () and plan.notes == ()
    assert any(r.guard == "monitor_only" and "self-healing-config" in r.message for r in plan.refusals)
