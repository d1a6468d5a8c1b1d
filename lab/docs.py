# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages that are made from code: ``python3 -m lab.toolchain run -- python -m lab.docs`` writes them anew.

docs/checks.md, docs/guards.md, docs/policy.md, and the settings in the documentation of the modules. A unit test tells
when they are out of date.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.policy_source import NAME, NAMESPACE
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import GUARDS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import LADDERS, Rung
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import PATTERNS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import SETTINGS, Flag, Integer, Setting

from lab.paths import CHECKOUT

FRAGMENT = CHECKOUT / "plugins" / "doc_fragments" / "_connection.py"
COLUMNS = 150
HEADER = """\
<!--
Copyright (c) 2026, the selfheal.kubernetes authors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
Made by `python -m lab.docs`: change the code and not this file.
-->
"""
CHECKS_INTRO = """
# Checks and patterns

Each check looks at one aspect of one kind of object, and says of each that is not well what is wrong, since when, and
with which numbers. What could not be read is unknown, and never healthy; nothing is repaired on unknown.

The **threshold** is for how long trouble must last before its remedy may be disruptive; a *patient* check says
nothing before. The **remedy** is the strongest thing that the ladder may do about it, each including the ones before:
None, Restart, Reboot, Replace. Which repairs there are for which reason is in [guards.md](guards.md#ladders): a check
that allows more gets no more than that, and trouble without a repair is told and not repaired. **Warnings** do not make
a cluster unhealthy and are never repaired. A policy changes thresholds and remedies and switches checks off, see
[policy.md](policy.md). **Needs** are the parts of the cluster without which a check is unknown.

"""
PATTERNS_INTRO = """
## Patterns

A pattern is a cause that several findings have in common. Its members are not repaired one by one for as long as it
holds.

"""
GUARDS_INTRO = """
# Guards and ladders

A guard is a rule that can only say no. Every guard is asked about every repair, when it is planned and again right
before it begins; each refusal is in the plan with the guard's name and the numbers that it saw, and in the node's
incident (`refusals`), where it is written anew when a guard joins or leaves. The playbook `report` tells them.

A **loud** refusal means that people must look, and the run says so and ends with 2. A **quiet** one is settled by time,
or by the person who wanted it. The settings are those of [policy.md](policy.md), here with their defaults.

Four words stand where a guard's name would. `canary` keeps the incident of a node open that looks well after a repair,
while pods do not run well on it. The others call people as well: `ladder`, where no repair is known or allowed
for the trouble; `host`, where the inventory has none for the node, or it could not be asked or is another machine; and
`silent_host`, where it gave no answer at all. Such a node is asked again in each run, after all others, and keeps none
of them from its repair. A silent one gets the first rung that its provider carries out without it, where
`reboot_driver` names one that can: see [reboot.md](reboot.md).

"""
LADDERS_INTRO = """
## Ladders

What is tried for a reason, the softest first; each attempt that has not helped goes one rung up, and the last one is
repeated until `max_attempts`. A rung that is stronger than the check's remedy (see [checks.md](checks.md)) is left out,
and so is one of which a setting does not say how it is done; a GPU node is given Reboot at most. A disruptive rung ends
what runs on the node: it waits for the check's threshold, and asks more guards. A reason that is not here has no
repair: it is told, and people are asked for.

"""
FEW_ATTEMPTS = """\
With both drivers set, the ladders of {reasons}
have {rungs} rungs, and `max_attempts` is {most} by default: their last rung takes `max_attempts: {rungs}`, or people
get the node before. A rung that is marked **left out** is so by the check's default remedy; setting `remedies` can give
the check a stronger one.

"""
POLICY_INTRO = f"""
# Policy: every setting

A setting is taken from the first of these that has it:

1. the job: `selfheal_policy` and `selfheal_monitor_only` of the playbooks, option `policy` of the modules;
2. the cluster: ConfigMap `{NAME}` in namespace `{NAMESPACE}`, which belongs to the cluster's owner and is not made by
   `bootstrap`;
3. the defaults below.

`monitor_only: "true"` in the ConfigMap is the owner's brake: no job can lift it, and it works within one step of a
run that is under way. What was begun is still written down to its end. `monitor_only: "false"` there only takes the
brake off: the playbooks heal when the job says `selfheal_monitor_only=false`, and not before. `paused` in the
ConfigMap holds against every job as well; the playbooks `pause` and `resume` write it.

A mistake in a job's settings ends the job. A ConfigMap that has a mistake, an unknown setting among them, or that may
not be read stops healing and not looking: `health` goes on with the job's settings and the defaults, its verdict is
unknown, and it names every mistake at once, like this:

```text
could not read policy: {NAME}.data.cooldown: expected an integer from 0 to 86400 (seconds), got '-1'; ...
```

## Settings

"""
POLICY_CONFIG_MAP = """
In a ConfigMap every value is a text. Lists and mappings are YAML inside it. This is an example, and not to be applied
as it stands: keep the lines that you want, and put a Service of your own, with its namespace, in the place of `web` in
`shop`; a cluster in which a Service of the probes is not there, or may not be asked, is not healthy:

"""
EXAMPLE = f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {NAME}
  namespace: {NAMESPACE}
