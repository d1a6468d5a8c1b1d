# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""A pod that shows whether a node can really run pods: what it is made of, and what is to be thought of it. Pure.

What fails on this node and on a healthy one as well is not the node's fault, and what nobody could see is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import NAMESPACE
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable

LABEL, LABEL_VALUE = "app.kubernetes.io/name", "selfheal-canary"
PART_OF = "app.kubernetes.io/part-of"
# A pod that nobody removes ends by itself after so many seconds, and so many later a run that finds it removes it.
POD_SECONDS = 150
LEFTOVER_SECONDS = POD_SECONDS + 90
PASSED, FAILED, UNKNOWN, SKIPPED = "passed", "failed", "unknown", "skipped"
# In the order in which one needs the one before.
TESTS = ("start", "address", "dns", "service", "volume")
# Reasons of a container that waits which the node has not to answer for: the image, and what we have asked for.
_IMAGE = frozenset(("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"))
_OURS = frozenset(("CreateContainerConfigError", "SignatureValidationFailed"))
# Reasons of a kubelet that takes no more pods for want of room.
_FULL = ("OutOf", "Evicted", "NodeAffinity", "Preempting", "UnexpectedAdmissionError", "DeadlineExceeded", "Shutdown")
MESSAGE_LENGTH = 200

# What the pod does: it resolves the API server's Service by name, and connects to it by name and by address. It ends
# well whatever it has seen, and tells it by its termination message, so nobody needs a right to read logs or to enter
# pods. DNS has half a minute, since a network that has just come back needs some seconds.
_NETWORK = r"""
tell() { echo "$1=$2" >>/dev/termination-log; }
limit() { if command -v timeout >/dev/null 2>&1; then timeout "$@"; else shift; "$@"; fi; }
within() {
  end=$(($(date +%s) + $1)); shift
  while :; do
    "$@" >/tmp/out 2>&1 </dev/null && return 0
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 1
  done
}
domain=
for word in $(sed -n "s/^search //p" /etc/resolv.conf); do
  case $word in svc.*) domain=.${word#svc.}; break ;; esac
done
name=kubernetes.default.svc$domain
# Some nslookups fail for want of an IPv6 address, and have found the other one all the same.
resolves() { limit 6 nslookup "$name" || grep -qwF -e "${KUBERNETES_SERVICE_HOST:-none}" /tmp/out; }
connects() { limit 6 nc -w 4 "$1" "${KUBERNETES_SERVICE_PORT:-443}"; }
dns=failed
if ! command -v nslookup >/dev/null 2>&1; then dns=untested
elif within 30 resolves; then dns=passed; fi
tell dns $dns
if ! command -v nc >/dev/null 2>&1; then tell service untested; tell name untested
else
  if within 15 connects "$KUBERNETES_SERVICE_HOST"; then tell service passed; else tell service failed; fi
  if [ $dns != failed ] && within 10 connects "$name"; then tell name passed; else tell name failed; fi
fi
"""
_VOLUME = r"""
tell() { echo "$1=$2" >>/dev/termination-log; }
if echo canary >/canary/probe && [ "$(cat /canary/probe)" = canary ] && rm /canary/probe; then tell volume passed
else tell volume failed; fi
"""


@dataclass(frozen=True)
class Seen:
    """What the API has told of one canary pod, or why there was none (``refused``).

    ``told`` is what the pod itself has said; ``why`` is what the node says of a pod that does not start.
    """

    refused: str = ""
    started: bool = False
    over: bool = False
    address: str = ""
    reason: str = ""
    why: str = ""
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What a canary has shown of a node: test to PASSED, FAILED, UNKNOWN or SKIPPED, and a word on those not passed."""

    node: str
    tests: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[str, ...]:
        """The tests that failed, in their order."""
        return tuple(test for test in TESTS if self.tests.get(test) == FAILED)


@dataclass(frozen=True)
class Proof:
    """What is thought of the node, in one line for people."""

    verdict: Verdict
    message: str
    result: Result
    control: Result | None = None

    def to_dict(self) -> dict[str, Any]:
        """The proof as modules return it."""
        return {
            "verdict": self.verdict.value,
            "message": self.message,
            "tests": dict(self.result.tests),
            "control_node": self.control.node if self.control else "",
            "control_tests": dict(self.control.tests) if self.control else {},
        }


def pod_of(name: str, node: str, image: str, claim: str = "") -> dict[str, Any]:
    """The pod. It names its node itself, so that no scheduler has to agree to one that is cordoned."""
    container: dict[str, Any] = {
        "name": "canary",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", _VOLUME if claim else _NETWORK],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}},
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {"sizeLimit": "1Mi"}}]
    if claim:
        container["volumeMounts"].append({"name": "canary", "mountPath": "/canary"})
        volumes.append({"name": "canary", "persistentVolumeClaim": {"claimName": claim}})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(name),
        "spec": {
            "nodeName": node,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": POD_SECONDS,
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "runAsGroup": 65534,
                "fsGroup": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": volumes,
        },
    }


def claim_of(name: str, node: str, storage_class: str) -> dict[str, Any]:
    """The claim. The annotation is what a scheduler would write for a class that waits for the first pod."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**_metadata(name), "annotations": {"volume.kubernetes.io/selected-node": node}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }


