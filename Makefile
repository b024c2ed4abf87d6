# Everything runs in .venv of this checkout, made on first use from python3 alone.
PYTHON ?= python3
BIN := .venv/bin
# Where this is set, each of the hundreds of processes of a test run would compile torch and scikit-learn's Python anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all bench coverage lint format types docs man weights clean

demo: .venv/ready
	$(BIN)/gradtools demo demo --force

test: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow' tests

test-all: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests

bench: .venv/ready
	$(BIN)/python tests/bench/run.py $(ONLY) $(if $(FORCE),--force) $(if $(SMALL),--small) $(if $(COMPARE),--compare $(COMPARE))

coverage: .venv/ready
	$(BIN)/python tests/bench/coverage.py

lint: .venv/ready
	$(BIN)/ruff check gradtools tests
	$(BIN)/ruff format --check gradtools tests

format: .venv/ready
	$(BIN)/ruff check --fix gradtools tests
	$(BIN)/ruff format gradtools tests

types: .venv/ready
	$(BIN)/mypy

docs: .venv/ready
	$(BIN)/python tests/support/store_page.py

man: .venv/ready
	$(BIN)/python -m gradtools.cli.manual build/man

weights: .venv/ready
	$(BIN)/python -m gradtools.training.bundled_networks
	$(BIN)/python -m gradtools.training.digit_networks
	$(BIN)/python -m gradtools.training.creature_network

clean:
	rm -rf .venv demo build *.egg-info

.venv/ready: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make environments: install the package python3-venv, then run make again" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[test,dev]'
	touch $@
