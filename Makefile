# Flowkeep. `make` lists what there is.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PAGES := graph/http/static/index.html
SPREAD := -n auto --dist worksteal

# What is compiled is kept, whatever the surroundings say: or each process of the tests would compile all of it.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install web wheel serve demo screenshots test test-quick servers web-check check bench format format-check lint types schema schema-check lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

install: $(READY) ## Create .venv and install everything, at the locked versions

web: ## Build the dashboard and GraphiQL from web/ into the service; needs Node 20.19 or newer
	@command -v npm > /dev/null || { echo "Building the pages needs Node 20.19 or newer with its npm; all else works without."; exit 1; }
	cd web && npm ci && npm run build

wheel: $(READY) web ## Build the wheel into dist/, with the pages for browsers
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

# Once, where there is Node; without it the service tells how to get the pages.
$(PAGES):
	@if command -v npm > /dev/null; then \
		echo "Building the dashboard, this once: it takes about a minute."; \
		(cd web && npm ci --no-audit --no-fund && npm run build -- --logLevel warn) || \
			echo "The dashboard could not be built, for the reason above; all else works. Try again with make web."; \
	fi

serve: $(READY) | $(PAGES) ## Serve on 127.0.0.1:8000, with an embedded PostgreSQL unless FLOWKEEP_DATABASE_URL is set
	@$(BIN)/flowkeep serve --migrate

demo: $(READY) | $(PAGES) ## Run example workflows with two executors and watch them; on the server that runs, if any; ARGS=--help
	@$(BIN)/python -m examples.demo $(ARGS)

screenshots: $(READY) $(PAGES) ## Write pictures of each page, light and dark, to docs/screenshots; needs Chromium
	$(BIN)/python -m tests.browser.screenshots docs/screenshots

test: $(READY) ## Run the whole test suite
	$(BIN)/python -m pytest $(SPREAD)

test-quick: $(READY) ## Run the suite without browsers and the long fault tests, with fewer examples
	$(BIN)/python -m pytest $(SPREAD) -m "not slow"

servers: $(READY) ## Fetch each older PostgreSQL that is supported into .postgres/, for the tests of versions
	@$(BIN)/python -m tests.versions.download

web-check: ## Check the types of the dashboard and run its unit tests, where there is Node
	@if command -v npm > /dev/null; then cd web && { [ -d node_modules ] || npm ci; } && npm run types && npm test; \
	else echo "The dashboard's unit tests are left out: they need Node 20.19 or newer."; fi

check: format-check lint types schema-check web-check test ## All that a change must pass

bench: $(READY) ## Run the benchmarks: some minutes, on an embedded PostgreSQL
	@for script in $$(grep -l __main__ benchmarks/*.py); do echo "$$script"; $(BIN)/python $$script || exit 1; done

format: $(READY) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

format-check: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY) ## Lint
	$(BIN)/ruff check .

types: $(READY) ## Check the types
	$(BIN)/mypy

schema: $(READY) ## Write schema.graphql and migrations/schema.sql anew
	$(BIN)/flowkeep export-schema --output schema.graphql
	$(BIN)/python -m tests.schema_dump migrations/schema.sql

schema-check: $(READY)
	@$(BIN)/flowkeep export-schema | diff -u schema.graphql - || { echo "Run make schema."; exit 1; }

lock: $(READY) ## Pin the newest versions that pyproject.toml allows
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header \
		--no-emit-index-url --no-emit-find-links --extra embedded --extra telemetry --extra dev pyproject.toml -o requirements.lock

clean: ## Remove what was installed and cached
	rm -rf .venv .postgres .mypy_cache .ruff_cache .hypothesis dist web/node_modules web/src/dashboard/generated graph/http/static
