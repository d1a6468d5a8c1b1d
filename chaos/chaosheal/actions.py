# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Actions: break, and mend."""

# The Chaos Toolkit reads annotations as they stand, so they must not be turned into strings by a future import.
import signal
import time
from typing import Any

from chaoslib.exceptions import ActivityFailed
from chaoslib.types import Configuration

from chaosheal.activities import told
from chaosheal.healer import PHASES, mark_of, send
from chaosheal.history import read, wait_for
from chaosheal.injection import DEAD_MAN_SECONDS
from chaosheal.model import ChaosError
from chaosheal.setup import breaker_of, events_of

__all__ = ["inject_fault", "signal_healer", "undo_faults"]

_SIGNALS = ("KILL", "TERM", "STOP", "CONT")


@told
def inject_fault(
    fault: str,
    target: dict[str, Any] | None = None,
    params: dict[str, Any] | None = None,
    lasts: float = DEAD_MAN_SECONDS,
    configuration: Configuration = None,
) -> list[dict[str, Any]]:
    """Bring a fault about on some nodes, and see that it took effect.

    ``fault`` is one of ``python -m chaosheal faults``, and ``params`` what may be chosen about it. ``target`` has
    ``names`` (a list of nodes), or any of ``role`` (worker or control-plane), ``label`` (key=value), ``count`` (1),
    ``seed`` and ``broken`` (of those that are broken already), or ``role`` and ``index`` (from 0 on). After ``lasts``
    seconds it is taken back even if this program is no more. Returns ident, fault, node, the time, and how many seconds
    it took until the fault was seen, for each node.

    Fails, with everything as it was, if the cluster is not marked as one that may be broken, if more nodes would be
    broken than ``chaosheal_max_nodes`` and ``chaosheal_max_percent`` allow, or if the fault did not take effect.
    """
    return [one.to_dict() for one in breaker_of(configuration).inject(fault, target, params, float(lasts))]


@told
def undo_faults(idents: list[str] | None = None, configuration: Configuration = None) -> int:
    """Take faults back, all that the journal knows if none is named; returns 0, and fails if something is left."""
    left = breaker_of(configuration).undo(idents)
    if left:
        raise ActivityFailed("; ".join(left))
    return 0


@told
def signal_healer(
    name: str, phase: str = "", which: int = 0, within: float = 300, configuration: Configuration = None
) -> int:
    """Send a signal to every process of a healer that the runner has started; returns to how many.

    ``name`` is KILL, TERM, STOP or CONT. With a ``phase`` it waits until the healer comes to that: detect, lock, begin,
    evidence, drain, fence, canary, act, verify or unlock. ``which`` is the healer's number, from 0 on. Fails if it does
    not come to it, or is not at work, within so many seconds; to let one go on that has ended is no failure.
    """
    if name not in _SIGNALS:
        raise ChaosError(f"name: expected one of {', '.join(_SIGNALS)}, got {ascii(name)[:60]}")
    if phase and phase not in PHASES:
        raise ChaosError(f"phase: expected one of {', '.join(PHASES)}, got {ascii(phase)[:60]}")
    path = events_of(configuration)
    if phase:
        about = {"kind": "healer", "which": which, "what": "phase", "phase": phase}
        wait_for(path, about, float(within))
    number, end = signal.Signals[f"SIG{name}"], time.monotonic() + float(within)
    # Between two runs of a schedule there is none.
    while not (hit := send(mark_of(read(path), which), number)) and name != "CONT":
        if time.monotonic() > end:
            raise ChaosError(f"healer {which} is not at work any more")
        time.sleep(0.5)
    return hit
