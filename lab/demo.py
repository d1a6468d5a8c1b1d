# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo``: a real cluster is broken, found sick, repaired, and shown healthy again."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from pathlib import Path

from lab.cluster import Cluster
from lab.drill import DUE_AFTER, SHORT, Drill, Run, now
from lab.paths import CHECKOUT
from lab.progress import say
from lab.shell import LabError, Stopped, interruptible

REPORT = CHECKOUT / "build" / "demo" / "report.md"
NAME = "selfheal-demo"
# What the demo has done to the node counts as an attempt, and who plays with the cluster does not want to wait.
PLAY = {**SHORT, "cooldown": 0}
DUE = f"{DUE_AFTER} s of trouble, after which the demo's policy lets kubelet be restarted"
TOLD = (f"{NAME}-", "cluster ", "NODE ", "DO ", "REFUSE ", "REPAIRED ", "FAILED ", "LEFT_ALONE ", "nothing to do")


def main() -> int:
    """Returns 0 when the node is healthy again, 1 when the demo did not go as it should, 2 for a problem of set-up."""
    try:
        with interruptible():
            return _demo()
    except (Stopped, KeyboardInterrupt):
        print("demo: interrupted; make demo goes on from what is complete", file=sys.stderr)
        return 130
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2


def _demo() -> int:
    begun = now()
    cluster = Cluster(NAME, "small").up()
    drill = Drill(cluster)
    ready = now()
    _expect("prepare the cluster (playbook bootstrap)", drill.bootstrap(), 0)
    sick = drill.worker()
    # A demo that was interrupted has left the fault behind.
    drill.mend(sick)
    drill.wait_ready(sick, "True")
    # What earlier demos did to this node would count as attempts.
    drill.forget()

    _expect("look at the healthy cluster (playbook health)", drill.health(), 0)
    say(f"FAULT: kubelet on {sick} is stopped and its unit disabled; nothing but a repair brings it back")
    fault = drill.stop_kubelet(sick)
    seen_by_api = drill.wait_ready(sick, "False", "Unknown")
    say(f"the API server says that {sick} is NotReady; waiting for {DUE}")
    time.sleep(DUE_AFTER + 1)

    versions, monitor_since = drill.resource_versions(), now()
    monitor = drill.heal(selfheal_monitor_only=True)
    _expect("look, monitor-only (playbook heal as it is by default)", monitor, 0)
    untouched = drill.resource_versions() == versions and drill.writes(monitor_since) == []
    still_sick = drill.ready(sick) != "True"
    say(f"monitor-only wrote nothing: {_yes(untouched)}; {sick} is still NotReady: {_yes(still_sick)}")

    heal_since = now()
    say("heal begins, with healing switched on")
    heal = drill.heal()
    _expect("heal (playbook heal with healing switched on)", heal, 0)
    seen_ready = drill.wait_ready(sick, "True", seconds=10)
    written = drill.writes(heal_since)
    second = drill.heal()
    _expect("heal again", second, 0)

    [incident] = drill.incidents()
    history = incident["status"]["history"]
    moments = {moment["phase"]: datetime.fromisoformat(moment["at"]) for moment in history}
    timeline = [
        ("fault", fault, "kubelet stopped and disabled"),
        ("seen by the API server", seen_by_api, "Ready is no longer True"),
        ("seen by the healer", moments["Suspected"], history[0]["message"]),
        ("acted", moments["Repairing"], incident["status"]["rung"]),
        ("healthy", moments["Recovered"], history[-1]["message"]),
        ("healthy, seen by kubectl", seen_ready, "Ready is True"),
    ]
    kinds = sorted({resource for _verb, resource, _name in written})
    checks = {
        "monitor-only found the node and touched nothing": untouched and still_sick and f"on {sick}" in monitor.output,
        "the node is healthy again": incident["status"]["phase"] == "Recovered",
        "the second run changed nothing (changed=0)": second.changed == 0,
        f"the healer wrote only its own memory ({', '.join(kinds)}), and to no node": bool(kinds)
        and set(kinds) <= {"incidents", "clusterrecords", "leases", "configmaps"},
    }
    story = drill.cluster.kubectl("get", "incidents").stdout
    record = drill.cluster.kubectl("get", "clusterrecord").stdout
    print("\nTimeline")
    for name, at, note in timeline:
        print(f"  {at:%H:%M:%S}Z  {(at - fault).total_seconds():+6.0f} s  {name:<26} {note}")
    print(f"\n$ kubectl get incidents\n{story}\n$ kubectl get clusterrecord\n{record}")
    for claim, holds in checks.items():
        print(f"  {'ok   ' if holds else 'SHORT'} {claim}")
    _report(
        begun, ready, timeline, checks, story, record, {"monitor-only": monitor, "heal": heal, "second run": second}
    )
    healthy = all(checks.values())
    print(f"\n{'HEALTHY' if healthy else 'NOT AS IT SHOULD BE'}; report: {REPORT.relative_to(CHECKOUT)}")
    print(_to_play(cluster, sick, drill.healer, drill.uid()))
    return 0 if healthy else 1


