# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of a control-plane host, and which repairs fit, for each thing that can be wrong with it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.filter import control_plane_diagnosis as diagnosis_filter
from ansible_collections.selfheal.kubernetes.plugins.filter import kubeadm_config as config_filter
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.certificates import read_certificates
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.control_plane import (
    COMPONENTS,
    LONGEST,
    RUNBOOK,
    Diagnosis,
    Unfit,
    diagnose,
    kubeadm_config,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

CLOCK = datetime(2026, 6, 1, tzinfo=UTC)
NOW = int(CLOCK.timestamp())
LONG, PAST = timedelta(days=300), timedelta(days=-1)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def pem(name: str, left: timedelta = LONG) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(CLOCK - timedelta(days=400))
        .not_valid_after(CLOCK + left)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


CA = pem("kubernetes")
KEYS = [read_certificates(CA)[0].key]


def manifest(name: str) -> str:
    container = {"name": name, "image": f"registry.example/{name}:v1", "command": [name]}
    return b64(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}))


def status(leader: int = 7, errors: list[str] | None = None) -> str:
    body = {"header": {"member_id": 7, "revision": 5}, "leader": leader, "dbSize": 4 * 1024**2}
    return b64(json.dumps([{"Endpoint": "e", "Status": body | ({"errors": errors} if errors else {})}]))


def well(**changes: str | None) -> str:
    """What a host prints on which only the API server does not answer; None takes a line away."""
    lines: dict[str, str | None] = {
        "uptime": "1000",
        "clock": str(NOW),
        **{f"present.{p}": "yes" for p in ("pki/apiserver.crt", "pki/ca.key", "pki/etcd/server.crt", "admin.conf")},
        "certificate.pki/ca.crt": b64(CA),
        "certificate.pki/apiserver.crt": b64(pem("kube-apiserver")),
        "certificate.admin.conf": b64(pem("kubernetes-admin")),
        "certificate.kubelet.conf": b64(pem("system:node:cp-1")),
        **{f"manifest.{name}": manifest(name) for name in COMPONENTS},
        "etcddata": "yes",
        "local": "https://10.0.0.1:6443",
        "processes": "etcd kube-apiserver kube-controller-manager kube-scheduler ",
        "unit": "enabled",
        "kubelet": "active",
        "health": "ok",
        "runtime": "containerd",
        "runtimestate": "active",
        "runtimeanswer": "ok",
        "etcdstatus": status(),
        "livez": "bad",
        **changes,
    }
    return "".join(f"look.{key}={value}\n" for key, value in lines.items() if value is not None)


def look(**changes: str | None) -> Diagnosis:
    return diagnose(well(**changes), KEYS, NOW)


def names(found: Diagnosis) -> list[str]:
    return [step.name for step in found.steps]


def test_a_host_that_is_well_gets_no_step() -> None:
    found = look(livez="ok")
    assert (found.answers, found.steps, found.people, found.refusal) == (True, (), (), "")
    assert (found.node, found.address, found.port, found.uptime) == ("cp-1", "10.0.0.1", 6443, 1000)
    assert any("none has ended" in line for line in found.evidence)


