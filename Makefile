# Everything a newcomer needs: `make run`, `make test`. Nothing but Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check bench eval lock clean

run: $(VENV)/.ready
	@$(BIN)/shilu demo demo

test: $(VENV)/.ready check
	@$(BIN)/python -m pytest -n auto --dist worksteal

check: $(VENV)/.ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.ready
	@$(BIN)/python benchmarks/bench_extract.py
	@$(BIN)/python benchmarks/bench_import.py

eval: $(VENV)/.ready
	@$(BIN)/python -m eval.cleaning.measure

# The lock files are made from pyproject.toml; no index is named in them.
lock: $(VENV)/.ready
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --strip-extras --generate-hashes --no-header --no-emit-index-url pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --strip-extras --generate-hashes --no-header --no-emit-index-url --group dev pyproject.toml -o requirements-dev.lock

# The lock names all there is: resolving it again would only meet the bugs of an old pip.
$(VENV)/.ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

clean:
	rm -rf $(VENV) demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
