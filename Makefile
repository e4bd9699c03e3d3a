# Tast 1. `make run` and `make test` set themselves up; see README.md.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
LINE ?= simulated
PORT ?= 8600
PY := .venv/bin/python
PACKAGES := callback ivr scheduler config hardware
# The local PBX listens on loopback only, with these published secrets. An office sets its own.
export TAST1_AMI_SECRET ?= local-pbx
export TAST1_FASTAGI_TOKEN ?= local-pbx

.PHONY: help run test ready lint type docs pbx bench fmt clean

help:
	@echo "make run [LINE=asterisk] [PORT=8600]   the service, with the demo offices and a telephone in the browser"
	@echo "make test    lint, types and every test, with a real Asterisk, real phones and a real browser"
	@echo "make lint | type | docs | fmt          style and floors | mypy | check the docs | format"
	@echo "make ready   everything the tests need, set up"
	@echo "make pbx     the local Asterisk in the foreground"
	@echo "make bench   speed, as ratios in one run"
	@echo "make clean   remove what the commands above made (also the demo data)"

.venv/run-ready: requirements.lock pyproject.toml
	@hardware/setup.sh venv $(PYTHON) requirements.lock
	@touch $@

.venv/test-ready: requirements-test.lock pyproject.toml
	@hardware/setup.sh venv $(PYTHON) requirements-test.lock
	@touch .venv/run-ready $@

.venv/bench-ready: requirements-bench.lock pyproject.toml
	@hardware/setup.sh venv $(PYTHON) requirements-bench.lock
	@touch .venv/run-ready .venv/test-ready $@

run: .venv/run-ready
	@TAST1_DEMO_PASSWORD="$${TAST1_DEMO_PASSWORD-tast1-demo}" .venv/bin/tast1 serve --config config/demo --data var/demo --line $(LINE) --port $(PORT)

pbx: .venv/run-ready
	@hardware/setup.sh pbx
	@exec $(PY) -m hardware.asterisk.local_pbx

test:
	@$(MAKE) --no-print-directory -j 3 -O lint type ready
	@# In two halves side by side: the tests with a PBX mostly listen, several at a time, each in a network of its own.
	@# They keep real time; what fails among so many is tried once more when the machine is free, and named.
	@$(PY) -m pytest -m "not pbx" -n 2 --dist worksteal -p no:cacheprovider >var/test.log 2>&1 & other=$$!; \
	$(PY) -m pytest -m pbx -n auto --dist worksteal -o cache_dir=var/tested; with_pbx=$$?; \
	wait $$other; without=$$?; cat var/test.log; \
	if [ $$with_pbx = 1 ]; then \
	    echo "Failed with a PBX, beside all others (above). Once more, alone:"; \
	    $(PY) -m pytest -m pbx -n 1 -v --last-failed --last-failed-no-failures none -o cache_dir=var/tested; with_pbx=$$?; \
	fi; exit $$((with_pbx || without))

ready: .venv/test-ready
	@hardware/setup.sh pbx phones browser rules
	@mkdir -p var; $(PY) -m tests.speech & speech=$$!; \
	$(PY) -m hardware.asterisk.local_pbx --build-only && wait $$speech

lint: .venv/test-ready
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/lint-imports --no-cache | tail -n 12; exit $${PIPESTATUS[0]}

type: .venv/test-ready
	@.venv/bin/mypy

docs: .venv/test-ready
	@$(PY) -m pytest -q tests/unit/test_docs.py tests/unit/test_states.py

bench: .venv/bench-ready
	@hardware/setup.sh pbx phones
	@hardware/setup.sh postgres || true
	@$(PY) -m tests.bench

fmt: .venv/test-ready
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format .

clean:
	@rm -rf .venv .pbx .rules var build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
