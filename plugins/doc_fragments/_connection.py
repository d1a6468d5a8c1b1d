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
      - Seconds after which a request is given up, all its repetitions included, from 1 to 60.
    type: int
    default: 30
  policy:
    description:
      - Settings that differ from their defaults. Every mistake in them is reported at once.
      - C(monitor_only) (V(true) or V(false), default V(true)), nothing is repaired and nothing is written.
      - C(node_ready_threshold) (10-86400 seconds, default 300), a node that is not Ready for this long may be repaired by what is disruptive.
      - C(soft_rung_after) (0-86400 seconds, default 90), a service may be restarted after this long.
      - C(transient_tolerance) (0-86400 seconds, default 120), trouble shorter than this is left alone.
      - C(cooldown) (0-86400 seconds, default 300), no new attempt on a node this soon after the last.
      - C(max_attempts) (1-10 attempts, default 3), attempts on a node within attempt_window, then people.
      - C(attempt_window) (60-604800 seconds, default 86400), how long an attempt counts.
      - C(mass_failure_percent) (1-100 percent, default 20), more sick nodes than this and nobody is touched (1 node always may).
      - C(max_repairs) (1-10 repairs, default 10), repairs in one run.
      - C(recovery_timeout) (60-1800 seconds, default 300), a repair must have proven itself within this time.
      - C(lease_duration) (300-900 seconds, default 300), a healer that is silent for this long has lost the cluster's lease.
    type: dict
    default: {}
requirements:
  - kubernetes >= 30
notes:
  - Runs on the controller or in an execution environment, against the API server; no host of the cluster is touched.
"""
