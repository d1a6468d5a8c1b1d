# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the command lines of the simulation and of its nemesis share."""

from __future__ import annotations


def positive(text: str) -> int:
    """A whole number from 1 on, for argparse.

    :raises ValueError: it is none.
    """
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


# By this argparse names what it has expected.
positive.__name__ = "number"
