# The few commands people need: `make help` lists them. Continuous integration runs the same ones.

PYTHON ?= python3
PIP := -m pip --disable-pip-version-check
# A pinned file is a complete list: pip resolves nothing and builds nothing, whatever indexes offer.
PINNED := --no-deps --require-hashes --only-binary :all:
OTHERWISE := Use another Python (make PYTHON=python3.12 ...) or pin anew, as Requirements in CONTRIBUTING.md tells.
BIN := .venv/bin
RUN := $(BIN)/python
FIGURES := docs/assets/benchmarks

.DEFAULT_GOAL := help
.SECONDARY:
.PHONY: help demo test test-slow chaos fuzz lint types docs unit airflow pictures coverage
.PHONY: bench bench-quick format sync clean

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv-demo/ready  ## See what the library does in a real Airflow; KEEP=1 lets it run on, for a look at its UI
	@.venv-demo/bin/python -m examples.demo $(if $(KEEP),--keep)

test: lint types docs unit airflow pictures coverage  ## Check everything: lint, types, docs, all tests (under 10 minutes)

test-slow: .venv/ready .servers/ready  ## Prove more: the lanes of noxfile.py, or LANE=... (40 minutes)
	@$(BIN)/nox $(if $(LANE),--session $(foreach lane,$(LANE),"$(lane)"))

chaos: .venv/ready .servers/ready  ## Break one server, a Sentinel trio and a cluster at random under load (10 minutes)
	@$(RUN) -m tests.chaos

fuzz: .venv-fuzz/ready  ## Feed the parsers with nonsense, led by what it reaches (a minute)
	@.venv-fuzz/bin/python -m tests.fuzz

lint: .venv/ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@said=$$($(BIN)/lint-imports --no-cache --no-logo) || { echo "$$said"; exit 1; }
	@$(RUN) -m tools.sync --check
	@$(RUN) -m tools.reference --check

types: .venv/ready
	@$(BIN)/mypy

docs: .venv/ready  ## Build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

unit: .venv/ready .servers/ready
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -n 6 --dist worksteal -m "not unmeasured"
	@$(RUN) -m pytest -n 6 --dist worksteal -m unmeasured

# Measured in the tests' own processes, and in Airflow's where the plug-in runs: others would be
# slowed down. What Airflow's commands and routes delete, slow lanes try.
airflow: .venv-airflow/ready
	@COVERAGE_FILE=.coverage.airflow AIRFLOW_HOME=$(CURDIR)/.venv-airflow/home \
		.venv-airflow/bin/python -m pytest -q -p no:cacheprovider -n 3 --dist loadfile \
		--cov=redis_state --cov-branch --cov-config=/dev/null --cov-report= \
		--no-loadscope-reorder tests/with_airflow/*.py tests/with_airflow/server tests/with_airflow/rest \
		tests/with_airflow/lane/test_[rs]*.py \
		tests/with_airflow/promises/test_[dt]*.py tests/with_airflow/page \
		tests/with_airflow/operations/test_commands.py tests/with_airflow/operations/test_migration.py \
		tests/with_airflow/operations/test_retries.py tests/with_airflow/operations/test_sweep*.py

pictures: .venv-plots/ready
	@.venv-plots/bin/python -m pytest -q -p no:cacheprovider tests/with_matplotlib

coverage: .venv/ready
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

# It runs away from any Airflow of the user's, in a home of its own that it removes.
bench: .venv-airflow/ready .venv-postgresql/ready .venv-plots/ready .servers/ready  ## Measure how fast it is, for docs/benchmarks.md (12 to 30 minutes)
	@.venv-airflow/bin/python -m benchmarks --json $(FIGURES)/results.json
	@.venv-plots/bin/python -m benchmarks.figures $(FIGURES)

bench-quick: .venv-airflow/ready .venv-postgresql/ready .servers/ready  ## The same in three minutes; only prints, and says little
	@.venv-airflow/bin/python -m benchmarks --quick

sync: .venv/ready  ## Make what is made of other files: the client for threads, the list of commands
	@$(RUN) -m tools.sync
	@$(RUN) -m tools.reference

format: .venv/ready  ## Format the code
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

clean:  ## Remove all that the other commands made
	rm -rf .venv .venv-* .servers site dist .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz

# One environment for each requirements/NAME.txt, .venv-NAME; and some that differ. What differs comes
# first, for versions of make that take the first rule that fits.
.venv/pinned: requirements/dev.txt
	@$(environment)

.venv-3.%/pinned: requirements/dev.txt
	@$(environment)

.venv-%/pinned: requirements/%.txt
	@$(environment)

# Not environments, but packages to put ahead of one's own.
.venv-postgresql/ready: requirements/postgresql.txt | .venv-airflow/ready
	@$(call packages,.venv-airflow/bin/python)

.venv-redis-%/ready: requirements/redis-%.txt | .venv/ready
	@$(call packages,.venv/bin/python)

%/ready: %/pinned pyproject.toml
	@$*/bin/python $(PIP) install -qq --no-deps --no-build-isolation --editable .
	@$(call check,$*/bin/python)
	@touch $@

# Airflow's core is left out of this one on purpose, and nothing of the others.
LEFT_OUT := nothing
.venv-airflow-sdk/ready: LEFT_OUT := apache-airflow-task-sdk 1.3.2 requires apache-airflow-core, which is not installed.

# The servers depend on the environment's presence, not on its age.
.servers/ready: requirements/servers.txt tests/support/fetch.py | .venv/ready
	@$(RUN) -m tests.support.fetch .servers $(PINNED)
	@touch $@

define environment
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 ...")'
	echo "Making $(@D) from $< ..."
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(call install,$(@D)/bin/python)
	touch $@
endef

# $(1): the Python that they are for
define packages
	rm -rf $(@D)
	$(call install,$(1),--target $(@D))
	$(call check,PYTHONPATH=$(@D) $(1))
	touch $@
endef

# $(1): the Python to install for, $(2): where, if not into its own environment
define install
	$(1) $(PIP) install -qq $(PINNED) --requirement $< $(2) || \
		{ echo "Not installed, see above: $< as it is pinned. $(OTHERWISE)" >&2; exit 1; }
endef

# The pins are complete and fit together, and so does what the library itself asks for.
# $(1): the Python to check
define check
	said=$$($(1) $(PIP) check) || [ "$$said" = "$(LEFT_OUT)" ] || \
		{ echo "$$said"; echo "Not complete, see above: the pins of $(@D). $(OTHERWISE)" >&2; exit 1; }
endef