def _metadata(name: str) -> dict[str, Any]:
    labels = {LABEL: LABEL_VALUE, PART_OF: "selfheal.kubernetes"}
    return {"name": name, "namespace": NAMESPACE, "labels": labels}


def default_class(items: Iterable[Mapping[str, Any]]) -> str:
    """The StorageClass that claims get when they ask for none; the newest of several, as Kubernetes has it."""
    found = [
        (str(meta.get("creationTimestamp") or ""), str(meta.get("name") or ""))
        for meta in (item.get("metadata") or {} for item in items)
        if (meta.get("annotations") or {}).get("storageclass.kubernetes.io/is-default-class") == "true"
    ]
    return max(found)[1] if found else ""


def read_pod(pod: Mapping[str, Any], events: Iterable[Mapping[str, Any]] = ()) -> Seen:
    """What a pod's status tells, with the warnings about it that explain why it does not start."""
    status = pod.get("status") or {}
    state: Mapping[str, Any] = {}
    for one in status.get("containerStatuses") or ():
        state = one.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    over = status.get("phase") in ("Succeeded", "Failed")
    told = dict(
        line.split("=", 1) for line in str(ended.get("message") or "").splitlines() if line.count("=") == 1 and over
    )
    warnings = [f"{event.get('reason')}: {event.get('message')}" for event in events if event.get("type") == "Warning"]
    reason = str(waiting.get("reason") or status.get("reason") or ended.get("reason") or "")
    words = [str(waiting.get("message") or status.get("message") or ""), *warnings[-1:]]
    return Seen(
        started=bool(state.get("running")) or bool(ended.get("startedAt")) or bool(told),
        over=over,
        address=str(status.get("podIP") or ""),
        reason=reason,
        why=_line(": ".join(word for word in (reason, *words) if word)),
        told=told,
    )


