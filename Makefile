# `make` alone prints the list. Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
TESTS := $(BIN)/pytest -q
SHELL := /bin/sh

.DEFAULT_GOAL := help
.PHONY: help demo setup test test-fast fmt lint types arch build bench docs check check-stage clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "aimass needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(STAMP)

setup: $(STAMP) ## the virtual environment, installed editable

demo: $(STAMP) ## the main job on real data, start to end
	@$(BIN)/aimass demo $(ARGS)

test: $(STAMP) ## unit, functional, doctests and integration tests (on a real Kafka)
	@$(TESTS) $(ARGS)

test-fast: $(STAMP) ## all that needs no Kafka, on all cores
	@$(TESTS) -n auto -m 'not kafka' $(ARGS)

fmt: $(STAMP) ## mend style and format
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

lint: $(STAMP) ## style, format, spelling
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet . && $(BIN)/codespell

types: $(STAMP) ## mypy --strict
	@$(BIN)/mypy

arch: $(STAMP) ## who may import whom
	@$(BIN)/lint-imports

build: $(STAMP) ## sdist and wheel; the wheel runs in a bare environment
	@rm -rf dist && $(BIN)/python -m build --installer pip . >/dev/null && ls dist
	@$(BIN)/python tests/wheel.py dist/*.whl

bench: $(STAMP) ## the figures of docs/performance.md, each beside its peers
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]'
	@$(BIN)/python -m benchmarks.runtime $(ARGS)

docs: $(STAMP) ## write the generated parts of docs/reference
	@$(BIN)/python -m docs.generate

check-stage: $(STAMP) ## the contract of one stage: make check-stage STAGE=score
	@$(TESTS) tests/unit/stages -k '$(STAGE)'

check: lint types arch test build ## what CI runs

clean: ## everything that was made, but not the embedded Kafka in ~/.aimass
	@rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
