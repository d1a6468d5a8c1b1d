#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cni_manifest
short_description: Work out what of a network plugin's manifest is to be applied
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Finds the network plugin of the cluster (Calico, Cilium or Flannel), reads what the cluster has of a manifest of it, and tells what is to be applied.
  - >-
    What people have set is laid over the manifest: the ConfigMap of the plugin, the variables of its DaemonSet for pools, MTU, encapsulation and how
    addresses are found, the interfaces that Flannel is told, the numbers of replicas, and the registry that images come from.
  - >-
    Existing pools and settings of Calico's own kinds are left alone, and so is every kind (CustomResourceDefinition) unless the manifest is newer than
    what runs. What the cluster has already as the manifest wants it is not applied, and nothing is ever deleted.
  - >-
    A manifest is refused if it is of another provider, lacks the provider's DaemonSet, holds anything that a network plugin is not made of, is older
    than what runs, or cannot be merged safely. Every reason is told at once. Secrets are never read or written.
  - What an operator or Helm makes is left to them, and the result says so, unless the manifest is made of the chart of that very O(release).
  - Nothing is written but the lease, which is renewed if there is one.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity.required
  - selfheal.kubernetes._lease.optional
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.actiongroup
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  node:
    description:
      - The node whose network is being mended.
    type: str
    required: true
  node_uid:
    description:
      - The UID that the node must have. If not set, it is the one that it has when the module begins.
    type: str
  provider:
    description:
      - The network plugin. If empty, the one that is found in the cluster, or else the one that the manifest is of.
    type: str
    default: ""
    choices: ["", calico, cilium, flannel]
  manifest:
    description:
      - Absolute path of the manifest on the controller.
    type: path
  manifest_text:
    description:
      - The manifest itself.
    type: str
  sha256:
    description:
      - The SHA-256 checksum that the file O(manifest) must have.
    type: str
    default: ""
  image_mirror:
    description:
      - Registries, with or without the beginning of a path, to the mirrors from which their images are to come.
    type: dict
    default: {}
  allow_older:
    description:
      - Whether the manifest may be of an older version than the one that runs, or of one that nobody can tell.
    type: bool
    default: false
  accept_defaults:
    description:
      - Whether the settings of the manifest may be taken where the ConfigMap with those of the cluster is gone.
    type: bool
    default: false
  release:
    description:
      - The Helm release of whose chart the manifest is made.
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      namespace:
        description: Its namespace.
        type: str
        required: true
  incident:
    description:
      - The incident that this is done for.
    type: str
seealso:
  - module: selfheal.kubernetes.cni_restart
"""

EXAMPLES = r"""
- name: See what of the manifest is missing in the cluster
  selfheal.kubernetes.cni_manifest:
    kubeconfig: ~/.kube/config
    cluster_uid: 5f3c7a0e-6f55-4f5e-9c86-0d2f1f2d7a10
    node: worker-1
    manifest: "{{ playbook_dir }}/calico.yaml"
    image_mirror:
      docker.io: mirror.example.org:5000
"""

RETURN = r"""
cluster_uid:
  description: The UID of namespace C(kube-system), which the cluster has proven to have. Whoever applies the objects by other means compares it.
  returned: success
  type: str
  sample: 6a3f9b1c-1111-4222-8333-0123456789ab
network:
  description: The network plugin that runs, null if there is none. C(manager) is who makes it, if not people.
  returned: success
  type: dict
  sample: {provider: calico, namespace: kube-system, daemonset: calico-node, image: "docker.io/calico/node:v3.28.5", manager: ""}
objects:
  description: The objects that are to be applied, in the order of the manifest, with the settings of the cluster.
  returned: success
  type: list
  elements: dict
changes:
  description: Why, one line for each of them.
  returned: success
  type: list
  elements: str
  sample: [DaemonSet kube-system/calico-node is missing]
kept:
  description: The settings of the cluster that are not the manifest's.
  returned: success
  type: list
  elements: str
left:
  description: What of the manifest is left alone, and why.
  returned: success
  type: list
  elements: str
error_class:
  description:
    - What kind of failure it was. V(ManifestRefused) if the manifest must not be applied.
    - Others are those of the connection, such as V(Unreachable), V(Forbidden), V(LeaseLost), V(WrongCluster) and V(MonitorOnly).
  returned: failure
  type: str
  sample: ManifestRefused