def test_an_api_server_that_hangs_is_ended_only_if_nothing_else_is_wrong() -> None:
    assert names(look()) == ["restart_api_server"]
    assert names(look(kubelet="inactive")) == ["kubelet"]
    assert names(look(livez="unseen", processes="etcd")) == ["kubelet"]
    # Nobody has asked it, so it is not ended for being silent.
    nobody = look(livez="unseen")
    assert names(nobody) == [] and "nobody can tell whether its API server answers" in nobody.people[-1]


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"kubelet": "inactive"}, ["kubelet"]),
        ({"unit": "masked"}, ["kubelet"]),
        ({"unit": "disabled"}, ["kubelet"]),
        ({"health": "bad"}, ["kubelet"]),
        ({"processes": "etcd"}, ["kubelet"]),
        ({"runtimestate": "failed"}, ["runtime"]),
        ({"runtimeanswer": "bad"}, ["runtime"]),
        ({"runtimestate": "inactive", "kubelet": "inactive"}, ["runtime", "kubelet"]),
        ({"manifest.kube-apiserver": None, "processes": "etcd"}, ["manifest"]),
        ({"manifest.kube-apiserver": ""}, ["manifest"]),
        ({"manifest.kube-apiserver": b64("kind: [")}, ["manifest"]),
        ({"manifest.kube-apiserver": b64('kind: !!int ""')}, ["manifest"]),
        ({"manifest.kube-apiserver": b64("kind: !!bool perhaps")}, ["manifest"]),
        ({"manifest.kube-apiserver": b64("kind: Pod\nspec: {containers: [{name: other, image: x}]}")}, ["manifest"]),
        ({"manifest.kube-apiserver": b64("kind: Pod\nspec: {containers: [{name: kube-apiserver}]}")}, ["manifest"]),
        ({"manifest.kube-apiserver": b64("kind: ConfigMap")}, ["manifest"]),
        ({"manifest.kube-apiserver": None, "copy.kube-apiserver": manifest("kube-apiserver")}, ["manifest_copy"]),
        ({"manifest.kube-apiserver": None, "copy.kube-apiserver": manifest("etcd")}, ["manifest"]),
        ({"manifest.etcd": None}, ["manifest"]),
        ({"manifest.etcd": None, "copy.etcd": b64("kind: [")}, ["manifest"]),
        ({"certificate.pki/apiserver.crt": b64(pem("kube-apiserver", PAST))}, ["certificates"]),
        ({"certificate.pki/apiserver.crt": "AAAA"}, ["certificates"]),
        ({"certificate.kubelet.conf": b64(pem("system:node:cp-1", PAST))}, ["kubelet_certificate"]),
        ({"certificate.kubelet.conf": ""}, ["kubelet_certificate"]),
        ({"certificate.kubelet.conf": None}, ["kubelet_certificate"]),
        ({"etcdstatus": status(errors=["memberID:7 alarm:NOSPACE"])}, ["etcd_space"]),
    ],
)
def test_each_fault_has_its_repair(changes: dict[str, str | None], steps: list[str]) -> None:
    found = look(**changes)
    assert names(found) == steps
    assert all(step.why for step in found.steps)
    assert found.people == ()


@pytest.mark.parametrize("content", [b64(pem("kubernetes-admin", PAST)), "AAAA"])
@pytest.mark.parametrize("files", [("admin.conf",), ("super-admin.conf",), ("admin.conf", "super-admin.conf")])
def test_nothing_that_runs_is_ended_for_a_certificate_of_people(files: tuple[str, ...], content: str) -> None:
    theirs = {f"certificate.{file}": content for file in files}
    found = look(**theirs, livez="ok")
    assert names(found) == []
    [told] = found.people
    assert all(file in told for file in files) and "kubeadm certs renew" in told
    # Beside one that is used they are renewed with it.
    found = look(**theirs, **{"certificate.scheduler.conf": b64(pem("system:kube-scheduler", PAST))})
    assert names(found) == ["certificates"] and found.people == ()


def test_repairs_come_in_their_order() -> None:
    found = look(
        **{
            "kubelet": "inactive",
            "runtimestate": "inactive",
            "manifest.kube-scheduler": None,
            "certificate.pki/apiserver.crt": b64(pem("kube-apiserver", PAST)),
            "certificate.kubelet.conf": b64(pem("system:node:cp-1", PAST)),
            "etcdstatus": status(errors=["memberID:7 alarm:NOSPACE"]),
        }
    )
    assert names(found) == ["runtime", "certificates", "kubelet_certificate", "manifest", "kubelet", "etcd_space"]
    assert found.steps[3].component == "kube-scheduler"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"etcdstatus": status(leader=0)}, "no leader"),
        ({"etcdstatus": status(leader=0, errors=["memberID:7 alarm:NOSPACE"])}, "no leader"),
        ({"etcdstatus": status(errors=["memberID:7 alarm:CORRUPT", "memberID:7 alarm:NOSPACE"])}, "corrupt"),
        ({"manifest.etcd": None, "etcddata": None}, "begin an empty cluster"),
    ],
)
def test_what_could_lose_data_is_left_to_people(changes: dict[str, str | None], words: str) -> None:
    found = look(**changes, kubelet="inactive")
    assert names(found) == ["kubelet"]
    [told] = found.people
    assert words in told and RUNBOOK in told


def etcd_pod(*words: str, path: str = "/var/lib/etcd", **container: object) -> str:
    one = {"name": "etcd", "image": "registry.example/etcd:v1", "command": ["etcd", *words], **container}
    volumes = [{"name": "etcd-data", "hostPath": {"path": path}}]
    return b64(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [one], "volumes": volumes}}))


DATA = "--data-dir=/var/lib/etcd"


@pytest.mark.parametrize("copy", [etcd_pod(DATA), etcd_pod(DATA, "--force-new-cluster=false")])
def test_a_manifest_of_etcd_that_was_moved_is_put_back(copy: str) -> None:
    found = look(**{"manifest.etcd": None, "copy.etcd": copy})
    assert names(found) == ["manifest_copy"] and found.people == ()


