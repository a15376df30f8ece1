# Every command of the project. Targets say what they do in their own comment; `make help` prints them.

PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo quick test acceptance month plan snapshots docs dev ui sandbox lint check bench close report rebuild statements focus focus-validate export

help: ## Print every target.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## Make .venv and install exactly what requirements.lock says (uv if present, else venv and pip).

.venv/.ready: requirements.lock
	@if command -v uv >/dev/null 2>&1; then \
		uv venv -q --allow-existing --python $(PYTHON) .venv && \
		uv pip sync -q --python $(BIN)/python --require-hashes $<; \
	else \
		$(PYTHON) -m venv .venv && \
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $<; \
	fi
	@touch $@

demo: setup ## Request two months of bills from a sandbox at the real rate limits, publish, and show what came out.
	@$(BIN)/python -m assets demo

# What tests judge by lives in environments of its own.
PEERS := $(patsubst tests/acceptance/%.lock,.venv/peers/%/.ready,$(wildcard tests/acceptance/duckdb-*.lock))

PYTEST := $(BIN)/python -m pytest --dist worksteal
QUICK := tests/unit tests/models tests/structure

quick: setup ## Run the tests of single stages, models and the repository: what to run while working.
	@$(PYTEST) -n 2 $(QUICK)

# Integration tests wait for rate limits, so there are more workers than cores.
test: setup ## Run the tests: quick's, and those of stages together.
	@$(PYTEST) -n 4 $(QUICK) tests/integration

acceptance: setup $(PEERS) ## Run the tests in other programs: LibreOffice, Chromium, older DuckDBs, focus-validator.
	@$(if $(PYTHON312),$(MAKE) -s .venv/peers/focus-validator/.ready,echo "NOT VALIDATED by focus-validator: it needs a Python 3.12: say where with PYTHON312=..." >&2)
	@$(BIN)/python -m pytest tests/acceptance

month: setup ## Request a month for the configured accounts and publish: make month MONTH=2026-10
	@test -n "$(MONTH)" || { echo "Say which month: make month MONTH=2026-10" >&2; exit 2; }
	@$(BIN)/python -m assets month $(MONTH)

plan: setup ## Print what a run of a month would request, without requesting it: make plan MONTH=2026-10
	@test -n "$(MONTH)" || { echo "Say which month: make plan MONTH=2026-10" >&2; exit 2; }
	@$(BIN)/python -m pipelines plan $(MONTH)

snapshots: setup ## Take lists, credits and vouchers of the configured accounts as of now, and publish.
	@$(BIN)/python -m assets snapshots

dev: setup ## Start Dagster's UI on a sandbox.
	@$(BIN)/python -m assets dev

ui: setup ## Start Dagster's UI, with its daily schedules, on the configured accounts.
	@$(BIN)/python -m assets ui

sandbox: setup ## Run the local stand-in for the API on loopback.
	@$(BIN)/python -m pipelines sandbox

lint: setup ## Check format, ruff, types, SQL style and import contracts.
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint -q --processes 0 sql
	@$(BIN)/lint-imports --no-cache

check: lint test ## lint and test.

bench: setup ## Measure speed and memory, as ratios in one run (takes minutes).
	@$(BIN)/python -m pytest tests/bench -m bench -s

docs: setup ## Write the generated pages of docs/ again.
	@$(BIN)/python -m pipelines docs
	@$(BIN)/python -m tests.integration.example

# The reason is kept for good, so it arrives as it was written, with what make and shell would expand in it. One that is in
# the environment by chance is none: it would override a refusal.
unexport REASON
close: export CLOSE_REASON := $(value REASON)
close: setup ## Close a month, which keeps what was invoiced: make close MONTH=2026-10, with REASON='...' unless it is issued, complete and reconciled
	@test -n "$(MONTH)" || { echo "Say which month: make close MONTH=2026-10" >&2; exit 2; }
	@$(BIN)/python -m pipelines close $(MONTH) $(if $(findstring command line,$(origin REASON)),--reason "$$CLOSE_REASON")

report: setup ## Write the page that reports a month, one for each account: make report MONTH=2026-10
	@test -n "$(MONTH)" || { echo "Say which month: make report MONTH=2026-10" >&2; exit 2; }
	@$(BIN)/python -m pipelines report $(MONTH)

statements: setup ## Write an Excel workbook for each customer of a month: make statements MONTH=2026-10
	@test -n "$(MONTH)" || { echo "Say which month: make statements MONTH=2026-10" >&2; exit 2; }
	@$(BIN)/python -m pipelines statements $(MONTH)

focus: setup ## Write a month by FOCUS 1.2, as Parquet and CSV: make focus MONTH=2026-10
	@test -n "$(MONTH)" || { echo "Say which month: make focus MONTH=2026-10" >&2; exit 2; }
	@$(BIN)/python -m pipelines focus $(MONTH)

focus-validate: setup .venv/peers/focus-validator/.ready ## Have the official focus-validator judge a sandbox's month, or yours with MONTH=2026-10
	@$(if $(MONTH),$(BIN)/python -m pipelines focus-validate $(MONTH),$(BIN)/python -m pytest -q -s tests/acceptance/test_focus_validator.py)

# It runs on Python 3.12 alone, in an environment of its own; PYTHON312 says where, if it is not found.
PYTHON312 ?= $(shell for python in python3.12 "$$HOME"/.pyenv/versions/3.12*/bin/python3.12; do \
	"$$python" -c "" 2>/dev/null && echo "$$python" && break; done)

.venv/peers/focus-validator/.ready: tests/acceptance/focus-validator.lock
	@test -n "$(PYTHON312)" || { echo "Not validated: focus-validator needs a Python 3.12: say where with PYTHON312=..." >&2; exit 2; }
	@if command -v uv >/dev/null 2>&1; then \
		uv venv -q --allow-existing --python $(PYTHON312) $(@D) && \
		uv pip sync -q --python $(@D)/bin/python --require-hashes $<; \
	else \
		$(PYTHON312) -m venv $(@D) && \
		$(@D)/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r $<; \
	fi
	@touch $@

.venv/peers/duckdb-%/.ready: tests/acceptance/duckdb-%.lock .venv/.ready
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install -q --python $(BIN)/python --require-hashes --no-deps --target $(@D) -r $<; \
	else \
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps --upgrade --target $(@D) -r $<; \
	fi
	@touch $@

export: setup ## Write a month of every table that analysts read: make export MONTH=2026-10 FORMAT=csv, or parquet
	@test -n "$(MONTH)" || { echo "Say which month: make export MONTH=2026-10 FORMAT=csv" >&2; exit 2; }
	@$(BIN)/python -m pipelines export $(MONTH) $(or $(FORMAT),parquet)

rebuild: setup ## Build every model again from the lake, offline, and publish.
	@$(BIN)/python -m pipelines rebuild
