# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import (
    MAX_NAME,
    InvalidName,
    check_name,
    check_node_name,
    incident_name,
)
from hypothesis import assume, example, given
from hypothesis import strategies as st

LABELS = st.text("ab0-", min_size=1, max_size=6).filter(lambda text: text.strip("-") == text)
NODE_NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)


@pytest.mark.parametrize(
    "name",
    ["a", "0", "worker-1", "ip-10-0-0-1.ec2.internal", "a--b", "1.2.3.4", "a" * 63, "a" * 64, ".".join(["b" * 63] * 3)],
)
def test_names_that_kubernetes_allows(name: str) -> None:
    assert check_node_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Worker-1",
        "worker_1",
        "-a",
        "a-",
        "a.",
        ".a",
        "a..b",
        "a.-b",
        "a b",
        "a\n",
        "\na",
        "a;reboot",
        "$(id)",
        "`id`",
        "a/../b",
        "a%2fb",
        "wörker",
        "а",  # Cyrillic
        "１",
        "a\x00b",
        "a" * 254,
        None,
        1,
        b"a",
        ["a"],
    ],
    ids=repr,
)
def test_what_is_no_node_name(name: object) -> None:
    with pytest.raises(InvalidName, match="^node name .* is not valid: expected an RFC 1123 subdomain") as caught:
        check_node_name(name)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_the_message_says_what_the_name_is_of() -> None:
    with pytest.raises(InvalidName, match="^namespace 'X' is not valid"):
        check_name("namespace", "X")


@given(st.text() | st.text(alphabet="ab01.-;$ \n\x00", max_size=12))
@example("a\n")
def test_whatever_passes_is_safe_in_a_shell(name: str) -> None:
    try:
        passed = check_node_name(name)
    except InvalidName:
        return
    assert passed == name
    assert set(passed) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert 0 < len(passed) <= MAX_NAME
    assert passed[0] not in ".-" and passed[-1] not in ".-"


@given(NODE_NAMES, st.integers(1, 10**6))
def test_incident_names_are_names(node: str, ordinal: int) -> None:
    name = incident_name(node, ordinal)
    assert name == f"{node}-{ordinal}"
    assert check_name("incident", name) == name


@given(NODE_NAMES, st.integers(1, 10**6), NODE_NAMES, st.integers(1, 10**6))
@example("a", 11, "a-1", 1)
def test_incident_names_tell_nodes_and_ordinals_apart(one: str, first: int, other: str, second: int) -> None:
    assume((one, first) != (other, second))
    assert incident_name(one, first) != incident_name(other, second)


@pytest.mark.parametrize("length", [250, 251, 252, 253])
@pytest.mark.parametrize("ordinal", [1, 99, 12345])
def test_the_incident_of_a_node_with_a_long_name(length: int, ordinal: int) -> None:
    node = ("a" * 61 + ".") * 4 + "b" * (length - 248)
    assert check_node_name(node) == node
    name = incident_name(node, ordinal)
    assert check_name("incident", name) == name
    assert name.endswith(f"-{ordinal}")
    assert incident_name(node[:-1] + "c", ordinal) != name