"""

import hashlib
import hmac
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.cni import (
    find_network,
    lost_settings,
    read_live,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import NodeHands
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ManifestRefused,
    NetworkNotFound,
    SettingsError,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.kubeconfig import YAML_MISSING
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni import PROVIDERS, CniError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni_manifest import (
    Manifest,
    Merged,
    merge,
    objection_to_mirrors,
    read_manifest,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import connection_spec, run
from ansible_collections.selfheal.kubernetes.plugins.module_utils._node_module import actor_spec, check_actor, open_node


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=True),
            **actor_spec(),
            "provider": {"type": "str", "default": "", "choices": ["", *PROVIDERS]},
            "manifest": {"type": "path"},
            "manifest_text": {"type": "str"},
            "sha256": {"type": "str", "default": ""},
            "image_mirror": {"type": "dict", "default": {}},
            "allow_older": {"type": "bool", "default": False},
            "accept_defaults": {"type": "bool", "default": False},
            "release": {
                "type": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "namespace": {"type": "str", "required": True},
                },
            },
        },
        mutually_exclusive=[("manifest", "manifest_text")],
        required_by={"token": ("holder", "node_uid")},
        supports_check_mode=True,
    )
    params = module.params

    def body() -> dict[str, t.Any]:
        check_actor(module)
        objection = objection_to_mirrors(params["image_mirror"])
        if objection:
            raise SettingsError(f"image_mirror: {objection}")
        manifest = _manifest(params)
        client, actor = open_node(module)
        NodeHands(client, actor).prove()
        try:
            network = find_network(client, params["provider"])
        except CniError as exc:
            raise NetworkNotFound(str(exc)) from None
        merged = Merged()
        if manifest:
            other = "" if network else lost_settings(client, manifest.provider.name)
            if other:
                raise ManifestRefused(
                    f"the manifest is of {manifest.provider.name}, and the cluster has the settings of {other}"
                )
            live, pools = read_live(client, manifest)
            release = params["release"]
            try:
                merged = merge(
                    manifest,
                    live,
                    pools,
                    network,
                    mirrors=params["image_mirror"],
                    allow_older=params["allow_older"],
                    accept_defaults=params["accept_defaults"],
                    release=(release["name"], release["namespace"]) if release else None,
                )
            except CniError as exc:
                raise ManifestRefused(f"the manifest is not applied: {exc}") from None
        return {
            "changed": False,
            "cluster_uid": params["cluster_uid"],
            "network": None if network is None else network.to_dict(),
            "objects": merged.objects,
            "changes": [printable(line) for line in merged.changes],
            "kept": [printable(line) for line in merged.kept],
            "left": [printable(line) for line in merged.left],
        }

    run(module, body)


def _manifest(params: t.Mapping[str, t.Any]) -> Manifest | None:
    """The manifest that is asked for, checked; None when none is."""
    text, where = params["manifest_text"], "manifest_text"
    if params["manifest"]:
        where = params["manifest"]
        # A module's working directory is not the user's, so a relative path would mean what nobody has meant.
        if not os.path.isabs(where):
            raise SettingsError(f"manifest: expected an absolute path, got {where}")
        try:
            with open(where, "rb") as stream:
                data = stream.read()
        except OSError as exc:
            raise SettingsError(f"manifest: {where} cannot be read: {exc.strerror}") from None
        found = hashlib.sha256(data).hexdigest()
        if params["sha256"] and not hmac.compare_digest(found, params["sha256"].strip().lower()):
            raise ManifestRefused(
                f"the manifest is not applied: {where} has the SHA-256 checksum {found}, expected {params['sha256']}"
            )
        text = data.decode("utf-8", "replace")
    if text is None:
        return None
    try:
        import yaml
    except ImportError:
        raise SettingsError(YAML_MISSING) from None
    try:
        documents = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as exc:
        told = " ".join(str(exc).split())[:200]
        raise ManifestRefused(f"the manifest is not applied: {where} is not YAML: {told}") from None
    try:
        return read_manifest(documents, params["provider"])
    except CniError as exc:
        raise ManifestRefused(f"the manifest is not applied: {exc}") from None


if __name__ == "__main__":
    main()
