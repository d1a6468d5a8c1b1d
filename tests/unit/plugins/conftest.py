# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hypothesis without its time limit for one example, which a busy machine breaks."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("selfheal", deadline=None)
settings.load_profile("selfheal")
