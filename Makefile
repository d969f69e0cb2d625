# A newcomer needs `make demo` and `make test`, and no step before them. CI calls the same targets (.ci/run).

PYTHON ?=
export PYTHON
BIN := .venv/bin

.PHONY: setup setup-python demo test check fix bench docs pictures lock

setup: setup-python
	.ci/setup clients

setup-python:
	.ci/setup python

demo: setup-python
	$(BIN)/python .ci/demo.py

test: setup
	$(BIN)/python -m pytest -n auto --dist loadgroup

check: setup-python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/zizmor --offline --pedantic --quiet --no-progress .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	$(BIN)/python .ci/cli_reference.py --check
	$(BIN)/python -m pytest -q tests/test_hygiene.py

fix: setup-python
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-python
	set -e; for script in benchmarks/[!_]*.py; do $(BIN)/python "$$script"; done

docs: setup-python
	$(BIN)/python .ci/cli_reference.py

pictures: setup
	$(BIN)/python .ci/pictures.py

# Needs uv (https://docs.astral.sh/uv) on the PATH; every pin is raised unless pyproject.toml holds it.
lock:
	uv pip compile --quiet --universal --upgrade --all-extras --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --output-file .ci/requirements.txt pyproject.toml
	cd tests/clients && npm install --package-lock-only --loglevel=error
	cd tests/browser && npm install --package-lock-only --loglevel=error