@pytest.mark.parametrize(
    ("copy", "words"),
    [
        (etcd_pod(DATA, "--force-new-cluster"), "throws the other members out"),
        (etcd_pod(DATA, args=["--force-new-cluster=true"]), "throws the other members out"),
        (etcd_pod("--data-dir=/var/lib/etcd-new"), "keeps its data elsewhere"),
        (etcd_pod(DATA, path="/mnt/etcd"), "keeps its data elsewhere"),
        (etcd_pod(DATA, command=5), "keeps its data elsewhere"),
        (etcd_pod(), "keeps its data elsewhere"),
    ],
)
def test_a_manifest_of_etcd_that_would_begin_another_cluster_is_not_put_back(copy: str, words: str) -> None:
    found = look(**{"manifest.etcd": None, "copy.etcd": copy, "kubelet": "inactive"})
    assert names(found) == ["kubelet"], "nor is another one made"
    assert words in found.people[0] and RUNBOOK in found.people[0]


def test_without_a_leader_nothing_ends_or_starts_etcd() -> None:
    """Somebody may be at work on its data, and has moved its manifest away for that."""
    assert names(look(**{"manifest.etcd": None})) == ["manifest"]
    lost = {"etcdstatus": status(leader=0)}
    assert names(look(**lost, **{"manifest.etcd": None})) == []
    assert names(look(**lost, **{"manifest.etcd": None, "copy.etcd": manifest("etcd")})) == []
    ended = {"certificate.pki/apiserver.crt": b64(pem("kube-apiserver", timedelta(days=-10)))}
    assert names(look(**ended)) == ["certificates"] and names(look(**lost, **ended)) == []


def test_an_api_server_whose_etcd_has_no_leader_does_not_answer_whatever_it_says() -> None:
    # It has just begun, and refuses whoever asks, as it cannot read who may.
    found = look(livez="ok", etcdstatus=status(leader=0))
    assert found.answers is False and "API server answers on the host itself" in found.evidence
    assert look(livez="ok", etcdstatus=status()).answers is True


def test_without_a_leader_of_etcd_no_api_server_is_ended_and_no_kubelet_restarted_for_it() -> None:
    for processes in ("etcd kube-apiserver", "etcd"):
        assert names(look(etcdstatus=status(leader=0), processes=processes)) == []


@pytest.mark.parametrize("off", [timedelta(days=500), timedelta(days=-500), timedelta(minutes=6)])
def test_by_a_clock_that_is_wrong_no_certificate_is_renewed(off: timedelta) -> None:
    """The host's clock or ours: who can say which."""
    called = {"pki/apiserver.crt": "kube-apiserver", "kubelet.conf": "system:node:cp-1"}
    ends = {f"certificate.{file}": b64(pem(name, timedelta(minutes=3))) for file, name in called.items()}
    for clock, now in ((NOW, NOW + int(off.total_seconds())), (NOW + int(off.total_seconds()), NOW)):
        found = diagnose(well(**ends, clock=str(clock)), KEYS, now)
        assert not {"certificates", "kubelet_certificate"} & set(names(found))
        told = [one for one in found.people if "set the clock right" in one]
        assert len(told) == (1 if off > timedelta(0) else 0)
        assert any("its clock says" in one for one in found.evidence)
    for clock in (NOW - 200, NOW + 200):
        assert not any("its clock says" in one for one in diagnose(well(clock=str(clock)), KEYS, NOW).evidence)
    assert diagnose(well(clock="9" * 11), KEYS, NOW).people, "a year beyond every calendar"


def test_the_node_is_called_what_its_etcd_is_called_when_kubelet_has_nothing_to_say() -> None:
    peer = {"certificate.pki/etcd/peer.crt": b64(pem("cp-1"))}
    assert look(**peer, **{"certificate.kubelet.conf": None}).node == "cp-1"
    assert look(**peer, **{"certificate.kubelet.conf": b64(pem("somebody"))}).node == ""
    evil = {"certificate.pki/etcd/peer.crt": b64(pem("$(reboot)")), "certificate.kubelet.conf": None}
    assert look(**evil).node == ""


