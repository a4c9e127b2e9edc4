# make demo   set everything up and run the main job (ARGS="--seconds 20 --json" ends by itself)
# make test   set everything up and pass every check and test
.PHONY: demo test setup-demo setup-test static unit integration acceptance bench chaos fuzz docs lock

PYTEST = .venv/bin/python -m pytest -q -n 2

# Where the environment forbids it to keep compiled modules, each of a hundred processes would compile the project anew.
export PYTHONDONTWRITEBYTECODE =

demo: setup-demo
	@.venv/bin/sightpost demo $(ARGS)

test: setup-test static unit integration acceptance

setup-demo:
	@./setup.sh demo

setup-test:
	@./setup.sh test

static:
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/lint-imports
	.venv/bin/mypy

unit:
	$(PYTEST) tests/unit

# Twice where a database is meant: on SQLite, then on a PostgreSQL that the tests start and stop themselves.
integration:
	$(PYTEST) --dist worksteal tests/integration
	SIGHTPOST_TEST_DATABASE=postgresql $(PYTEST) --dist worksteal tests/integration/registry

acceptance:
	$(PYTEST) --dist loadfile --no-loadscope-reorder tests/acceptance

# By hand, on a quiet machine: the figures of docs/figures.md.
bench: setup-test
	.venv/bin/python -m benchmarks.engine
	.venv/bin/python -m benchmarks.paced
	.venv/bin/python -m benchmarks.flat_out
	.venv/bin/python -m benchmarks.latency --registry
	.venv/bin/python -m benchmarks.serial_to_row
	.venv/bin/python -m benchmarks.ingest
	.venv/bin/python -m benchmarks.delivery
	.venv/bin/python -m benchmarks.registry_pages
	.venv/bin/python -m benchmarks.books engine

# Every fault of docs/faults.md, for hours; ARGS="--quick --json" a few of each in less than five minutes, ends with one JSON object.
chaos: setup-test
	@.venv/bin/python -m tests.chaos $(ARGS)

# By hand, for an hour or a night (FUZZ=1000): so many times the examples of each property of codecs, wire, rules and readers of files,
# and of the ways in which disks damage a store.
FUZZ = 50
fuzz: setup-test
	SIGHTPOST_FUZZ=$(FUZZ) $(PYTEST) --dist worksteal --timeout 0 $(shell grep -lr "from hypothesis import" tests/unit) tests/integration/sync/test_store_damage.py

# The references that the tests hold against the code.
docs: setup-test
	.venv/bin/typer gateway.commands utils docs --name sightpost --output docs/cli/sightpost.md
	.venv/bin/typer registry.cli utils docs --name sightpost-registry --output docs/cli/sightpost-registry.md
	.venv/bin/python -m gateway.status.metrics > docs/metrics.md
	.venv/bin/python -m django shell --settings registry.settings -v 0 -c "import registry.metrics as m; print(m.reference(), end='')" > docs/metrics-registry.md
	.venv/bin/python -m django export_openapi_schema --settings registry.settings --api registry.api.api --indent 2 --sorted > docs/openapi.json
	.venv/bin/python -m tests.asyncapi

# The locks are made from pyproject.toml alone; run this after changing a dependency.
LOCK = .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --group build
lock:
	.venv/bin/python -m pip install -q uv
	$(LOCK) --extra gateway --extra camera --extra registry pyproject.toml -o requirements.lock
	$(LOCK) --all-extras pyproject.toml -o requirements-dev.lock
