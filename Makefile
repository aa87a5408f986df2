# Every target is documented by its comment; `make help` prints them.
.DEFAULT_GOAL := help
PYTHON ?= python3
V := .venv/bin

.PHONY: help run check test bench simulate lives chances terms-run bonds-run crash-run mutate fuzz storm audit docs lock clean
LIVES ?= 20
LOANS ?= 2000
CHANCES ?= 5000
TERMS ?= 100000
BONDS ?= 20000
KILLS ?= 200
ENTRIES ?= 200000
ROUNDS ?= 200
MUTATIONS ?= 10000
STORMS ?= 20
INTENTS ?= 1000

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(V)/.runtime ## start the demo: web, worker, signer and payment sandbox (BXL_PORT, default 8000)
	@exec $(V)/bxl run

check: $(V)/.development ## lint, types, import rules, templates, spelling
	@$(V)/ruff check .
	@$(V)/ruff format --check .
	@$(V)/mypy
	@$(V)/lint-imports --no-logo 2>&1
	@$(V)/djlint --lint --quiet frontend/templates
	@$(V)/codespell

test: $(V)/.development .venv-strangers/.ready ## install what the tests need (PostgreSQL, Chromium, hledger, Go) and run them all
	@.ci/provision
	@$(V)/pytest -n 3 --dist loadfile  # they wait for disks and servers more than they compute

bench: $(V)/.development .venv-peers/.ready ## measure, print and store docs/benchmarks.md (PARTS=…: these alone; QUICK=1: a hundredth, in var)
	@$(V)/python -m tests.bench $(PARTS) $(if $(QUICK),--quick)

simulate: $(V)/.development ## let every statement of posting fail in turn, in LIVES stories (default 20) on both databases
	@$(V)/python -m tests.simulator --lives $(LIVES) $(if $(SEED),--seed $(SEED))

lives: $(V)/.development ## live LOANS random loans (default 2000) against a naive model, the book audited after every step
	@$(V)/python -m tests.lives --lives $(LOANS) $(if $(SEED),--seed $(SEED))

chances: $(V)/.development ## live CHANCES random files (default 5000) of loans in difficulty to their end, the book audited after every step
	@$(V)/python -m tests.lives --of chances --lives $(CHANCES) $(if $(SEED),--seed $(SEED))

terms-run: $(V)/.development ## make the schedules of TERMS random terms (default 100000) foot to the cent
	@$(V)/python -m tests.terms_run --terms $(TERMS) $(if $(SEED),--seed $(SEED))

bonds-run: $(V)/.development ## compare BONDS random bonds (default 20000) with QuantLib: dates, accrued, price, durations, yield
	@$(V)/python -m tests.bonds_run --bonds $(BONDS) $(if $(SEED),--seed $(SEED))

crash-run: $(V)/.development ## kill writers KILLS times (default 200) while they post ENTRIES entries (default 200000), then the log's processes in ROUNDS rounds (default 200)
	@$(V)/python -m tests.crash --kills $(KILLS) --entries $(ENTRIES)
	@$(V)/python -m tests.crash log --rounds $(ROUNDS)

mutate: $(V)/.development ## change the decision in every small way; each change must make its tests fail or be explained
	@$(V)/python -m tests.mutation

fuzz: $(V)/.development ## change bank files MUTATIONS times (default 10000); each is refused by line, or moves the same money
	@$(V)/python -m tests.fuzz --mutations $(MUTATIONS) $(if $(SEED),--seed $(SEED))

storm: $(V)/.development ## STORMS seeds (default 20) of INTENTS payments (default 1000) where everything goes wrong: ledger, provider and bank must agree
	@for seed in $$(seq 1 $(STORMS)); do echo "seed $$seed"; $(V)/bxl sandbox storm --seed $$seed --intents $(INTENTS) --json || exit 1; done

audit: $(V)/.runtime ## audit the rows of the demo book and its published log
	@$(V)/bxl audit

docs: $(V)/.development ## render the worked books into docs/books, docs/refusals.md and docs/second-chance.md
	@$(V)/python -m tests.worked
	@$(V)/python -m tests.refusals_page
	@$(V)/python -m tests.second_chance_page

lock: $(V)/uv ## write the lock files again
	@$(V)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	@$(V)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 --group dev pyproject.toml -o requirements-dev.lock
	@$(V)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 tests/bench/peers.in -o tests/bench/peers.lock
	@$(V)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 tests/strangers/foreign/strangers.in -o tests/strangers/foreign/strangers.lock

clean: ## remove the environment and every cache, not the books
	@rm -rf .venv .venv-peers .venv-strangers .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(V)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: set PYTHON=python3.11")'
	@$(PYTHON) -m venv .venv || { echo "The venv module is missing: apt-get install python3-venv"; exit 1; }
	@$(V)/pip install --quiet --disable-pip-version-check uv

.venv-peers/.ready: tests/bench/peers.lock | $(V)/uv
	@$(V)/uv venv -q --clear -p $(V)/python .venv-peers
	@$(V)/uv pip sync -q -p .venv-peers/bin/python --require-hashes tests/bench/peers.lock
	@touch $@

.venv-strangers/.ready: tests/strangers/foreign/strangers.lock | $(V)/uv
	@$(V)/uv venv -q --clear -p $(V)/python .venv-strangers
	@$(V)/uv pip sync -q -p .venv-strangers/bin/python --require-hashes tests/strangers/foreign/strangers.lock
	@touch $@

$(V)/.runtime: requirements.lock pyproject.toml | $(V)/uv
	@test -e $(V)/.development || $(V)/uv pip sync -q -p $(V)/python --require-hashes requirements.lock
	@test -e $(V)/.development || $(V)/uv pip install -q -p $(V)/python --no-deps -e .
	@touch $@

$(V)/.development: requirements-dev.lock pyproject.toml | $(V)/uv
	@$(V)/uv pip sync -q -p $(V)/python --require-hashes requirements-dev.lock
	@$(V)/uv pip install -q -p $(V)/python --no-deps -e .
	@touch $@ $(V)/.runtime
