# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host has restarted, by what it says."""

from __future__ import annotations

import subprocess

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.boots import (
    Start,
    has_restarted,
    is_over,
    start_in,
)
from hypothesis import given
from hypothesis import strategies as st

from lab.paths import CHECKOUT

ID, OTHER = "38902472422b5beebeb04a2056af9200", "e8c82664f96b4868a9cc297fa12a946c"
DASHED = "38902472-422b-5bee-beb0-4a2056af9200"


def test_a_machine_and_a_container_tell_of_their_start() -> None:
    assert start_in(f"boot={DASHED}/14 age=600\r\n") == Start(ID, "14", 600)
    told = start_in(f"Warning: something\nboot={ID}/98765 age=3\n")
    assert told is not None and told.name == f"{ID}/98765"


@pytest.mark.parametrize("text", ["", "boot=", f"boot={ID}/ age=3", f"boot={ID[:-1]}-/1 age=3", f"x boot={ID}/1 age=1"])
def test_what_tells_of_none_is_none(text: str) -> None:
    assert start_in(text) is None


def test_another_boot_id_or_another_first_process_is_a_restart() -> None:
    before = f"{ID}/14"
    assert not has_restarted(before, Start(ID, "14", 1), 60), "the same start, however young"
    assert has_restarted(before, Start(OTHER, "14", 1), 60)
    assert has_restarted(before, Start(ID, "15", 1), 60), "a container under the same kernel"
    assert not has_restarted(before, None, 60)


def test_of_a_host_that_did_not_answer_before_it_is_a_start_younger_than_the_request() -> None:
    assert has_restarted("", Start(ID, "14", 59), 60)
    assert not has_restarted("", Start(ID, "14", 60), 60)
    assert not has_restarted("", Start(ID, "14", -5), 60), "an uptime that makes no sense proves nothing"
    assert not has_restarted("", None, 60)


def test_a_start_that_was_to_end_is_over_when_the_host_is_in_another_one() -> None:
    now = Start(ID, "14", 600)
    for wanted in ("", ID, DASHED, DASHED.upper(), f"{DASHED}/14"):
        assert not is_over(wanted, now), wanted
    for wanted in (OTHER, f"{OTHER}/14", f"{ID}/13"):
        assert is_over(wanted, now), wanted
        assert not is_over(wanted, None), "nobody knows while it is silent"
    assert not is_over("nonsense", now)


@given(st.text(), st.text(), st.floats(allow_nan=False))
def test_no_words_of_a_host_or_of_a_person_do_harm(said: str, before: str, waited: float) -> None:
    start = start_in(said)
    assert has_restarted(before, start, waited) in (True, False) and is_over(before, start) in (True, False)
    if start:
        assert set(start.name) <= set("0123456789abcdef/")


def test_the_role_s_question_is_answered_by_a_real_shell() -> None:
    variables = yaml.safe_load((CHECKOUT / "roles/node_reboot/vars/main.yml").read_text(encoding="utf-8"))
    question = variables["__node_reboot_tell"]
    assert not set(question) & {"'"} and "{{" not in question and "\n" not in question.strip()
    told = subprocess.run(["sh", "-c", question], capture_output=True, text=True, check=True, timeout=10)
    start = start_in(told.stdout)
    assert start is not None and start.age >= 0, told
    again = subprocess.run(["sh", "-c", question], capture_output=True, text=True, check=True, timeout=10)
    assert not has_restarted(start.name, start_in(again.stdout), 60)
    # A first process of its own, as a container has it.
    inside = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", question]
    other = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=10)
    if other.returncode:
        pytest.skip(f"this machine lets nobody have a first process of its own: {other.stderr}")
    assert has_restarted(start.name, start_in(other.stdout), 60)
    assert has_restarted("", start_in(other.stdout), 60)
