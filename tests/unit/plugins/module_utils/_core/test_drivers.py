# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a driver is given, and the words of a command of somebody's own."""

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drivers import (
    DRIVERS,
    WordError,
    contradictions,
    fill_words,
    has_no_answer,
    options_for,
    unnamed,
)
from hypothesis import given
from hypothesis import strategies as st

KIND = "kind://docker/lab/lab-worker"


def test_the_providerid_gives_what_was_not_given() -> None:
    assert options_for("docker", {}, KIND, {}) == ({"instance": "lab-worker"}, [])
    assert options_for("docker", {"instance": "other"}, "", {}) == ({"instance": "other"}, [])
    assert options_for("docker", {"instance": "lab-worker"}, KIND, {}) == ({"instance": "lab-worker"}, [])
    assert options_for("docker", {"instance": None}, KIND, {}) == ({"instance": "lab-worker"}, [])


def test_one_name_for_a_group_of_hosts_does_not_reboot_one_machine_for_all_of_them() -> None:
    [mistake] = options_for("docker", {"instance": "lab-worker2"}, KIND, {})[1]
    assert mistake == "instance 'lab-worker2' is not the machine that the node's providerID names, lab-worker"
    # A command of somebody's own may call machines otherwise.
    given_options = {"argv": ["x", "{instance}"], "instance": "vm-17"}
    assert options_for("command", given_options, KIND, {}) == (given_options, [])


def test_every_mistake_is_told() -> None:
    _options, mistakes = options_for("docker", {"argv": ["x"], "engine": "docker"}, "", {})
    assert mistakes == [
        "driver docker has no option argv: it knows instance, engine",
        "driver docker needs option instance, which the node's providerID does not give",
    ]
    [mistake] = options_for("nope", {}, "", {})[1]
    assert mistake.startswith("there is no driver 'nope': expected one of azure, civo, ")
    [mistake, _missing] = options_for("docker", {}, "hcloud://1", {})[1]
    assert mistake == "the node is a machine of hetzner by its providerID, which driver docker cannot reboot"
    assert "names no machine" in options_for("docker", {}, "x://y", {})[1][0]
    assert options_for("command", {"argv": ["x"]}, "x://y", {}) == ({"argv": ["x"]}, []), "it may know more than we do"


@pytest.mark.parametrize("value", ["-rf", "a b", "a/b", "../x", "a;b", "a\n", "$(x)", "a%2f", ""])
def test_a_name_that_could_be_more_than_a_name_is_a_mistake(value: str) -> None:
    mistakes = options_for("docker", {"instance": value}, "", {})[1]
    assert mistakes and mistakes[0].startswith("instance ") and mistakes[0].isprintable()


@given(st.dictionaries(st.sampled_from(["instance", "engine", "x"]), st.text()), st.text() | st.just(KIND))
def test_what_has_no_mistake_in_it_holds_only_names(given_options: dict[str, str], provider_id: str) -> None:
    options, mistakes = options_for("docker", given_options, provider_id, {})
    assert all(mistake.isprintable() for mistake in mistakes)
    if not mistakes:
        assert options["instance"].isascii() and not set(options["instance"]) & set(" /;&|$`'\"\n-") - {"-"}
        assert not options["instance"].startswith("-")


# --- words


NAMES = {"node": "w1", "instance": "vm-17", "zone": ""}


def test_a_placeholder_is_a_whole_word() -> None:
    argv = ["powercycle", "--node", "{node}", "{instance}", "{}", '{"a": 1}', "${HOME}"]
    assert fill_words(argv, NAMES) == ["powercycle", "--node", "w1", "vm-17", "{}", '{"a": 1}', "${HOME}"]
    for argv, why in {
        ("x", "--node={node}"): "placeholder {node} has to be a word of its own",
        ("x", "{zone}"): "nothing is known that {zone} could stand for, only {node}, {instance}",
        ("x", "{nodes}"): "nothing is known that {nodes} could stand for",
        (): "expected a list of words, a program first",
        ("-c", "x"): "expected a list of words, a program first",
        ("x", "a\0b"): "zero byte",
    }.items():
        with pytest.raises(WordError, match="^argv: ") as caught:
            fill_words(argv, NAMES)
        assert why in str(caught.value)


@given(st.lists(st.text() | st.sampled_from(["{node}", "{instance}"])), st.text(min_size=1))
def test_a_name_stays_one_word_whatever_it_is(argv: list[str], name: str) -> None:
    try:
        words = fill_words(["x", *argv], {"node": name, "instance": "i"})
    except WordError:
        return
    assert len(words) == len(argv) + 1
    assert [new for old, new in zip(argv, words[1:], strict=True) if old == "{node}"] == [name] * argv.count("{node}")
    assert [new for old, new in zip(argv, words[1:], strict=True) if old not in ("{node}", "{instance}")] == [
        old for old in argv if old not in ("{node}", "{instance}")
    ]


