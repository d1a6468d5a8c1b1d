# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Thin on purpose: each target is one call of Python, which makes what is missing first. `make unit LANE=py311` picks
# an ansible-core; `python3 -m lab.toolchain lanes` lists them. Any Python from 3.11 on will do for PYTHON. THOROUGH=1
# repeats what tests repeat as often as it can be (see tests/thorough.py).
PYTHON ?= python3
LANE ?=
THOROUGH ?=
in_lane = $(if $(LANE),--lane $(LANE))
export SELFHEAL_THOROUGH = $(THOROUGH)
run = $(PYTHON) -m lab.toolchain run $(in_lane) --

.PHONY: help demo test lint format docs sanity unit providers api e2e e2e-nightly e2e-ha molecule corpus chaos chaos-page chaos-test chaos-nightly soak explore mutants nemesis nemesis-mutants simulation nightly bench prove-first-heal prove-judgement prove-state-machine prove-repairs prove-chaos pytest clean

help:  ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo:  ## break a real cluster on this machine and watch it being repaired
	$(run) python -m lab.demo

test:  ## every check, in every lane that this machine can run
	$(PYTHON) tests/run.py $(in_lane)

lint:  ## ruff, mypy, yamllint, ansible-lint, REUSE, the changelog, the built package
	$(PYTHON) tests/run.py $(in_lane) lint

format:  ## lay out Python code and order its imports
	$(run) sh -c 'ruff check --quiet --select I --fix . && ruff format .'

docs:  ## the tables of checks and settings, made from the code
	$(run) python -m lab.docs

sanity:  ## all sanity tests of ansible-test
	$(PYTHON) tests/run.py $(in_lane) sanity

unit:  ## unit tests
	$(PYTHON) tests/run.py $(in_lane) unit

providers:  ## tests of reboots against emulators of EC2 and Redfish, and drivers against the collections they need
	$(PYTHON) tests/run.py $(in_lane) providers

simulation:  ## thousands of bad nights in a simulated cluster, and what must hold in all of them: SEEDS="1 2", RUNS=500 of each
	$(run) python -m tests.simulation $(if $(RUNS),--runs $(RUNS)) $(if $(SEEDS),--seeds $(SEEDS))

api:  ## tests against a real etcd and kube-apiserver
	$(PYTHON) tests/run.py $(in_lane) api

e2e:  ## tests against a real cluster
	$(PYTHON) tests/run.py $(in_lane) e2e

e2e-nightly:  ## those tests against a real cluster that take long
	$(run) pytest --color=no -p no:cacheprovider --junitxml=build/test/e2e-nightly.xml -m nightly tests/e2e

e2e-ha:  ## tests against a real cluster with three control planes
	$(run) pytest --color=no -p no:cacheprovider --junitxml=build/test/e2e-ha.xml -m ha tests/e2e

molecule:  ## each role against the faults that it heals, on a real cluster: SCENARIO=kubelet_restart for one, THOROUGH=1 for those of the night, too
	$(PYTHON) tests/run.py $(in_lane) $(if $(SCENARIO),--scenario $(SCENARIO)) molecule

pytest:  ## tests alone, whatever their marks: TESTS="tests/api/test_drain.py", EXTRA=providers for their environment
	$(PYTHON) -m lab.toolchain run $(in_lane) $(if $(EXTRA),--with $(EXTRA)) -- pytest --color=no -p no:cacheprovider --junitxml=build/test/$(or $(REPORT),pytest).xml $(TESTS)

corpus:  ## precision and recall of the checks over the labelled snapshots
	$(run) python -m tests.corpus.score

chaos:  ## experiments on a real cluster, with the healer and without it: EXPERIMENT="kubelet-stopped", TIMES=3, ARM=control; TIMERS=stock PATIENCE=3 as clusters are by default
	$(PYTHON) -m lab.toolchain run $(in_lane) --with chaos -- python -m tests.chaos $(if $(TIMES),--times $(TIMES)) $(if $(ARM),--arm $(ARM)) $(if $(TIMERS),--timers $(TIMERS)) $(if $(PATIENCE),--patience $(PATIENCE)) $(if $(FOLDER),--folder $(FOLDER)) $(EXPERIMENT)

chaos-page:  ## the table of what it has shown, made from the results
	$(run) python -m tests.chaos.page

chaos-test:  ## tests of the experiments' own machinery against a real cluster
	$(PYTHON) tests/run.py $(in_lane) chaos

chaos-nightly:  ## those of them that take long: every fault, every verdict
	$(PYTHON) -m lab.toolchain run $(in_lane) --with chaos -- pytest --color=no -p no:cacheprovider --junitxml=build/test/chaos-nightly.xml -m nightly tests/chaos

soak:  ## a nemesis on a real cluster with three control planes, 20 minutes for each of SEEDS="1 2 3"
	$(PYTHON) -m lab.toolchain run $(in_lane) --with chaos -- python -m tests.chaos --arm healed $(if $(FOLDER),--folder $(FOLDER)) --seeds $(or $(SEEDS),1 2 3)

explore:  ## every interleaving of two healers, request by request: FAULTS=2, DEPTH=80, SCENES="restart storm"
	$(run) python -m tests.simulation.explore $(if $(FAULTS),--faults $(FAULTS)) $(if $(DEPTH),--depth $(DEPTH)) $(SCENES)

mutants:  ## bugs planted into the collection, one at a time, each of which the simulation must catch: NAMES="no-breaker"
	$(run) python -m tests.simulation.mutants $(NAMES)

nemesis:  ## plans of many faults in a simulated cluster, made smaller where they find something: SEEDS="1 5000", RUNS=1000 from each on
	$(run) python -m tests.nemesis $(if $(RUNS),--runs $(RUNS)) $(if $(SEEDS),--seeds $(SEEDS))

nemesis-mutants:  ## bugs planted into the collection, which those plans must find and make as small as three steps: NAMES="no-breaker"
	$(run) python -m tests.nemesis.mutants $(NAMES)

bench:  ## what a look costs, next to others: SIZE=small, A, B or grow; JSON=FILE
	$(run) python -m bench.observe --size $(or $(SIZE),A) $(if $(JSON),--json $(JSON))

nightly:  ## what takes long, in parts; one that has passed on this tree is not run again: PARTS="mutants explore e2e ha faults stock soak nemesis simulation"
	$(run) python -m tests.nightly $(PARTS)

prove-first-heal:  ## show that the first repair works and that without it nothing recovers
	$(PYTHON) -m tests.prove.first_heal

prove-judgement:  ## show that the judgement is right, complete and fast
	$(PYTHON) -m tests.prove.judgement

prove-state-machine:  ## show that the repair state machine is safe under every interruption
	$(PYTHON) -m tests.prove.state_machine

prove-repairs:  ## show that every repair works, that what is left in place is an error, and that nothing is forced
	$(PYTHON) -m tests.prove.repairs

prove-chaos:  ## show that every experiment passes, every verdict can be brought about, and no nemesis breaks a rule; goes on where it was
	$(PYTHON) -m tests.prove.chaos

clean:  ## remove the lab's clusters and caches, the environments, and build/
	$(PYTHON) -m lab clean
	$(PYTHON) -m lab.toolchain clean
