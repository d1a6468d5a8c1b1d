#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_account_kubeconfig
short_description: Write a kubeconfig file for a service account
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Asks the API server for a token of a service account, and writes it to a kubeconfig file that its owner alone can read.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity.required
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.actiongroup
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
    details: Each call asks for a new token. The old ones stay valid until they end.
options:
  namespace:
    description: The namespace of the service account.
    type: str
    default: self-healing
  service_account:
    description: The name of the service account.
    type: str
    required: true
  dest:
    description: Absolute path of the file to write. Its directory must exist.
    type: path
    required: true
  seconds:
    description: For how long the token is asked for, 600 at least. The cluster may give it for a shorter time.
    type: int
    default: 86400
"""

EXAMPLES = r"""
- name: A kubeconfig file with the healer's rights
  selfheal.kubernetes.service_account_kubeconfig:
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    service_account: selfheal-healer
    dest: /home/me/healer.kubeconfig
"""

RETURN = r"""
dest:
  description: The path of the file.
  returned: success
  type: str
  sample: /home/me/healer.kubeconfig
expires:
  description: When the token ends.
  returned: success and not check mode
  type: str
  sample: "2026-11-22T03:00:00Z"
"""

import json
import os
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.credentials import (
    service_account_kubeconfig,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import identify
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import (
    connect,
    connection_spec,
    run,
)

# Kubernetes gives no token for a shorter time.
MIN_SECONDS = 600


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=True),
            "namespace": {"type": "str", "default": "self-healing"},
            "service_account": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "seconds": {"type": "int", "default": 86400},
        },
        supports_check_mode=True,
    )

    def body() -> dict[str, t.Any]:
        params = module.params
        namespace = check_name("namespace", params["namespace"])
        account = check_name("service_account", params["service_account"])
        # A module's working directory is not the user's, so a relative path would end up where nobody looks for it.
        if not os.path.isabs(params["dest"]):
            raise SettingsError(f"dest: expected an absolute path, got {params['dest']}")
        folder = os.path.dirname(params["dest"])
        if not os.path.isdir(folder):
            raise SettingsError(f"dest: {folder} is not a directory")
        if params["seconds"] < MIN_SECONDS:
            raise SettingsError(f"seconds: expected at least {MIN_SECONDS}, got {params['seconds']}")
        client = connect(module)
        identify(client, params["cluster_uid"])
        if module.check_mode:
            return {"changed": True, "dest": params["dest"]}
        kubeconfig, expires = service_account_kubeconfig(client, namespace, account, params["seconds"])
        _write(module, params["dest"], kubeconfig)
        return {"changed": True, "dest": params["dest"], "expires": expires}

    run(module, body)


def _write(module: AnsibleModule, dest: str, content: dict[str, t.Any]) -> None:
    # JSON is YAML. A file of mkstemp is readable by its owner only, and stays so when it takes dest's place; Ansible's
    # atomic_move would give a new file the mode of the umask.
    try:
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(dest)), prefix=".kubeconfig-")
        module.add_cleanup_file(temporary)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(content, stream, indent=2)
        os.replace(temporary, dest)
    except OSError as exc:
        module.fail_json(msg=f"dest: {dest} cannot be written: {exc.strerror}")


if __name__ == "__main__":
    main()
