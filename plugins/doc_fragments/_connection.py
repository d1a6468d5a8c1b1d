# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of every module that talks to a cluster."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file.
      - If not set, the environment variable E(K8S_AUTH_KUBECONFIG), then E(KUBECONFIG), then C(~/.kube/config) is used.
      - The service account of a pod that this happens to run in is never used.
    type: path
  context:
    description:
      - The context to use from the kubeconfig file.
      - If not set, the environment variable E(K8S_AUTH_CONTEXT) is used, else the file's current context.
    type: str
  host:
    description:
      - Address of the API server. Needs O(api_key), and excludes O(kubeconfig) and O(context).
      - If not set, the environment variable E(K8S_AUTH_HOST) is used.
    type: str
  api_key:
    description:
      - A bearer token for O(host).
      - If not set, the environment variable E(K8S_AUTH_API_KEY) is used.
    type: str
  ca_cert:
    description:
      - Path of the certificate of the authority that signed the API server's certificate, for O(host).
      - If not set, the environment variable E(K8S_AUTH_SSL_CA_CERT) is used.
    type: path
  validate_certs:
    description:
      - Whether to verify the API server's certificate.
      - If not set, the environment variable E(K8S_AUTH_VERIFY_SSL) is used.
    type: bool
    default: true
  request_deadline:
    description:
      - Seconds after which a request is given up, all its repetitions included.
    type: int
    default: 30
  policy:
    description:
      - Settings that differ from their defaults, see R(the policy,ansible_collections.selfheal.kubernetes.docsite.policy).
      - Every mistake in it is reported at once.
    type: dict
    default: {}
requirements:
  - kubernetes >= 30
notes:
  - Runs on the controller or in an execution environment, against the API server; no host of the cluster is touched.
"""
