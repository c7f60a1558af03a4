# Only Python (3.11 or later), make and pip are needed.
#
#   make demo    the gateway with a simulated fleet, modem and mount, until Ctrl-C
#   make test    all that .ci/run runs
#   make check   the fast part of it: ruff, mypy, unit tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Tools that tests use and PyPI does not have; adding a name is enough.
DEBIAN_PACKAGES := gpsd-clients indi-bin python3-gps

.PHONY: demo test check soak bench test-deps samples dist clean

$(INSTALLED): setup.cfg pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)
	@exec $(BIN)/twistd --nodaemon --pidfile= gatewaykit --demo

test: $(INSTALLED)
	@$(BIN)/python -m tests.run

check: $(INSTALLED)
	@$(BIN)/python -m tests.run --fast

# The long versions of tests: those that look at SOAK in the environment.
soak: $(INSTALLED)
	@SOAK=1 $(BIN)/python -m twisted.trial tests.integration

bench: $(INSTALLED)
	@$(BIN)/python -m benchmarks.ingest
	@$(BIN)/python -m benchmarks.modem
	@$(BIN)/python -m benchmarks.mount

test-deps:
	@missing=""; \
	for name in $(DEBIAN_PACKAGES); do \
	    dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'ok installed' \
	        || missing="$$missing $$name"; \
	done; \
	test -z "$$missing" && exit 0; \
	test "$$(id -u)" -eq 0 && sudo="" || sudo="sudo"; \
	$$sudo apt-get update -q && $$sudo apt-get install -q -y --no-install-recommends $$missing

# After a change of settings.
samples: $(INSTALLED)
	@env -u STATE_DIRECTORY -u RUNTIME_DIRECTORY -u XDG_RUNTIME_DIR $(BIN)/python -c \
	    'from gatewaykit import settings; print(settings.sample(), end="")' > etc/gatewaykit.toml

dist: $(INSTALLED)
	@$(BIN)/python -m build

clean:
	rm -rf $(VENV) build dist *.egg-info _trial_temp* .coverage* htmlcov \
	    .mypy_cache .ruff_cache .hypothesis twisted/plugins/dropin.cache
	find gatewaykit tests twisted -name __pycache__ -type d -prune -exec rm -rf {} +
