# What people type. Every target brings its own environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install demo demo-orthanc test run check bench lock
# The first target is what "make" alone does; a line of it is what stands behind "##" below.
help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(VENV)/.installed ## the environment, in .venv; the others do that first

$(VENV)/.installed: requirements.lock
	@echo "Making the environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@echo "Fetching and installing what requirements.lock names; this takes a minute or two ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@
	@echo "Installed. What there is to type: $(BIN)/python manage.py help"

demo: install ## all of it from nothing: a demonstration repository, a server, two packages, validated
	$(BIN)/python manage.py demo

# Needs Debian's package orthanc.
demo-orthanc: install ## the same out of a real Orthanc
	$(BIN)/python manage.py demo --orthanc

# What touches the database, or runs on what it says; on PostgreSQL it is skipped, by name, where its programs are missing.
DATABASE_TESTS := tests/services tests/management tests/web/slots tests/web/test_recording.py tests/web/test_counting.py \
	tests/web/test_kept_packages.py tests/web/test_tokens.py tests/web/test_package_tokens.py tests/web/test_hostile.py \
	tests/web/test_admin.py tests/web/test_objects.py tests/web/test_failing_statements.py tests/web/resume/test_kills.py tests/web/resume/test_cancelling.py \
	tests/web/preparing

# Core alone and without Django, in less than 20 s; then what its tests cover, without chance; then all the rest; then PostgreSQL.
test: install ## all tests; some minutes
	@echo "The tests of core should take less than 20 s:"
	$(BIN)/python -m pytest -q -p no:django -n 2 tests/core
	HYPOTHESIS_PROFILE=coverage $(BIN)/python -m pytest -q -p no:django tests/core --cov=getapi.core --cov-branch --cov-fail-under=100
	$(BIN)/python -m pytest -n 2 --dist loadscope --ignore=tests/core
	PACKAGING_TEST_DATABASE=postgresql $(BIN)/python -m pytest -q -n 2 --dist loadscope $(DATABASE_TESTS)

run: install ## migrates the database, then serves
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python manage.py serve

check: install ## format, lint, types, borders between modules, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: install ## measures, and writes docs/performance.md
	$(BIN)/python -m tests.benchmarks

# Needs uv. Versions and hashes only, no addresses. Extras stay by name: without them pip may look for a newer release of what is pinned.
lock: ## writes requirements.lock anew
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header -o requirements.lock
