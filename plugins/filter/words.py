# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import one_line as line_of


def one_line(said: object, length: int = 4000, otherwise: str = "") -> str:
    """What a host or a program has said, for people."""
    return line_of(said if isinstance(said, (list, tuple)) else [said], length) or otherwise


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to filter."""
        return {"one_line": one_line}