data:
  monitor_only: "false"
  cooldown: "600"
  maintenance_windows: |
    - {{start: "22:00", end: "04:00", days: [Fri, Sat], timezone: Europe/Berlin}}
  approval_required: "[Replace]"
  node_daemonsets: |
    - calico-node
    - kube-proxy
  service_probes: |
    - {{namespace: shop, name: web, port: 80, path: /healthz}}
  thresholds: |
    NodeReady: 600
  remedies: |
    NodeReady: Restart
"""
OPT_IN = """
## Settings that need more rights

`bootstrap` gives rights for everything but these two, because each of them opens more than it is wanted for. Until
they are given, what needs them is unknown. The healer is the ServiceAccount `selfheal-healer`, for who only looks
`selfheal-observer`.

`kubelet_summary: true` asks every kubelet for the use of its disks, through the API server. Whoever has this right
can read all that a kubelet knows, logs of containers among it, and can by other paths of the kubelet run commands in
its pods.

"""
KUBELET_RIGHTS = """\
apiVersion: v1
kind: List
items:
  - apiVersion: rbac.authorization.k8s.io/v1
    kind: ClusterRole
    metadata:
      name: selfheal-kubelet-summary
    rules:
      - apiGroups: [""]
        resources: [nodes/proxy]
        verbs: [get]
  - apiVersion: rbac.authorization.k8s.io/v1
    kind: ClusterRoleBinding
    metadata:
      name: selfheal-kubelet-summary
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: ClusterRole
      name: selfheal-kubelet-summary
    subjects:
      - {kind: ServiceAccount, name: selfheal-observer, namespace: self-healing}
      - {kind: ServiceAccount, name: selfheal-healer, namespace: self-healing}
"""
PROBES = """
`service_probes` sends requests to Services, through the API server. Give the right for each by itself: its name and
port, with `https:` in front for a probe of kind https. Without `resourceNames` it would open every Service of the
namespace. `shop` and `web:80` are those of the example above, put your own in their places.

"""
PROBE_RIGHTS = """\
apiVersion: v1
kind: List
items:
  - apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      name: selfheal-service-probes
      namespace: shop
    rules:
      - apiGroups: [""]
        resources: [services/proxy]
        resourceNames: ["web:80"]
        verbs: [get]
  - apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      name: selfheal-service-probes
      namespace: shop
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: Role
      name: selfheal-service-probes
    subjects:
      - {kind: ServiceAccount, name: selfheal-observer, namespace: self-healing}
      - {kind: ServiceAccount, name: selfheal-healer, namespace: self-healing}
