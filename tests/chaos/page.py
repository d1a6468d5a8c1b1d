# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/chaos-results.md, made of the results that are kept; a unit test tells when it is old."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# It is no package of the environment's.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "chaos"))

from chaosheal.report import table
from chaosheal.results import Result, Results

from lab.paths import CHECKOUT

RESULTS = CHECKOUT / "chaos" / "results"
PAGE = CHECKOUT / "docs" / "chaos-results.md"
_HEAD = """\
<!--
Copyright (c) 2026, the selfheal.kubernetes authors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
Made by `make chaos`: change the experiments and not this file.
-->

# What chaos has shown

Every run in `chaos/results/results.jsonl` is counted, on kind clusters with short times; `make chaos` and `make soak`
add to them. Times are the median, with the shortest and the longest, from the first sample in which somebody who is not
the healer saw the effect, give or take 2 s. The machines had two cores, and other tests ran beside many of these runs.

"""


def text(results: Sequence[Result]) -> str:
    """The page. Pure."""
    return _HEAD + table(results)


def main() -> int:
    """Write it; returns 0."""
    PAGE.write_text(text(Results(RESULTS).all()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
