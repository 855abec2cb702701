# Openshelf. `make help` lists what there is.
PYTHON ?= python3
VENV   ?= .venv
# Where a CPU build of torch is to be had, if your package index has none (PyTorch's site names its index).
TORCH_INDEX ?=
BIN := $(VENV)/bin
READY := $(VENV)/.ready

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint types docs docs-check check kill-test follow-test bench bench-quality bench-load bench-tune bench-abstention bench-crawl lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt .ci/install
	@PYTHON="$(PYTHON)" VENV="$(VENV)" TORCH_INDEX="$(TORCH_INDEX)" bash .ci/install
	@touch $(READY)

demo: $(READY) ## Sync the sample knowledge base and answer a handful of questions
	@$(BIN)/python -m openshelf.demo

test: $(READY) ## Every test, with coverage (at least 90% of lines)
	@$(BIN)/python -m pytest -n 2 --cov --cov-report= && $(BIN)/python -m coverage report --skip-covered --fail-under=90 | tail -40

lint: $(READY) ## ruff: style, imports, docstrings, common mistakes
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(READY) ## mypy, strict
	@$(BIN)/mypy

docs: $(READY) ## Write the generated pages: the command line, the configuration reference
	@$(BIN)/python -m openshelf.reference

docs-check: $(READY) ## Fail where a generated page has drifted from the code
	@$(BIN)/python -m openshelf.reference --check

check: test lint types docs-check ## All of the above, as CI does

kill-test: $(READY) ## 200 seeded SIGKILLs in the middle of syncs; the shelf must equal a clean run's
	@$(BIN)/python -m tests.ingest.kill --kills 200

follow-test: $(READY) ## 10 more rounds of 200 random changes, faults and stops at each vendor's stand-in
	@for round in 1 2 3 4 5 6 7 8 9 10; do \
		OPENSHELF_SEEDS_FROM=$$((round * 1000)) $(BIN)/python -m pytest -n 2 tests/connectors -k "follow and reading or followed or bulk_operations or leaves_a_trace" || exit 1; \
	done

bench: $(READY) ## The main job on public data in ../shared/data: commands, timings, nDCG@10
	@$(BIN)/python -m benchmarks.main_job build/bench

bench-quality: $(READY) ## nDCG@10 on every public set: keywords, vectors, both (10 minutes)
	@$(BIN)/python -m benchmarks.quality build/quality

bench-load: $(READY) ## `openshelf serve` for a minute: 200 searches a second beside 50 streams (after `make bench`)
	@$(BIN)/python -m benchmarks.load build/bench

bench-tune: $(READY) ## Find a better chunker on the published chunking benchmark (20 minutes)
	@$(BIN)/python -m benchmarks.tune_chunking build/tune --more

bench-abstention: $(READY) ## When to say that there is no answer: the curve on public data
	@$(BIN)/python -m benchmarks.abstention build/abstention

bench-crawl: $(READY) ## A first crawl of 10,000 articles at full speed: throughput and memory
	@$(BIN)/python -m benchmarks.zendesk_crawl --sync

lock: $(READY) ## Write constraints.txt from what is installed
	@$(BIN)/python .ci/lock.py > constraints.txt.new && mv constraints.txt.new constraints.txt

clean: ## Remove the environment and the demo's shelf
	rm -rf $(VENV) configs/.openshelf
