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
  etcd_endpoints:
    description:
      - Addresses of etcd's members, like V(https://10.0.0.1:2379), to ask them themselves for their health, leader, alarms and the size of their
        database. Give all of them, because nobody can say how a member is that is not named here.
      - Needs O(etcd_ca_cert), O(etcd_client_cert) and O(etcd_client_key). Plain C(http) is for loopback addresses only, and needs none of them.
      - If not set, etcd is known by its pods in namespace C(kube-system), which know neither leader nor alarms.
    type: list
    elements: str
  etcd_ca_cert:
    description:
      - Path of the certificate of the authority that signed the certificates of etcd's members.
    type: path
  etcd_client_cert:
    description:
      - Path of the certificate that etcd knows us by.
    type: path
  etcd_client_key:
    description:
      - Path of its key, without a passphrase.
    type: path
  policy:
    description:
      - Settings of this run. Every mistake in them is reported at once. Each module of the action group takes them, so that one set of defaults
        fits all; a module that decides nothing by them does not heed them.
      - What is not set here is taken from ConfigMap C(self-healing-config) in namespace C(self-healing) of the cluster if there is one, and else has its
        default. C(monitor_only) in the ConfigMap cannot be lifted here.
      - A ConfigMap that cannot be read or that has a mistake in it stops every repair, but not looking.
      - C(monitor_only) (V(true) or V(false), default V(true)), whether the healer only says what it would do.
      - C(health_check_interval) (10-300 seconds, default 30), times node_failure_threshold, how long a node must be sick before a service on it is
        restarted (or transient_tolerance, if that is longer); and the time between the turns of a run that takes several, see selfheal_run_for.
      - C(node_failure_threshold) (1-10 looks, default 3), times health_check_interval, how long a node must be sick before a service on it is
        restarted (or transient_tolerance, if that is longer).
      - C(pod_restart_threshold) (1-20 restarts, default 5), a pod that was restarted more often than this is unhealthy.
      - C(recovery_timeout) (60-1800 seconds, default 300), a repair must have proven itself within this time.
      - C(notification_enabled) (V(true) or V(false), default V(true)), reserved, nothing is sent yet whatever it says.
      - C(transient_tolerance) (0-86400 seconds, default 120), no repair before trouble has lasted this long, a restart of a service not before
        health_check_interval times node_failure_threshold either, and nothing disruptive before the check's threshold either; the longer time counts.
      - C(cooldown) (0-86400 seconds, default 300), no new attempt on a node this soon after the last; twice as long after each one that has failed.
      - C(cooldown_max) (0-86400 seconds, default 3600), the longest that cooldown grows to.
      - C(max_attempts) (1-10 attempts, default 3), attempts on a node within attempt_window, then people.
      - C(attempt_window) (60-604800 seconds, default 86400), how long an attempt counts.
      - C(repair_deadline) (300-3600 seconds, default 600), a repair that has not proven itself this long after it began has failed.
      - C(reboot_driver) (one of azure, civo, command, docker, ec2, gcp, hetzner, ipmi, libvirt, openstack, redfish, ssh, or empty, default none), how
        a node's machine is rebooted when softer repairs have not helped, see docs/reboot.md; no machine is rebooted if empty.
      - C(replace_driver) (one of cluster_api, command, docker, ec2_asg, or empty, default none), how a node's machine is replaced by a new one when a
        reboot has not helped either, see docs/replace.md; no machine is replaced if empty, and none with GPUs or of the control plane whatever it
        says.
      - C(waiting_timeout) (60-3600 seconds, default 600), a node must be back from a reboot within this time.
      - C(waiting_timeout_gpu) (60-7200 seconds, default 2400), the same for a node with GPUs.
      - C(waiting_timeout_replace) (60-7200 seconds, default 1800), a new node must be Ready in the place of a replaced one within this time.
      - C(canary_image) (the name of a container image like registry.example/busybox:1.37, or empty, default none), the image of a pod that has to
        prove a node after a repair, by starting, getting an address, resolving names, reaching a Service, and writing to a volume; it needs sh,
        nslookup and nc, as busybox has them; no pod is started if empty.
      - C(canary_storage_class) (the name of a StorageClass, or empty, default none), the StorageClass of the volume that such a pod writes to; the
        cluster's default one if empty.
      - C(canary_timeout) (30-600 seconds, default 120), such a pod, and one to compare with, have this long altogether.
      - C(evidence_age) (30-300 seconds, default 60), no repair on what was seen longer ago than this.
      - C(mass_failure_percent) (1-100 percent, default 20), more sick nodes than this and nobody is touched (1 node always may).
      - C(storm_cooldown) (0-86400 seconds, default 600), nobody is touched for this long after more than mass_failure_percent of the nodes were sick,
        or the network was at fault.
      - C(max_unavailable_percent) (1-100 percent, default 20), so much of a zone or pool may be under repair at once, cordoned nodes counted where a
        repair is disruptive (1 node always may).
      - C(max_repairs) (1-10 repairs, default 10), repairs that are planned or under way at once, in each turn.
      - C(lease_duration) (300-900 seconds, default 300), a healer that is silent for this long has lost the cluster's lease.
      - C(incident_retention) (86400-31536000 seconds, default 604800), a closed incident is kept for this long, or for attempt_window if that is
        longer.
      - C(suspects_limit) (10-5000 pods, default 200), so many suspicious pods are looked at in full; the rest is counted.
      - C(pod_oom_window) (60-86400 seconds, default 3600), a container that ran out of memory is told for this long.
      - C(cpu_percent) (1-100 percent, default 80), a node that uses more of its CPU than this is told.
      - C(memory_percent) (1-100 percent, default 85), a node that uses more of its memory than this is told.
      - C(disk_percent) (1-100 percent, default 90), a node that uses more of a file system than this is told.
      - C(response_time_ms) (1-60000 milliseconds, default 1000), a probed Service that answers slower than this is slow.
      - C(error_rate_percent) (0-100 percent, default 5), more failed probes of a Service than this are too many.
      - C(probe_count) (1-50 requests, default 5), how often each Service probe is sent in one look.
      - C(api_latency_ms) (1-60000 milliseconds, default 1000), an API server that answers livez slower than this is slow.
      - C(clock_skew) (1-3600 seconds, default 10), clocks that differ by more than this are told.
      - C(certificate_days) (1-365 days, default 30), a certificate that ends sooner than this is told.
      - C(flapping_changes) (2-60 changes, default 5), a node that changes its mind so often within an hour is flapping.
      - C(baseline_warmup) (10-1000 looks, default 50), looks before the usual is known well enough to compare.
      - C(baseline_deviations) (2-50 deviations, default 6), so many robust deviations from the usual are unusual.
      - C(kubelet_summary) (V(true) or V(false), default V(false)), whether kubelets are asked how full their disks are, which needs the right
        nodes/proxy.
      - C(api_endpoints) (a list of addresses like https://10.0.0.1:6443, default none), the API servers to ask one by one; found out if empty.
      - C(node_daemonsets) (a list of names, default V(calico-node, cilium, kube-flannel-ds, kube-proxy)), the DaemonSets that a node cannot do
        without.
      - C(service_probes) (a list of probes, default none), the Services to ask for an answer, each with namespace, name and port, and optionally kind
        (http, https or tcp, default http) and path (default /).
      - C(maintenance_windows) (a list of windows, default none), when disruptive repairs may begin, each with start and end (like 22:00, best in
        quotes; an end before the start is on the next day, the same time is a whole day), and optionally days on which it starts (a list out of Mon,
        Tue, Wed, Thu, Fri, Sat, Sun, default all) and timezone (default UTC); at any time if empty, and a restart of a service does not wait for
        them.
      - C(approval_required) (a list out of Reboot and Replace, default none), repairs that wait until somebody has approved the next rung, which the
        playbook report names, by kubectl annotate incident NAME selfheal.kubernetes/approved=RUNG; a restart of a service is none of them.
      - C(paused) (one line of text, at most 200 characters, default none), why nothing in the cluster is repaired, any text; a time like
        2026-11-22T06:00:00Z in front ends it then.
      - C(disabled_checks) (a list of names of checks, default none), checks that are left out.
      - C(thresholds) (a mapping from names of checks to seconds, default none), seconds for which trouble must last before anything disruptive is
        done about it, before people are asked for where no repair is known or allowed, and before a patient check speaks at all, where they differ
        from the check's own; a service may be restarted earlier, see transient_tolerance.
      - C(remedies) (a mapping from names of checks to None, Restart, Reboot, Replace, default none), the strongest thing that may be done about a
        check's findings, where it differs from the check's own.
    type: dict
    default: {}
requirements:
  - kubernetes >= 30
  - PyYAML >= 6
notes:
  - Runs on the controller or in an execution environment, against the API server; no host of the cluster is touched.
"""
