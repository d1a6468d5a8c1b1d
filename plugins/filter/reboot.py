# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import shutil
import typing as t
from collections.abc import Iterable, Mapping

from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import module_loader
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.boots import has_restarted, is_over, start_in
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drivers import (
    DEEDS,
    DRIVERS,
    WordError,
    contradictions,
    fill_words,
    has_no_answer,
    options_for,
    unnamed,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.hosts import is_silent
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.provider_id import (
    ProviderIdError,
    parse_provider_id,
)


def provider_id(text: object) -> dict[str, str]:
    """The machine that a providerID names."""
    try:
        machine = parse_provider_id(text)
    except ProviderIdError as exc:
        raise AnsibleFilterError(str(exc)) from None
    return {"provider": machine.provider, **machine.parts}


def reboot_driver(name: str) -> dict[str, t.Any]:
    """What the role has to know about a driver; of one that is not known, what holds for all."""
    driver = DRIVERS.get(str(name))
    return {
        "answers": driver is not None and driver.answers,
        "module": driver.module if driver else "",
        "own_boot_id": driver is None or driver.own_boot_id,
        "turns_on": driver is not None and driver.turns_on,
    }


def reboot_options(
    given: Mapping[str, t.Any], name: str, node_provider_id: str = "", deed: str = "reboot"
) -> dict[str, t.Any]:
    """The options that a driver is to work with."""
    return options_for(str(name), given, node_provider_id, os.environ, deed)[0]


def reboot_mistakes(
    given: Mapping[str, t.Any],
    name: str,
    node_provider_id: str = "",
    silent: bool = False,
    trusted: bool = False,
    strict: bool = False,
    deed: str = "reboot",
) -> list[str]:
    """Everything that keeps a driver from being used, one line each."""
    mistakes = options_for(str(name), given, node_provider_id, os.environ, deed)[1]
    driver = DEEDS[deed].get(str(name))
    if strict:
        mistakes += contradictions(str(name), given, node_provider_id, deed)
    if silent and driver and driver.answers:
        mistakes.append(f"driver {name} needs the host to answer, and it is silent")
    elif silent and not trusted:
        why = unnamed(str(name), given, node_provider_id, deed)
        vouch = f"if its inventory names the right machine, set node_{deed}_trust_inventory"
        mistakes += [f"{why}, and the host is silent: {vouch}"] if why else []
    if driver and driver.module and not module_loader.find_plugin_with_context(driver.module).resolved:
        collection = driver.module.rpartition(".")[0]
        mistakes.append(
            f"driver {name} needs the collection {collection}, which is not installed:"
            f" ansible-galaxy collection install {collection}"
        )
    if driver and driver.program and shutil.which(driver.program) is None:
        mistakes.append(f"driver {name} needs the program {driver.program} on the controller, which is not there")
    return mistakes


def reboot_argv(argv: Iterable[object], names: Mapping[str, str]) -> list[str]:
    """The words of a command, with its placeholders filled in."""
    try:
        return fill_words(argv, names)
    except WordError as exc:
        raise AnsibleFilterError(str(exc)) from None


def reboot_start(text: str, before: str = "", waited: float = 0, wanted: str = "") -> dict[str, t.Any]:
    """Which start of it a host tells of, and whether that is another one than before."""
    start = start_in(str(text))
    return {
        "name": start.name if start else "",
        "restarted": has_restarted(str(before), start, float(waited)),
        "over": is_over(str(wanted), start),
    }


def reboot_unanswered(failed: Mapping[str, t.Any]) -> bool:
    """Whether a request for a reboot that has failed may have been obeyed."""
    return has_no_answer(failed)


def host_is_silent(asked: Mapping[str, t.Any]) -> bool:
    """Whether a host that has not told who it is has given no answer at all."""
    status = asked.get("rc")
    if status == 0 or "uptime=" in str(asked.get("stdout") or ""):
        return False
    words = " ".join(str(asked.get(key) or "") for key in ("msg", "stderr"))
    return is_silent(words, status if isinstance(status, int) else None)


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to filter."""
        return {
            "host_is_silent": host_is_silent,
            "provider_id": provider_id,
            "reboot_argv": reboot_argv,
            "reboot_driver": reboot_driver,
            "reboot_mistakes": reboot_mistakes,
            "reboot_options": reboot_options,
            "reboot_start": reboot_start,
            "reboot_unanswered": reboot_unanswered,
        }
