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


def enter(target: Target, hooks: Iterable[str], rules: Iterable[tuple[str, ...]]) -> tuple[Command, ...]:
    """Make the chain, then let packets go through it, so that all of its rules begin at once."""
    chain = chain_of(target)
    return (
        _iptables("-N", chain),
        *(_iptables("-A", chain, *rule) for rule in rules),
        *(_iptables("-I", hook, "1", "-j", chain) for hook in hooks),
    )


def leave(target: Target) -> tuple[Command, ...]:
    """Take the chain away, whatever is left of it."""
    chain = chain_of(target)
    return (
        *(_iptables("-D", hook, "-j", chain, may_fail=True) for hook in ("INPUT", "OUTPUT")),
        _iptables("-F", chain, may_fail=True),
        _iptables("-X", chain, may_fail=True),
    )


def _iptables(*words: str, may_fail: bool = False) -> Command:
    return network("iptables", "-w", "10", *words, may_fail=may_fail)