def test_an_authority_that_ended_or_is_kept_elsewhere_is_left_to_people() -> None:
    found = look(**{"certificate.pki/etcd/ca.crt": b64(pem("etcd-ca", PAST))})
    assert "pki/etcd/ca.crt has ended" in found.people[0] and "certificates" not in names(found)
    ended = {"certificate.pki/apiserver.crt": b64(pem("kube-apiserver", PAST)), "present.pki/ca.key": None}
    found = look(**ended)
    assert "external authority" in found.people[0] and "certificates" not in names(found)
    found = look(**{"certificate.kubelet.conf": "", "present.pki/ca.key": None})
    assert "external authority" in found.people[0] and "kubelet_certificate" not in names(found)


def test_an_etcd_that_runs_elsewhere_is_not_missed() -> None:
    found = look(**{"manifest.etcd": None, "etcddata": None, "present.pki/etcd/server.crt": None})
    assert found.people == () and "manifest" not in names(found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"certificate.pki/ca.crt": b64(pem("kubernetes"))}, "it belongs to another cluster"),
        ({"certificate.pki/ca.crt": None}, "ca.crt cannot be read"),
        ({"certificate.pki/ca.crt": "????"}, "ca.crt cannot be read"),
        ({"present.pki/apiserver.crt": None, "present.admin.conf": None}, "it is no control-plane host"),
        ({"uptime": None}, "how long it has run"),
        ({"uptime": "-1"}, "how long it has run"),
        ({"clock": "soon"}, "how long it has run"),
        ({"clock": "1" * 5000}, "how long it has run"),
    ],
)
def test_a_host_that_may_not_be_ours_is_refused_whatever_is_wrong_with_it(
    changes: dict[str, str | None], words: str
) -> None:
    found = look(**changes, kubelet="inactive")
    assert words in found.refusal
    assert found.steps == ()


def test_without_a_known_authority_no_host_is_ours() -> None:
    found = diagnose(well(), [], NOW)
    assert "names no authority" in found.refusal and found.steps == ()


def test_names_and_addresses_that_are_none_are_not_taken() -> None:
    assert look(**{"certificate.kubelet.conf": b64(pem("system:node:$(reboot)"))}).node == ""
    assert look(**{"certificate.kubelet.conf": b64(pem("somebody"))}).node == ""
    for address in (
        "https://10.0.0.1:6443;reboot",
        "https://$(reboot):6443",
        "https://1.2.3:6443",
        "http://10.0.0.1:1",
        "",
    ):
        assert look(local=address).address == ""
    assert look(local="https://[fd00::1]:6443").address == "fd00::1"
    assert look(runtime="rm -rf /").runtime == "containerd"


EVIL = "\x1b[2J\x9b1mPLAY RECAP \u202e" + "x" * 3000


def test_a_host_s_own_words_are_printable_and_have_an_end() -> None:
    found = look(
        runtimestate=EVIL,
        kubelet=EVIL,
        unit=EVIL,
        health=EVIL,
        elsewhere=EVIL,
        etcdstatus=status(errors=[f"memberID:7 alarm:NOSPACE {EVIL}"]),
    )
    assert names(found) == ["runtime", "kubelet", "etcd_space"]
    corrupt = look(etcdstatus=status(errors=[f"alarm:CORRUPT {EVIL}"]))
    assert corrupt.people[0].endswith(RUNBOOK), "what people need most is not cut off"
    other = look(**{"certificate.pki/ca.crt": b64(pem("kubernetes"))})
    for one in (found, corrupt, other):
        for line in (*one.evidence, *one.people, one.refusal, *(step.why for step in one.steps)):
            assert line.isprintable() and len(line) <= LONGEST, line
    assert sum("PLAY RECAP" in line for line in found.evidence) == 4, "and they are told"


@pytest.mark.parametrize(
    "answer", ['[{"Status": {"header": {"member_id": 1}, "dbSize": Infinity}}]', "[" * 50_000, "{}", "[1, 2]", "[1]"]
)
def test_an_answer_of_etcd_that_is_none_is_no_answer(answer: str) -> None:
    assert "etcd does not answer" in look(etcdstatus=b64(answer)).evidence


@given(st.text(max_size=400))
def test_nothing_that_a_host_prints_makes_it_fail(noise: str) -> None:
    assert diagnose(noise, KEYS, NOW).refusal
    found = diagnose(well() + noise.replace("look.", ""), KEYS, NOW)
    assert found.refusal == ""
    text = "".join(
        f"look.{key}={noise}\n"
        for key in ("etcdstatus", "manifest.etcd", "copy.etcd", "certificate.admin.conf", "local")
    )
    assert isinstance(diagnose(well() + text, KEYS, NOW), Diagnosis)


