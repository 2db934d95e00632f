# Everything a developer or a user runs from a checkout. One virtual environment for all: .venv
#   make suggest                       names for a function of examples/
#   make suggest FILE=my.py LINE=42    names for yours
#   make test                          sets up and runs every test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FILE ?= examples/orders.py
LINE ?= 23
STYLUA := .editors/stylua/node_modules/.bin/stylua
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The training tests run on a CPU. Torch goes in first and by its exact version, so that no
# later requirement pulls another build.
TORCH ?= torch==2.13.0

export PYTHON
export PYRIGHT_PYTHON_GLOBAL_NODE := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help suggest audit test unit lint types format build vsix bench picture docs release-check clean

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
	scripts/editors.sh packages
	cd editor-clients/vscode && npm run --silent lint
	cd editor-clients/neovim && luacheck --quiet .
	$(STYLUA) --check editor-clients/neovim

format: $(VENV)/.developed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	scripts/editors.sh packages
	$(STYLUA) editor-clients/neovim

types: $(VENV)/.developed
	$(BIN)/pyright
	scripts/editors.sh packages
	cd editor-clients/vscode && npm run --silent types

build: $(VENV)/.developed
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist .

# The VS Code extension, to install from its file: editor-clients/vscode/namewright.vsix
vsix: $(VENV)/.developed
	scripts/editors.sh packages
	cd editor-clients/vscode && npm run --silent package

bench: $(VENV)/.benched
	$(BIN)/python -m benchmarks.extraction
	$(BIN)/python -m benchmarks.dataset
	$(BIN)/python -m benchmarks.latency

picture: $(VENV)/.developed
	$(BIN)/python scripts/picture.py
	$(BIN)/python scripts/record.py
	scripts/editors.sh
	$(BIN)/python scripts/editor_pictures.py

docs: $(VENV)/.documented
	$(BIN)/python scripts/settings_table.py --check
	$(BIN)/zensical build --clean --strict
	$(BIN)/python scripts/check_site.py site

# Everything a release consists of, built from the last commit and installed in clean places.
release-check: $(VENV)/.developed
	scripts/editors.sh
	$(BIN)/python scripts/release/versions.py
	$(BIN)/python scripts/release/build.py
	$(BIN)/python scripts/release/check.py

clean:
	rm -rf $(VENV) dist build site .pytest_cache .ruff_cache .hypothesis

$(VENV)/.created:
	scripts/system-packages.sh
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.developed: $(VENV)/.created pyproject.toml
	scripts/system-packages.sh development
	$(PIP_INSTALL) '$(TORCH)'
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $(VENV)/.installed $@

$(VENV)/.documented: $(VENV)/.created pyproject.toml
	$(PIP_INSTALL) --editable '.[docs]'
	@touch $(VENV)/.installed $@

$(VENV)/.benched: $(VENV)/.developed
	$(PIP_INSTALL) --editable '.[dev,bench]'
	@touch $@
