# Every command of the project. Targets say what they do in their own comment; `make help` prints them.

PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test month plan snapshots docs dev ui sandbox lint check bench rebuild

help: ## Print every target.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## Make .venv and install exactly what requirements.lock says (uv if present, else venv and pip).

.venv/.ready: requirements.lock tests/integration/duckdb-1.4.lock
	@if command -v uv >/dev/null 2>&1; then \
		uv venv -q --allow-existing --python $(PYTHON) .venv && \
		uv pip sync -q --python $(BIN)/python --require-hashes requirements.lock && \
		uv pip install -q --python $(BIN)/python --require-hashes --no-deps --target .venv/peers/duckdb-1.4 -r tests/integration/duckdb-1.4.lock; \
	else \
		$(PYTHON) -m venv .venv && \
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock && \
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps --upgrade --target .venv/peers/duckdb-1.4 -r tests/integration/duckdb-1.4.lock; \
	fi
	@touch $@

demo: setup ## Ask a sandbox for two months of bills at the real rate limits, publish, and show what came out.
	@$(BIN)/python -m assets demo

test: setup ## Run the tests.
	@$(BIN)/python -m pytest

month: setup ## Ask the configured accounts for a month and publish: make month MONTH=2026-10
	@test -n "$(MONTH)" || { echo "Say which month: make month MONTH=2026-10" >&2; exit 2; }
	@$(BIN)/python -m assets month $(MONTH)

plan: setup ## Print what a run of a month would ask, without asking: make plan MONTH=2026-10
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
	@$(BIN)/sqlfluff lint -q sql
	@$(BIN)/lint-imports --no-cache

check: lint test ## lint and test: what CI runs.

bench: setup ## Measure speed and memory, as ratios in one run (takes minutes).
	@$(BIN)/python -m pytest tests/bench -m bench -s

docs: setup ## Write the generated pages of docs/ again.
	@$(BIN)/python -m pipelines docs

rebuild: setup ## Build every model again from the lake, offline, and publish.
	@$(BIN)/python -m pipelines rebuild
