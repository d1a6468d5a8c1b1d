# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the packet filter in a node's network, in a chain of their own that goes as a whole."""

from __future__ import annotations

from collections.abc import Iterable

from chaosheal.model import Command, Target, network


def chain_of(target: Target) -> str:
    """A chain's name has 28 characters at most."""
    return f"CHAOS-{target.ident}"[:28]


# Where packets enter a chain, by its table.
_HOOKS = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("POSTROUTING",),
    "nat": ("OUTPUT",),
}


def enter(
    target: Target, rules: Iterable[tuple[str, ...]], hooks: Iterable[str] = (), table: str = "filter"
) -> tuple[Command, ...]:
    """Make the chain, then let packets go through it, so that all of its rules begin at once.

    :param hooks: where they enter it; wherever they can in this table if none is given.
    """
    chain = chain_of(target)
    return (
        _iptables(table, "-N", chain),
        *(_iptables(table, "-A", chain, *rule) for rule in rules),
        *(_iptables(table, "-I", hook, "1", "-j", chain) for hook in hooks or _HOOKS[table]),
    )


def between(target: Target, what: tuple[str, ...], arriving: bool = True, leaving: bool = True) -> tuple[Command, ...]:
    """Do something to what passes between the control plane and the node or its pods.

    What arrives is caught before the answers of a Service get its address, and what leaves after that address has been
    replaced; in FORWARD a network plugin that puts its rules first would let established connections pass.
    """
    return (
        *(enter(target, [("-s", at, *what) for at in target.planes], ("PREROUTING",), "raw") if arriving else ()),
        *(enter(target, [("-d", at, *what) for at in target.planes], table="mangle") if leaving else ()),
    )


def leave_between(target: Target) -> tuple[Command, ...]:
    """Take away what ``between`` has done."""
    return (*leave(target, "raw"), *leave(target, "mangle"))


def leave(target: Target, table: str = "filter") -> tuple[Command, ...]:
    """Take the chain away, whatever is left of it."""
    chain = chain_of(target)
    return (
        *(_iptables(table, "-D", hook, "-j", chain, may_fail=True) for hook in _HOOKS[table]),
        _iptables(table, "-F", chain, may_fail=True),
        _iptables(table, "-X", chain, may_fail=True),
    )


def _iptables(table: str, *words: str, may_fail: bool = False) -> Command:
    return network("iptables", "-w", "10", "-t", table, *words, may_fail=may_fail)
