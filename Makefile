# One word per job. Each sets itself up in .venv the first time; nothing else on the machine is touched.
#   make test ARGS="-k scheduler"        make demo ARGS=--once        make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet
CODE := src tests $(wildcard benchmarks scripts/check-*)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

.PHONY: help demo test check bench docs format setup clean

help: ## Show this list
	@echo "make <word> [ARGS=...] [PYTHON=python3.x]"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

demo: $(STAMPS)/demo ## A small shop of real services breaks in every ordinary way, and is healed (ARGS=--once: no terminal)
	@$(BIN)/salus demo $(ARGS)

test: $(STAMPS)/dev ## Run the tests: unit, integration, acceptance, browser
	@scripts/install-test-peers
	$(BIN)/python -m pytest $(ARGS)

check: $(STAMPS)/dev ## Format, lint, types, contracts between rooms, requirements, tree
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/python scripts/check-requirements
	$(BIN)/python scripts/check-tree
	$(BIN)/python scripts/write-reference --check
	$(BIN)/python scripts/write-diagram --check

bench: $(STAMPS)/dev ## Measure Salus beside its peers, and judge the numbers
	@scripts/install-bench-peers
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(STAMPS)/docs ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet $(ARGS)
	@! grep -rnoE '<(script|img|iframe)[^>]+src="?https?:|<link[^>]+stylesheet[^>]+https?:' --include='*.html' site || { \
	  echo "The site must load nothing from elsewhere."; exit 1; }
	@echo "Documentation: site/index.html"

format: $(STAMPS)/dev ## Format the code, and mend what can be mended by itself
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

setup: $(STAMPS)/dev ## Only set up .venv for development

clean: ## Remove everything that was made here
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find . -path ./.git -prune -o -name __pycache__ -type d -exec rm -rf {} +

# --- set-up ----------------------------------------------------------------------------------------------------------

$(STAMPS)/venv:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Salus needs Python 3.11 or newer, and there is no '$(PYTHON)' here. Say which one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Salus needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Say which one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' comes without venv (Debian ships it apart). Remedy: apt install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) -V) ..."
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

# What builds is installed first and everything after it without build isolation, so nothing comes in without a hash.
# One development package comes without a wheel.
INSTALL := $(PIP) install --require-hashes --no-build-isolation --only-binary :all:
$(STAMPS)/dev: INSTALL += --no-binary forbiddenfruit

$(STAMPS)/demo $(STAMPS)/dev: $(STAMPS)/%: requirements/build.txt requirements/%.txt pyproject.toml | $(STAMPS)/venv
	@echo "Installing requirements/$*.txt ..."
	@$(INSTALL) -r requirements/build.txt
	@$(INSTALL) -r requirements/$*.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(STAMPS)/docs: requirements/docs.txt $(STAMPS)/dev
	@echo "Installing requirements/docs.txt ..."
	@$(INSTALL) -r requirements/docs.txt
	@touch $@