def test_the_registry_makes_sense() -> None:
    for name, driver in DRIVERS.items():
        assert name.isidentifier() and driver.about
        assert set(driver.environment) <= set(driver.options)
        assert not driver.module or driver.module.count(".") == 2


BY_THE_ID = {
    "azure": (
        "azure:///subscriptions/1b2c3d4e-0a1b-4c2d-8e3f-0123456789ab/resourceGroups/g/providers/Microsoft.Compute"
        "/virtualMachines/w1"
    ),
    "civo": "civo://779d651a-8e10-4019-9cc0-448451d16157",
    "docker": "kind://docker/lab/w1",
    "ec2": "aws:///eu-west-1a/i-0123456789abcdef0",
    "gcp": "gce://my-project-1/europe-west4-b/w1",
    "hetzner": "hcloud://42",
    "openstack": "openstack:///779d651a-8e10-4019-9cc0-448451d16157",
}


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_whose_machine_is_known_without_asking_the_host(name: str) -> None:
    """By the providerID of its own provider alone, whatever else is given."""
    given = {"bmc": "bmc.example.org", "argv": ["x", "{instance}"]}
    known = {other for other, text in BY_THE_ID.items() if unnamed(name, given, text) == ""}
    # Azure's resource IDs are no words for a command.
    assert known == ({name} & set(BY_THE_ID) or (set(BY_THE_ID) - {"azure"} if name == "command" else set()))
    assert unnamed(name, given, "")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("ec2", {"instance": "i-0fffffffffffffff0"}),
        ("ec2", {"region": "us-east-1"}),
        ("command", {"instance": "i-0fffffffffffffff0", "argv": ["x", "{instance}"]}),
        ("gcp", {"project": "staging-1"}),
        ("gcp", {"zone": "europe-west4-c"}),
        ("azure", {"resource_id": "/a/b/c/d"}),
    ],
)
def test_an_option_that_names_another_machine_than_the_node_s_is_a_contradiction(name: str, given: dict) -> None:
    text = BY_THE_ID["ec2" if name == "command" else name]
    [told] = contradictions(name, given, text)
    assert "is not the one that the node's providerID names" in told and unnamed(name, given, text) == told
    same = options_for(name, {}, text, {})[0]
    assert contradictions(name, {"argv": ["x", "{instance}"]} | same, text) == []


def test_a_command_has_to_be_told_which_machine_is_meant() -> None:
    assert unnamed("command", {"argv": ["x", "{instance}"]}, "hcloud://42") == ""
    assert "has no word {instance}" in unnamed("command", {"argv": ["x", "{node}"]}, "hcloud://42")
    assert "names no machine" in unnamed("command", {"argv": ["x", "{instance}"]}, "")
    assert "names no machine" in unnamed("command", {"argv": ["x", "{instance}"]}, "nobody://42")


@pytest.mark.parametrize(
    "result",
    [
        {"error_class": "ReplyLost", "msg": "it was refused"},
        {"unreachable": True, "msg": "Failed to connect"},
        {"rc": 124, "msg": "non-zero return code"},
        {"timedout": {"period": 30}, "msg": "Timed out after 30 second(s)."},
        {"status": 504, "msg": "Status code was 504 and not [200]"},
        {"status": -1, "msg": "Request failed"},
        {"msg": "no answer: the connection was lost"},
        {"rc": 255, "stderr": "Shared connection to 10.0.0.11 closed."},
        {"rc": 255, "stderr": "Connection to 10.0.0.11 closed by remote host."},
        {"msg": "HTTP Error 502: Bad Gateway"},
        {"msg": "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))"},
        {"msg": "EOF occurred in violation of protocol"},
    ],
)
def test_what_may_have_been_obeyed(result: dict) -> None:
    assert has_no_answer(result)


@pytest.mark.parametrize(
    "result",
    [
        {"error_class": "Unauthorized", "msg": "the connection timed out for this token"},
        {"msg": "Unsupported parameters for (x) module: foo. Supported parameters include: timeout"},
        {"rc": 2, "stderr": "usage: powercycle [--timeout N]"},
        {"msg": "quota 500 exceeded"},
        {"status": 401, "msg": "Status code was 401 and not [200]: HTTP Error 401: Unauthorized"},
        {"rc": 1, "stderr": "instance 500 not found"},
        {},
    ],
)
def test_what_was_refused(result: dict) -> None:
    assert not has_no_answer(result)
