# Everything a newcomer needs: `make gradient-flow`, `make test`. Each target sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKDIR ?= runs/gradient_flow
ARGS ?=

.PHONY: help setup gradient-flow gallery exports test test-all test-gpu lint bench clean

help:
	@echo "make gradient-flow   run the default study; the report lands in $(WORKDIR) (WORKDIR=..., ARGS='--config.cells=lstm,gru')"
	@echo "make gallery         write docs/cells.md from the code"
	@echo "make exports         write what recurrax.cells and its like export, after a file has come or gone"
	@echo "make test            set up, then run the tests"
	@echo "make test-all        the slow tests and those against live PyTorch, Keras and Haiku as well"
	@echo "make test-gpu        the kernels on a Hopper GPU; BIN=... names the environment that has JAX for it"
	@echo "make lint            ruff and pyright"
	@echo "make bench           speed and memory beside other libraries, about three quarters of an hour; see benchmarks/README.md"
	@echo "make setup           make .venv with what the study and the tests need"
	@echo "make clean           remove .venv and caches, keep results"

# $(call install,EXTRAS,STAMP): one stamp per set of extras, so that a second call costs nothing.
define install
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("recurrax needs Python >= 3.11; $(PYTHON) is %d.%d. Try: make PYTHON=python3.11 $(firstword $(MAKECMDGOALS))" % v[:2])'
	@test -x $(BIN)/python || { echo "Making $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing recurrax[$(1)] into $(VENV) (a few hundred MB at the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(1)]'
	@touch $@
endef

$(VENV)/.experiments: pyproject.toml
	$(call install,experiments)

$(VENV)/.test: pyproject.toml
	$(call install,experiments$(comma)test)

$(VENV)/.peers: pyproject.toml
	$(call install,experiments$(comma)test$(comma)peers)

$(VENV)/.lint: pyproject.toml
	$(call install,experiments$(comma)test$(comma)lint)

comma := ,

setup: $(VENV)/.test

gradient-flow: $(VENV)/.experiments
	$(BIN)/python -m experiments.gradient_flow --config=configs/gradient_flow.py --workdir=$(WORKDIR) $(ARGS)

gallery: $(VENV)/.experiments
	$(BIN)/python -m tools.gallery $(ARGS)

exports: $(VENV)/.experiments
	$(BIN)/python -m tools.exports

# Compiling takes most of the time of the tests; `make test-all` compiles as users do.
test: export JAX_DISABLE_MOST_OPTIMIZATIONS = 1
test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow and not peers and not gpu' $(ARGS)

test-all: $(VENV)/.peers
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not gpu' $(ARGS)

# With the environment that has JAX for the GPU: make test-gpu BIN=/path/to/env/bin
test-gpu: export JAX_PLATFORMS = cuda,cpu
test-gpu:
	$(BIN)/python -m pytest -m gpu tests/engine/kernel $(ARGS)

bench: $(VENV)/.peers
	$(BIN)/python -m benchmarks.libraries --out=runs/bench $(ARGS)
	$(BIN)/python -m benchmarks.executors
	$(BIN)/python -m benchmarks.own_cells
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.gradient_norms

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