def _to_play(cluster: Cluster, node: str, healer: Path, uid: str) -> str:
    """The commands that do by hand what the demo has done, in their order."""
    policy = json.dumps({"selfheal_policy": PLAY})
    return f"""
The cluster is kept. To play with it, in this folder:
  eval "$(python3 -m lab.toolchain env)"; eval "$(python -m lab env --name {cluster.name})"
  docker exec {node} systemctl disable --now kubelet    # break it
  kubectl wait --for=condition=Ready=Unknown node/{node} --timeout=120s    # the API server has noticed
  ansible-playbook selfheal.kubernetes.health    # exit code 2
  sleep {DUE_AFTER + 1}    # {DUE}
  ansible-playbook selfheal.kubernetes.heal -i {cluster.inventory} \\
    -e selfheal_kubeconfig={healer} -e selfheal_cluster_uid={uid} \\
    -e selfheal_monitor_only=false -e '{policy}'
  kubectl delete incidents --all    # before it is broken again, or else the third time counts as flapping
  python -m lab down --name {cluster.name}    # remove it; make clean removes the caches as well
"""


def _expect(what: str, run: Run, code: int) -> None:
    say(f"{what}: exit {run.code}, {run.seconds:.1f} s")
    for line in run.output.splitlines():
        text = line.strip().removeprefix('"msg": ').rstrip(",").strip('"')
        if text.startswith(TOLD) and ": ok=" not in text:
            print(f"    {text}")
    if run.code != code:
        raise LabError(f"{what}: exit {run.code}, expected {code}\n{run.output[-3000:]}")


def _yes(holds: bool) -> str:
    return "yes" if holds else "NO"


def _report(
    begun: datetime,
    ready: datetime,
    timeline: list[tuple[str, datetime, str]],
    checks: dict[str, bool],
    story: str,
    record: str,
    runs: dict[str, Run],
) -> None:
    fault = timeline[0][1]
    rows = [
        f"| {name} | {at:%H:%M:%S}Z | {(at - fault).total_seconds():+.0f} s | {note} |" for name, at, note in timeline
    ]
    lines = [
        "# Demo of selfheal.kubernetes",
        "",
        f"Run of {begun:%Y-%m-%d %H:%M:%S} UTC by `make demo`. Set-up and cluster took"
        f" {(ready - begun).total_seconds():.0f} s, the rest {(now() - ready).total_seconds():.0f} s."
        " The lab's cluster notices a silent kubelet after 20 s, and the"
        f" healer waited for {DUE}; the defaults are longer.",
        "",
        "| moment | clock | since the fault | what |",
        "|---|---|---|---|",
        *rows,
        "",
        *(f"- {'ok' if holds else '**SHORT**'}: {claim}" for claim, holds in checks.items()),
        "",
        *(
            "```console",
            "$ kubectl get incidents",
            story.rstrip(),
            "",
            "$ kubectl get clusterrecord",
            record.rstrip(),
            "```",
        ),
    ]
    for name, run in runs.items():
        lines += ["", f"## Output of the run: {name} (exit {run.code})", "", "```", run.output.strip(), "```"]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    new = Path(f"{REPORT}.new")
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    new.rename(REPORT)


if __name__ == "__main__":
    sys.exit(main())