"""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _name in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def block(text: str) -> str:
    """A piece of YAML in Markdown."""
    return f"```yaml\n{text}```\n"


def checks_page() -> str:
    """docs/checks.md."""

    def threshold(check: Check) -> str:
        return f"{check.threshold} s{', patient' if check.patient else ''}"

    overview = table(
        ("Check", "What is well", "Threshold", "Severity", "Remedy", "Needs"),
        [(f"`{c.name}`", c.about, threshold(c), c.severity, c.remedy, ", ".join(c.parts)) for c in CHECKS],
    )
    reasons = table(
        ("Check", "Reason", "Meaning"),
        [(f"`{c.name}`", f"`{reason}`", meaning) for c in CHECKS for reason, meaning in c.reasons.items()],
    )
    patterns = table(("Pattern", "What it is"), [(f"`{p.name}`", p.about) for p in PATTERNS])
    return f"{HEADER}{CHECKS_INTRO}{overview}\n## Reasons\n\n{reasons}{PATTERNS_INTRO}{patterns}"


def expected(setting: Setting) -> str:
    """What a setting may be, in a few words."""
    return f"{setting.low} to {setting.high} {setting.unit}" if isinstance(setting, Integer) else setting.expected


def default(name: str) -> Any:
    """The default of a setting, as a person would write it."""
    value = getattr(Policy(), name)
    if isinstance(value, tuple | frozenset):
        return sorted(value)
    return dict(value) if isinstance(value, Mapping) else value


def shown(name: str) -> str:
    """The default of a setting in a table."""
    value = default(name)
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value) or "none"
    return "none" if value in ({}, "") else f"`{str(value).lower()}`"


def guards_page() -> str:
    """docs/guards.md."""

    def steered(names: Iterable[str]) -> str:
        return ", ".join(f"`{name}` ({shown(name)})" for name in names) or "nothing"

    def check_of(reason: str) -> Check:
        [check] = [check for check in CHECKS if reason in check.reasons]
        return check

    def allowed(reason: str) -> list[Rung]:
        return [rung for rung in LADDERS[reason] if check_of(reason).remedy.includes(rung.remedy)]

    def rung_line(number: int, rung: Rung, reason: str) -> str:
        kind = "disruptive" if rung.disruptive else "soft"
        back = ", then the node is waited for" if rung.waits else ""
        only = f", only with `{rung.driver}`" if rung.driver else ""
        check = check_of(reason)
        out = "" if rung in allowed(reason) else f" **left out**: the remedy of `{check.name}` is {check.remedy}"
        what = f"`{rung.name}`, {rung.remedy}, {kind}, at most {rung.deadline} s{back}{only}"
        return f"{number}. {rung.about} ({what}){out}"

    guards = table(
        ("Guard", "What it is for", "Steered by", "Refusal"),
        [(f"`{g.name}`", g.about, steered(g.steered_by), "quiet" if g.quiet else "loud") for g in GUARDS],
    )
    ladders = table(
        ("Reason", "Rungs"),
        [
            (f"`{reason}`", "<br>".join(rung_line(number, rung, reason) for number, rung in enumerate(rungs, 1)))
            for reason, rungs in LADDERS.items()
        ],
    )
    most, longest = Policy().max_attempts, max(len(allowed(reason)) for reason in LADDERS)
    above = [f"`{reason}`" for reason in LADDERS if len(allowed(reason)) == longest]
    named = f"{', '.join(above[:-1])} and {above[-1]}"
    few = FEW_ATTEMPTS.format(reasons=named, rungs=longest, most=most)
    return f"{HEADER}{GUARDS_INTRO}{guards}{LADDERS_INTRO}{few}{ladders}"


def policy_page() -> str:
    """docs/policy.md."""
    settings = table(
        ("Setting", "Value", "Default", "Meaning"),
        [(f"`{name}`", expected(setting), shown(name), setting.about) for name, setting in SETTINGS.items()],
    )
    example = POLICY_CONFIG_MAP + block(EXAMPLE)
    rights = OPT_IN + block(KUBELET_RIGHTS) + PROBES + block(PROBE_RIGHTS)
    return f"{HEADER}{POLICY_INTRO}{settings}{example}{rights}"


def setting_line(name: str) -> str:
    """A setting in the documentation of the modules."""
    setting = SETTINGS[name]
    if isinstance(setting, Integer):
        said = f"{setting.low}-{setting.high} {setting.unit}, default {default(name)}"
    elif isinstance(setting, Flag):
        said = f"V(true) or V(false), default V({str(default(name)).lower()})"
    else:
        value = default(name)
        said = f"{setting.expected}, default V({', '.join(value)})" if value else f"{setting.expected}, default none"
    return f"C({name}) ({said}), {setting.about}."


def fragment(text: str) -> str:
    """The documentation fragment with the settings as they are now."""
    first, last = "      - C(monitor_only) (", "    type: dict\n    default: {}\nrequirements:"
    begin, end = text.index(first), text.index(last)
    lines = []
    for name in SETTINGS:
        line = setting_line(name)
        if yaml.safe_load(f"- {line}") != [line]:
            raise ValueError(f"this is not one plain text of YAML, say it without ': ' and ' #': {line}")
        lines += textwrap.wrap(
            f"- {line}",
            COLUMNS,
            initial_indent=" " * 6,
            subsequent_indent=" " * 8,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return text[:begin] + "".join(f"{line}\n" for line in lines) + text[end:]


PAGES: dict[Path, Callable[[], str]] = {
    CHECKOUT / "docs" / "checks.md": checks_page,
    CHECKOUT / "docs" / "guards.md": guards_page,
    CHECKOUT / "docs" / "policy.md": policy_page,
    FRAGMENT: lambda: fragment(FRAGMENT.read_text(encoding="utf-8")),
}


def stale() -> list[Path]:
    """The files that do not say what the code says."""
    return [path for path, made in PAGES.items() if not path.exists() or path.read_text(encoding="utf-8") != made()]


def main() -> int:
    """Write what is out of date."""
    for path in stale():
        path.write_text(PAGES[path](), encoding="utf-8")
        print(path.relative_to(CHECKOUT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
