# What people type. None of it needs root; everything that is installed goes to .venv.
PYTHON_HERE = .venv/bin/python
MANAGE = $(PYTHON_HERE) manage.py
# Tests are the same on every machine: neither a .env nor somebody's database changes them.
TEST = env -u DATABASE_URL -u REDIS_URL ENV_FILE= $(PYTHON_HERE) -m pytest

.DEFAULT_GOAL := help
.PHONY: help run serve install install-sso install-dev test faults bench lint format types migrations document clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: install ## Start for development: SQLite, sample content, http://localhost:8000 (PORT=…, DATABASE_URL=…)
	@exec $(PYTHON_HERE) scripts/start.py run

serve: install ## Start for production: settings from the environment, gunicorn (see docs/operations.md)
	@exec $(PYTHON_HERE) scripts/start.py serve

install: ## Make .venv with what the server needs
	@scripts/install

install-sso: ## Make .venv with what single sign-on needs as well
	@scripts/install sso

install-dev: ## Make .venv with what tests and checks need as well
	@scripts/install dev

test: install-dev ## Run the tests on SQLite (ARGS="-k publish" picks some)
	@$(TEST) -m "not postgres and not server and not browser" $(ARGS)

faults: install-dev ## Kill, freeze and crowd real servers, and look whether anything is lost (minutes)
	@$(TEST) tests/faults -m server $(ARGS)

bench: install ## Measure against the peers: wrk and PostgreSQL needed, half an hour (ARGS="--rounds 1 --seconds 1")
	@$(PYTHON_HERE) benchmarks/run.py $(ARGS)

lint: install-dev ## Check style and formatting
	@$(PYTHON_HERE) -m ruff check . && $(PYTHON_HERE) -m ruff format --check .

format: install-dev ## Put the code into shape
	@$(PYTHON_HERE) -m ruff check --fix . && $(PYTHON_HERE) -m ruff format .

types: install-dev ## Check the types
	@$(PYTHON_HERE) -m mypy

migrations: install-dev ## Write the migrations that changed models need
	@DEBUG=1 $(MANAGE) makemigrations

document: install-dev ## Write docs/api/openapi.yaml and the example's types anew
	@DEBUG=1 $(MANAGE) spectacular --file docs/api/openapi.yaml
	@cd examples/sveltekit && npm ci --silent && npm run --silent types

clean: ## Remove .venv, caches and collected files; data and secrets stay
	@rm -rf .venv staticfiles .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis
	@find . -name node_modules -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
