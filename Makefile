SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# make install | demo | check | test | lint | docs | wheel | installs | processors | mutants | bench | clean
.PHONY: help install demo check test lint docs wheel installs processors mutants bench clean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Two workers of one thread each: the suite is many small computations.
WORKERS ?= 2
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

help:
	@echo "make install   the library, the command, every extra and what development needs, into $(VENV)"
	@echo "make demo      data from a solver, a surrogate, its audit and its average: about three minutes"
	@echo "make check     lint, types, the documentation, every test"
	@echo "make test      every test"
	@echo "make processors  the tests of exactness as other processors compute"
	@echo "make mutants   one-edit mutants of a room, and how many its tests find: ROOM=audit COUNT=40 SEED=0"
	@echo "make lint      ruff and mypy"
	@echo "make wheel     the package, into dist/"
	@echo "make installs  the wheel and each extra of it, in an environment of its own: EXTRAS=onnx,graphs"
	@echo "make bench     side-by-side timings against other packages"
	@echo "make docs      the documentation, into site/"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("haar needs Python 3.11 or newer; set PYTHON=" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'pip>=25.1' # the first that knows dependency groups
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]' --group dev
	@touch $@

demo: install
	$(BIN)/haar demo

test: install
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -q

# The same sums in another order: no test may hang on it.
EXACT ?= tests/actions tests/groups tests/intertwiners tests/nn tests/average tests/relax tests/moments tests/audit
processors: install
	for setting in ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE MKL_CBWR=AVX2; do \
	  env $(ONE_THREAD) $$setting $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -q $(EXACT); \
	done

# A room is a folder or a file of src/haar. Minutes to hours: not part of the tests.
ROOM ?= audit
COUNT ?= 40
SEED ?= 0
mutants: install
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group mutants
	$(BIN)/python tools/mutants.py $(ROOM) --count $(COUNT) --seed $(SEED)

# What takes least is tried first.
check: lint docs test

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# make bench BENCH=averaging runs one of them; each says what it measures at its head.
BENCH ?= $(filter-out peers,$(basename $(notdir $(wildcard benchmarks/*.py))))
bench: install
	for name in $(BENCH); do $(ONE_THREAD) $(BIN)/python benchmarks/$$name.py; done

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

wheel: install
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

# Each extra is tried by one thing that needs it, with asserts and without (python -O).
EXTRAS ?= all
installs: wheel
	$(BIN)/python tools/installs.py --extras $(EXTRAS)

clean:
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
