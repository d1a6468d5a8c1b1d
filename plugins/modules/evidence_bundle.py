#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: plugins/action/evidence_bundle.py does it.

from __future__ import annotations

DOCUMENTATION = r"""
module: evidence_bundle
short_description: Keep what the host of a node has told, without its secrets
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Made for role P(selfheal.kubernetes.node_evidence#role), which asks a host about itself, and writes its answers into one compressed file of
    bounded size.
  - Private keys, tokens, passwords, cookies and the like are left out. So is too much rather than too little.
  - Works on the controller, in Ansible's own process.
  - A bundle that cannot be written is no failure, but RV(reason) says why there is none.
extends_documentation_fragment:
  - selfheal.kubernetes._attributes
attributes:
  check_mode:
    support: full
    details: Nothing is written. RV(reason) is why nothing could be, as far as that can be seen.
  diff_mode:
    support: none
  idempotent:
    support: none
    details: Each call writes a bundle, one of the same name in the place of the one before.
options:
  state:
    description:
      - V(planned) only says how large the sections may be, and whether there is a folder to write to.
    type: str
    default: kept
    choices: [kept, planned]
  dir:
    description:
      - The folder on the controller, an absolute path. It is not made.
    type: str
    default: ""
  name:
    description:
      - The name of the bundle, as the plan of a healing run gives it. If empty, it is made of O(cluster_uid), O(node) and the time.
    type: str
    default: ""
  cluster_uid:
    description:
      - The cluster that the node is in.
    type: str
    default: ""
  node:
    description:
      - The node.
    type: str
    required: true
  about:
    description:
      - What else is to be told at the beginning of the bundle, at most 17 names with a short text each.
    type: dict
    default: {}
  commands:
    description:
      - What the host was asked, each with C(name), C(command), C(share) (its part of the bundle among the others) and C(tail) (whether the end of what
        it has printed matters more than the beginning).
    type: list
    elements: dict
    required: true
  answers:
    description:
      - What it has answered, the results of a loop over O(commands).
    type: list
    elements: dict
    default: []
  max_bytes:
    description:
      - The size of the bundle at most before it is compressed, from 65536 to 16777216.
    type: int
    default: 2097152
  keep:
    description:
      - How many bundles of the cluster are kept in the folder, this one among them.
    type: int
    default: 50
  keep_days:
    description:
      - For how many days a bundle is kept.
    type: int
    default: 90
"""

EXAMPLES = r"""
- name: Keep what the host has told
  selfheal.kubernetes.evidence_bundle:
    dir: /var/lib/selfheal/evidence
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    node: worker-1
    commands:
      - name: uptime
        command: uptime
        share: 1
    answers: "{{ asked.results }}"
"""

RETURN = r"""
name:
  description: The name of the bundle, or the one that it would have.
  returned: success
  type: str
  sample: evidence_0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10_worker-1_20261121T030002Z.json.gz
reason:
  description: Why there is no bundle. Empty if there is one.
  returned: success
  type: str
  sample: ""
sha256:
  description: The SHA-256 of the file.
  returned: if it was written
  type: str
  sample: 4f1d2c0e6d5f2f7a5e0f8f6a7b1d3c5e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d
bytes:
  description: The size of the file.
  returned: if it was written
  type: int
  sample: 48211
sections:
  description: How many of the commands have told anything.
  returned: if it was written
  type: int
  sample: 17
pruned:
  description: The older bundles that were removed.
  returned: if it was written
  type: list
  elements: str
  sample: []
limits:
  description: How many bytes each command may print.
  returned: success
  type: dict
  sample:
    uptime: 4096
"""
