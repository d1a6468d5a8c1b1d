# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Says what the collection's module of this name says of a repair that is proven, and has done nothing."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Answer at once."""
    module = AnsibleModule({"node": {"required": True}})
    module.exit_json(incidents=[f"{module.params['node']}-1"], phase="Recovered", proceed=True)


if __name__ == "__main__":
    main()
