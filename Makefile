PYTHON ?= python3
BIN := .venv/bin
# The tests check the services' code after it is generated.
SOURCES := benchmarks fleet hooks tests
UV := $(or $(shell command -v uv),$(BIN)/uv)
DEMO := .demo/order-service

.DEFAULT_GOAL := help

.PHONY: help
help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: demo
demo: $(DEMO)  ## Generate a service with the default answers and serve it (HOST, PORT)
	@$(MAKE) --no-print-directory -C $(DEMO) run PYTHON=$(PYTHON)

$(DEMO): | .venv/demo
	@rm -rf .demo/new  # left by an interrupted run
	@$(BIN)/cookiecutter . --no-input --output-dir .demo/new
	@mv .demo/new/order-service $(DEMO)

.PHONY: test
test: .venv/dev  ## Run the tests that need no server (TESTS="-k name" to select)
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not proof" $(TESTS)

.PHONY: proof
proof: .venv/dev  ## Run the other tests: servers, faults, attacks, image, browser, fleet (TESTS="-k name" to select)
	@$(BIN)/python -m pytest -n auto --dist worksteal -m proof $(TESTS)

.PHONY: lint
lint: .venv/dev  ## Check the style of the template's own Python
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)

.PHONY: format
format: .venv/dev  ## Format the template's own Python
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

.PHONY: pins
pins: .venv/dev  ## Pin the newest versions of all packages, for all pieces together
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.pins

.PHONY: release
release: .venv/dev  ## Check, test and tag the version in pyproject.toml
	@$(BIN)/python -m tests.releases --check
	@$(MAKE) --no-print-directory test proof
	@$(BIN)/python -m tests.releases

.PHONY: fleet
fleet: .venv/dev  ## Report the status of services (SERVICES="folder ...", FLEET_OPTIONS=--json)
	@$(BIN)/python -m fleet $(FLEET_OPTIONS) $(SERVICES)

.PHONY: bench
bench: .venv/dev  ## Run the benchmarks of benchmarks/README.md
	@$(BIN)/python -m benchmarks.generation
	@$(BIN)/python -m benchmarks.worker_classes
	@$(BIN)/python -m benchmarks.listing
	@$(BIN)/python -m benchmarks.observability
	@$(BIN)/python -m benchmarks.identity
	@$(BIN)/python -m benchmarks.slow_clients

# A virtual environment; uv is installed in it if it is not on the PATH.
.venv/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Needs Python 3.11 or newer: set PYTHON, as in make $(MAKECMDGOALS) PYTHON=python3.13' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo 'Needs the Python module venv: install the package python3-venv' >&2; exit 1; }
	@echo 'Setting up .venv'
	@$(PYTHON) -m venv .venv
	@command -v uv >/dev/null || $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt uv
	@touch $@

.venv/demo: .venv/uv constraints.txt
	@echo 'Installing cookiecutter'
	@$(UV) pip install -q --python $(BIN)/python -c constraints.txt cookiecutter
	@touch $@

# constraints.txt lists the packages of all services and the template's own tools.
.venv/dev: .venv/uv constraints.txt
	@echo 'Installing the packages of the tests and the services'
	@$(UV) pip install -q --python $(BIN)/python -r constraints.txt
	@touch $@
