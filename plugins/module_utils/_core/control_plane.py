# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What is wrong on a control-plane host whose API server does not answer, and which soft repairs fit.

A host prints lines ``look.NAME=VALUE``, see the role control_plane_repair; files come in base64. Everything here is a
function of that text, because there is no API server to ask.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.certificates import read_certificates
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable

RUNBOOK = "docs/runbooks/etcd-quorum-lost.md"
# The brake of people where no API server answers that could hold one.
PAUSED = "/etc/kubernetes/selfheal-paused"
AT_WORK = f"people are at work on it: {PAUSED} is there, remove it when they are done"
NOTHING_ELSE = "kube-apiserver does not run, though nothing else is wrong"
# Characters of a line for people. A refusal names two authorities or more by 64 digits each.
LONGEST = 600
# Seconds by which a host's clock may differ from ours, the time that a look takes included.
SKEW = 300
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
AUTHORITIES = ("pki/ca.crt", "pki/etcd/ca.crt", "pki/front-proxy-ca.crt")
# Only people use them, so nothing that runs is ended for one.
_FOR_PEOPLE = ("admin.conf", "super-admin.conf")
# What stands below /etc/kubernetes on a control-plane host and on no worker. One of them may well be lost.
_ONLY_THERE = ("pki/apiserver.crt", "pki/apiserver-kubelet-client.crt", "admin.conf", "controller-manager.conf")
_LINE = re.compile(r"^look\.([a-z]+)(?:\.([A-Za-z0-9_./-]+))?=(.*?)\r?$", re.MULTILINE)
_SECONDS = re.compile(r"[0-9]{1,11}")
_SERVER = re.compile(r"https://(\[[0-9a-f:]+\]|[0-9.]+):([0-9]{1,5})")


