# Each target sets up what it needs; the second time that takes a second.
PYTHON := .venv/bin/python
FAST := not slow and not vllm and not gpu
PYTEST_ARGS ?=
# Processes that test side by side, each with one thread: mini models use no more. A GPU is not shared.
WORKERS ?= $(if $(shell command -v nvidia-smi),1,2)
PYTEST = OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Tests and the demo never need a network.
test test-fast test-long check demo docs: export HF_HUB_OFFLINE := 1

.PHONY: help setup test test-fast test-long check format demo docs

help:
	@echo "make setup      .venv with everything this machine can use"
	@echo "make demo       the whole flow on bundled mini models, report in demo/report.html"
	@echo "make test       every test (40 minutes on two cores)"
	@echo "make test-fast  the fast tests (8 minutes)"
	@echo "make test-long  all folders of thieves, 230 kills (about an hour)"
	@echo "make check      ruff, mypy and the fast tests"
	@echo "make docs       the documentation, strictly, in build/site/index.html"
	@echo "make format     ruff format and its safe fixes"

setup:
	@tools/setup.sh

test: setup
	$(PYTEST) $(PYTEST_ARGS)

test-fast: setup
	$(PYTEST) -m "$(FAST)" $(PYTEST_ARGS)

test-long: setup
	$(PYTEST) -m long $(PYTEST_ARGS)

check: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTEST) -m "$(FAST)" $(PYTEST_ARGS)

format: setup
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

demo: setup
	.venv/bin/sif demo --out demo

# Its extra is installed the first time; pages are built from what is here, without a network.
docs: export NO_MKDOCS_2_WARNING := 1
docs: setup
	@$(PYTHON) -c "import material, mkdocs, mkdocstrings" 2> /dev/null \
		|| $(PYTHON) -m pip install -qq --no-build-isolation -e ".[docs]"
	PYTHONPATH=. $(PYTHON) -m mkdocs build --strict --quiet
	@echo "docs: build/site/index.html"
