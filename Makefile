# Everything a developer or a user runs from a checkout. One virtual environment for all: .venv
#   make suggest                       names for a function of examples/
#   make suggest FILE=my.py LINE=42    names for yours
#   make test                          sets up and runs every test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FILE ?= examples/orders.py
LINE ?= 23
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The training tests run on a CPU. Torch goes in first and by its exact version, so that no
# later requirement pulls another build.
TORCH ?= torch==2.13.0

export PYTHON
export PYRIGHT_PYTHON_GLOBAL_NODE := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help suggest audit test unit lint types format build bench picture clean

help:
	@sed -n '1,5p' Makefile

suggest: $(VENV)/.installed
	@$(BIN)/namewright suggest $(FILE) --line $(LINE)

audit: $(VENV)/.installed
	@$(BIN)/namewright audit examples

test: $(VENV)/.developed
	$(BIN)/python -m pytest

unit: $(VENV)/.developed
	$(BIN)/python -m pytest tests/unit

lint: $(VENV)/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.developed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.developed
	$(BIN)/pyright

build: $(VENV)/.developed
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist .

bench: $(VENV)/.benched
	$(BIN)/python -m benchmarks.extraction
	$(BIN)/python -m benchmarks.dataset
	$(BIN)/python -m benchmarks.latency

picture: $(VENV)/.developed
	$(BIN)/python scripts/picture.py

clean:
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache .hypothesis

$(VENV)/.created:
	scripts/system-packages.sh
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.developed: $(VENV)/.created pyproject.toml
	$(PIP_INSTALL) '$(TORCH)'
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $(VENV)/.installed $@

$(VENV)/.benched: $(VENV)/.developed
	$(PIP_INSTALL) --editable '.[dev,bench]'
	@touch $@
