# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the table of processes of a node says, which knows nothing of systemd's and kubelet's opinions."""

from __future__ import annotations

from chaosheal.model import Fault, Look, inside


def absent(name: str) -> Look:
    """Whether no process has this name."""
    return Look(inside(f"! pgrep -x {name} >/dev/null"))


def present(name: str) -> Look:
    """Whether a process has this name."""
    return Look(inside(f"pgrep -x {name} >/dev/null"))


def hung(fault: str, process: str, about: str) -> Fault:
    """The fault that a process stands still, as the table of processes has it."""
    state = f'for pid in $(pgrep -x {process}); do grep "^State:" "/proc/$pid/status"; done'
    return Fault(
        name=fault,
        about=about,
        inject=lambda target, params: (inside(f"pkill -STOP -x {process}"),),
        undo=lambda target, params: (inside(f"pkill -CONT -x {process}", may_fail=True),),
        effect=lambda target, params: Look(inside(state), says=r"State:\s+T"),
    )


def younger(name: str, seconds: int) -> Look:
    """Whether the process of this name has begun within so many seconds."""
    script = f'for pid in $(pgrep -o -x {name}); do [ "$(ps -o etimes= -p "$pid")" -lt {seconds} ] && echo YOUNG; done'
    return Look(inside(script), says="YOUNG")


def no_program(name: str) -> Look:
    """Whether no process was started by this word; the kernel's own names end after 15 letters, and others begin so."""
    return Look(inside(f"! pgrep -f '^{name}( |$)' >/dev/null"))
