# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several healers at once, people in between, and memories that cannot be read."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.tests.api.conftest import (
    HEALING,
    MANIFESTS,
    Play,
    end_of,
    play_in,
    start_play,
)
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import (
    HEALER_LEASE,
    INCIDENTS,
    RECORDS,
    ControlPlane,
)
from ansible_collections.selfheal.kubernetes.tests.api.healers import (
    BEFORE,
    DURING,
    FORK,
    SICK,
    Ended,
    Machines,
    Stage,
    Steps,
    credential_of,
    held_by,
    make_lease,
    recorded_steps,
)
from ansible_collections.selfheal.kubernetes.tests.api.test_playbooks import (
    HOSTS,
    LOCAL_HOSTS,
    MACHINE_ID,
    Kubelet,
    on_host,
    one_clear_line,
    said,
    variables_of,
)
from ansible_collections.selfheal.kubernetes.tests.thorough import share

ROUNDS = len(share(range(100), 4))
LEASE_STATES = ("never held", "released", "left by a dead one")


@pytest.fixture
def stage(cluster: ControlPlane, tmp_path: Path) -> Stage:
    made = Stage(cluster, HEALING, tmp_path)
    made.set_up()
    return made


def test_of_two_healers_exactly_one_acts(
    stage: Stage, healer_token: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """From one barrier, again and again, in processes of their own, whatever the lease was before."""
    cluster = stage.cluster
    tokens = {"a": healer_token, "b": cluster.token_of("selfheal-healer")}
    assert len({credential_of(token) for token in tokens.values()}) == 2
    won, lost, contended, wrong = dict.fromkeys(tokens, 0), dict[str, int](), 0, []
    for number in range(ROUNDS):
        stage.again()
        make_lease(cluster, LEASE_STATES[number % len(LEASE_STATES)], stage.policy.lease_duration)
        mark, barrier = cluster.audit_mark(), FORK.Barrier(len(tokens))
        with (
            stage.start("a", tokens["a"], barrier=barrier) as first,
            stage.start("b", tokens["b"], barrier=barrier) as second,
        ):
            ended = {"a": first.result(), "b": second.result()}
        acts = stage.machines.acts()
        if len(acts) != 1:
            wrong.append(f"round {number}: {acts} {ended}")
            continue
        winner = acts[0].split()[0]
        loser = next(name for name in tokens if name != winner)
        won[winner] += 1
        lost[ended[loser].ended] = lost.get(ended[loser].ended, 0) + 1
        writes = [a for a in cluster.audited(mark) if a.mutates and a.credential == credential_of(tokens[loser])]
        contended += any(a.code == 409 for a in writes)
        got_through = [a for a in writes if a.code < 300]
        attempts = {name: item["status"]["attempts"] for name, item in cluster.incidents().items()}
        if not (
            ended[winner] == replace(ended[winner], ended="done", words=((SICK, "repaired"),), error="")
            and went_away(ended[loser])
            and not [a for a in got_through if not a.uri.startswith(HEALER_LEASE.rpartition("/")[0])]
            and (ended[loser].ended == "done" or not got_through)
            and attempts == {f"{SICK}-1": 1}
            and not held_by(cluster)
        ):
            wrong.append(f"round {number}: {ended} wrote {got_through}, {attempts}, {held_by(cluster)}")
    record_testsuite_property("rounds of two healers", sum(won.values()))
    print(f"{ROUNDS} rounds: {won} acted, the other ended {lost}, {contended} times the lease was written by both")
    assert not wrong, "\n".join(wrong)
    # Both were there, and not always the first one first.
    assert sum(won.values()) == ROUNDS and all(won.values()) and lost.get("busy", 0) >= ROUNDS // 2


def went_away(ended: Ended) -> bool:
    """Whether a healer has found somebody else at work, or nothing left to do."""
    alone = ended.ended == "done" and ended.words in ((), ((SICK, "left alone"),))
    return not ended.error and (alone or ended.ended in ("busy", "nothing to do"))


# --- real runs of the playbook


class SlowKubelet(Kubelet):
    """One whose every restart is counted, and takes its time before anything comes of it, or hangs."""

    def __init__(self, cluster: ControlPlane, node: str, folder: Path, takes: str = "true") -> None:
        super().__init__(cluster, node, folder, 0)
        self.begun = folder / "begun"
        (folder / "systemctl").rename(folder / "systemctl.real")
        slow = f"echo $$ >>'{self.begun}'; {takes}"
        self._program("systemctl", f'if [ "$1" = restart ]; then {slow}; fi; exec "$0.real" "$@"')

    @property
    def restarts(self) -> list[int]:
        """The process of each restart that was begun."""
        return [int(pid) for pid in self.begun.read_text(encoding="utf-8").split()] if self.begun.exists() else []


@pytest.fixture
def as_healer(stage: Stage, healer_token: str) -> dict[str, Any]:
    """The variables of a run that heals the node which this machine is."""
    stage.cluster.is_machine(SICK, MACHINE_ID.read_text(encoding="utf-8").strip())
    return variables_of(stage.cluster, healer_token) | {
        "selfheal_monitor_only": False,
        "selfheal_policy": {"cooldown": 0},
    }


@pytest.mark.parametrize("number", [1, 2, 3])
def test_of_two_playbooks_one_is_busy(
    stage: Stage, as_healer: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, number: int
) -> None:
    cluster = stage.cluster
    with SlowKubelet(cluster, SICK, tmp_path_factory.mktemp("host") / "bin", "sleep 5") as kubelet:
        running = {
            name: start_play(
                tmp_path_factory.mktemp(name),
                "heal",
                as_healer | {"selfheal_holder": name},
                inventory=LOCAL_HOSTS,
                environment=on_host(kubelet),
            )
            for name in ("left", "right")
        }
        ended = {name: end_of(one) for name, one in running.items()}
    assert sorted(played.code for played in ended.values()) == [0, 4], ended
    loser, winner = sorted(ended, key=lambda name: -ended[name].code)
    one_clear_line(ended[loser], f"busy: ({winner}-[0-9a-f]+ heals this cluster now|another healer wrote)")
    assert "changed=0" in ended[loser].output and f"REPAIRED kubelet_restart on {SICK}" in said(ended[winner])
    assert len(kubelet.restarts) == 1
    status = cluster.incidents()[f"{SICK}-1"]["status"]
    assert (status["attempts"], status["outcome"]) == (1, "Repaired")
    assert all(moment["by"].startswith(winner) for moment in status["history"])
    assert not held_by(cluster)


def wait_for(seen: Callable[[], bool], what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, f"{what} was not seen within {seconds:.0f} s"
        time.sleep(0.1)


def run_by(home: Path) -> list[str]:
    """The processes of a run: all that were started in its home, but for those that are the host's own."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if words and os.readlink(process / "cwd").startswith(str(home)):
                found.append(words)
        except OSError:
            continue
    return [words for words in found if words.split()[0] not in ("timeout", "sh", "sleep")]


@pytest.mark.parametrize("when", ["amid the restart", "amid the proof"])
def test_a_job_that_is_cancelled_ends_and_the_next_one_goes_on(
    stage: Stage, as_healer: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, when: str
) -> None:
    """SIGTERM is what AWX sends to a job that is cancelled. A command that a host has been given ends by itself."""
    cluster, home, host = stage.cluster, tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("host")
    restart = when == "amid the restart"
    kubelet = SlowKubelet(cluster, SICK, host / "before", "exec sleep 200" if restart else "true")
    running = start_play(home, "heal", as_healer, inventory=LOCAL_HOSTS, environment=on_host(kubelet))
    try:
        if restart:
            wait_for(lambda: bool(kubelet.restarts), "the restart")
        else:
            # Nobody tells the API server that the kubelet is back, so the proof does not come.
            wait_for(lambda: phase_of(cluster) == "Verifying", "the phase Verifying")
        assert run_by(home)
        running.send_signal(signal.SIGTERM)
        cancelled = end_of(running, 30)
        wait_for(lambda: not run_by(home), "the end of what the run has started", 10)
    finally:
        if restart:
            os.kill(kubelet.restarts[0], signal.SIGKILL)
    assert cancelled.code == -signal.SIGTERM, cancelled
    status = cluster.incidents()[f"{SICK}-1"]["status"]
    assert (status["phase"], status["attempts"]) == ("Repairing" if restart else "Verifying", 1)

    # Until its lease has run out nobody else is let in; then the next run goes on from what is stored.
    busy = play_in(home, "heal", as_healer, inventory=LOCAL_HOSTS, environment=on_host(kubelet))
    assert busy.code == 4, busy.output
    stage.pass_time(stage.policy.lease_duration + 1)
    with SlowKubelet(cluster, SICK, host / "after") as again:
        played = play_in(home, "heal", as_healer, inventory=LOCAL_HOSTS, environment=on_host(again))
    assert played.code == 0 and "REPAIRED kubelet_restart" in said(played), played.output
    assert (len(kubelet.restarts), len(again.restarts)) == (1, 1)
    status = cluster.incidents()[f"{SICK}-1"]["status"]
    assert (status["phase"], status["attempts"], status["outcome"]) == ("Recovered", 2, "Repaired")
    assert not held_by(cluster)


def phase_of(cluster: ControlPlane) -> str:
    found = cluster.incidents().get(f"{SICK}-1")
    return str(found["status"]["phase"]) if found else ""


# --- a memory that cannot be read


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
def lenient(stage: Stage) -> Iterator[ControlPlane]:
    """The cluster with kinds that let everything in, as other versions of them may have done."""
    kinds = ("incidents.selfheal.kubernetes", "clusterrecords.selfheal.kubernetes")
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    for kind in kinds:
        found = stage.cluster.get(f"{CRDS}/{kind}")
        for version in found["spec"]["versions"]:
            version["schema"] = {"openAPIV3Schema": anything}
        stage.cluster.must("PUT", f"{CRDS}/{kind}", found)
    try:
        yield stage.cluster
    finally:
        stage.cluster.request("DELETE", INCIDENTS)
        stage.cluster.request("DELETE", RECORDS)
        assert stage.cluster.kubectl("apply", "-f", MANIFESTS / "crds.yml").returncode == 0
        wait_for(lambda: refuses(stage.cluster), "the kinds as they were")


def refuses(cluster: ControlPlane) -> bool:
    """Whether the kinds look at what is written again."""
    body = {"apiVersion": "selfheal.kubernetes/v1alpha1", "kind": "Incident", "metadata": {"name": "x"}}
    return cluster.request("POST", f"{INCIDENTS}?dryRun=All", body)[0] == 422


def mangle(cluster: ControlPlane, path: str, status: dict[str, Any]) -> None:
    """Write it, once the API server has the lenient kinds in use."""
    wait_for(lambda: cluster.request("PATCH", path, {"status": status})[0] == 200, f"the change of {path}")


BAD_STATES: dict[str, tuple[Callable[[ControlPlane], object], str]] = {
    "an incident in a phase of another version": (
        lambda cluster: mangle(cluster, f"{INCIDENTS}/{SICK}-1", {"phase": "Meditating"}),
        f"incident {SICK}-1 cannot be read .*Meditating.*mend or delete it",
    ),
    "an incident with a time that is none": (
        lambda cluster: mangle(cluster, f"{INCIDENTS}/{SICK}-1", {"deadline": "in a moment"}),
        f"incident {SICK}-1 cannot be read .*timestamp.*mend or delete it",
    ),
    "an incident whose attempts are not to be counted": (
        lambda cluster: mangle(cluster, f"{INCIDENTS}/{SICK}-1", {"attemptedAt": ["often"]}),
        f"incident {SICK}-1 cannot be read .*timestamp.*mend or delete it",
    ),
    "a storm that cannot be read": (
        lambda cluster: mangle(cluster, f"{RECORDS}/cluster", {"storm": {"cause": "x", "since": "noon"}}),
        "ClusterRecord cannot be read .*expected a storm with readable times.*mend or delete it",
    ),
    "a lease without a time": (
        lambda cluster: cluster.must(
            "PATCH", HEALER_LEASE, {"spec": {"holderIdentity": "awx-job-4711", "renewTime": None}}
        ),
        "held by awx-job-4711 has no readable renewTime: delete it by hand",
    ),
}


@pytest.mark.parametrize("name", BAD_STATES)
def test_on_a_memory_that_cannot_be_read_nothing_is_done(
    stage: Stage, lenient: ControlPlane, healer_token: str, play: Play, as_healer: dict[str, Any], name: str
) -> None:
    spoil, words = BAD_STATES[name]
    steps, _ended = recorded_steps(stage, healer_token)
    # The memory is that of a healer which died in the middle, so there is something to go on from.
    stage.again()
    act = next(number for number, what in enumerate(steps) if what.startswith("ACT"))
    turn = stage.turn("dead", healer_token, Steps(act, BEFORE, _die))
    with pytest.raises(_Died):
        turn.run()
    stage.pass_time(stage.policy.lease_duration + 1)
    spoil(lenient)
    mark, stored = lenient.audit_mark(), lenient.incidents()
    played = play("heal", as_healer, inventory=HOSTS)
    assert played.code == 2, played.output
    one_clear_line(played, words)
    assert played.output.count("fatal:") == 1
    assert [a for a in lenient.audited(mark) if a.mutates] == []
    assert lenient.incidents() == stored and stage.machines.acts() == []


class _Died(BaseException):
    pass


def _die() -> None:
    raise _Died


# --- people in between


def test_an_incident_that_people_delete_amid_a_repair(stage: Stage, healer_token: str) -> None:
    """The repair ends as a failed one, nothing is written in its place, and the next turn begins with what it sees."""
    cluster = stage.cluster
    steps, _ended = recorded_steps(stage, healer_token)
    stage.again()
    act = next(number for number, what in enumerate(steps) if what.startswith("ACT"))
    delete = Steps(act, DURING, lambda: cluster.must("DELETE", f"{INCIDENTS}/{SICK}-1"))
    turn = stage.turn("a", healer_token, delete).run()
    assert turn.words == [(SICK, "failed")]
    assert cluster.incidents() == {} and not held_by(cluster)
    after = stage.run("b", healer_token)
    assert not after.error and after.words == () and cluster.incidents() == {}
    assert len(stage.machines.acts()) == 1


def test_what_people_write_on_an_incident_survives(stage: Stage, healer_token: str) -> None:
    """Right before each write of the healer, so that its own is the one that is refused; and then it converges."""
    cluster, wrong = stage.cluster, []
    steps, _ended = recorded_steps(stage, healer_token)
    path = f"{INCIDENTS}/{SICK}-1"
    places = [number for number, what in enumerate(steps) if what == f"PUT {path}"]
    assert len(places) == 3, steps  # it begins, it has acted, it has proven itself
    theirs = {"annotations": {"people.example/why": "we look at it"}, "labels": {"people.example/team": "night"}}
    # What could not be begun has not been tried; what was begun has failed.
    for number, word in zip(places, ("not tried", "failed", "failed"), strict=True):
        stage.again()
        mark = cluster.audit_mark()
        turn = stage.turn(
            "a", healer_token, Steps(number, BEFORE, lambda: cluster.must("PATCH", path, {"metadata": theirs}))
        ).run()
        conflicts = sum(a.code == 409 and a.uri == path for a in cluster.audited(mark))
        # It was not told to look away: the second turn goes on where the first one was disturbed.
        last = stage.run("b", healer_token)
        found = cluster.incidents()[f"{SICK}-1"]
        kept = {name: found["metadata"].get(name) for name in theirs}
        if (conflicts, turn.words, last.error, kept) != (1, [(SICK, word)], "", theirs):
            wrong.append(f"{number}: {conflicts} conflicts, {turn.words}, {last}, {kept}")
        if found["status"]["phase"] != "Recovered":
            wrong.append(f"{number}: {found['status']['phase']}")
    assert not wrong, "\n".join(wrong)


# --- nothing is written that is known


class NoHost(Machines):
    """Hosts that nobody can reach."""

    def uptime(self, name: str) -> float:
        raise OSError(f"{name} cannot be reached")


SAME_AGAIN = {
    "excluded": {"metadata": {"labels": {"selfheal.kubernetes/exclude": ""}}},
    "paused": {"metadata": {"annotations": {"selfheal.kubernetes/paused": "by hand"}}},
    "cordoned": {"spec": {"unschedulable": True}},
}


@pytest.mark.parametrize("why", [*SAME_AGAIN, "a storm", "not reached"])
def test_of_two_runs_that_see_the_same_the_second_writes_nothing(stage: Stage, healer_token: str, why: str) -> None:
    cluster = stage.cluster
    if why in SAME_AGAIN:
        cluster.must("PATCH", f"/api/v1/nodes/{SICK}", SAME_AGAIN[why])
    if why == "a storm":
        cluster.make_sick("w2")
        cluster.make_sick("w3")
    written: list[list[str]] = []
    for number in (1, 2, 3):
        mark = cluster.audit_mark()
        turn = stage.turn(f"run-{number}", healer_token)
        if why == "not reached":
            turn.hosts = NoHost(cluster, stage.clock, stage.folder / "acts")
        turn.run()
        assert turn.words == ([(SICK, "not tried")] if why == "not reached" else [])
        changes = [a for a in cluster.audited(mark) if a.mutates]
        written.append([a.uri.partition("?")[0] for a in changes if a.uri != HEALER_LEASE])
        # Only a run that has something to do takes the lease.
        assert why == "not reached" or number == 1 or not changes, changes
    assert f"{RECORDS}" in written[0] and written[1:] == [[], []], written
    assert (INCIDENTS in written[0]) == (why != "a storm")
    assert not stage.machines.acts()
