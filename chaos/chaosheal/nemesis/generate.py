# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans made of a number: the same number, shape and size give the same plan. Pure."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from chaosheal.model import ChaosError
from chaosheal.nemesis.guard import SURVIVED, Model, objection
from chaosheal.nemesis.packages import PACKAGES, usable
from chaosheal.nemesis.plan import SHAPES, Plan, Quiet, Step

# So many steps from one quiet time to the next.
PER_BLOCK = 5
# What the first of them need at least.
_BLOCK_SECONDS = 300
_TRIES = 20


def generate(seed: int, shape: str, workers: int, planes: int, horizon: int, model: Model = SURVIVED) -> Plan:
    """A plan for a cluster of this size.

    :param horizon: how long it is at most, in seconds.
    :raises ChaosError: there is no such shape, or no room.
    """
    if shape not in SHAPES:
        raise ChaosError(f"shape: expected one of {', '.join(SHAPES)}, got {ascii(shape)[:60]}")
    if workers < 1 or planes < 1:
        raise ChaosError(f"expected at least one worker and one control plane, got {workers} and {planes}")
    unknown = sorted(model.faults - set(PACKAGES))
    if unknown or not model.faults:
        raise ChaosError(f"faults: expected some of {', '.join(sorted(PACKAGES))}, got {', '.join(unknown) or 'none'}")
    if horizon < model.quiet + _BLOCK_SECONDS:
        raise ChaosError(f"expected at least {model.quiet + _BLOCK_SECONDS} s, got {horizon}")
    drawn = Random(f"{seed} {shape} {workers} {planes} {horizon}")
    steps: list[Step] = []
    quiet: list[Quiet] = []
    at = 60
    while True:
        block = _block(drawn, shape, at, workers, planes, model)
        block = [step for step in block if step.until + model.quiet <= horizon]
        if not block:
            break
        end = max(step.until for step in block)
        steps += [replace(step, ident=f"s{len(steps) + number}") for number, step in enumerate(block)]
        quiet.append(Quiet(end, model.quiet))
        at = end + model.quiet
    return Plan(seed, shape, horizon, workers, planes, tuple(steps), tuple(quiet))


def _block(drawn: Random, shape: str, begin: int, workers: int, planes: int, model: Model) -> list[Step]:
    """The steps up to the next quiet time."""
    steps: list[Step] = []
    at = begin
    first = _draw(drawn, at, workers, planes, model)
    for number in range(PER_BLOCK):
        for _try in range(_TRIES):
            step = _next(drawn, shape, number, first, at, workers, planes, model)
            if not objection(step, steps, workers, planes, model):
                steps.append(step)
                break
        at = _after(drawn, shape, steps, at)
    if shape != "swizzle":
        return steps
    # With other ends they may be too much at once.
    within: list[Step] = []
    for step in _swizzled(drawn, steps):
        if not objection(step, within, workers, planes, model):
            within.append(step)
    return within


def _next(
    drawn: Random, shape: str, number: int, first: Step, at: int, workers: int, planes: int, model: Model
) -> Step:
    step = _draw(drawn, at, workers, planes, model)
    if shape == "flapping":
        return replace(first, at=at, lasts=drawn.randint(20, 90))
    if shape == "swizzle" and first.role == "worker":
        return replace(first, at=at, index=drawn.randrange(workers), lasts=step.lasts)
    if shape == "cascade" and number == 0 and step.role == "healer":
        return replace(first, at=at)
    return step


def _after(drawn: Random, shape: str, steps: list[Step], at: int) -> int:
    """When the next one comes."""
    last = steps[-1] if steps else None
    if shape == "isolated":
        return (last.until if last else at) + drawn.randint(60, 300)
    if shape == "flapping":
        return (last.until if last else at) + drawn.randint(15, 60)
    if shape == "cascade":
        return at + drawn.choice((0, 5, 60, 120))
    return at + drawn.randint(10, 200)


def _swizzled(drawn: Random, steps: list[Step]) -> list[Step]:
    """All are broken one after the other, and made good one after the other in another order."""
    end = max((step.at for step in steps), default=0)
    order = drawn.sample(range(1, len(steps) + 1), len(steps))
    return [replace(step, lasts=end + 40 * place - step.at) for step, place in zip(steps, order, strict=True)]


def _draw(drawn: Random, at: int, workers: int, planes: int, model: Model) -> Step:
    names = sorted(model.faults)
    fault = drawn.choices(names, [PACKAGES[name].weight for name in names])[0]
    package = PACKAGES[fault]
    role = drawn.choice([role for role in package.roles if fault in usable(role)])
    index = drawn.randrange({"worker": workers, "control-plane": planes, "healer": 2}[role])
    lasts = min(model.longest, drawn.randint(*package.lasts))
    return Step("", at, fault, role, index, lasts, dict(drawn.choice(package.params)))