@dataclass(frozen=True)
class Step:
    """One repair of a host: ``name`` is a task file of the role, ``component`` what it is about."""

    name: str
    why: str
    component: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What a look at a host says.

    :ivar evidence: lines for people, what was seen of each part.
    :ivar refusal: why the host must not be touched, empty if it may be.
    :ivar answers: the API server answers on the host itself, and its etcd has a leader; None if nobody could ask.
    :ivar steps: the repairs that fit, in the order in which they are to be done.
    :ivar people: what no repair of ours may touch or can mend.
    :ivar paused: people are at work on it, so no host of the control plane may be touched.
    :ivar uptime: for how many seconds the host has run, -1 if it did not say.
    """

    evidence: tuple[str, ...] = ()
    refusal: str = ""
    answers: bool | None = None
    steps: tuple[Step, ...] = ()
    people: tuple[str, ...] = ()
    paused: bool = False
    uptime: int = -1
    clock: int = 0
    runtime: str = "containerd"
    node: str = ""
    address: str = ""
    port: int = 0


@dataclass(frozen=True)
class Look:
    """The lines of a host: NAME to VALUE, and NAME to what stands behind a second dot to VALUE."""

    plain: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.plain.get(name, "")

    def all(self, name: str) -> Mapping[str, str]:
        return self.named.get(name, {})


def diagnose(text: str, authorities: Sequence[str], now: int) -> Diagnosis:
    """Say what is wrong on a host and what fits.

    :param text: what the host has printed.
    :param authorities: the SHA-256 of the public key of each authority by which the cluster is known.
    :param now: our own clock, in seconds since 1970.
    """
    look = parse_look(text)
    uptime = int(look.get("uptime")) if _SECONDS.fullmatch(look.get("uptime")) else -1
    clock = int(look.get("clock")) if _SECONDS.fullmatch(look.get("clock")) else 0
    refusal = _refusal(look, uptime, clock, authorities)
    if refusal:
        return Diagnosis(refusal=_line(refusal), paused=bool(look.get("paused")), uptime=uptime, clock=clock)
    steps: list[Step] = []
    people: list[str] = []
    evidence: list[str] = []
    runtime = look.get("runtime") if look.get("runtime") in ("containerd", "crio", "cri-docker") else "containerd"
    _runtime(look, runtime, evidence, steps)
    _certificates(look, clock, now, evidence, steps, people)
    _manifests(look, evidence, steps, people)
    _kubelet(look, evidence, steps)
    leaderless = _etcd(look, evidence, steps, people)
    answers = {"ok": True, "bad": False}.get(look.get("livez"))
    said = {True: "answers", False: "does not answer", None: "cannot be asked (neither curl nor kubectl is there)"}
    evidence.append(f"API server {said[answers]} on the host itself")
    if leaderless:
        # One that has just begun refuses whoever asks, since it cannot read yet who may; that is no answer.
        answers = False
        # Somebody may be at work on its data, and a restart of it is one more member that is away.
        steps = [step for step in steps if step.name != "certificates" and step.component != "etcd"]
    _processes(look, answers, leaderless, evidence, steps, people)
    address, port = _address(look)
    return Diagnosis(
        evidence=tuple(_line(one) for one in evidence),
        answers=answers,
        steps=tuple(Step(step.name, _line(step.why), step.component) for step in steps),
        people=tuple(_line(one) for one in people),
        uptime=uptime,
        clock=clock,
        runtime=runtime,
        node=_node(look),
        address=address,
        port=port,
    )


def _line(text: str) -> str:
    """What holds a host's own words, in one line of a bounded length that does nothing to a terminal."""
    line = printable(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def parse_look(text: str) -> Look:
    plain: dict[str, str] = {}
    named: dict[str, dict[str, str]] = {}
    for name, rest, value in _LINE.findall(text):
        if rest:
            named.setdefault(name, {})[rest] = value.strip()
        else:
            plain[name] = value.strip()
    return Look(plain, named)


def _refusal(look: Look, uptime: int, clock: int, authorities: Sequence[str]) -> str:
    if uptime < 0 or not clock:
        return "how long it has run and what its clock says cannot be read, so no repair of it can be held to its time"
    if not authorities:
        return "the kubeconfig names no authority of the cluster's own, so nobody can know that the host belongs to it"
    if not any(look.all("present").get(name) for name in _ONLY_THERE):
        return f"it is no control-plane host: it has none of {', '.join(_ONLY_THERE)} in /etc/kubernetes"
    if look.get("paused"):
        return AT_WORK
    keys = [one.key for one in read_certificates(decoded(look.all("certificate").get("pki/ca.crt", ""))) if one.key]
    if not keys:
        return "/etc/kubernetes/pki/ca.crt cannot be read, so nobody can know which cluster it belongs to"
    if not set(keys) & set(authorities):
        return (
            f"it belongs to another cluster: the public key of /etc/kubernetes/pki/ca.crt is sha256:{keys[0]},"
            f" the cluster's is {' or '.join(f'sha256:{key}' for key in authorities)}"
        )
    return ""


def _runtime(look: Look, unit: str, evidence: list[str], steps: list[Step]) -> None:
    state, answer = look.get("runtimestate") or "unknown", look.get("runtimeanswer") or "unseen"
    evidence.append(f"{unit} is {state}, {_ANSWER.get(answer, answer)}")
    if state != "active":
        steps.append(Step("runtime", f"{unit} is {state}"))
    elif answer == "bad":
        steps.append(Step("runtime", f"{unit} is active and does not answer"))


_ANSWER = {"ok": "and answers", "bad": "and does not answer", "unseen": "and nobody could ask it"}


def _certificates(look: Look, clock: int, now: int, evidence: list[str], steps: list[Step], people: list[str]) -> None:
    ended: list[str] = []
    first: tuple[int, str] | None = None
    kubelet = "" if "kubelet.conf" in look.all("certificate") else "kubelet.conf is missing"
    skewed = abs(now - clock) > SKEW
    doubtful = False
    for path, content in sorted(look.all("certificate").items()):
        read = read_certificates(decoded(content))
        if not read or any(one.trouble for one in read):
            if path == "kubelet.conf":
                kubelet = "kubelet's certificate cannot be read"
            elif path in AUTHORITIES:
                people.append(f"the authority's certificate {path} cannot be read")
            else:
                ended.append(f"{path} cannot be read")
            continue
        end = min(one.not_after for one in read)
        first = min(first or (end, path), (end, path))
        # A new certificate is no better by a clock that is wrong, and the control plane would be ended for nothing.
        if skewed:
            doubtful = doubtful or end <= max(clock, now)
            continue
        if end > clock:
            continue
        when = f"ended at {_moment(end)}"
        if path == "kubelet.conf":
            kubelet = f"kubelet's certificate has {when}"
        elif path in AUTHORITIES:
            people.append(
                f"the authority's certificate {path} has {when}, and everything that it signed must be renewed"
            )
        else:
            ended.append(f"{path} has {when}")
    soonest = f", the first one ends at {_moment(first[0])} ({first[1]})" if first else ""
    if skewed:
        evidence.append(f"its clock says {_moment(clock)}, ours {_moment(now)}")
    if doubtful:
        people.append(
            f"its clock says {_moment(clock)}, ours {_moment(now)}, and by one of them certificates have ended:"
            " set the clock right"
        )
    evidence.append(f"certificates: {'; '.join(ended) or 'none has ended'}{soonest}")
    mendable = bool(look.all("present").get("pki/ca.key"))
    if ended and all(one.startswith(tuple(f"{name} " for name in _FOR_PEOPLE)) for one in ended):
        people.append(f"{'; '.join(ended)}, which nothing that runs uses: renew it by kubeadm certs renew")
    elif ended and mendable:
        steps.append(Step("certificates", "; ".join(ended)))
    elif ended:
        people.append(f"{'; '.join(ended)}, and the authority's key is not on the host (an external authority)")
    if kubelet and mendable:
        steps.append(Step("kubelet_certificate", kubelet))
    elif kubelet:
        people.append(f"{kubelet}, and the authority's key is not on the host (an external authority)")


def _moment(seconds: int) -> str:
    """A time for people. A clock may be wrong beyond every calendar."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s since 1970"


def _manifests(look: Look, evidence: list[str], steps: list[Step], people: list[str]) -> None:
    stacked = bool(look.all("present").get("pki/etcd/server.crt") or look.get("etcddata"))
    told = []
    for name in COMPONENTS:
        if name == "etcd" and not stacked:
            told.append("etcd runs elsewhere")
            continue
        trouble = _manifest_trouble(name, look.all("manifest").get(name))
        if not trouble:
            continue
        told.append(f"{name}.yaml {trouble}")
        copy = look.all("copy").get(name)
        if name == "etcd" and look.get("etcddata") != "yes":
            people.append(
                f"etcd.yaml {trouble}, and /var/lib/etcd holds no data:"
                f" a new manifest would begin an empty cluster; see {RUNBOOK}"
            )
        elif name == "etcd" and copy is not None and etcd_hazard(copy):
            people.append(
                f"etcd.yaml {trouble}, and /etc/kubernetes/etcd.yaml {etcd_hazard(copy)}, so nobody but you may put it"
                f" back; see {RUNBOOK}"
            )
        elif copy is not None and not _manifest_trouble(name, copy):
            steps.append(
                Step("manifest_copy", f"{name}.yaml {trouble}, and /etc/kubernetes/{name}.yaml is whole", name)
            )
        else:
            steps.append(Step("manifest", f"{name}.yaml {trouble}", name))
    others = look.get("elsewhere")
    seen = f" (seen elsewhere: {others})" if others else ""
    evidence.append(f"static pod manifests: {'; '.join(told) or 'all there'}{seen}")


def _manifest_trouble(name: str, content: str | None) -> str:
    """Why it is not a manifest that kubelet could run; empty when it is."""
    if content is None:
        return "is missing"
    text = decoded(content)
    if not text.strip():
        return "is empty"
    import yaml

    try:
        body = yaml.safe_load(text)
    # Its constructors have errors of their own for a value that does not fit its tag, beside YAMLError.
    except Exception:
        return "is no YAML"
    if not isinstance(body, dict) or body.get("kind") != "Pod":
        return "is no Pod"
    containers = (body.get("spec") or {}).get("containers") if isinstance(body.get("spec"), dict) else None
    names = [one.get("name") for one in containers or () if isinstance(one, dict) and one.get("image")]
    return "" if name in names else f"has no container {name} with an image"


def etcd_hazard(content: str) -> str:
    """Why a whole manifest of etcd could do harm to the cluster; empty when it could not."""
    if _manifest_trouble("etcd", content):
        return ""
    import yaml

    body = yaml.safe_load(decoded(content))
    words: list[str] = []
    for one in body["spec"]["containers"]:
        if isinstance(one, dict) and one.get("name") == "etcd":
            words += [str(word) for key in ("command", "args") for word in _list(one.get(key))]
    if any(word.partition("=")[0] == "--force-new-cluster" and word.partition("=")[2] != "false" for word in words):
        return "has --force-new-cluster, which throws the other members out"
    volumes = [one.get("hostPath") for one in _list(body["spec"].get("volumes")) if isinstance(one, dict)]
    paths = [one.get("path") for one in volumes if isinstance(one, dict)]
    if "--data-dir=/var/lib/etcd" not in words or "/var/lib/etcd" not in paths:
        return "keeps its data elsewhere than in /var/lib/etcd, where they are"
    return ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _kubelet(look: Look, evidence: list[str], steps: list[Step]) -> None:
    state, unit, health = (
        look.get("kubelet") or "unknown",
        look.get("unit") or "unknown",
        look.get("health") or "unseen",
    )
    evidence.append(f"kubelet is {state} ({unit}), {_ANSWER.get(health, health)}")
    if state != "active" or unit in ("disabled", "masked", "masked-runtime"):
        steps.append(Step("kubelet", f"kubelet is {state} ({unit})"))
    elif health == "bad":
        steps.append(Step("kubelet", "kubelet is active and does not answer"))


def _etcd(look: Look, evidence: list[str], steps: list[Step], people: list[str]) -> bool:
    """Whether it has no leader, without which no API server can be well."""
    if "etcdstatus" not in look.plain:
        return False
    try:
        [status] = [one["Status"] for one in json.loads(decoded(look.get("etcdstatus")))]
        member, leader = status["header"]["member_id"], status.get("leader", 0)
        errors = [printable(str(error)) for error in status.get("errors") or ()]
        size = int(status.get("dbSize", 0))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        evidence.append("etcd does not answer")
        return False
    leads = "no leader" if not leader else "is the leader" if leader == member else "follows the leader"
    evidence.append(f"etcd answers, {leads}, {size // 1024**2} MiB{', ' + '; '.join(errors) if errors else ''}")
    if not leader:
        people.append(f"etcd has no leader, so it has lost its quorum or is about to get it back; see {RUNBOOK}")
    elif any("CORRUPT" in error for error in errors):
        people.append(f"etcd says that a member is corrupt: {'; '.join(errors)[:300]}; see {RUNBOOK}")
    elif any("NOSPACE" in error for error in errors):
        steps.append(Step("etcd_space", f"etcd has no space left ({'; '.join(errors)})"))
    return not leader


def _processes(
    look: Look,
    answers: bool | None,
    leaderless: bool,
    evidence: list[str],
    steps: list[Step],
    people: list[str],
) -> None:
    running = set(look.get("processes").split())
    missing = [name for name in COMPONENTS if name not in running]
    evidence.append(f"processes: {', '.join(name for name in COMPONENTS if name not in missing) or 'none'} run")
    if answers is True or steps or leaderless:
        return
    if answers is None and "kube-apiserver" not in missing:
        people.append("neither curl nor kubectl is on the host, so nobody can tell whether its API server answers")
    elif "kube-apiserver" in missing:
        # kubelet holds back what has failed often; it forgets that when it is restarted.
        steps.append(Step("kubelet", NOTHING_ELSE))
    else:
        steps.append(Step("restart_api_server", "it runs and does not answer", "kube-apiserver"))


def _address(look: Look) -> tuple[str, int]:
    match = _SERVER.fullmatch(look.get("local"))
    if not match:
        return "", 0
    try:
        return str(ipaddress.ip_address(match[1].strip("[]"))), int(match[2])
    except ValueError:
        return "", 0


def _node(look: Look) -> str:
    certificates = look.all("certificate")
    names = [one.common_name for one in read_certificates(decoded(certificates.get("kubelet.conf", "")))]
    found = [name.removeprefix("system:node:") for name in names if name.startswith("system:node:")]
    if not any(names):
        # kubeadm calls a member of etcd what it calls the node.
        found = [one.common_name for one in read_certificates(decoded(certificates.get("pki/etcd/peer.crt", "")))]
    try:
        return check_node_name(found[0]) if found else ""
    except InvalidName:
        return ""


def decoded(content: str) -> str:
    try:
        return base64.b64decode(content, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


# --- the cluster's own kubeadm configuration, as etcd holds it


class Unfit(ValueError):
    """The configuration cannot be used; the message is one line that says why."""


def kubeadm_config(stored: str, node: str, address: str, port: int) -> str:
    """The configuration for ``kubeadm init phase`` on one host, out of ConfigMap kube-system/kubeadm-config.

    :param stored: the value that etcd holds for it, in base64.
    :raises Unfit: it is not what it should be, or the host's own name or address is not known.
    """
    if not node or not address or not port:
        raise Unfit("neither kubelet.conf nor controller-manager.conf says the host's node name and address")
    try:
        body = base64.b64decode(stored, validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("etcd's answer is not base64") from None
    text = _data_of(body).get("ClusterConfiguration", "")
    import yaml

    try:
        cluster = yaml.safe_load(text)
    except Exception:
        cluster = None
    version = str(cluster.get("apiVersion", "")) if isinstance(cluster, dict) else ""
    if (
        not isinstance(cluster, dict)
        or cluster.get("kind") != "ClusterConfiguration"
        or not version.startswith("kubeadm.k8s.io/")
    ):
        raise Unfit("ConfigMap kube-system/kubeadm-config in etcd has no ClusterConfiguration")
    if cluster.get("certificatesDir", "/etc/kubernetes/pki") != "/etc/kubernetes/pki":
        raise Unfit("the cluster keeps its certificates elsewhere than in /etc/kubernetes/pki")
    own: dict[str, Any] = {
        "apiVersion": version,
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": address, "bindPort": port},
        "nodeRegistration": {"name": node},
    }
    return str(yaml.safe_dump_all([cluster, own], sort_keys=False))


def _data_of(body: bytes) -> dict[str, str]:
    """The texts of a ConfigMap in Kubernetes' protobuf: Unknown.raw (2) is the ConfigMap, its data (2) a map."""
    if not body.startswith(b"k8s\x00"):
        raise Unfit("etcd holds the ConfigMap in another form than Kubernetes' protobuf (is it encrypted?)")
    data = {}
    for raw in _fields(body[4:], 2):
        for entry in _fields(raw, 2):
            keys, values = _fields(entry, 1), _fields(entry, 2)
            if keys and values:
                data[keys[-1].decode("utf-8", "replace")] = values[-1].decode("utf-8", "replace")
    return data


def _fields(body: bytes, wanted: int) -> list[bytes]:
    """Every length-delimited field of a protobuf message that has this number."""
    found, at = [], 0
    while at < len(body):
        tag, at = _number(body, at)
        if tag & 7 == 2:
            length, at = _number(body, at)
            if at + length > len(body):
                raise Unfit("etcd's answer is cut off")
            if tag >> 3 == wanted:
                found.append(body[at : at + length])
            at += length
        elif tag & 7 == 0:
            _value, at = _number(body, at)
        elif tag & 7 in (1, 5):
            at += 8 if tag & 7 == 1 else 4
        else:
            raise Unfit("etcd's answer is no protobuf")
    return found


def _number(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(body) and shift < 64:
        value |= (body[at] & 0x7F) << shift
        at += 1
        if not body[at - 1] & 0x80:
            return value, at
        shift += 7
    raise Unfit("etcd's answer is cut off")