def is_pulling(events: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the image is still on its way, which a registry has to answer for and no node."""
    reasons = [str(event.get("reason") or "") for event in events]
    return "Pulling" in reasons and not {"Pulled", "Created", "Started"} & set(reasons)


def network_result(node: str, seen: Seen, pulling: bool = False) -> Result:
    """What the first pod has shown: whether it starts, has an address, resolves names, and reaches a Service."""
    tests = dict.fromkeys(TESTS[:-1], UNKNOWN)
    if seen.refused:
        return Result(node, tests, {"start": f"the pod was refused: {_line(seen.refused)}"})
    if not seen.started:
        if seen.reason in _IMAGE or pulling:
            return Result(node, tests, {"start": f"its image is not there: {seen.why or 'it is still being pulled'}"})
        if seen.reason in _OURS or seen.reason.startswith(_FULL):
            return Result(node, tests, {"start": f"the node has no room for it, or may not run it: {seen.why}"})
        return Result(
            node, {**tests, "start": FAILED}, {"start": f"it does not start: {seen.why or 'nobody says why'}"}
        )
    tests["start"] = PASSED
    notes: dict[str, str] = {}
    tests["address"] = PASSED if seen.address else FAILED
    if not seen.address:
        notes["address"] = "it has no address"
    if not seen.told:
        return Result(node, tests, {**notes, "dns": f"it has told nothing: {seen.why or 'it has not ended in time'}"})
    tests["dns"] = _word(seen.told.get("dns"))
    by_address, by_name = _word(seen.told.get("service")), _word(seen.told.get("name"))
    tests["service"] = FAILED if by_address == FAILED or (by_name == FAILED and tests["dns"] == PASSED) else by_address
    if tests["dns"] == FAILED:
        notes["dns"] = "no name is resolved"
    if tests["service"] == FAILED:
        notes["service"] = "the API server's Service does not answer"
    for test in ("dns", "service"):
        if tests[test] == UNKNOWN:
            notes[test] = f"its image has no program to test {test}"
    return Result(node, tests, notes)


def volume_result(node: str, seen: Seen | None, why: str = "", pulling: bool = False) -> Result:
    """What the second pod has shown: whether a volume is mounted and can be written to.

    :param seen: None when there was no such pod, for the reason in ``why``; without a reason there is no storage.
    """
    if seen is None:
        return Result(node, {"volume": UNKNOWN if why else SKIPPED}, {"volume": why or "no StorageClass to try"})
    if seen.told:
        word = _word(seen.told.get("volume"))
        return Result(node, {"volume": word}, {} if word == PASSED else {"volume": "a volume cannot be written to"})
    # The pod before it, which has no volume, did start.
    one = network_result(node, seen, pulling)
    word = one.tests["start"] if one.tests["start"] != PASSED else UNKNOWN
    note = next(iter(one.notes.values()), "")
    return Result(
        node, {"volume": word}, {"volume": f"a volume is not mounted, {note}" if note else "it has told nothing"}
    )


def together(first: Result, second: Result) -> Result:
    """Both results of one node."""
    return Result(first.node, {**first.tests, **second.tests}, {**first.notes, **second.notes})


def judge_canary(result: Result, control: Result | None = None) -> Proof:
    """What to think of the node, by its own result and, where something failed, by that of a healthy node.

    That a pod does not start, or has no address, is the node's own fault unless it is the same elsewhere. DNS, Services
    and storage are others' as well, so they speak against a node only if another one has them.
    """
    guilty: list[str] = []
    shared: list[str] = []
    for test in result.failed:
        elsewhere = control.tests.get(test, UNKNOWN) if control else UNKNOWN
        own = test in ("start", "address")
        if elsewhere == PASSED or (own and elsewhere != FAILED):
            guilty.append(test)
        else:
            shared.append(test)
    if guilty:
        notes = "; ".join(result.notes.get(test, test) for test in guilty)
        other = f"; the one on {control.node} is well" if control and control.tests.get(guilty[0]) == PASSED else ""
        return Proof(Verdict.UNHEALTHY, _line(f"a pod on {result.node}: {notes}{other}", 500), result, control)
    passed = [test for test in TESTS if result.tests.get(test) == PASSED]
    open_ones = [test for test in TESTS if result.tests.get(test) == UNKNOWN]
    told = f"a pod on {result.node}: {', '.join(passed) or 'nothing'} well"
    if shared:
        where = f"the same on {control.node}" if control else "no other node to compare with"
        notes = "; ".join(result.notes.get(test, test) for test in shared)
        return Proof(Verdict.UNKNOWN, _line(f"{told}, but {notes} ({where})", 500), result, control)
    if open_ones:
        notes = "; ".join(dict.fromkeys(result.notes[test] for test in open_ones if test in result.notes))
        # Storage that could not be tried takes nothing away from what was shown.
        verdict = Verdict.HEALTHY if open_ones == ["volume"] else Verdict.UNKNOWN
        return Proof(
            verdict, _line(f"{told}, unknown: {', '.join(open_ones)} ({notes or 'no answer'})", 500), result, control
        )
    skipped = "" if result.tests.get("volume") != SKIPPED else f" ({result.notes.get('volume', 'no volume')})"
    return Proof(Verdict.HEALTHY, f"{told}{skipped}", result, control)


def controls(nodes: Iterable[Node], node: str, trouble: Iterable[str] = ()) -> tuple[str, ...]:
    """The nodes to compare with: those that are well, workers first."""
    sick = {node, *trouble}
    well = [n for n in nodes if n.is_ready and not n.unschedulable and not n.deleting and n.name not in sick]
    return tuple(n.name for n in sorted(well, key=lambda n: (n.is_control_plane, n.name)))


def _word(told: str | None) -> str:
    return told if told in (PASSED, FAILED) else UNKNOWN


def _line(text: str, length: int = MESSAGE_LENGTH) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= length else f"{line[: length - 3]}..."
