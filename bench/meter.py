# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a process uses, as Linux counts it: nanoseconds of CPU, bytes of memory now and at the peak since a moment."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

MB = 1_000_000


@dataclass(frozen=True)
class Use:
    """What a process has used between two moments. ``growth`` is the peak in between over what it had at first."""

    cpu: float
    growth: float


class Meter:
    """Watches one process, which may be this one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._cpu = 0.0
        self._memory = 0

    def cpu(self) -> float:
        """Seconds of CPU since the process began. This clock is finer than the hundredths in /proc/PID/stat."""
        return time.clock_gettime(~self.pid << 3 | 2)

    def memory(self) -> int:
        """Bytes of memory that it has now."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """The most bytes that it has had since ``begin``."""
        return self._status("VmHWM")

    def begin(self) -> None:
        """Count from here."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")
        self._memory = self.memory()
        self._cpu = self.cpu()

    def end(self) -> Use:
        """What was used since ``begin``."""
        cpu = self.cpu() - self._cpu
        return Use(cpu=cpu, growth=max(0, self.peak() - self._memory) / MB)

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise OSError(f"process {self.pid} has ended")


def machine_busy() -> float:
    """Seconds of CPU that this machine has worked since it began, over all its processors."""
    fields = [int(text) for text in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]]
    user, nice, system, _idle, _waiting, interrupt, soft = fields[:7]
    return (user + nice + system + interrupt + soft) / os.sysconf("SC_CLK_TCK")