def test_the_filter_gives_plain_data() -> None:
    made = diagnosis_filter.FilterModule().filters()["control_plane_diagnosis"](well(kubelet="failed"), KEYS, NOW)
    assert made["steps"] == [{"name": "kubelet", "why": "kubelet is failed (enabled)", "component": ""}]
    assert json.loads(json.dumps(made)) == made
    with pytest.raises(TypeError):
        diagnosis_filter.control_plane_diagnosis("", "abc", NOW)


# --- the configuration that etcd holds


def message(*fields: tuple[int, bytes]) -> bytes:
    """A protobuf message of length-delimited fields."""

    def number(value: int) -> bytes:
        out = bytearray()
        while True:
            value, low = value >> 7, value & 0x7F
            out.append(low | (0x80 if value else 0))
            if not value:
                return bytes(out)

    return b"".join(number(tag << 3 | 2) + number(len(body)) + body for tag, body in fields)


def stored(text: str, key: str = "ClusterConfiguration") -> str:
    """A ConfigMap as the API server writes it into etcd, with other fields around the one that counts."""
    entry = message((1, key.encode()), (2, text.encode()))
    # A varint field, as managedFields have them, must not throw the reader off.
    meta = message((1, b"kubeadm-config"), (3, b"kube-system")) + b"\x38\x96\x01"
    configmap = message((1, meta), (2, message((1, b"other"), (2, b"x: y"))), (2, entry))
    unknown = message((1, message((1, b"v1"), (2, b"ConfigMap"))), (2, configmap), (3, b""), (4, b""))
    return base64.b64encode(b"k8s\x00" + unknown).decode()


CLUSTER = {
    "apiVersion": "kubeadm.k8s.io/v1beta4",
    "kind": "ClusterConfiguration",
    "kubernetesVersion": "v1.34.4",
    "networking": {"podSubnet": "10.244.0.0/16"},
}


def test_the_configuration_is_the_clusters_own_with_this_host_s_name_and_address() -> None:
    made = list(yaml.safe_load_all(kubeadm_config(stored(yaml.safe_dump(CLUSTER)), "cp-1", "10.0.0.1", 6443)))
    assert made == [
        CLUSTER,
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": "10.0.0.1", "bindPort": 6443},
            "nodeRegistration": {"name": "cp-1"},
        },
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "another form"),
        ("not base64!", "not base64"),
        (base64.b64encode(b"k8s:enc:aescbc:v1:key1:xxxx").decode(), "encrypted"),
        (base64.b64encode(base64.b64decode(stored("a: b"))[:-30]).decode(), "cut off"),
        (stored("a: ["), "no ClusterConfiguration"),
        (stored("a: !!bool perhaps"), "no ClusterConfiguration"),
        (stored(yaml.safe_dump({**CLUSTER, "kind": "Pod"})), "no ClusterConfiguration"),
        (stored(yaml.safe_dump(CLUSTER), "ClusterStatus"), "no ClusterConfiguration"),
        (stored(yaml.safe_dump({**CLUSTER, "certificatesDir": "/opt"})), "elsewhere"),
    ],
)
def test_a_configuration_that_is_none_is_not_used(value: str, words: str) -> None:
    with pytest.raises(Unfit, match=words):
        kubeadm_config(value, "cp-1", "10.0.0.1", 6443)
    made = config_filter.FilterModule().filters()["kubeadm_config"](value, "cp-1", "10.0.0.1", 6443)
    assert made["config"] == "" and words in made["trouble"]


def test_without_the_host_s_own_name_or_address_there_is_none() -> None:
    whole = stored(yaml.safe_dump(CLUSTER))
    for node, address, port in (("", "10.0.0.1", 6443), ("cp-1", "", 6443), ("cp-1", "10.0.0.1", 0)):
        with pytest.raises(Unfit, match="neither"):
            kubeadm_config(whole, node, address, port)


@given(st.binary(max_size=200))
def test_no_answer_of_etcd_makes_it_fail_in_another_way(noise: bytes) -> None:
    for body in (noise, b"k8s\x00" + noise):
        with pytest.raises(Unfit):
            kubeadm_config(base64.b64encode(body).decode(), "cp-1", "10.0.0.1", 6443)


def test_people_who_are_at_work_on_a_host_keep_it_for_themselves() -> None:
    held = look(paused="yes")
    assert "/etc/kubernetes/selfheal-paused is there" in held.refusal and not held.steps
    assert held.paused and not look().paused
    # Whatever else is said of it: the other hosts are left alone as well.
    assert look(paused="yes", uptime=None).paused
