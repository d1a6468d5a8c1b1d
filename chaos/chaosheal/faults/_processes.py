# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the table of processes of a node says, which knows nothing of systemd's and kubelet's opinions."""

from __future__ import annotations

from chaosheal.model import Look, inside


def absent(name: str) -> Look:
    """Whether no process has this name."""
    return Look(inside(f"! pgrep -x {name} >/dev/null"))


def stopped(name: str) -> Look:
    """Whether the process of this name stands still."""
    return Look(
        inside(f'for pid in $(pgrep -x {name}); do grep "^State:" "/proc/$pid/status"; done'), says=r"State:\s+T"
    )


def younger(name: str, seconds: int) -> Look:
    """Whether the process of this name has begun within so many seconds."""
    script = f'for pid in $(pgrep -o -x {name}); do [ "$(ps -o etimes= -p "$pid")" -lt {seconds} ] && echo YOUNG; done'
    return Look(inside(script), says="YOUNG")


def no_program(name: str) -> Look:
    """Whether no process was started by this word; the kernel's own names end after 15 letters, and others begin so."""
    return Look(inside(f"! pgrep -f '^{name}( |$)' >/dev/null"))
